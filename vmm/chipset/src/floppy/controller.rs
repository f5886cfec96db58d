//! The controller as a value.

use super::{
    command::Command,
    disk::{Disk, Drive},
    progress::Progress,
    status::{BUSY, POLLED, READY, TO_GUEST, WITHOUT_DMA},
};
use crate::dma::Dma;
use serde::{Deserialize, Serialize};
use vmm_bus::{Effects, Level, Line, Volume};

/// Drives.
pub(super) const DRIVES: usize = 2;
/// Drives that a reset reports, there or not.
const POLLED_DRIVES: u8 = 4;
/// Bytes of a result at the most.
pub(super) const RESULT_BYTES: usize = 10;
/// The DMA channel.
pub(super) const CHANNEL: usize = 2;

/// Digital output: not in reset.
pub(super) const OUTPUT_RUNNING: u8 = 1 << 2;
/// Digital output: interrupts and DMA are connected.
pub(super) const OUTPUT_CONNECTED: u8 = 1 << 3;
/// Data rate select: reset, once.
const RATE_RESET: u8 = 1 << 7;
/// Configure: commands seek by themselves.
pub(super) const CONFIGURE_SEEKS: u8 = 1 << 6;
/// Configure, after a reset: no FIFO.
const CONFIGURE_RESET: u8 = 1 << 5;

/// Bytes for the guest, after a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Reply {
    bytes: [u8; RESULT_BYTES],
    count: u8,
    next: u8,
}

impl Reply {
    pub(super) fn new(content: &[u8]) -> Self {
        let mut reply = Self::default();
        for (place, byte) in reply.bytes.iter_mut().zip(content) {
            *place = *byte;
            reply.count = reply.count.saturating_add(1);
        }
        reply
    }

    pub(super) fn is_empty(&self) -> bool {
        self.next >= self.count
    }

    fn pop(&mut self) -> Option<u8> {
        let byte = self.bytes.get(usize::from(self.next)).copied().filter(|_| !self.is_empty())?;
        self.next = self.next.saturating_add(1);
        Some(byte)
    }

    /// What cannot be in a saved state is made possible.
    pub(super) fn sanitize(&mut self) {
        self.count = self.count.min(RESULT_BYTES as u8);
    }
}

/// What the guest set that stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Settings {
    pub(super) output: u8,
    pub(super) tape: u8,
    pub(super) rate: u8,
    /// The two bytes of "specify".
    pub(super) specify: [u8; 2],
    /// The bytes of "configure".
    pub(super) configure: [u8; 2],
    pub(super) is_locked: bool,
    pub(super) perpendicular: u8,
}

impl Settings {
    /// After power-on. The controller waits in reset until software lets it run.
    pub(super) const RESET: Self = Self {
        output: 0,
        tape: 0,
        rate: 2,
        specify: [0; 2],
        configure: [CONFIGURE_RESET, 0],
        is_locked: false,
        perpendicular: 0,
    };

    /// Whether data goes through the FIFO by the guest's own hand.
    pub(super) fn is_without_dma(&self) -> bool {
        self.specify[1] & 1 != 0
    }
}

/// The floppy controller with its drives and the DMA controllers.
#[derive(Debug)]
pub struct Floppy<V> {
    /// Interrupt 6.
    pub(super) line: Line,
    pub(super) drives: [Drive<V>; DRIVES],
    pub(super) dma: Dma,
    pub(super) settings: Settings,
    pub(super) command: Command,
    pub(super) progress: Option<Progress>,
    /// The sector under way.
    pub(super) buffer: [u8; super::disk::SECTOR_BYTES as usize],
    pub(super) reply: Reply,
    /// What "sense interrupt" tells: statuses of seeks, one for each drive.
    pub(super) seeks: [Option<u8>; POLLED_DRIVES as usize],
    /// Whether an interrupt is wanted.
    pub(super) wants_interrupt: bool,
    /// Level of the line as it was last reported.
    pub(super) asserted: bool,
    /// The sector that passes next under the head: for "read id".
    pub(super) passing: u8,
}

impl<V: Volume> Floppy<V> {
    /// A controller with these disks in its drives. `line` is that of interrupt 6.
    pub fn new(line: Line, disks: [Option<Disk<V>>; DRIVES]) -> Self {
        Self {
            line,
            drives: disks.map(Drive::new),
            dma: Dma::new(),
            settings: Settings::RESET,
            command: Command::default(),
            progress: None,
            buffer: [0; super::disk::SECTOR_BYTES as usize],
            reply: Reply::default(),
            seeks: [None; POLLED_DRIVES as usize],
            wants_interrupt: false,
            asserted: false,
            passing: 1,
        }
    }

    /// The disk in a drive.
    pub fn disk(&self, drive: usize) -> Option<&Disk<V>> {
        self.drives.get(drive)?.disk.as_ref()
    }

    /// Takes the disk out of a drive and puts another one in, or none.
    pub fn replace_disk(&mut self, drive: usize, disk: Option<Disk<V>>) -> Option<Disk<V>> {
        let drive = self.drives.get_mut(drive)?;
        drive.is_changed = true;
        core::mem::replace(&mut drive.disk, disk)
    }

    /// The main status register.
    pub(super) fn main_status(&self) -> u8 {
        if self.settings.output & OUTPUT_RUNNING == 0 {
            return 0;
        }
        if let Some(progress) = &self.progress {
            let direction = if progress.flow == super::progress::Flow::Read { TO_GUEST } else { 0 };
            let by_hand = self.settings.is_without_dma();
            return if by_hand { READY | WITHOUT_DMA | BUSY | direction } else { BUSY };
        }
        if !self.reply.is_empty() {
            return READY | TO_GUEST | BUSY;
        }
        READY | if self.command.is_empty() { 0 } else { BUSY }
    }

    /// Software writes the digital output register.
    pub(super) fn write_output(&mut self, value: u8) {
        let before = self.settings.output;
        self.settings.output = value;
        let runs = value & OUTPUT_RUNNING != 0;
        match (before & OUTPUT_RUNNING != 0, runs) {
            (true, false) => self.stop(),
            (false, true) => self.start(),
            _ => {}
        }
    }

    /// Software writes the data rate select register.
    pub(super) fn write_rate_select(&mut self, value: u8) {
        self.settings.rate = value & 3;
        if value & RATE_RESET != 0 && self.settings.output & OUTPUT_RUNNING != 0 {
            self.stop();
            self.start();
        }
    }

    /// The digital input register: the change line of the selected drive, if its motor is on.
    pub(super) fn digital_input(&self) -> u8 {
        let selected = self.settings.output & 3;
        let has_motor = self.settings.output & 0x10 << selected != 0;
        let is_changed = self.drives.get(usize::from(selected)).is_none_or(|drive| drive.is_changed);
        if has_motor && is_changed { 0x80 } else { 0 }
    }

    /// Drives the line after anything may have changed.
    pub(super) fn report(&mut self, effects: &mut Effects) {
        let wants = self.wants_interrupt && self.settings.output & OUTPUT_CONNECTED != 0;
        if wants != self.asserted {
            self.asserted = wants;
            effects.set_line(self.line, Level::from_asserted(wants));
        }
    }

    /// The next byte of the reply.
    pub(super) fn pop_reply(&mut self) -> u8 {
        self.wants_interrupt = false;
        self.reply.pop().unwrap_or(0)
    }

    /// Everything under way ends.
    fn stop(&mut self) {
        self.command = Command::default();
        self.progress = None;
        self.reply = Reply::default();
        self.seeks = [None; POLLED_DRIVES as usize];
        self.wants_interrupt = false;
    }

    /// The controller leaves reset: it polls its drives and says so.
    fn start(&mut self) {
        if !self.settings.is_locked {
            self.settings.configure = Settings::RESET.configure;
        }
        self.settings.perpendicular = 0;
        for (number, seek) in (0..POLLED_DRIVES).zip(&mut self.seeks) {
            *seek = Some(POLLED | number);
        }
        self.wants_interrupt = true;
    }
}
