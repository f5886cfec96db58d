//! Packet commands: which there are, and those that read the disc.

use super::{Event, Optical, packet::Packet, sense::Sense};
use crate::drive::{Content, Direction, Mode, Reply, Transfer};
use alloc::{vec, vec::Vec};
use spec::scsi_mmc::{BLOCK_BYTES, operation, sense_code, sense_key};
use vmm_bus::Volume;

/// READ CD: which parts of a block are wanted (MMC 6.20.3); user data only, nothing at all.
const PARTS_MASK: u8 = 0xF8;
const PARTS_USER_DATA: u8 = 0x10;
/// START STOP UNIT: start, and open or close the tray.
const START: u8 = 1 << 0;
const LOAD_EJECT: u8 = 1 << 1;

/// What a packet command asks for, or why it is refused.
pub(super) type Answer = Result<Reply, Sense>;

impl<V: Volume> Optical<V> {
    // tidy: table
    pub(super) fn start_packet(&mut self, packet: &Packet<'_>, answer: &mut Vec<u8>) -> Answer {
        let code = packet.operation();
        if !is_always_allowed(code) {
            self.check_attention()?;
        }
        match code {
            operation::TEST_UNIT_READY => self.check_ready().map(|_| Reply::Done),
            operation::REQUEST_SENSE => {
                let data = self.take_sense().data();
                give(answer, data, u32::from(packet.byte(4)))
            }
            operation::INQUIRY => self.inquiry(packet, answer),
            operation::READ_CAPACITY => self.read_capacity(answer),
            operation::READ_10 => self.read(packet.number(2, 4), packet.number(7, 2)),
            operation::READ_12 => self.read(packet.number(2, 4), packet.number(6, 4)),
            operation::READ_CD => self.read_cd(packet),
            operation::READ_TOC => self.read_toc(packet, answer),
            operation::SEEK_10 => self.seek(packet.number(2, 4)),
            operation::START_STOP_UNIT => self.start_stop(packet),
            operation::PREVENT_ALLOW => {
                self.settings.is_locked = packet.byte(4) & 1 != 0;
                Ok(Reply::Done)
            }
            operation::MODE_SENSE_6 | operation::MODE_SENSE_10 => self.mode_sense(packet, answer),
            operation::MODE_SELECT_6 => mode_select(answer, u32::from(packet.byte(4))),
            operation::MODE_SELECT_10 => mode_select(answer, packet.number(7, 2)),
            operation::GET_CONFIGURATION => self.get_configuration(packet, answer),
            operation::GET_EVENT_STATUS => self.get_event_status(packet, answer),
            operation::READ_DISC_INFORMATION => self.read_disc_information(packet, answer),
            operation::READ_TRACK_INFORMATION => self.read_track_information(packet, answer),
            operation::READ_SUBCHANNEL => self.read_subchannel(packet, answer),
            operation::MECHANISM_STATUS => {
                // Idle, no changer.
                give(answer, vec![0, 0, 0, 0, 0, 1, 0, 0], packet.number(8, 2))
            }
            operation::SET_SPEED | operation::SYNCHRONIZE_CACHE => Ok(Reply::Done),
            _ => Err(Sense::illegal(sense_code::INVALID_OPERATION)),
        }
    }

    /// Reports once that the disc may be another.
    fn check_attention(&mut self) -> Result<(), Sense> {
        if core::mem::take(&mut self.settings.attention) {
            return Err(Sense::new(sense_key::UNIT_ATTENTION, sense_code::MEDIUM_CHANGED));
        }
        Ok(())
    }

    /// The number of blocks if there is a disc.
    pub(super) fn check_ready(&self) -> Result<u32, Sense> {
        match self.blocks() {
            0 => Err(Sense::new(sense_key::NOT_READY, sense_code::NO_MEDIUM)),
            blocks => Ok(blocks),
        }
    }

    fn take_sense(&mut self) -> Sense {
        core::mem::replace(&mut self.settings.sense, Sense::NONE)
    }

    fn read_capacity(&mut self, answer: &mut Vec<u8>) -> Answer {
        let last = self.check_ready()?.saturating_sub(1);
        let mut data = last.to_be_bytes().to_vec();
        data.extend_from_slice(&(BLOCK_BYTES as u32).to_be_bytes());
        give(answer, data, 8)
    }

    fn read(&mut self, first: u32, count: u32) -> Answer {
        let blocks = self.check_ready()?;
        let is_there = first.checked_add(count).is_some_and(|end| end <= blocks);
        if !is_there {
            return Err(Sense::illegal(sense_code::OUT_OF_RANGE));
        }
        Ok(Reply::Data(Transfer {
            direction: Direction::ToHost,
            mode: Mode::Pio,
            content: Content::Volume(u64::from(first).saturating_mul(BLOCK_BYTES)),
            left: u64::from(count).saturating_mul(BLOCK_BYTES),
            block: 0,
        }))
    }

    fn read_cd(&mut self, packet: &Packet<'_>) -> Answer {
        match packet.byte(9) & PARTS_MASK {
            0 => self.check_ready().map(|_| Reply::Done),
            PARTS_USER_DATA => self.read(packet.number(2, 4), packet.number(6, 3)),
            // Headers and sync marks are not in an image of user data.
            _ => Err(Sense::illegal(sense_code::INVALID_FIELD)),
        }
    }

    fn seek(&mut self, block: u32) -> Answer {
        let blocks = self.check_ready()?;
        if block < blocks { Ok(Reply::Done) } else { Err(Sense::illegal(sense_code::OUT_OF_RANGE)) }
    }

    fn start_stop(&mut self, packet: &Packet<'_>) -> Answer {
        match packet.byte(4) & (START | LOAD_EJECT) {
            LOAD_EJECT if self.settings.is_locked => {
                Err(Sense::new(sense_key::ILLEGAL_REQUEST, sense_code::REMOVAL_PREVENTED))
            }
            LOAD_EJECT => {
                if !core::mem::replace(&mut self.settings.is_open, true) && self.medium.is_some() {
                    self.settings.event = Event::Removed;
                }
                Ok(Reply::Done)
            }
            both if both == START | LOAD_EJECT => {
                if core::mem::replace(&mut self.settings.is_open, false) && self.medium.is_some() {
                    self.settings.event = Event::NewMedium;
                    self.settings.attention = true;
                }
                Ok(Reply::Done)
            }
            _ => Ok(Reply::Done),
        }
    }
}

/// Commands that succeed even if the disc may be another (MMC 4.1.6.1).
fn is_always_allowed(code: u8) -> bool {
    matches!(
        code,
        operation::INQUIRY
            | operation::REQUEST_SENSE
            | operation::GET_CONFIGURATION
            | operation::GET_EVENT_STATUS
    )
}

/// Answers with `data`, cut to what the host has room for.
pub(super) fn give(answer: &mut Vec<u8>, mut data: Vec<u8>, room: u32) -> Answer {
    data.truncate(usize::try_from(room).unwrap_or(usize::MAX));
    *answer = data;
    Ok(Reply::Data(Transfer {
        direction: Direction::ToHost,
        mode: Mode::Pio,
        content: Content::Answer(0),
        left: answer.len() as u64,
        block: 0,
    }))
}

/// Takes parameters and does without them: nothing can be set.
fn mode_select(answer: &mut Vec<u8>, bytes: u32) -> Answer {
    *answer = vec![0; usize::try_from(bytes).unwrap_or(0)];
    Ok(Reply::Data(Transfer {
        direction: Direction::ToDrive,
        mode: Mode::Pio,
        content: Content::Answer(0),
        left: answer.len() as u64,
        block: 0,
    }))
}
