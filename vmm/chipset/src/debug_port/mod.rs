//! The ports where firmware says what it does: 0x402 (OVMF, SeaBIOS) and 0xE9 (Bochs and what was written for it).
//!
//! Both read as 0xE9: "somebody listens". What is written is kept until the outside takes it; of more than
//! [`LOG_BYTES`] the oldest is lost.

use alloc::{collections::VecDeque, vec::Vec};
use serde::{Deserialize, Serialize};
use vmm_bus::{AccessSize, Attention, Context, Device, Inspector, Region};
use vmm_snapshot::{RestoreError, Saved, SavedState};

#[cfg(test)]
mod tests;

const VERSION: u16 = 1;
/// The port of OVMF and SeaBIOS.
pub const FIRMWARE_PORT: u16 = 0x402;
/// The port of Bochs.
pub const BOCHS_PORT: u16 = 0xE9;
/// The region of both.
pub const REGION: Region = Region(0);
/// Bytes that are kept at the most.
pub const LOG_BYTES: usize = 16 * 1024;
/// What the ports read as.
const LISTENING: u64 = 0xE9;

#[derive(Serialize, Deserialize)]
struct State {
    log: Vec<u8>,
    lost: u64,
}

/// A log that the guest writes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DebugPort {
    log: VecDeque<u8>,
    lost: u64,
}

impl DebugPort {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the oldest bytes; returns how many.
    pub fn take(&mut self, into: &mut [u8]) -> usize {
        let count = self.log.len().min(into.len());
        for (place, byte) in into.iter_mut().zip(self.log.drain(..count)) {
            *place = byte;
        }
        count
    }

    /// Bytes that wait to be taken.
    pub fn len(&self) -> usize {
        self.log.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.log.is_empty()
    }

    fn push(&mut self, byte: u8) {
        if self.log.len() >= LOG_BYTES {
            self.log.pop_front();
            self.lost = self.lost.saturating_add(1);
        }
        self.log.push_back(byte);
    }
}

impl Device for DebugPort {
    fn name(&self) -> &'static str {
        "debug port"
    }

    fn read(&mut self, _: Region, _: u64, _: AccessSize, _: &mut Context<'_>) -> u64 {
        LISTENING
    }

    fn write(&mut self, _: Region, _: u64, _: AccessSize, value: u64, context: &mut Context<'_>) {
        self.push(value as u8);
        if value as u8 == b'\n' {
            context.effects.note(Attention::CONSOLE);
        }
    }

    fn reset(&mut self, _: &mut Context<'_>) {
        // What was said stays said.
    }

    fn save(&self) -> SavedState {
        SavedState::encode(VERSION, &State { log: self.log.iter().copied().collect(), lost: self.lost })
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        let State { log, lost } = saved.decode(VERSION)?;
        if log.len() > LOG_BYTES {
            return Err(RestoreError::Impossible("a debug log is too long"));
        }
        *self = Self { log: log.into(), lost };
        Ok(())
    }

    fn inspect(&self, inspector: &mut dyn Inspector) {
        inspector.number("waiting", self.log.len() as u64);
        inspector.number("lost", self.lost);
    }
}
