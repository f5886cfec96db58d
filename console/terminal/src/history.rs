//! Lines typed before.

use alloc::{collections::VecDeque, string::String};

/// Lines kept.
const LINES_MAX: usize = 32;

/// The lines typed before, and which of them is shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    lines: VecDeque<String>,
    /// How many lines back the shown one is; 0 = the line being typed.
    back: usize,
    /// The line being typed while an older one is shown.
    draft: String,
}

impl History {
    /// Keeps a finished line, unless it says what the last one said.
    pub(crate) fn keep(&mut self, line: &str) {
        self.back = 0;
        if line.is_empty() || self.lines.back().is_some_and(|last| last == line) {
            return;
        }
        if self.lines.len() == LINES_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(line.into());
    }

    /// The line before the shown one; `current` is what stands there now.
    pub(crate) fn older(&mut self, current: &str) -> Option<&str> {
        let index = self.lines.len().checked_sub(self.back + 1)?;
        if self.back == 0 {
            self.draft = current.into();
        }
        self.back += 1;
        self.lines.get(index).map(String::as_str)
    }

    /// The line after the shown one.
    pub(crate) fn newer(&mut self) -> Option<&str> {
        self.back = self.back.checked_sub(1)?;
        if self.back == 0 {
            return Some(&self.draft);
        }
        self.lines.get(self.lines.len().checked_sub(self.back)?).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_draft_survives_a_walk_through_the_past() {
        let mut history = History::default();
        history.keep("one");
        history.keep("two");
        history.keep("two");

        assert_eq!(history.older("dra"), Some("two"));
        assert_eq!(history.older("two"), Some("one"));
        assert_eq!(history.older("one"), None);
        assert_eq!(history.newer(), Some("two"));
        assert_eq!(history.newer(), Some("dra"));
        assert_eq!(history.newer(), None);
    }

    #[test]
    fn the_past_is_bounded() {
        let mut history = History::default();
        for index in 0..100 {
            history.keep(&alloc::format!("{index}"));
        }

        assert_eq!(core::iter::from_fn(|| history.older("").map(|_| ())).count(), LINES_MAX);
    }
}
