//! The display's memory: pixels, planes, and text cells where the guest can reach them as they are.
//!
//! Byte `a` of plane `p` lies at `4 * a + p`, so that the four planes' bytes of one address are one dword, and what
//! modes with whole bytes for pixels show is linear. Text does not fit this: the guest's two bytes of a cell are
//! neighbours. So while text is on, the cells of the text window are kept apart behind the memory
//! ([`VideoMemory::split_text`]), in the order in which the guest sees them, and the guest writes them without being
//! left; planes 0 and 1 get them back afterwards ([`VideoMemory::join_text`]).

use crate::pages::{PAGE, SavedPages};
use alloc::boxed::Box;
use base_units::PAGE_BYTES;
use serde::{Deserialize, Serialize};
use vmm_bus::{DirectId, DirectMemory};
use vmm_snapshot::RestoreError;

/// Bytes of the text window: what 0xB8000 (or 0xB0000) shows.
pub const TEXT_BYTES: u64 = 0x8000;
/// Least memory of a display: the four planes.
const MEMORY_MIN: u64 = 0x4_0000;
/// Most memory of a display.
const MEMORY_MAX: u64 = 0x1000_0000;
/// Cells of the text window: two bytes for the guest, four in the planes.
const TEXT_CELLS: usize = TEXT_BYTES as usize / 2;
/// Cells that are moved at once.
const STEP_CELLS: usize = 512;

/// The four planes' bytes at one address, or a character with its attribute and its place in the fonts.
pub(super) type Cell = [u8; 4];

/// The memory and where text is kept.
pub(super) struct VideoMemory {
    memory: Box<dyn DirectMemory>,
    /// Bytes without the text window's.
    bytes: u64,
    /// Text is kept apart.
    has_text: bool,
}

/// The memory as it is saved.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct MemoryState {
    bytes: u64,
    has_text: bool,
    pages: SavedPages,
}

impl MemoryState {
    /// Whether text was kept apart.
    pub(super) fn has_text(&self) -> bool {
        self.has_text
    }
}

impl VideoMemory {
    /// Takes over memory of a power of two of bytes and [`TEXT_BYTES`].
    ///
    /// # Panics
    /// If there is too little, too much or an odd lot: a mistake of ours.
    pub(super) fn new(memory: Box<dyn DirectMemory>) -> Self {
        let bytes = memory.bytes().saturating_sub(TEXT_BYTES);
        let is_right = bytes.is_power_of_two() && (MEMORY_MIN..=MEMORY_MAX).contains(&bytes);
        assert!(is_right, "a display with an impossible memory");
        Self { memory, bytes, has_text: false }
    }

    /// Bytes of the frame buffer.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Names the memory.
    pub(super) fn id(&self) -> DirectId {
        self.memory.id()
    }

    /// Where the text window begins.
    pub(super) fn text_offset(&self) -> u64 {
        self.bytes
    }

    /// Copies from the frame buffer or the text window. What lies behind the end reads as ones.
    pub(super) fn read(&self, offset: u64, into: &mut [u8]) {
        if !self.memory.read(offset, into) {
            into.fill(0xFF);
        }
    }

    /// Copies to the frame buffer or the text window. What would reach behind the end is dropped.
    pub(super) fn write(&mut self, offset: u64, from: &[u8]) {
        let _ = self.memory.write(offset, from);
    }

    /// The planes' bytes at an address.
    pub(super) fn cell(&self, address: u64) -> Cell {
        let mut cell = [[0; 4]];
        self.read_cells(address, &mut cell);
        let [cell] = cell;
        cell
    }

    /// Sets the planes' bytes at an address.
    pub(super) fn set_cell(&mut self, address: u64, cell: Cell) {
        let is_text = self.has_text && address < TEXT_CELLS as u64;
        self.write(address.saturating_mul(4), &cell);
        if is_text {
            let [character, attribute, ..] = cell;
            self.write(self.bytes + address * 2, &[character, attribute]);
        }
    }

    /// Copies planes' bytes from an address on. Behind the end of memory everything is ones.
    pub(super) fn read_cells(&self, address: u64, into: &mut [Cell]) {
        self.read(address.saturating_mul(4), into.as_flattened_mut());
        if !self.has_text || address >= TEXT_CELLS as u64 {
            return;
        }
        let in_text = into.len().min(TEXT_CELLS.saturating_sub(address as usize));
        let mut text = [[0; 2]; STEP_CELLS];
        let mut at = self.bytes + address * 2;
        for part in into.get_mut(..in_text).unwrap_or_default().chunks_mut(STEP_CELLS) {
            let text = text.get_mut(..part.len()).unwrap_or_default();
            self.read(at, text.as_flattened_mut());
            for (cell, [character, attribute]) in part.iter_mut().zip(text.iter()) {
                cell[0] = *character;
                cell[1] = *attribute;
            }
            at += part.len() as u64 * 2;
        }
    }

    /// Keeps text apart from now on.
    pub(super) fn split_text(&mut self) {
        if self.has_text {
            return;
        }
        let mut cells = [[0; 4]; STEP_CELLS];
        let mut text = [[0; 2]; STEP_CELLS];
        for first in (0..TEXT_CELLS as u64).step_by(STEP_CELLS) {
            self.read_cells(first, &mut cells);
            for (text, [character, attribute, ..]) in text.iter_mut().zip(&cells) {
                *text = [*character, *attribute];
            }
            self.write(self.bytes + first * 2, text.as_flattened());
        }
        self.has_text = true;
    }

    /// Gives text back to planes 0 and 1.
    pub(super) fn join_text(&mut self) {
        if !self.has_text {
            return;
        }
        let mut cells = [[0; 4]; STEP_CELLS];
        for first in (0..TEXT_CELLS as u64).step_by(STEP_CELLS) {
            self.read_cells(first, &mut cells);
            self.write(first * 4, cells.as_flattened());
        }
        self.has_text = false;
    }

    /// Sets part of the memory to zero. Pages that are zero are not written: they may take no host memory yet.
    pub(super) fn clear(&mut self, offset: u64, bytes: u64) {
        let zeros = [0; PAGE];
        let mut page = [0; PAGE];
        let end = offset.saturating_add(bytes).min(self.memory.bytes());
        let mut at = offset;
        while at < end {
            let step = (PAGE_BYTES - at % PAGE_BYTES).min(end - at) as usize;
            let (page, zeros) =
                (page.get_mut(..step).unwrap_or_default(), zeros.get(..step).unwrap_or_default());
            self.read(at, page);
            if page != zeros {
                self.write(at, zeros);
            }
            at += step as u64;
        }
    }

    /// What is saved.
    pub(super) fn save(&self) -> MemoryState {
        let pages = SavedPages::of(self.memory.bytes(), |offset, page| self.read(offset, page));
        MemoryState { bytes: self.bytes, has_text: self.has_text, pages }
    }

    /// Takes over a saved state.
    pub(super) fn restore(&mut self, state: &MemoryState) -> Result<(), RestoreError> {
        if state.bytes != self.bytes {
            return Err(RestoreError::Impossible("the display has another amount of memory"));
        }
        self.has_text = state.has_text;
        self.clear(0, self.memory.bytes());
        state.pages.restore(self.memory.bytes(), |offset, page| self.write(offset, page))
    }
}
