//! Bus mastering: physical region descriptors ("Programming Interface for Bus Master IDE Controller" 1.0).

use super::channel::Channel;
use crate::drive::{Drive, Mode};
use base_units::Gpa;
use serde::{Deserialize, Serialize};
use vmm_bus::{GuestMemory, GuestRange, MemoryError, Volume};

/// Bytes that a channel moves in one call at the most; the rest waits for the next.
pub(super) const CALL_BYTES_MAX: u64 = 1 << 20;
/// Descriptors that a channel looks at in one call at the most.
const CALL_STEPS_MAX: usize = 512;
/// Bytes of the table of descriptors at the most.
const TABLE_BYTES_MAX: u32 = 1 << 16;
/// Bytes of a descriptor.
const DESCRIPTOR_BYTES: u32 = 8;
/// Descriptor: the last one.
const DESCRIPTOR_LAST: u32 = 1 << 31;
/// Bytes of a descriptor that says 0.
const PIECE_BYTES_MAX: u32 = 1 << 16;

/// Registers of a channel: command, status, address of the table.
const COMMAND: u64 = 0;
const STATUS: u64 = 2;
const TABLE: u64 = 4;
const TABLE_LAST: u64 = 7;
/// Command: start; the data goes to memory.
const START: u8 = 1 << 0;
const TO_MEMORY: u8 = 1 << 3;
/// Status: at work; failed; the drive has interrupted; the drives can do DMA, as firmware says.
const ACTIVE: u8 = 1 << 0;
const ERROR: u8 = 1 << 1;
const INTERRUPT: u8 = 1 << 2;
const CAPABLE: u8 = 1 << 5 | 1 << 6;

/// The bus master of a channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct BusMaster {
    command: u8,
    status: u8,
    table: u32,
    /// Offset of the next descriptor in the table.
    next: u32,
    /// What is left of the descriptor at hand.
    start: u32,
    left: u32,
    /// The descriptor at hand is the last one.
    is_last: bool,
    /// More is to be done than one call may.
    has_work: bool,
}

impl BusMaster {
    /// Reads one byte of the registers.
    pub(super) fn read(&self, register: u64) -> u8 {
        match register {
            COMMAND => self.command,
            STATUS => self.status,
            TABLE..=TABLE_LAST => (self.table >> (8 * (register & 3))) as u8,
            _ => 0,
        }
    }

    /// Writes one byte of the registers.
    pub(super) fn write(&mut self, register: u64, value: u8) {
        match register {
            COMMAND => self.write_command(value),
            STATUS => {
                let kept = self.status & !(value & (ERROR | INTERRUPT));
                self.status = kept & !CAPABLE | value & CAPABLE;
            }
            TABLE..=TABLE_LAST => {
                let shift = 8 * (register & 3);
                self.table = (self.table & !(0xFF << shift) | u32::from(value) << shift) & !3;
            }
            _ => {}
        }
    }

    fn write_command(&mut self, value: u8) {
        let had_started = self.command & START != 0;
        self.command = value & (START | TO_MEMORY);
        let starts = value & START != 0;
        if starts && !had_started {
            self.forget_piece();
            self.status |= ACTIVE;
        } else if !starts {
            self.stop();
        }
    }

    pub(super) fn is_active(&self) -> bool {
        self.status & ACTIVE != 0
    }

    pub(super) fn has_work(&self) -> bool {
        self.has_work
    }

    /// The drive has interrupted.
    pub(super) fn note_interrupt(&mut self) {
        self.status |= INTERRUPT;
    }

    /// Begins the table anew.
    pub(super) fn forget_piece(&mut self) {
        (self.next, self.left, self.is_last, self.has_work) = (0, 0, false, false);
    }

    fn stop(&mut self) {
        self.status &= !ACTIVE;
        self.has_work = false;
    }

    fn fail(&mut self) {
        self.status |= ERROR;
        self.stop();
    }

    /// Takes the next descriptor; `false` if there is none.
    fn fetch(&mut self, memory: &dyn GuestMemory) -> Result<bool, MemoryError> {
        if self.is_last || self.next >= TABLE_BYTES_MAX {
            return Ok(false);
        }
        let at = Gpa::new(u64::from(self.table)).checked_add(u64::from(self.next));
        let mut raw = [0; DESCRIPTOR_BYTES as usize];
        memory.read(at.ok_or(MemoryError::OutOfRange)?, &mut raw)?;
        let raw = u64::from_le_bytes(raw);
        let (start, control) = (raw as u32, (raw >> 32) as u32);
        self.start = start & !1;
        self.left = match control & 0xFFFE {
            0 => PIECE_BYTES_MAX,
            bytes => bytes,
        };
        self.is_last = control & DESCRIPTOR_LAST != 0;
        self.next = self.next.saturating_add(DESCRIPTOR_BYTES);
        Ok(true)
    }

    /// Moves on by `bytes`, which are no more than what is left.
    fn pass(&mut self, bytes: u64) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.start = self.start.saturating_add(bytes);
        self.left = self.left.saturating_sub(bytes);
    }

    /// Whether a saved one can be one.
    pub(super) fn is_possible(&self) -> bool {
        self.left <= PIECE_BYTES_MAX && self.next <= TABLE_BYTES_MAX && self.table & 3 == 0
    }
}

impl<V: Volume> Channel<V> {
    /// Moves data, as much as one call may. Whether the deadline may have changed.
    pub(super) fn run(&mut self, memory: &dyn GuestMemory) -> bool {
        let had_work = self.master.has_work;
        let mut bytes = CALL_BYTES_MAX;
        for _ in 0..CALL_STEPS_MAX {
            if bytes == 0 || !self.can_move() {
                break;
            }
            if self.move_next(memory, &mut bytes).is_err() {
                self.master.fail();
                if let Some(drive) = self.drive_at_dma() {
                    drive.cancel();
                }
            }
        }
        self.master.has_work = self.can_move();
        self.master.has_work != had_work
    }

    fn can_move(&mut self) -> bool {
        self.master.is_active() && self.drive_at_dma().is_some()
    }

    /// The drive that waits for the bus master.
    fn drive_at_dma(&mut self) -> Option<&mut Drive<V>> {
        self.selected_mut()
            .filter(|drive| drive.transfer().is_some_and(|transfer| transfer.mode == Mode::Dma))
    }

    fn move_next(&mut self, memory: &dyn GuestMemory, bytes: &mut u64) -> Result<(), MemoryError> {
        if self.master.left == 0 && !self.master.fetch(memory)? {
            // The drive goes on waiting; software finds it neither active nor interrupting.
            self.master.stop();
            return Ok(());
        }
        let (start, left) = (self.master.start, self.master.left);
        let Some(drive) = self.drive_at_dma() else { return Ok(()) };
        let wanted = drive.transfer().map_or(0, |transfer| transfer.left);
        let count = u64::from(left).min(wanted).min(*bytes);
        drive.move_piece(memory, GuestRange { start: Gpa::new(u64::from(start)), bytes: count })?;
        let is_over = drive.transfer().is_none();
        *bytes = bytes.saturating_sub(count);
        self.master.pass(count);
        if is_over && self.master.left == 0 && self.master.is_last {
            // With more descriptors than data it stays active (3.1, table of status bits).
            self.master.stop();
        }
        Ok(())
    }
}
