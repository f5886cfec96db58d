//! A look at live state: a tree of named values.

use alloc::string::String;
use core::fmt::Write;

/// Receives the values of one tree, in order.
pub trait Inspector {
    /// Begins a branch.
    fn enter(&mut self, name: &str);
    /// Ends the branch that was begun last.
    fn leave(&mut self);
    /// Reports a number.
    fn number(&mut self, name: &str, value: u64);
    /// Reports a text.
    fn text(&mut self, name: &str, value: &str);

    /// Reports a truth value.
    fn flag(&mut self, name: &str, value: bool) {
        self.number(name, u64::from(value));
    }
}

/// Writes the tree as indented lines.
#[derive(Debug, Default)]
pub struct TextInspector {
    lines: String,
    depth: usize,
}

impl TextInspector {
    /// An empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was reported, one value a line.
    pub fn lines(&self) -> &str {
        &self.lines
    }

    fn indent(&mut self) {
        for _ in 0..self.depth {
            self.lines.push_str("  ");
        }
    }
}

impl Inspector for TextInspector {
    fn enter(&mut self, name: &str) {
        self.indent();
        self.lines.push_str(name);
        self.lines.push_str(":\n");
        self.depth = self.depth.saturating_add(1);
    }

    fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    fn number(&mut self, name: &str, value: u64) {
        self.indent();
        // Writing to a string cannot fail.
        let _ = writeln!(self.lines, "{name}: {value:#x}");
    }

    fn text(&mut self, name: &str, value: &str) {
        self.indent();
        let _ = writeln!(self.lines, "{name}: {value}");
    }
}
