//! What must not stand in the sources.

use super::sources::Source;

/// Names of files that say nothing about what is in them.
const EMPTY_NAMES: [&str; 5] = ["utils.rs", "common.rs", "helpers.rs", "misc.rs", "manager.rs"];

/// A sentence for each offence.
pub(super) fn check(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        let path = source.path.display();
        let name = source.path.file_name().unwrap_or_default().to_string_lossy();
        if EMPTY_NAMES.contains(&name.as_ref()) {
            complaints.push(format!("{path}: name the file after the concept that is in it"));
        }
        for (number, line) in (1..).zip(source.text.lines()) {
            if let Some(reason) = offence(line, source.is_rust()) {
                complaints.push(format!("{path}:{number}: {reason}"));
            }
        }
    }
    complaints
}

/// What is wrong with a line. The words are put together here so that this file does not complain about itself.
fn offence(line: &str, is_rust: bool) -> Option<&'static str> {
    let has = |parts: [&str; 2]| line.contains(&parts.concat());
    if has(["/ho", "me/"]) || has(["/wo", "rk/"]) || has(["/ro", "ot/"]) {
        return Some("a path of somebody's own machine does not belong here");
    }
    let has_word = |parts: [&str; 2]| words(line).any(|word| word == parts.concat());
    if is_rust && (has_word(["TO", "DO"]) || has_word(["FIX", "ME"])) && !line.contains('#') {
        return Some("name the issue that this waits for, as in (#12)");
    }
    if is_rust && has(["db", "g!("]) {
        return Some("a debugging aid was left behind");
    }
    None
}

/// The words of a line, names such as `MAX_BYTES` in one piece.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_ones_own_machine_is_an_offence() {
        assert!(offence(&["cat /ho", "me/me/file"].concat(), false).is_some());
        assert!(offence("an ordinary line", true).is_none());
    }

    #[test]
    fn a_reminder_must_name_its_issue() {
        assert!(offence(&["// TO", "DO: later"].concat(), true).is_some());
        assert!(offence(&["// TO", "DO (#12): later"].concat(), true).is_none());
        assert!(offence(&["self.TO", "DO_FLUSH"].concat(), true).is_none());
    }
}
