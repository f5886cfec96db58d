//! What Tab adds.

use crate::commands::{Argument, COMMANDS};
use alloc::{string::String, vec::Vec};

/// What a half-typed word can become.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Completion<'n> {
    /// Text to add: what all choices have in common, and a space if there is only one.
    pub(crate) addition: String,
    /// The words that fit.
    pub(crate) choices: Vec<&'n str>,
}

/// Completes the last word of what stands before the cursor.
pub(crate) fn complete<'n>(before: &str, names: &[&'n str]) -> Completion<'n> {
    let (head, word) = before.rsplit_once(' ').unwrap_or(("", before));
    let head = head.trim();
    let takes_name = |command: &&crate::commands::CommandWord| {
        command.word == head && matches!(command.argument, Argument::Vm | Argument::VmAndMib)
    };
    let choices: Vec<&'n str> = if head.is_empty() {
        COMMANDS.iter().map(|command| command.word).filter(|choice| choice.starts_with(word)).collect()
    } else if COMMANDS.iter().any(|command| takes_name(&command)) {
        names.iter().copied().filter(|choice| choice.starts_with(word)).collect()
    } else {
        Vec::new()
    };
    let common = common_start(&choices);
    let mut addition = String::from(common.get(word.len()..).unwrap_or(""));
    if choices.len() == 1 {
        addition.push(' ');
    }
    Completion { addition, choices }
}

/// What all words begin with. They are ASCII.
fn common_start<'n>(words: &[&'n str]) -> &'n str {
    let Some((first, rest)) = words.split_first() else { return "" };
    let shared = |other: &&str| first.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let length = rest.iter().map(shared).min().unwrap_or(first.len());
    first.get(..length).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_letters_are_added_and_choices_listed() {
        let completion = complete("start d", &["demo", "desk", "x"]);

        assert_eq!(
            (completion.addition.as_str(), completion.choices.as_slice()),
            ("e", &["demo", "desk"][..])
        );
    }

    #[test]
    fn nothing_fits_after_a_command_without_names() {
        assert!(complete("vms d", &["demo"]).choices.is_empty());
        assert!(complete("nonsense d", &["demo"]).choices.is_empty());
    }
}
