//! A flash chip.

use crate::{
    REGION,
    blocks::{BLOCK_BYTES, BlockSet},
    cfi,
    commands::{Action, Commands, Outcome, View, Write},
};
use alloc::{boxed::Box, vec, vec::Vec};
use base_units::Gpa;
use serde::{Deserialize, Serialize};
use vmm_bus::{
    AccessSize, Attention, Context, Device, DirectMemory, DirectRange, Inspector, Region, volume::Access,
};
use vmm_snapshot::{RestoreError, Saved, SavedState};

const VERSION: u16 = 1;
/// A block that was erased.
const ERASED: [u8; BLOCK_BYTES as usize] = [0xFF; BLOCK_BYTES as usize];

#[derive(Serialize, Deserialize)]
struct State {
    commands: Commands,
    /// Start and content of each block that was ever written.
    blocks: Vec<(u64, Vec<u8>)>,
}

/// The chip. Its content survives a reset.
///
/// Programming sets bytes, where a real chip could only clear bits of them: firmware for virtual machines was
/// never run on anything else.
pub struct Flash {
    start: Gpa,
    access: Access,
    array: Box<dyn DirectMemory>,
    commands: Commands,
    /// Blocks written since the array was made: what saved state holds.
    written: BlockSet,
    /// Blocks written since somebody last asked.
    unsaved: BlockSet,
}

impl Flash {
    /// A chip at `start` with this content: whole blocks, page aligned. Programming and erasing fail in one that is
    /// read-only.
    pub fn new(start: Gpa, access: Access, array: Box<dyn DirectMemory>) -> Self {
        let blocks = BlockSet::new(array.bytes());
        Self { start, access, array, commands: Commands::default(), written: blocks.clone(), unsaved: blocks }
    }

    /// First address.
    pub fn start(&self) -> Gpa {
        self.start
    }

    /// Size.
    pub fn bytes(&self) -> u64 {
        self.array.bytes()
    }

    /// Whether there are blocks that [`Flash::take_changes`] would hand out.
    pub fn has_changes(&self) -> bool {
        !self.unsaved.is_empty()
    }

    /// Calls `keep` with the start and the content of each block that was written since the last call:
    /// what a variable store must write to its file.
    pub fn take_changes(&mut self, mut keep: impl FnMut(u64, &[u8])) {
        for start in self.unsaved.starts() {
            keep(start, &block(&*self.array, start));
        }
        self.unsaved.clear();
    }

    fn read_view(&self, offset: u64, size: AccessSize) -> u64 {
        match self.commands.view() {
            View::Array => self.read_array(offset, size),
            View::Status(status) => u64::from_le_bytes([status; 8]),
            View::Identifier => match offset & 0xFF {
                0 => u64::from(cfi::MANUFACTURER),
                1 => u64::from(cfi::DEVICE),
                // No block is locked.
                _ => 0,
            },
            View::Query => u64::from(cfi::query(offset & 0xFF, self.bytes())),
        }
    }

    fn read_array(&self, offset: u64, size: AccessSize) -> u64 {
        let mut value = [0xFF; 8];
        for (index, byte) in (0..size.bytes()).zip(&mut value) {
            // What lies behind the end reads as ones.
            let _ = self.array.read(offset.wrapping_add(index), core::slice::from_mut(byte));
        }
        u64::from_le_bytes(value)
    }

    fn carry_out(&mut self, action: &Action) -> Outcome {
        if self.access == Access::ReadOnly {
            return Outcome::Refused;
        }
        match action {
            Action::None => Outcome::Done,
            Action::Erase(offset) => {
                let start = offset - offset % BLOCK_BYTES;
                self.store(start, &ERASED)
            }
            Action::Program(bytes) => {
                let outcomes = bytes.iter().map(|(offset, byte)| self.store(*offset, &[*byte]));
                // All of them are stored, whatever comes of the others.
                outcomes.fold(Outcome::Done, |all, one| if one == Outcome::Done { all } else { one })
            }
        }
    }

    /// Writes within one block.
    fn store(&mut self, offset: u64, bytes: &[u8]) -> Outcome {
        if !self.array.write(offset, bytes) {
            return Outcome::Refused;
        }
        self.written.add(offset);
        self.unsaved.add(offset);
        Outcome::Done
    }

    /// Whether saved blocks can be put in: each is a block of this chip, and all that was written here is
    /// among them, as what a block held before is not known.
    fn takes(&self, blocks: &[(u64, Vec<u8>)]) -> bool {
        let fits = |(start, content): &(u64, Vec<u8>)| {
            start.is_multiple_of(BLOCK_BYTES) && *start < self.bytes() && content.len() as u64 == BLOCK_BYTES
        };
        blocks.iter().all(fits)
            && self.written.starts().all(|start| blocks.iter().any(|(saved, _)| *saved == start))
    }
}

fn block(array: &dyn DirectMemory, start: u64) -> Vec<u8> {
    let mut content = vec![0; BLOCK_BYTES as usize];
    // Blocks of a set lie within the chip.
    let _ = array.read(start, &mut content);
    content
}

impl Device for Flash {
    fn name(&self) -> &'static str {
        "flash"
    }

    fn read(&mut self, region: Region, offset: u64, size: AccessSize, _: &mut Context<'_>) -> u64 {
        if region == REGION { self.read_view(offset, size) } else { size.ones() }
    }

    fn write(&mut self, _: Region, offset: u64, size: AccessSize, value: u64, context: &mut Context<'_>) {
        let before = self.commands.view();
        let action = self.commands.write(Write { offset, size, value });
        if action != Action::None {
            let outcome = self.carry_out(&action);
            self.commands.end(&action, outcome);
        }
        if (before == View::Array) != (self.commands.view() == View::Array) {
            context.effects.note(Attention::DIRECT);
        }
    }

    fn reset(&mut self, context: &mut Context<'_>) {
        self.commands = Commands::default();
        context.effects.note(Attention::DIRECT);
    }

    fn save(&self) -> SavedState {
        let blocks = self.written.starts().map(|start| (start, block(&*self.array, start))).collect();
        SavedState::encode(VERSION, &State { commands: self.commands.clone(), blocks })
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        let state: State = saved.decode(VERSION)?;
        if !state.commands.is_possible() {
            return Err(RestoreError::Impossible("flash collects more bytes than its buffer holds"));
        }
        if !self.takes(&state.blocks) {
            return Err(RestoreError::Impossible("the flash's blocks are not those of this chip"));
        }
        for (start, content) in &state.blocks {
            self.store(*start, content);
        }
        self.commands = state.commands;
        Ok(())
    }

    fn inspect(&self, inspector: &mut dyn Inspector) {
        inspector.number("start", self.start.raw());
        inspector.number("bytes", self.bytes());
        inspector.flag("shows its array", self.commands.view() == View::Array);
        inspector.number("blocks written", self.written.starts().count() as u64);
    }

    fn direct_ranges(&self, visit: &mut dyn FnMut(DirectRange)) {
        if self.commands.view() == View::Array {
            visit(DirectRange {
                start: self.start,
                bytes: self.bytes(),
                memory: self.array.id(),
                offset: 0,
                is_writable: false,
            });
        }
    }
}
