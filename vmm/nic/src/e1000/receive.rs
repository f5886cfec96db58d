//! Frames to the driver (SDM 3.2).

use super::{
    E1000,
    check_sequence::check_sequence,
    filter::Verdict,
    model::Model,
    ring::address,
    statistics::{MISSED, NO_BUFFER, RECEIVED},
    transmit::ADDRESS_BYTES,
};
use crate::{FRAME_BYTES_MAX, FRAME_BYTES_MIN, Wire};
use spec::e1000::{
    CTRL_VLAN, DONE, RCTL_ENABLE, RCTL_FLEXIBLE_SHIFT, RCTL_KIND, RCTL_SIZE_EXTENSION, RCTL_SIZE_SHIFT,
    RCTL_STRIP, RCTL_THRESHOLD_SHIFT, RFCTL, RFCTL_EXTENDED, VET, cause,
    receive::{END, INEXACT, UNCHECKED, VLAN},
};
use vmm_bus::{Context, GuestMemory, MemoryError};

/// Bytes of a frame on the wire at the most: with its check sequence.
const WIRE_BYTES_MAX: usize = FRAME_BYTES_MAX + 4;
/// The ring that gets all frames.
const RING: usize = 0;

impl<W: Wire> E1000<W> {
    /// A frame arrives. One that is too long or short, that is not for this card, or that the driver has no room for,
    /// is lost.
    pub fn receive(&mut self, frame: &[u8], context: &mut Context<'_>) {
        let is_frame = (FRAME_BYTES_MIN..=FRAME_BYTES_MAX).contains(&frame.len());
        let may_receive = self.control.receive & (RCTL_ENABLE | RCTL_KIND) == RCTL_ENABLE;
        if !is_frame || !may_receive || !self.function.is_master() {
            return;
        }
        let Some(destination) = frame.first_chunk::<6>() else { return };
        let tag = self.tag_of(frame);
        let verdict = self.filter.judge(self.control.receive, *destination, tag);
        if verdict == Verdict::Refused {
            return;
        }
        let tag = tag.filter(|_| self.control.device & CTRL_VLAN != 0);
        let mut raw = [0; WIRE_BYTES_MAX];
        let bytes = self.arrange(frame, tag.is_some(), &mut raw);
        let status = match verdict {
            Verdict::Inexact => UNCHECKED | INEXACT,
            _ => UNCHECKED,
        };
        let content = raw.get(..bytes).unwrap_or_default();
        let causes = match self.deliver(content, status, tag, context.memory) {
            Ok(true) => {
                self.statistics.count_frame(&RECEIVED, frame);
                cause::RECEIVED | cause::RECEIVE_QUEUE | self.low_cause()
            }
            Ok(false) | Err(MemoryError::OutOfRange) => {
                self.statistics.count(MISSED);
                self.statistics.count(NO_BUFFER);
                cause::RECEIVE_OVERRUN
            }
        };
        self.raise(causes, context.effects);
    }

    /// The VLAN tag of a frame that has one.
    fn tag_of(&self, frame: &[u8]) -> Option<u16> {
        let [a, b, c, d] = *frame.get(ADDRESS_BYTES..)?.first_chunk::<4>()?;
        (u32::from(u16::from_be_bytes([a, b])) == self.read_plain(VET)).then_some(u16::from_be_bytes([c, d]))
    }

    /// Puts the frame as the driver gets it into `raw`: without its tag if that is taken off, with its check sequence
    /// unless that is. Its bytes.
    fn arrange(&self, frame: &[u8], takes_tag_off: bool, raw: &mut [u8; WIRE_BYTES_MAX]) -> usize {
        let (addresses, rest) = frame.split_at_checked(ADDRESS_BYTES).unwrap_or((frame, &[]));
        let rest = if takes_tag_off { rest.get(4..).unwrap_or_default() } else { rest };
        let sequence = check_sequence(frame);
        let sequence = if self.control.receive & RCTL_STRIP == 0 { &sequence[..] } else { &[] };
        let mut bytes = 0usize;
        for (to, from) in raw.iter_mut().zip(addresses.iter().chain(rest).chain(sequence)) {
            *to = *from;
            bytes = bytes.saturating_add(1);
        }
        bytes
    }

    fn low_cause(&self) -> u32 {
        let threshold = self.control.receive >> RCTL_THRESHOLD_SHIFT & 3;
        let is_low = self.receive_rings.get(RING).is_some_and(|ring| ring.is_low(threshold));
        if is_low { cause::RECEIVE_LOW } else { 0 }
    }

    /// Bytes of each buffer (SDM 13.4, RCTL).
    fn buffer_bytes(&self) -> usize {
        let control = self.control.receive;
        let flexible = control >> RCTL_FLEXIBLE_SHIFT & 0xF;
        if flexible != 0 && self.model == Model::I82574l {
            return (flexible as usize).saturating_mul(1024);
        }
        let size = 2048 >> (control >> RCTL_SIZE_SHIFT & 3);
        if control & RCTL_SIZE_EXTENSION != 0 { size * 16 } else { size }
    }

    /// Writes the frame to as many buffers as it takes. `false` if there are too few: nothing is written then.
    fn deliver(
        &mut self,
        content: &[u8],
        status: u32,
        tag: Option<u16>,
        memory: &dyn GuestMemory,
    ) -> Result<bool, MemoryError> {
        let size = self.buffer_bytes();
        let is_extended = self.model == Model::I82574l && self.read_plain(RFCTL) & RFCTL_EXTENDED != 0;
        let Some(ring) = self.receive_rings.get_mut(RING) else { return Ok(false) };
        let count = content.len().div_ceil(size);
        if u64::from(ring.available()) < count as u64 {
            return Ok(false);
        }
        for (index, piece) in content.chunks(size).enumerate() {
            let descriptor = ring.peek(memory)?;
            let is_last = index.saturating_add(1) == count;
            memory.write(address(&descriptor), piece)?;
            let vlan = if tag.is_some() { VLAN } else { 0 };
            let end = if is_last { END | vlan } else { 0 };
            let written = Written {
                status: status | DONE | end,
                bytes: piece.len() as u16,
                tag: tag.filter(|_| is_last).unwrap_or(0),
            };
            let place = ring.place()?;
            let report = if is_extended { written.extended() } else { written.legacy(&descriptor) };
            // The half with the status goes last: it says that the rest is there.
            let [first @ .., _, _, _, _, _, _, _, _] = report;
            let [_, _, _, _, _, _, _, _, last @ ..] = report;
            memory.write(place, &first)?;
            core::sync::atomic::fence(core::sync::atomic::Ordering::Release);
            memory.write(place.checked_add(8).ok_or(MemoryError::OutOfRange)?, &last)?;
            ring.step();
        }
        Ok(true)
    }
}

/// What a descriptor says after a buffer was filled.
struct Written {
    status: u32,
    bytes: u16,
    tag: u16,
}

impl Written {
    /// Legacy: the address stays; length, checksum, status, errors, tag (SDM 3.2.3).
    fn legacy(&self, [low, high, ..]: &[u32; 4]) -> [u8; 16] {
        join([*low, *high, u32::from(self.bytes), self.status & 0xFF | u32::from(self.tag) << 16])
    }

    /// Extended: no hash; status and errors, length, tag (82574, 7.1.5).
    fn extended(&self) -> [u8; 16] {
        join([0, 0, self.status, u32::from(self.bytes) | u32::from(self.tag) << 16])
    }
}

fn join([a, b, c, d]: [u32; 4]) -> [u8; 16] {
    let value = u128::from(a) | u128::from(b) << 32 | u128::from(c) << 64 | u128::from(d) << 96;
    value.to_le_bytes()
}
