//! Plain ROM.

use crate::REGION;
use alloc::{boxed::Box, vec::Vec};
use base_units::Gpa;
use serde::{Deserialize, Serialize};
use vmm_bus::{AccessSize, Context, Device, DirectMemory, DirectRange, Inspector, Region};
use vmm_snapshot::{RestoreError, Saved, SavedState};

const VERSION: u16 = 1;

#[derive(Serialize, Deserialize)]
struct State;

/// A place where part of the ROM answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RomWindow {
    /// First address: page aligned.
    pub start: Gpa,
    /// Size: whole pages.
    pub bytes: u64,
    /// From which offset of the ROM on: page aligned.
    pub offset: u64,
}

/// Bytes that answer at one or more places. Writes do nothing.
///
/// Region `n` of the device is its window `n`.
pub struct Rom {
    content: Box<dyn DirectMemory>,
    windows: Vec<RomWindow>,
}

impl Rom {
    /// A ROM with this content at these places.
    pub fn new(content: Box<dyn DirectMemory>, windows: Vec<RomWindow>) -> Self {
        Self { content, windows }
    }

    /// The places, in the order of their regions.
    pub fn places(&self) -> &[RomWindow] {
        &self.windows
    }
}

impl Device for Rom {
    fn name(&self) -> &'static str {
        "rom"
    }

    fn read(&mut self, region: Region, offset: u64, size: AccessSize, _: &mut Context<'_>) -> u64 {
        let window = region.0.checked_sub(REGION.0).and_then(|index| self.windows.get(usize::from(index)));
        let Some(window) = window else { return size.ones() };
        let mut value = [0xFF; 8];
        for (index, byte) in (0..size.bytes()).zip(&mut value) {
            let at = window.offset.wrapping_add(offset).wrapping_add(index);
            // What lies behind the end reads as ones.
            let _ = self.content.read(at, core::slice::from_mut(byte));
        }
        u64::from_le_bytes(value)
    }

    fn write(&mut self, _: Region, _: u64, _: AccessSize, _: u64, _: &mut Context<'_>) {}

    fn reset(&mut self, _: &mut Context<'_>) {}

    fn save(&self) -> SavedState {
        SavedState::encode(VERSION, &State)
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        let State = saved.decode(VERSION)?;
        Ok(())
    }

    fn inspect(&self, inspector: &mut dyn Inspector) {
        for window in &self.windows {
            inspector.number("start", window.start.raw());
            inspector.number("bytes", window.bytes);
        }
    }

    fn direct_ranges(&self, visit: &mut dyn FnMut(DirectRange)) {
        for window in &self.windows {
            visit(DirectRange {
                start: window.start,
                bytes: window.bytes,
                memory: self.content.id(),
                offset: window.offset,
                is_writable: false,
            });
        }
    }
}
