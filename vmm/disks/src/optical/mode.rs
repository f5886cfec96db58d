//! MODE SENSE (SPC 6.9, MMC 7).

use super::{
    Optical,
    disc_commands::{Answer, give},
    packet::Packet,
    sense::Sense,
};
use alloc::{vec, vec::Vec};
use spec::scsi_mmc::{PAGE_ALL, PAGE_AUDIO, PAGE_CAPABILITIES, PAGE_ERROR_RECOVERY, operation, sense_code};
use vmm_bus::Volume;

/// Page control: saved values.
const SAVED: u8 = 3;
/// Medium type of SFF-8020: a 120 mm data disc, no disc.
const MEDIUM_DATA: u8 = 0x01;
const MEDIUM_NONE: u8 = 0x70;
/// Speed, in units of 1000 bytes a second: 4 times that of music.
const SPEED: u16 = 706;
/// Buffer, in units of 1024 bytes.
const BUFFER: u16 = 512;
/// Capabilities: multi-session, mode 2 forms 1 and 2.
const READS: u8 = 0x70;
/// Mechanism: a tray that can be locked and ejects.
const TRAY: u8 = 1 << 5 | 1 << 3 | 1 << 0;
/// Mechanism: locked now.
const LOCKED: u8 = 1 << 1;

impl<V: Volume> Optical<V> {
    pub(super) fn mode_sense(&mut self, packet: &Packet<'_>, answer: &mut Vec<u8>) -> Answer {
        if packet.byte(2) >> 6 == SAVED {
            return Err(Sense::illegal(sense_code::SAVING_NOT_SUPPORTED));
        }
        let pages = match packet.byte(2) & 0x3F {
            PAGE_ERROR_RECOVERY => error_recovery(),
            PAGE_AUDIO => audio(),
            PAGE_CAPABILITIES => self.capabilities(),
            PAGE_ALL => [error_recovery(), audio(), self.capabilities()].concat(),
            _ => return Err(Sense::illegal(sense_code::INVALID_FIELD)),
        };
        let medium = if self.blocks() == 0 { MEDIUM_NONE } else { MEDIUM_DATA };
        // The length does not count itself.
        let (header, room) = if packet.operation() == operation::MODE_SENSE_6 {
            let length = u8::try_from(pages.len().saturating_add(3)).unwrap_or(u8::MAX);
            (vec![length, medium, 0, 0], u32::from(packet.byte(4)))
        } else {
            let length = u16::try_from(pages.len().saturating_add(6)).unwrap_or(u16::MAX);
            let [high, low] = length.to_be_bytes();
            (vec![high, low, medium, 0, 0, 0, 0, 0], packet.number(7, 2))
        };
        give(answer, [header, pages].concat(), room)
    }

    fn capabilities(&self) -> Vec<u8> {
        let locked = if self.settings.is_locked { LOCKED } else { 0 };
        let mut page = vec![PAGE_CAPABILITIES, 18, 0, 0, READS, 0, TRAY | locked, 0];
        page.extend_from_slice(&SPEED.to_be_bytes());
        page.extend_from_slice(&2u16.to_be_bytes());
        page.extend_from_slice(&BUFFER.to_be_bytes());
        page.extend_from_slice(&SPEED.to_be_bytes());
        page.extend_from_slice(&[0; 4]);
        page
    }
}

/// Reads are tried five times.
fn error_recovery() -> Vec<u8> {
    vec![PAGE_ERROR_RECOVERY, 6, 0, 5, 0, 0, 0, 0]
}

/// There is no sound.
fn audio() -> Vec<u8> {
    let mut page = vec![0; 16];
    for (to, from) in page.iter_mut().zip([PAGE_AUDIO, 14, 4]) {
        *to = from;
    }
    page
}
