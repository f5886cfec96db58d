//! READ TOC (MMC 6.25): one session with one data track.

use super::{
    Optical,
    disc_commands::{Answer, give},
    packet::Packet,
    sense::Sense,
};
use alloc::vec::Vec;
use spec::scsi_mmc::{FRAMES_PER_SECOND, LEAD_IN_FRAMES, LEAD_OUT_TRACK, sense_code};
use vmm_bus::Volume;

/// A data track: address in ADR 1, control 4.
const DATA_TRACK: u8 = 0x14;
const FIRST_TRACK: u8 = 1;
const SESSION: u8 = 1;

/// How addresses are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Notation {
    Blocks,
    Minutes,
}

impl Notation {
    fn write(self, block: u32, data: &mut Vec<u8>) {
        match self {
            Notation::Blocks => data.extend_from_slice(&block.to_be_bytes()),
            Notation::Minutes => {
                data.push(0);
                data.extend_from_slice(&minutes(block));
            }
        }
    }
}

/// Minutes, seconds and frames of a block. What is too late for a CD wraps, as on DVDs.
fn minutes(block: u32) -> [u8; 3] {
    let frames = block.saturating_add(LEAD_IN_FRAMES);
    let seconds = frames / FRAMES_PER_SECOND;
    [(seconds / 60) as u8, (seconds % 60) as u8, (frames % FRAMES_PER_SECOND) as u8]
}

impl<V: Volume> Optical<V> {
    pub(super) fn read_toc(&mut self, packet: &Packet<'_>, answer: &mut Vec<u8>) -> Answer {
        let blocks = self.check_ready()?;
        let notation = if packet.byte(1) & 2 != 0 { Notation::Minutes } else { Notation::Blocks };
        // Old hosts put the format into the control byte (SFF-8020).
        let format = match packet.byte(2) & 0xF {
            0 => packet.byte(9) >> 6,
            format => format,
        };
        let body = match format {
            0 => track_list(packet.byte(6), blocks, notation)?,
            1 => session_list(notation),
            2 => full(blocks),
            _ => return Err(Sense::illegal(sense_code::INVALID_FIELD)),
        };
        let mut data = Vec::new();
        // The length does not count itself.
        let length = u16::try_from(body.len().saturating_add(2)).unwrap_or(u16::MAX);
        data.extend_from_slice(&length.to_be_bytes());
        // First and last track, or session.
        data.extend_from_slice(&[1, 1]);
        data.extend_from_slice(&body);
        give(answer, data, packet.number(7, 2))
    }
}

fn track_list(first: u8, blocks: u32, notation: Notation) -> Result<Vec<u8>, Sense> {
    if first > FIRST_TRACK && first != LEAD_OUT_TRACK {
        return Err(Sense::illegal(sense_code::INVALID_FIELD));
    }
    let mut data = Vec::new();
    if first <= FIRST_TRACK {
        data.extend_from_slice(&[0, DATA_TRACK, FIRST_TRACK, 0]);
        notation.write(0, &mut data);
    }
    data.extend_from_slice(&[0, DATA_TRACK, LEAD_OUT_TRACK, 0]);
    notation.write(blocks, &mut data);
    Ok(data)
}

fn session_list(notation: Notation) -> Vec<u8> {
    let mut data = Vec::new();
    data.extend_from_slice(&[0, DATA_TRACK, FIRST_TRACK, 0]);
    notation.write(0, &mut data);
    data
}

/// The table as it stands in the lead-in: first track, last track, lead-out, the track.
fn full(blocks: u32) -> Vec<u8> {
    let points =
        [(0xA0, [FIRST_TRACK, 0, 0]), (0xA1, [FIRST_TRACK, 0, 0]), (0xA2, minutes(blocks)), (1, minutes(0))];
    let mut data = Vec::new();
    for (point, [minute, second, frame]) in points {
        data.extend_from_slice(&[SESSION, DATA_TRACK, 0, point, 0, 0, 0, 0, minute, second, frame]);
    }
    data
}
