//! What drivers write to their cards: where their rings lie and how they are told of new descriptors.
//!
//! Each card has an area of memory of its own: rings, room for frames, and the frame to send.

use spec::virtio::{
    COMMON_CONFIG_VECTOR, COMMON_DRIVER_FEATURE, COMMON_DRIVER_FEATURE_SELECT, COMMON_QUEUE_DESCRIPTORS,
    COMMON_QUEUE_DEVICE, COMMON_QUEUE_DRIVER, COMMON_QUEUE_ENABLE, COMMON_QUEUE_SELECT, COMMON_QUEUE_SIZE,
    COMMON_QUEUE_VECTOR, COMMON_STATUS, FEATURE_VERSION_1,
};
use vmm_bus::AccessSize;

/// Bytes of a card's area.
pub(super) const AREA_BYTES: u64 = 0x1_0000;
/// Descriptors of a ring.
pub(super) const ENTRIES: u16 = 16;
/// The ring of frames to the driver, and that of frames from it, in an area.
pub(super) const RECEIVE: u64 = 0x1000;
pub(super) const TRANSMIT: u64 = 0x2000;
/// The driver's and the device's part of a virtio ring.
const AVAILABLE: u64 = 0x400;
const USED: u64 = 0x800;
/// Room for frames that arrive, so many bytes for each.
const ROOM: u64 = 0x4000;
const ROOM_BYTES: u64 = 2048;
/// The frame to send.
pub(super) const DATA: u64 = 0xC000;
/// virtio: the device may write this buffer.
const DEVICE_WRITES: u64 = 2;
/// virtio: where a queue is notified.
const NOTIFY: u64 = 0x3000;

/// Something that a driver writes: to memory, or to the register of its card's first BAR.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Write {
    Memory(u64, u64),
    Register(u64, AccessSize, u64),
}

const fn dword(register: u64, value: u64) -> Write {
    Write::Register(register, AccessSize::Dword, value)
}

/// What sets up one of Intel's cards whose area starts at `base`.
pub(super) fn set_up_intel(base: u64) -> Vec<Write> {
    let mut writes = Vec::new();
    for (registers, ring) in [(0x2800, RECEIVE), (0x3800, TRANSMIT)] {
        writes.extend([dword(registers, base + ring), dword(registers + 4, 0)]);
        writes.push(dword(registers + 8, u64::from(ENTRIES) * 16));
    }
    for index in 0..u64::from(ENTRIES) {
        writes.push(Write::Memory(base + RECEIVE + index * 16, base + ROOM + index * ROOM_BYTES));
    }
    writes.push(dword(0x2818, u64::from(ENTRIES) - 1));
    // Everything that causes an interrupt; frames for everybody; sending with short frames filled up.
    writes.extend([dword(0xD0, 0xFFFF_FFFF), dword(0x100, 0x801A), dword(0x400, 0x0A)]);
    writes
}

/// What makes so many descriptors of a virtio ring available: its flags, its index, and its entries, of which the n-th is
/// descriptor n.
fn make_available(ring: u64, index: u16) -> impl Iterator<Item = Write> {
    let half_words = [0, u64::from(index)].into_iter().chain(0..u64::from(ENTRIES)).collect::<Vec<_>>();
    let words: Vec<u64> =
        half_words.chunks(4).map(|word| word.iter().rev().fold(0, |all, part| all << 16 | part)).collect();
    (0..).zip(words).map(move |(word, value)| Write::Memory(ring + AVAILABLE + word * 8, value))
}

/// What sets up the virtio card.
pub(super) fn set_up_virtio(base: u64, features: u64) -> Vec<Write> {
    let byte = |register, value| Write::Register(register, AccessSize::Byte, value);
    let word = |register, value| Write::Register(register, AccessSize::Word, value);
    let qword = |register, value| Write::Register(register, AccessSize::Qword, value);
    let mut writes = vec![byte(COMMON_STATUS, 0), byte(COMMON_STATUS, 1), byte(COMMON_STATUS, 3)];
    for half in 0..2 {
        let part = (features | FEATURE_VERSION_1) >> (32 * half) & 0xFFFF_FFFF;
        writes.extend([dword(COMMON_DRIVER_FEATURE_SELECT, half), dword(COMMON_DRIVER_FEATURE, part)]);
    }
    writes.extend([byte(COMMON_STATUS, 0b1011), word(COMMON_CONFIG_VECTOR, 0)]);
    for (queue, ring) in [(0, RECEIVE), (1, TRANSMIT)] {
        let ring = base + ring;
        writes.extend([word(COMMON_QUEUE_SELECT, queue), word(COMMON_QUEUE_SIZE, u64::from(ENTRIES))]);
        writes.extend([qword(COMMON_QUEUE_DESCRIPTORS, ring), qword(COMMON_QUEUE_DRIVER, ring + AVAILABLE)]);
        writes.extend([qword(COMMON_QUEUE_DEVICE, ring + USED), word(COMMON_QUEUE_VECTOR, queue + 1)]);
        writes.push(word(COMMON_QUEUE_ENABLE, 1));
        // Nothing is available, nothing was used.
        writes.extend([Write::Memory(ring + AVAILABLE, 0), Write::Memory(ring + USED, 0)]);
    }
    for index in 0..u64::from(ENTRIES) {
        let descriptor = base + RECEIVE + index * 16;
        writes.push(Write::Memory(descriptor, base + ROOM + index * ROOM_BYTES));
        writes.push(Write::Memory(descriptor + 8, ROOM_BYTES | DEVICE_WRITES << 32));
    }
    writes.extend(make_available(base + RECEIVE, ENTRIES));
    writes.extend([byte(COMMON_STATUS, 0b1111), word(NOTIFY, 0)]);
    writes
}

/// The descriptor of a whole frame.
pub(super) fn intel_descriptor(base: u64, bytes: u64) -> [u64; 2] {
    // Legacy: end of packet, check sequence, report.
    [base + DATA, bytes | 0x0B00_0000]
}

/// The same for virtio.
pub(super) fn virtio_descriptor(base: u64, bytes: u64) -> [u64; 2] {
    [base + DATA, bytes]
}

/// Puts a descriptor at the place that the `count`-th one has and tells the card.
pub(super) fn intel_put(base: u64, count: u16, descriptor: [u64; 2]) -> Vec<Write> {
    let at = base + TRANSMIT + u64::from(count % ENTRIES) * 16;
    let tail = u64::from((count + 1) % ENTRIES);
    vec![Write::Memory(at, descriptor[0]), Write::Memory(at + 8, descriptor[1]), dword(0x3818, tail)]
}

/// The same for virtio.
pub(super) fn virtio_put(base: u64, count: u16, descriptor: [u64; 2]) -> Vec<Write> {
    let place = u64::from(count % ENTRIES);
    let ring = base + TRANSMIT;
    let at = ring + place * 16;
    let mut writes = vec![Write::Memory(at, descriptor[0]), Write::Memory(at + 8, descriptor[1])];
    writes.extend(make_available(ring, count.wrapping_add(1)));
    writes.push(Write::Register(NOTIFY + 4, AccessSize::Word, 1));
    writes
}
