//! A drive at the end of a cable: registers, the command at hand and the data that it moves.
//!
//! A controller writes the registers and calls [`Drive::execute`]; then, as [`Drive::transfer`] says, it moves data
//! between guest memory and the drive ([`Drive::move_piece`]) or lets the guest do it through the data register
//! ([`Drive::data_read`], [`Drive::data_write`]). The drive completes its command by itself with the last byte.

mod data_register;
mod moving;
mod saved;
mod transfer;

pub(crate) use saved::DriveState;
pub(crate) use transfer::{Content, Direction, Mode, Outcome, Reply, Transfer};

use crate::{
    disk::{Disk, DiskConfig},
    optical::Optical,
    registers::Registers,
};
use alloc::vec::Vec;
use spec::ata::{
    DIAGNOSTIC_PASSED, ERROR_ABORT, PACKET_BYTES, REASON_COMMAND, REASON_TO_HOST, STATUS_BUSY,
    STATUS_DATA_REQUEST, STATUS_ERROR, STATUS_READY, STATUS_SEEK, command,
};
use vmm_bus::{Inspector, Volume};

/// What a drive is plugged to. It changes what IDENTIFY says and how data moves without DMA.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Interface {
    /// Serial ATA: the controller moves all data.
    Serial,
    /// Parallel ATA: there is a data register.
    Parallel,
}

/// What kind of drive it is.
enum Kind<V> {
    Disk(Disk<V>),
    Optical(Optical<V>),
}

/// Where the drive is in its command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// No command.
    Idle,
    /// The command packet is wanted.
    Packet,
    /// Data moves.
    Data(Transfer),
}

/// A disk or a CD-ROM drive over a volume.
pub struct Drive<V> {
    interface: Interface,
    kind: Kind<V>,
    pub(crate) registers: Registers,
    phase: Phase,
    /// What the drive answers by itself (identification and the like), or takes.
    answer: Vec<u8>,
    /// The block that moves through the data register now, and how much of it has.
    block: Vec<u8>,
    position: usize,
    /// The drive interrupts (ATA8-APT: interrupt pending).
    interrupt: bool,
}

impl<V: Volume> Drive<V> {
    /// A disk whose sectors are those of `volume`; what does not fill a sector at its end is not shown.
    pub fn disk(config: DiskConfig, volume: V) -> Self {
        Self::new(Kind::Disk(Disk::new(config, volume)))
    }

    /// A CD-ROM drive, with a disc or without. What does not fill a block at the disc's end is not shown, and a
    /// disc without blocks is none.
    pub fn cd_rom(medium: Option<V>) -> Self {
        Self::new(Kind::Optical(Optical::new(medium)))
    }

    fn new(kind: Kind<V>) -> Self {
        let mut drive = Self {
            interface: Interface::Serial,
            kind,
            registers: Registers::default(),
            phase: Phase::Idle,
            answer: Vec::new(),
            block: Vec::new(),
            position: 0,
            interrupt: false,
        };
        drive.hard_reset();
        drive
    }

    /// Plugs it to a controller.
    pub(crate) fn plug(&mut self, interface: Interface) {
        self.interface = interface;
    }

    /// Whether it is a packet device.
    pub(crate) fn is_optical(&self) -> bool {
        matches!(self.kind, Kind::Optical(_))
    }

    /// The volume of a disk, or of the disc in a CD-ROM drive.
    pub fn volume(&self) -> Option<&V> {
        match &self.kind {
            Kind::Disk(disk) => Some(disk.volume()),
            Kind::Optical(optical) => optical.medium(),
        }
    }

    /// Puts another disc, or none, into a CD-ROM drive; gives back what was in it.
    pub fn change_disc(&mut self, disc: Option<V>) -> Option<V> {
        match &mut self.kind {
            Kind::Disk(_) => disc,
            Kind::Optical(optical) => optical.change_medium(disc),
        }
    }

    fn volume_mut(&mut self) -> Option<&mut V> {
        match &mut self.kind {
            Kind::Disk(disk) => Some(disk.volume_mut()),
            Kind::Optical(optical) => optical.medium_mut(),
        }
    }

    /// Power-on and hardware reset: forgets all settings.
    pub(crate) fn hard_reset(&mut self) {
        match &mut self.kind {
            Kind::Disk(disk) => disk.reset(),
            Kind::Optical(optical) => optical.reset(),
        }
        self.soft_reset();
    }

    /// Software reset: forgets the command, shows the signature (ACS 9.12).
    pub(crate) fn soft_reset(&mut self) {
        self.stop_data();
        self.interrupt = false;
        self.show_signature();
        self.registers.error = DIAGNOSTIC_PASSED;
        self.registers.status = self.quiet_status();
        if self.is_optical() {
            // A packet device is not ready before its first packet.
            self.registers.status = 0;
        }
    }

    /// Whether a command is under way.
    pub(crate) fn is_busy(&self) -> bool {
        self.phase != Phase::Idle
    }

    /// The data that is to be moved now.
    pub(crate) fn transfer(&self) -> Option<Transfer> {
        match self.phase {
            Phase::Data(transfer) => Some(transfer),
            Phase::Idle | Phase::Packet => None,
        }
    }

    /// Whether the drive wants a command packet.
    pub(crate) fn wants_packet(&self) -> bool {
        self.phase == Phase::Packet
    }

    /// Whether the drive interrupts.
    pub(crate) fn is_interrupting(&self) -> bool {
        self.interrupt
    }

    /// The host read the status register.
    pub(crate) fn acknowledge(&mut self) {
        self.interrupt = false;
    }

    /// The command register was written. A drive at work takes nothing but a reset.
    pub(crate) fn execute(&mut self, code: u8) {
        if self.is_busy() && code != command::DEVICE_RESET {
            return;
        }
        self.registers.command = code;
        self.registers.error = 0;
        self.interrupt = false;
        let is_optical = self.is_optical();
        match code {
            command::EXECUTE_DIAGNOSTIC => {
                self.soft_reset();
                self.interrupt = true;
            }
            command::DEVICE_RESET if is_optical => self.soft_reset(),
            command::DEVICE_RESET => self.finish(Err(ERROR_ABORT)),
            command::READ_SECTORS | command::IDENTIFY if is_optical => {
                // How hosts find out that this is a packet device (ACS 7.16.3).
                self.show_signature();
                self.finish(Err(ERROR_ABORT));
            }
            _ => {
                let outcome = match &mut self.kind {
                    Kind::Disk(disk) => disk.execute(&mut self.registers, &mut self.answer, self.interface),
                    Kind::Optical(optical) => optical.execute(&mut self.registers, &mut self.answer),
                };
                self.follow(outcome);
            }
        }
    }

    /// The command packet arrived.
    pub(crate) fn packet(&mut self, packet: [u8; PACKET_BYTES]) {
        let Kind::Optical(optical) = &mut self.kind else { return };
        if self.phase != Phase::Packet {
            return;
        }
        self.phase = Phase::Idle;
        self.block = Vec::new();
        self.position = 0;
        let outcome = optical.packet(&packet, &mut self.registers, &mut self.answer);
        self.follow(outcome);
    }

    /// Ends the command because the controller cannot move its data.
    pub(crate) fn cancel(&mut self) {
        self.finish(Err(ERROR_ABORT));
    }

    /// Does what a command asked for.
    fn follow(&mut self, outcome: Outcome) {
        match outcome {
            Ok(Reply::Data(transfer)) if transfer.left > 0 => self.begin_data(transfer),
            Ok(Reply::Packet) => self.begin_packet(),
            Ok(Reply::Data(_) | Reply::Done) => self.finish(Ok(())),
            Err(error) => self.finish(Err(error)),
        }
    }

    fn begin_packet(&mut self) {
        self.phase = Phase::Packet;
        self.registers.count = self.registers.count & !0x7 | REASON_COMMAND;
        self.registers.status = STATUS_READY | STATUS_SEEK | STATUS_DATA_REQUEST;
        self.open_packet_block();
    }

    fn begin_data(&mut self, transfer: Transfer) {
        self.phase = Phase::Data(transfer);
        self.registers.status = match transfer.mode {
            Mode::Pio => STATUS_READY | STATUS_SEEK | STATUS_DATA_REQUEST,
            Mode::Dma => STATUS_READY | STATUS_SEEK | STATUS_BUSY,
            // The command is accepted and the drive would take another.
            Mode::Queued(_) => STATUS_READY | STATUS_SEEK,
        };
        if transfer.mode == Mode::Pio && self.interface == Interface::Parallel {
            self.open_block(transfer);
        }
    }

    /// The last byte has moved.
    fn end_data(&mut self, transfer: Transfer) {
        let answer = core::mem::take(&mut self.answer);
        let outcome = match &mut self.kind {
            Kind::Disk(disk) if transfer.direction == Direction::ToDrive => {
                disk.take(&self.registers, transfer.content, &answer)
            }
            _ => Ok(()),
        };
        let interrupts = self.is_optical() || transfer.direction == Direction::ToDrive;
        self.finish(outcome);
        if transfer.mode == Mode::Pio && !self.registers.has_error() {
            // Reading the last block is the end; there is nothing left to say (ATA8-APT, PIO data-in).
            self.interrupt = interrupts;
        }
    }

    /// The command is over.
    fn finish(&mut self, outcome: Result<(), u8>) {
        if let (Err(error), Kind::Disk(disk)) = (outcome, &mut self.kind)
            && matches!(self.registers.command, command::READ_QUEUED | command::WRITE_QUEUED)
        {
            disk.note_queue_error(error, &self.registers);
        }
        self.stop_data();
        self.interrupt = true;
        self.registers.status = self.quiet_status();
        self.registers.error = 0;
        if let Err(error) = outcome {
            self.registers.status |= STATUS_ERROR;
            self.registers.error = error;
        }
        if self.registers.command == command::PACKET {
            self.registers.count = self.registers.count & !0x7 | REASON_COMMAND | REASON_TO_HOST;
        }
    }

    fn stop_data(&mut self) {
        self.phase = Phase::Idle;
        // Big blocks are rare; nobody pays for them afterwards.
        self.answer = Vec::new();
        self.block = Vec::new();
        self.position = 0;
    }

    fn quiet_status(&self) -> u8 {
        STATUS_READY | STATUS_SEEK
    }

    fn show_signature(&mut self) {
        self.registers.count = 1;
        self.registers.lba = match self.kind {
            Kind::Disk(_) => spec::ata::SIGNATURE_DISK,
            Kind::Optical(_) => spec::ata::SIGNATURE_PACKET,
        };
        self.registers.device &= spec::ata::DEVICE_SECOND;
    }

    /// Reports live state.
    pub(crate) fn inspect(&self, inspector: &mut dyn Inspector) {
        inspector.number("status", u64::from(self.registers.status));
        inspector.number("command", u64::from(self.registers.command));
        inspector.number("bytes left", self.transfer().map_or(0, |transfer| transfer.left));
        match &self.kind {
            Kind::Disk(disk) => disk.inspect(inspector),
            Kind::Optical(optical) => optical.inspect(inspector),
        }
    }
}
