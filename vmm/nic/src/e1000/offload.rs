//! What the card does to packets before it sends them: checksums, segments (SDM 3.3.6, 3.5, 3.6).

use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use spec::e1000::transmit::{IPV4, TCP};

/// The least payload of a segment: less would make thousands of frames out of one packet.
const SEGMENT_MIN: usize = 64;
/// TCP flags that only the last segment has: FIN and PSH.
const LAST_FLAGS: u8 = 0b1001;
/// Bytes of an IPv6 header.
const IPV6_BYTES: usize = 40;

/// One checksum: from where to where (0 = the end of the packet), and its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Checksum {
    pub(super) start: u8,
    pub(super) place: u8,
    pub(super) end: u16,
}

/// What a context descriptor says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct PacketContext {
    ip: Checksum,
    transport: Checksum,
    /// TUCMD: [`TCP`], [`IPV4`].
    kind: u32,
    header: u8,
    segment: u16,
}

impl PacketContext {
    /// Takes a descriptor's dwords (SDM 3.3.6).
    pub(super) fn parse([ip, transport, kind, sizes]: [u32; 4]) -> Self {
        let checksum =
            |raw: u32| Checksum { start: raw as u8, place: (raw >> 8) as u8, end: (raw >> 16) as u16 };
        let segment = (sizes >> 16) as u16;
        Self { ip: checksum(ip), transport: checksum(transport), kind, header: (sizes >> 8) as u8, segment }
    }
}

/// What a packet wants done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Wishes {
    pub(super) ip_checksum: bool,
    pub(super) transport_checksum: bool,
    pub(super) segments: bool,
    /// A legacy descriptor's only checksum.
    pub(super) legacy_checksum: Option<Checksum>,
}

/// Calls `send` with each frame that the packet becomes. `frame` is room for them.
pub(super) fn finish(
    packet: &mut [u8],
    wishes: &Wishes,
    context: &PacketContext,
    frame: &mut Vec<u8>,
    mut send: impl FnMut(&mut Vec<u8>),
) {
    if wishes.segments {
        return segment(packet, wishes, context, frame, send);
    }
    insert_checksums(packet, wishes, context);
    frame.clear();
    frame.extend_from_slice(packet);
    send(frame);
}

fn segment(
    packet: &[u8],
    wishes: &Wishes,
    context: &PacketContext,
    frame: &mut Vec<u8>,
    mut send: impl FnMut(&mut Vec<u8>),
) {
    let size = usize::from(context.segment);
    let Some((header, payload)) = packet.split_at_checked(usize::from(context.header)) else { return };
    if size < SEGMENT_MIN {
        return;
    }
    let count = payload.len().div_ceil(size);
    for (index, piece) in payload.chunks(size).enumerate() {
        frame.clear();
        frame.extend_from_slice(header);
        frame.extend_from_slice(piece);
        let position =
            Position { index, offset: index.saturating_mul(size), is_last: index.saturating_add(1) == count };
        adapt_headers(frame, wishes, context, &position);
        insert_checksums(frame, wishes, context);
        send(frame);
    }
}

/// Where a segment lies in its packet.
struct Position {
    index: usize,
    offset: usize,
    is_last: bool,
}

/// Gives a segment's headers their own lengths, identification, sequence number and flags.
fn adapt_headers(frame: &mut [u8], wishes: &Wishes, context: &PacketContext, position: &Position) {
    let ip = usize::from(context.ip.start);
    let transport = usize::from(context.transport.start);
    let ip_bytes = frame.len().saturating_sub(ip);
    let transport_bytes = frame.len().saturating_sub(transport) as u16;
    if context.kind & IPV4 != 0 {
        put_word(frame, ip.saturating_add(2), ip_bytes as u16);
        let identification = word(frame, ip.saturating_add(4)).wrapping_add(position.index as u16);
        put_word(frame, ip.saturating_add(4), identification);
    } else {
        put_word(frame, ip.saturating_add(4), ip_bytes.saturating_sub(IPV6_BYTES) as u16);
    }
    if context.kind & TCP != 0 {
        let at = transport.saturating_add(4);
        let sequence = u32::from(word(frame, at)) << 16 | u32::from(word(frame, at.saturating_add(2)));
        let sequence = sequence.wrapping_add(position.offset as u32);
        put_word(frame, at, (sequence >> 16) as u16);
        put_word(frame, at.saturating_add(2), sequence as u16);
        if let Some(flags) = frame.get_mut(transport.saturating_add(13)).filter(|_| !position.is_last) {
            *flags &= !LAST_FLAGS;
        }
    } else {
        put_word(frame, transport.saturating_add(4), transport_bytes);
    }
    if wishes.transport_checksum {
        // The driver left the sum of the pseudo header without the length there (SDM 3.5.7).
        let place = usize::from(context.transport.place);
        let sum = fold(u32::from(word(frame, place)).wrapping_add(u32::from(transport_bytes)));
        put_word(frame, place, sum);
    }
}

fn insert_checksums(frame: &mut [u8], wishes: &Wishes, context: &PacketContext) {
    if wishes.ip_checksum {
        insert(frame, &context.ip);
    }
    if wishes.transport_checksum {
        insert(frame, &context.transport);
    }
    if let Some(checksum) = wishes.legacy_checksum {
        insert(frame, &checksum);
    }
}

/// Inserts the Internet checksum of a range that lies in the frame, if it does.
fn insert(frame: &mut [u8], checksum: &Checksum) {
    let end = match usize::from(checksum.end) {
        0 => frame.len(),
        last => last.saturating_add(1).min(frame.len()),
    };
    let place = usize::from(checksum.place);
    let Some(range) = frame.get(usize::from(checksum.start)..end) else { return };
    let mut sum = 0u32;
    for pair in range.chunks(2) {
        let high = pair.first().copied().unwrap_or(0);
        let low = pair.get(1).copied().unwrap_or(0);
        sum = u32::from(fold(sum.wrapping_add(u32::from(u16::from_be_bytes([high, low])))));
    }
    // Zero means "no checksum" in UDP; all ones is the same number.
    let value = match !(sum as u16) {
        0 => 0xFFFF,
        value => value,
    };
    put_word(frame, place, value);
}

/// Adds the carries.
fn fold(sum: u32) -> u16 {
    let once = (sum & 0xFFFF).wrapping_add(sum >> 16);
    (once & 0xFFFF).wrapping_add(once >> 16) as u16
}

/// A big-endian word; zero outside.
fn word(frame: &[u8], at: usize) -> u16 {
    let bytes = frame.get(at..at.saturating_add(2)).and_then(|bytes| <[u8; 2]>::try_from(bytes).ok());
    bytes.map_or(0, u16::from_be_bytes)
}

/// Writes a big-endian word, if it lies in the frame.
fn put_word(frame: &mut [u8], at: usize, value: u16) {
    if let Some(bytes) = frame.get_mut(at..at.saturating_add(2)) {
        bytes.copy_from_slice(&value.to_be_bytes());
    }
}
