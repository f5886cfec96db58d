//! A channel: two drives behind one set of ports (ATA8-APT 7).

use super::bus_master::BusMaster;
use crate::drive::Drive;
use spec::ata::{
    CONTROL_HIGH_ORDER, CONTROL_NO_INTERRUPT, CONTROL_RESET, DEVICE_OBSOLETE, DEVICE_SECOND, STATUS_BUSY,
    command,
};
use vmm_bus::{AccessSize, Effects, Level, Line, Volume};

/// Ports of a channel.
const DATA: u64 = 0;
const FEATURE_OR_ERROR: u64 = 1;
const COUNT: u64 = 2;
const LBA_FIRST: u64 = 3;
const LBA_LAST: u64 = 5;
const DEVICE: u64 = 6;
const COMMAND_OR_STATUS: u64 = 7;

/// A channel with its drives.
pub(super) struct Channel<V> {
    line: Line,
    pub(super) drives: [Option<Drive<V>>; super::DRIVES],
    pub(super) master: BusMaster,
    /// Whether the second drive is selected.
    pub(super) selects_second: bool,
    /// Device control.
    pub(super) control: u8,
    /// The level of the interrupt as it was last reported.
    pub(super) asserted: bool,
}

impl<V: Volume> Channel<V> {
    pub(super) fn new(line: Line, drives: [Option<Drive<V>>; super::DRIVES]) -> Self {
        Self {
            line,
            drives,
            master: BusMaster::default(),
            selects_second: false,
            control: 0,
            asserted: false,
        }
    }

    /// Power-on. The line is low afterwards without being told.
    pub(super) fn reset(&mut self) {
        self.master = BusMaster::default();
        self.selects_second = false;
        self.control = 0;
        self.asserted = false;
        self.drives.iter_mut().flatten().for_each(Drive::hard_reset);
    }

    pub(super) fn drive(&self, index: usize) -> Option<&Drive<V>> {
        self.drives.get(index)?.as_ref()
    }

    pub(super) fn drive_mut(&mut self, index: usize) -> Option<&mut Drive<V>> {
        self.drives.get_mut(index)?.as_mut()
    }

    fn selected(&self) -> Option<&Drive<V>> {
        self.drive(usize::from(self.selects_second))
    }

    pub(super) fn selected_mut(&mut self) -> Option<&mut Drive<V>> {
        self.drive_mut(usize::from(self.selects_second))
    }

    /// Reads a command port. Where no drive answers the bus is pulled down.
    pub(super) fn read(&mut self, port: u64, size: AccessSize) -> u64 {
        if port == DATA {
            let bytes = size.bytes() as usize;
            return self.selected_mut().map_or(0, |drive| u64::from(drive.data_read(bytes)));
        }
        let mut value = 0;
        for index in (0..size.bytes()).rev() {
            value = value << 8 | u64::from(self.read_register(port.saturating_add(index)));
        }
        value
    }

    /// Reads the data register into the whole of `into` if the block at hand has as much: the bytes that were read, all
    /// or none.
    pub(super) fn read_string(&mut self, port: u64, into: &mut [u8]) -> usize {
        match self.selected_mut() {
            Some(drive) if port == DATA => drive.data_read_string(into),
            _ => 0,
        }
    }

    fn read_register(&mut self, port: u64) -> u8 {
        let shift = if self.control & CONTROL_HIGH_ORDER != 0 { 8 } else { 0 };
        let lba_shift = if shift != 0 { 3 } else { 0 };
        let second = if self.selects_second { DEVICE_SECOND } else { 0 };
        let Some(drive) = self.selected_mut() else { return 0 };
        let registers = drive.registers;
        match port {
            FEATURE_OR_ERROR => registers.error,
            COUNT => (registers.count >> shift) as u8,
            LBA_FIRST..=LBA_LAST => {
                let byte = u32::try_from(port.wrapping_sub(LBA_FIRST)).unwrap_or(0);
                registers.lba_byte(byte.saturating_add(lba_shift))
            }
            DEVICE => registers.device & !DEVICE_SECOND | DEVICE_OBSOLETE | second,
            COMMAND_OR_STATUS => {
                drive.acknowledge();
                registers.status
            }
            _ => 0,
        }
    }

    /// Status without acknowledging the interrupt.
    pub(super) fn alternate_status(&self) -> u8 {
        self.selected().map_or(0, |drive| drive.registers.status)
    }

    /// Writes a command port.
    pub(super) fn write(&mut self, port: u64, size: AccessSize, value: u64) {
        if port == DATA {
            let bytes = size.bytes() as usize;
            if let Some(drive) = self.selected_mut() {
                drive.data_write(value as u32, bytes);
            }
            return;
        }
        for (index, byte) in (0..size.bytes()).zip(value.to_le_bytes()) {
            self.write_register(port.saturating_add(index), byte);
        }
    }

    fn write_register(&mut self, port: u64, value: u8) {
        // Any write makes reads show the current content again (APT 7.2).
        self.control &= !CONTROL_HIGH_ORDER;
        if port == COMMAND_OR_STATUS {
            self.write_command(value);
            return;
        }
        if self.selected().is_some_and(|drive| drive.is_busy()) {
            return;
        }
        // Both drives hear what is written, so that either may be selected afterwards.
        for drive in self.drives.iter_mut().flatten().filter(|drive| !drive.is_busy()) {
            let registers = &mut drive.registers;
            match port {
                FEATURE_OR_ERROR => registers.feature = registers.feature << 8 | u16::from(value),
                COUNT => registers.count = registers.count << 8 | u16::from(value),
                LBA_FIRST..=LBA_LAST => {
                    registers.push_lba(u32::try_from(port.wrapping_sub(LBA_FIRST)).unwrap_or(0), value);
                }
                DEVICE => registers.device = value,
                _ => {}
            }
        }
        if port == DEVICE {
            self.selects_second = value & DEVICE_SECOND != 0;
        }
    }

    fn write_command(&mut self, code: u8) {
        if self.control & CONTROL_RESET != 0 {
            return;
        }
        if code == command::EXECUTE_DIAGNOSTIC {
            // Both drives test themselves; the first one answers for both.
            self.master.forget_piece();
            self.selects_second = false;
            self.drives.iter_mut().flatten().for_each(|drive| drive.execute(code));
            return;
        }
        if code == command::DEVICE_RESET {
            self.master.forget_piece();
        }
        if let Some(drive) = self.selected_mut() {
            drive.execute(code);
        }
    }

    /// Writes the device control register.
    pub(super) fn write_control(&mut self, value: u8) {
        let was_reset = self.control & CONTROL_RESET != 0;
        let is_reset = value & CONTROL_RESET != 0;
        self.control = value & (CONTROL_RESET | CONTROL_NO_INTERRUPT | CONTROL_HIGH_ORDER);
        if is_reset || was_reset {
            self.master.forget_piece();
            self.selects_second = false;
            self.drives.iter_mut().flatten().for_each(Drive::soft_reset);
        }
        if is_reset {
            for drive in self.drives.iter_mut().flatten() {
                drive.registers.status = STATUS_BUSY;
            }
        }
    }

    /// Drives the interrupt: that of the selected drive, unless software switched it off.
    pub(super) fn update_interrupt(&mut self, effects: &mut Effects) {
        let is_wanted = self.selected().is_some_and(|drive| drive.is_interrupting());
        let wants = is_wanted && self.control & CONTROL_NO_INTERRUPT == 0;
        if wants == self.asserted {
            return;
        }
        self.asserted = wants;
        if wants {
            self.master.note_interrupt();
        }
        effects.set_line(self.line, Level::from_asserted(wants));
    }
}
