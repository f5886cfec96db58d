//! Frames from the driver (SDM 3.3, 3.4).

use super::{
    E1000,
    offload::{self, Checksum, PacketContext, Wishes},
    ring::{Descriptor, Ring, address},
    statistics::{SEGMENTED, SENT},
};
use crate::{FRAME_BYTES_MAX, FRAME_BYTES_MIN, Wire};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use spec::e1000::{
    CTRL_VLAN, DESCRIPTOR_BYTES, DONE, RCTL_LOOPBACK, TCTL_ENABLE, TCTL_PAD, VET, cause,
    transmit::{
        BYTES, CHECKSUM_OR_SEGMENT, END, EXTENDED, KIND, KIND_DATA, OPTION_IP, OPTION_TRANSPORT, REPORT, VLAN,
    },
};
use vmm_bus::{Attention, Context, GuestMemory, MemoryError};

/// Descriptors that one call handles at the most; the rest waits for the next.
const CALL_DESCRIPTORS_MAX: usize = 64;
/// Bytes after which a call handles no further descriptor.
const CALL_BYTES_MAX: usize = 1 << 18;
/// Bytes of a packet at the most: what segmentation is offered for, and room for headers.
pub(super) const PACKET_BYTES_MAX: usize = 0x2_0000;
/// Bytes of a short frame that was padded, without check sequence.
const PADDED_BYTES: usize = 60;
/// Bytes of the addresses of a frame, which a VLAN tag follows.
pub(super) const ADDRESS_BYTES: usize = 12;

/// A ring and the packet that its descriptors have made so far.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Transmitter {
    pub(super) ring: Ring,
    context: PacketContext,
    pub(super) packet: Vec<u8>,
    wishes: Wishes,
    tag: Option<u16>,
    /// Data of the packet was no memory, or too much: it is dropped at its end.
    is_spoilt: bool,
    /// The packet has begun.
    is_begun: bool,
}

/// What a descriptor gave.
enum Taken {
    Nothing,
    /// The packet is complete.
    Packet,
}

impl Transmitter {
    /// Takes the descriptor at the head: what it gave, and what the driver wants to be told.
    fn take(&mut self, memory: &dyn GuestMemory) -> Result<(Taken, u32), MemoryError> {
        let place = self.ring.place()?;
        let descriptor = self.ring.peek(memory)?;
        let [_, _, command, options] = descriptor;
        let taken = if command & EXTENDED != 0 && command & KIND != KIND_DATA {
            self.context = PacketContext::parse(descriptor);
            Taken::Nothing
        } else {
            self.add(&descriptor, memory)
        };
        let mut causes = 0;
        if command & REPORT != 0 {
            let end = place.checked_add(DESCRIPTOR_BYTES - 4).ok_or(MemoryError::OutOfRange)?;
            memory.write_u32(end, options & !0xF | DONE)?;
            causes = cause::TRANSMITTED;
        }
        self.ring.step();
        Ok((taken, causes))
    }

    /// Adds a descriptor's data to the packet.
    fn add(&mut self, descriptor: &Descriptor, memory: &dyn GuestMemory) -> Taken {
        let [_, _, command, options] = *descriptor;
        let is_extended = command & EXTENDED != 0;
        if !self.is_begun {
            self.is_begun = true;
            self.wishes = Wishes {
                ip_checksum: is_extended && options & OPTION_IP != 0,
                transport_checksum: is_extended && options & OPTION_TRANSPORT != 0,
                segments: is_extended && command & CHECKSUM_OR_SEGMENT != 0,
                legacy_checksum: None,
            };
        }
        if command & VLAN != 0 {
            self.tag = Some((options >> 16) as u16);
        }
        let bytes = if is_extended { command & BYTES } else { command & 0xFFFF } as usize;
        let start = self.packet.len();
        let end = start.saturating_add(bytes);
        if end > PACKET_BYTES_MAX {
            self.is_spoilt = true;
        }
        if !self.is_spoilt {
            self.packet.resize(end, 0);
            let read = self.packet.get_mut(start..).map(|part| memory.read(address(descriptor), part));
            self.is_spoilt = read != Some(Ok(()));
        }
        if command & END == 0 {
            return Taken::Nothing;
        }
        if !is_extended && command & CHECKSUM_OR_SEGMENT != 0 {
            let (start, place) = ((options >> 8) as u8, (command >> 16) as u8);
            self.wishes.legacy_checksum = Some(Checksum { start, place, end: 0 });
        }
        Taken::Packet
    }

    /// Forgets the packet.
    fn forget(&mut self) {
        self.packet.clear();
        self.wishes = Wishes::default();
        self.tag = None;
        self.is_spoilt = false;
        self.is_begun = false;
    }
}

impl<W: Wire> E1000<W> {
    /// Takes descriptors of all transmit rings, as many as one call may.
    pub(super) fn transmit(&mut self, context: &mut Context<'_>) {
        let had_work = core::mem::take(&mut self.has_work);
        let may_send = self.control.transmit & TCTL_ENABLE != 0 && self.function.is_master();
        if may_send {
            for index in 0..self.model.rings() {
                self.transmit_from(index, context);
            }
        }
        if self.has_work != had_work {
            context.effects.note(Attention::DEADLINE);
        }
        self.update(context.effects);
    }

    fn transmit_from(&mut self, index: usize, context: &mut Context<'_>) {
        let Some(slot) = self.transmitters.get_mut(index) else { return };
        let mut transmitter = core::mem::take(slot);
        let queue = cause::TRANSMIT_QUEUE << index;
        let (mut bytes, mut causes) = (0usize, 0);
        for count in 0.. {
            if transmitter.ring.available() == 0 {
                break;
            }
            if count >= CALL_DESCRIPTORS_MAX || bytes >= CALL_BYTES_MAX {
                self.has_work = true;
                break;
            }
            // A ring that is no memory stands still until the driver touches it again.
            let Ok((taken, told)) = transmitter.take(context.memory) else { break };
            if told != 0 {
                causes |= told | queue;
            }
            if matches!(taken, Taken::Packet) {
                bytes = bytes.saturating_add(transmitter.packet.len());
                self.send(&mut transmitter, context);
                transmitter.forget();
            }
            if transmitter.ring.available() == 0 {
                causes |= cause::TRANSMIT_EMPTY | queue;
            }
        }
        if let Some(slot) = self.transmitters.get_mut(index) {
            *slot = transmitter;
        }
        self.interrupts.raise(self.model, causes);
    }

    /// Sends a packet, as one frame or several.
    fn send(&mut self, transmitter: &mut Transmitter, context: &mut Context<'_>) {
        if transmitter.is_spoilt {
            return;
        }
        let tag = transmitter.tag.filter(|_| self.control.device & CTRL_VLAN != 0);
        let wishes = transmitter.wishes;
        if wishes.segments {
            self.statistics.count(SEGMENTED);
        }
        let mut frame = core::mem::take(&mut self.frame);
        offload::finish(&mut transmitter.packet, &wishes, &transmitter.context, &mut frame, |frame| {
            self.send_frame(frame, tag, context);
        });
        self.frame = frame;
    }

    fn send_frame(&mut self, frame: &mut Vec<u8>, tag: Option<u16>, context: &mut Context<'_>) {
        if let Some(tag) = tag.filter(|_| frame.len() >= ADDRESS_BYTES) {
            let [a, b] = (self.read_plain(VET) as u16).to_be_bytes();
            let [c, d] = tag.to_be_bytes();
            frame.splice(ADDRESS_BYTES..ADDRESS_BYTES, [a, b, c, d]);
        }
        if self.control.transmit & TCTL_PAD != 0 && frame.len() < PADDED_BYTES {
            frame.resize(PADDED_BYTES, 0);
        }
        if !(FRAME_BYTES_MIN..=FRAME_BYTES_MAX).contains(&frame.len()) {
            return;
        }
        self.statistics.count_frame(&SENT, frame);
        if self.control.receive & RCTL_LOOPBACK != 0 || self.phy.is_loopback() {
            self.receive(frame, context);
        } else {
            self.wire.send(frame);
        }
    }
}
