//! A CD-ROM drive: the packet feature set (ATA8-ACS 4.3) with the commands of MMC-5.

mod disc_commands;
mod identify;
mod information;
mod mode;
mod packet;
mod saved;
mod sense;
mod toc;

pub(crate) use saved::OpticalState;

use crate::{
    disk::is_transfer_mode,
    drive::{Content, Direction, Mode, Outcome, Reply, Transfer},
    registers::Registers,
};
use alloc::vec::Vec;
use packet::Packet;
use sense::Sense;
use serde::{Deserialize, Serialize};
use spec::{
    ata::{ERROR_ABORT, PACKET_BYTES, PACKET_DMA, command, feature},
    scsi_mmc::{BLOCK_BYTES, operation, sense_code, sense_key},
};
use vmm_bus::{Inspector, Volume};

/// Bytes of one block of data through the data register at the most, and what a limit of zero means.
const LIMIT_MAX: u16 = 0xFFFE;

/// What became of the disc since the host asked last (MMC 6.7.2.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Event {
    None,
    NewMedium,
    Removed,
}

/// What changes about a drive.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Settings {
    /// The transfer mode, as SET FEATURES names it.
    mode: u8,
    is_open: bool,
    is_locked: bool,
    sense: Sense,
    /// The next command learns that the disc may be another.
    attention: bool,
    event: Event,
    /// How the data of the packet command at hand moves: by DMA, or in blocks of so many bytes.
    uses_dma: bool,
    limit: u16,
}

impl Settings {
    const INITIAL: Self = Self {
        mode: 0x45,
        is_open: false,
        is_locked: false,
        sense: Sense::NONE,
        attention: false,
        event: Event::None,
        uses_dma: false,
        limit: LIMIT_MAX,
    };
}

/// A CD-ROM drive behind an interface.
pub(crate) struct Optical<V> {
    medium: Option<V>,
    settings: Settings,
}

impl<V: Volume> Optical<V> {
    pub(crate) fn new(medium: Option<V>) -> Self {
        Self { medium, settings: Settings::INITIAL }
    }

    pub(crate) fn medium(&self) -> Option<&V> {
        self.medium.as_ref()
    }

    pub(crate) fn medium_mut(&mut self) -> Option<&mut V> {
        self.medium.as_mut()
    }

    /// Another disc, or none, put in from outside: the tray is closed afterwards.
    pub(crate) fn change_medium(&mut self, medium: Option<V>) -> Option<V> {
        self.settings.event = if medium.is_some() { Event::NewMedium } else { Event::Removed };
        self.settings.attention = true;
        self.settings.is_open = false;
        core::mem::replace(&mut self.medium, medium)
    }

    pub(crate) fn reset(&mut self) {
        // An open tray stays open, whoever is reset.
        let is_open = self.settings.is_open;
        self.settings = Settings { is_open, ..Settings::INITIAL };
    }

    /// Blocks of the disc; 0 = there is none that can be read.
    fn blocks(&self) -> u32 {
        let bytes = match &self.medium {
            Some(medium) if !self.settings.is_open => medium.bytes(),
            _ => 0,
        };
        u32::try_from(bytes / BLOCK_BYTES).unwrap_or(u32::MAX)
    }

    /// Starts a command of the drive's registers.
    pub(crate) fn execute(&mut self, registers: &mut Registers, answer: &mut Vec<u8>) -> Outcome {
        match registers.command {
            command::PACKET => {
                self.settings.uses_dma = registers.feature & PACKET_DMA != 0;
                self.settings.limit = match registers.byte_count() {
                    0 | 0xFFFF => LIMIT_MAX,
                    limit => limit,
                };
                Ok(Reply::Packet)
            }
            command::IDENTIFY_PACKET => {
                *answer = self.identify();
                Ok(Reply::Data(Transfer {
                    direction: Direction::ToHost,
                    mode: Mode::Pio,
                    content: Content::Answer(0),
                    left: answer.len() as u64,
                    block: answer.len() as u32,
                }))
            }
            command::SET_FEATURES => self.set_features(registers),
            command::CHECK_POWER_MODE => {
                registers.count = 0xFF;
                Ok(Reply::Done)
            }
            command::STANDBY_IMMEDIATE..=command::IDLE | command::SLEEP => Ok(Reply::Done),
            _ => Err(ERROR_ABORT),
        }
    }

    fn set_features(&mut self, registers: &Registers) -> Outcome {
        match registers.feature as u8 {
            feature::TRANSFER_MODE if is_transfer_mode(registers.count as u8) => {
                self.settings.mode = registers.count as u8;
                Ok(Reply::Done)
            }
            feature::KEEP_SETTINGS | feature::FORGET_SETTINGS => Ok(Reply::Done),
            _ => Err(ERROR_ABORT),
        }
    }

    /// Starts a packet command.
    pub(crate) fn packet(
        &mut self,
        bytes: &[u8; PACKET_BYTES],
        _registers: &mut Registers,
        answer: &mut Vec<u8>,
    ) -> Outcome {
        let packet = Packet::new(bytes);
        let outcome = self.start_packet(&packet, answer);
        match outcome {
            Ok(Reply::Data(mut transfer)) => {
                transfer.mode = if self.settings.uses_dma { Mode::Dma } else { Mode::Pio };
                transfer.block = block_bytes(self.settings.limit, transfer.left);
                self.note_success(&packet);
                Ok(Reply::Data(transfer))
            }
            Ok(reply) => {
                self.note_success(&packet);
                Ok(reply)
            }
            Err(sense) => Err(self.fail(sense)),
        }
    }

    /// The disc could not be read: what the error register says.
    pub(crate) fn fail_medium(&mut self) -> u8 {
        self.fail(Sense::new(sense_key::MEDIUM_ERROR, sense_code::READ_ERROR))
    }

    /// Keeps the reason for the host to ask for; what the error register says.
    fn fail(&mut self, sense: Sense) -> u8 {
        self.settings.sense = sense;
        sense.error()
    }

    /// A command that went well forgets why another one had failed.
    fn note_success(&mut self, packet: &Packet<'_>) {
        if packet.operation() != operation::REQUEST_SENSE {
            self.settings.sense = Sense::NONE;
        }
    }

    pub(crate) fn inspect(&self, inspector: &mut dyn Inspector) {
        inspector.number("blocks", u64::from(self.blocks()));
        inspector.flag("open", self.settings.is_open);
        inspector.flag("locked", self.settings.is_locked);
        inspector.number("sense key", u64::from(self.settings.sense.key()));
    }
}

/// Bytes of a block through the data register: all that is left if it fits, an even number of bytes if not
/// (ACS 7.24.5).
fn block_bytes(limit: u16, left: u64) -> u32 {
    if left <= u64::from(limit) { u32::from(limit) } else { u32::from((limit & !1).max(2)) }
}
