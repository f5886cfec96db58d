//! What the drive and its disc are: INQUIRY, GET CONFIGURATION and their kin.

use super::{
    Event, Optical,
    disc_commands::{Answer, give},
    packet::Packet,
    sense::Sense,
};
use alloc::{vec, vec::Vec};
use spec::scsi_mmc::{PROFILE_CD_ROM, PROFILE_DVD_ROM, PROFILE_NONE, sense_code};
use vmm_bus::Volume;

/// Blocks of a CD at the most: 80 minutes. What is larger is a DVD.
const CD_BLOCKS_MAX: u32 = 80 * 60 * 75;
/// Event class of GET EVENT STATUS NOTIFICATION: media (MMC 6.7.2.6).
const CLASS_MEDIA: u8 = 4;
/// Features (MMC 5.3): profiles, core, removable medium, reading CDs.
const FEATURE_PROFILES: u16 = 0x0000;
const FEATURE_CORE: u16 = 0x0001;
const FEATURE_REMOVABLE: u16 = 0x0003;
const FEATURE_READABLE: u16 = 0x0010;
/// GET CONFIGURATION: only the feature that was named; only those that work now.
const REQUEST_ONE: u8 = 2;

impl<V: Volume> Optical<V> {
    pub(super) fn inquiry(&mut self, packet: &Packet<'_>, answer: &mut Vec<u8>) -> Answer {
        if packet.byte(1) & 1 != 0 || packet.byte(2) != 0 {
            return Err(Sense::illegal(sense_code::INVALID_FIELD));
        }
        // A CD-ROM, removable, no SCSI version, response of ATAPI; 31 bytes follow the fifth.
        let mut data = vec![0x05, 0x80, 0x00, 0x21, 31, 0, 0, 0];
        data.extend_from_slice(b"Corten  CD-ROM          1.0 ");
        give(answer, data, packet.number(3, 2))
    }

    fn profile(&self) -> u16 {
        match self.blocks() {
            0 => PROFILE_NONE,
            blocks if blocks > CD_BLOCKS_MAX => PROFILE_DVD_ROM,
            _ => PROFILE_CD_ROM,
        }
    }

    pub(super) fn get_configuration(&mut self, packet: &Packet<'_>, answer: &mut Vec<u8>) -> Answer {
        let (request, first) = (packet.byte(1) & 3, packet.number(2, 2) as u16);
        let is_wanted =
            |feature: u16| if request == REQUEST_ONE { feature == first } else { feature >= first };
        let mut features = Vec::new();
        for (feature, flags, body) in self.features() {
            if is_wanted(feature) {
                features.extend_from_slice(&feature.to_be_bytes());
                features.extend_from_slice(&[flags, u8::try_from(body.len()).unwrap_or(0)]);
                features.extend_from_slice(&body);
            }
        }
        let mut data = Vec::new();
        // The length does not count itself.
        let length = u32::try_from(features.len().saturating_add(4)).unwrap_or(u32::MAX);
        data.extend_from_slice(&length.to_be_bytes());
        data.extend_from_slice(&[0, 0]);
        data.extend_from_slice(&self.profile().to_be_bytes());
        data.extend_from_slice(&features);
        give(answer, data, packet.number(7, 2))
    }

    /// Number, version with its flags (persistent, current), and body of each feature.
    fn features(&self) -> [(u16, u8, Vec<u8>); 4] {
        let current = self.profile();
        let mut profiles = Vec::new();
        for profile in [PROFILE_DVD_ROM, PROFILE_CD_ROM] {
            profiles.extend_from_slice(&profile.to_be_bytes());
            profiles.extend_from_slice(&[u8::from(profile == current), 0]);
        }
        let is_readable = u8::from(current != PROFILE_NONE);
        [
            (FEATURE_PROFILES, 0x03, profiles),
            // Over ATAPI; device busy events.
            (FEATURE_CORE, 0x0B, vec![0, 0, 0, 2, 1, 0, 0, 0]),
            // A tray that locks and ejects.
            (FEATURE_REMOVABLE, 0x03, vec![0x29, 0, 0, 0]),
            // Blocks of 2048 bytes, one at a time.
            (FEATURE_READABLE, is_readable, vec![0, 0, 8, 0, 0, 1, 0, 0]),
        ]
    }

    pub(super) fn get_event_status(&mut self, packet: &Packet<'_>, answer: &mut Vec<u8>) -> Answer {
        if packet.byte(1) & 1 == 0 {
            // It would have to answer when something happens.
            return Err(Sense::illegal(sense_code::INVALID_FIELD));
        }
        let room = packet.number(7, 2);
        if packet.byte(4) & 1 << CLASS_MEDIA == 0 {
            return give(answer, vec![0, 2, 0x80, 1 << CLASS_MEDIA], room);
        }
        let event = match core::mem::replace(&mut self.settings.event, Event::None) {
            Event::None => 0,
            Event::NewMedium => 2,
            Event::Removed => 3,
        };
        let status = u8::from(self.settings.is_open) | u8::from(self.blocks() != 0) << 1;
        give(answer, vec![0, 6, CLASS_MEDIA, 1 << CLASS_MEDIA, event, status, 0, 0], room)
    }

    pub(super) fn read_disc_information(&mut self, packet: &Packet<'_>, answer: &mut Vec<u8>) -> Answer {
        self.check_ready()?;
        if packet.byte(1) & 7 != 0 {
            return Err(Sense::illegal(sense_code::INVALID_FIELD));
        }
        let mut data = vec![0; 34];
        // Complete and finalized; one session with one track; no restrictions on its use.
        for (to, from) in data.iter_mut().zip([0, 32, 0x0E, 1, 1, 1, 1, 0x20]) {
            *to = from;
        }
        give(answer, data, packet.number(7, 2))
    }

    pub(super) fn read_track_information(&mut self, packet: &Packet<'_>, answer: &mut Vec<u8>) -> Answer {
        let blocks = self.check_ready()?;
        let number = packet.number(2, 4);
        let is_there = match packet.byte(1) & 3 {
            0 => number < blocks,
            1 | 2 => number == 1,
            _ => false,
        };
        if !is_there {
            return Err(Sense::illegal(sense_code::INVALID_FIELD));
        }
        // Track 1 of session 1: a data track of mode 1 that begins at block 0.
        let mut data = vec![0, 34, 1, 1, 0, 4, 1, 0];
        data.extend_from_slice(&[0; 16]);
        data.extend_from_slice(&blocks.to_be_bytes());
        data.extend_from_slice(&[0; 8]);
        give(answer, data, packet.number(7, 2))
    }

    pub(super) fn read_subchannel(&mut self, packet: &Packet<'_>, answer: &mut Vec<u8>) -> Answer {
        self.check_ready()?;
        if packet.byte(2) & 0x40 != 0 {
            return Err(Sense::illegal(sense_code::INVALID_FIELD));
        }
        // No audio is being played.
        give(answer, vec![0, 0x15, 0, 0], packet.number(7, 2))
    }
}
