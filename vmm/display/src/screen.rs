//! Finds the lines that changed since the last look.

use crate::frame::{Frame, Size};
use alloc::{vec, vec::Vec};

/// What somebody saw last.
#[derive(Clone, Debug, Default)]
pub struct Screen {
    size: Size,
    /// A digest of each line.
    lines: Vec<u64>,
    line: Vec<u32>,
}

impl Screen {
    /// Nothing was seen yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The size of what was seen last.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Forgets what was seen: everything is new at the next look.
    pub fn forget(&mut self) {
        self.size = Size::default();
        self.lines.clear();
    }

    /// Looks at `frame` and calls `show` with the number and the pixels (0x00RRGGBB) of each line that changed;
    /// of all lines if the size did. Returns how many there were.
    pub fn update(&mut self, frame: &mut Frame<'_>, mut show: impl FnMut(u32, &[u32])) -> u32 {
        if self.size != frame.size() {
            self.size = frame.size();
            self.line = vec![0; self.size.width as usize];
            // No digest is zero.
            self.lines = vec![0; self.size.height as usize];
        }
        let mut changed: u32 = 0;
        for (y, seen) in (0..).zip(&mut self.lines) {
            frame.line(y, &mut self.line);
            let digest = digest(&self.line);
            if *seen != digest {
                *seen = digest;
                changed = changed.saturating_add(1);
                show(y, &self.line);
            }
        }
        changed
    }
}

/// A number that differs for lines that differ, unless chance of 1 to 2^60 or so is against us: then a line
/// stays old until it changes again.
fn digest(line: &[u32]) -> u64 {
    const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
    let (chunks, rest) = line.as_chunks::<4>();
    let mix = |state: u64, value: u64| (state ^ value).wrapping_mul(MULTIPLIER).rotate_left(29);
    let mut states = [1u64, 2];
    for [a, b, c, d] in chunks {
        let [first, second] = states;
        states = [
            mix(first, u64::from(*a) | u64::from(*b) << 32),
            mix(second, u64::from(*c) | u64::from(*d) << 32),
        ];
    }
    let [first, second] = states;
    let rest = rest.iter().fold(first, |state, pixel| mix(state, u64::from(*pixel)));
    mix(rest, second) | 1
}
