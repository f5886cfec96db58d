//! Foreign words made fit for a log line.

use alloc::string::String;
use management_protocol::OUTCOME_BYTES_MAX;

/// `words` without control characters and not longer than [`OUTCOME_BYTES_MAX`].
pub(crate) fn tamed(words: &str) -> String {
    let mut sentence = String::new();
    for character in words.chars() {
        if sentence.len().saturating_add(character.len_utf8()) > OUTCOME_BYTES_MAX {
            break;
        }
        sentence.push(if character.is_control() { '?' } else { character });
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_wild_words_are_tamed() {
        assert_eq!(tamed("a\nvm b: started\u{1b}[2J"), "a?vm b: started?[2J");
        assert!(tamed(&"é".repeat(1000)).len() <= OUTCOME_BYTES_MAX);
    }
}
