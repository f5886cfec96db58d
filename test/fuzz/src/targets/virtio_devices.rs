//! virtio devices behind a driver that sets them up well and then asks for anything.

use crate::Input;
use base_units::Gpa;
use spec::virtio::FEATURE_PACKED;
use std::collections::BTreeMap;
use vmm_bus::{ByteVolume, Device, GuestMemory, GuestRange, volume::Access};
use vmm_devices::{Balloon, Block, BlockConfig, Console, ConsoleSize, Entropy, Rng, virtio_blk::ID_BYTES};
use vmm_virtio::{
    VirtioDevice,
    testing::{Bench, Buffer, Direction, DriverQueue},
};

/// Steps in one run at the most.
const STEPS_MAX: usize = 200;
/// Calls that a device may ask for after one notification, before it has done what it can.
const ADVANCES_MAX: usize = 300;
/// Buffers of one request at the most.
const BUFFERS_MAX: u8 = 6;
/// Buffers lie below; those that the device only reads may reach over it.
const BUFFERS_END: u64 = 0x4_0000;
/// Bytes that the driver writes to its buffers at once at the most.
const POKE_BYTES_MAX: u64 = 32;
/// Guest RAM of the bench.
const RAM_BYTES: usize = 0x8_0000;
/// Bytes of the disks.
const DISK_BYTES: usize = 8 * 1024;
/// What the read-only disk is full of.
const DISK_BYTE: u8 = 0xA5;

struct Monotone;

impl Entropy for Monotone {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0x5A);
    }
}

/// Sets up the device that the first byte chooses, with the features that the next eight bytes wish for, and reads
/// the rest as what its driver does.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let (choice, features) = (input.u8(), input.u64());
    let block = |access| {
        let config = BlockConfig { access, id: [b'c'; ID_BYTES], queues: 2 };
        Block::new(config, ByteVolume::new(vec![DISK_BYTE; DISK_BYTES]))
    };
    match choice % 5 {
        0 => drop(Drive::run(block(Access::ReadWrite), features, &mut input)),
        1 => {
            let drive = Drive::run(block(Access::ReadOnly), features, &mut input);
            let content = drive.bench.pci.device().volume().content();
            assert!(content.iter().all(|byte| *byte == DISK_BYTE), "the read-only disk was written");
        }
        2 => drop(Drive::run(Console::new(ConsoleSize::default()), features, &mut input)),
        3 => drop(Drive::run(Rng::new(Monotone), features, &mut input)),
        _ => drop(Drive::run(Balloon::new(), features, &mut input)),
    }
}

/// A device at work.
struct Drive<D> {
    bench: Bench<D>,
    is_packed: bool,
    /// Everything that the device was ever allowed to write, areas of queues apart.
    writable: Vec<GuestRange>,
    /// For each request that is out, by queue and id, the bytes that the device may write.
    room: BTreeMap<(u16, u16), u64>,
    /// All memory before and after a notification, kept for their room.
    before: Vec<u8>,
    after: Vec<u8>,
}

impl<D: VirtioDevice> Drive<D> {
    fn run(device: D, features: u64, input: &mut Input<'_>) -> Self {
        let queues = device.queues().len() as u16;
        let bench = Bench::new(device, features, queues);
        let is_packed = features & FEATURE_PACKED != 0;
        let mut drive = Self {
            bench,
            is_packed,
            writable: Vec::new(),
            room: BTreeMap::new(),
            before: Vec::new(),
            after: Vec::new(),
        };
        for _ in 0..STEPS_MAX {
            if input.is_empty() {
                break;
            }
            drive.step(input);
        }
        drive
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let code = input.u8();
        let queue = u16::from(code >> 4) % self.bench.queues.len() as u16;
        match code & 0xF {
            0..=4 => self.add(queue, input),
            5..=7 => self.poke(input),
            8..=13 => self.notify(queue),
            _ => self.take(queue),
        }
    }

    /// Makes a request available.
    fn add(&mut self, queue: u16, input: &mut Input<'_>) {
        let count = 1 + input.u8() % BUFFERS_MAX;
        let directions = input.u8();
        let buffers: Vec<Buffer> =
            (0..count).map(|index| buffer(directions >> index & 1 != 0, input)).collect();
        let driver = &mut self.bench.queues[usize::from(queue)];
        let Some(id) = driver.add(&self.bench.memory, &buffers) else { return };
        let written = buffers.iter().filter(|buffer| buffer.direction == Direction::FromDevice);
        let ranges: Vec<GuestRange> = written.map(|buffer| buffer.range).collect();
        self.room.insert((queue, id), ranges.iter().map(|range| range.bytes).sum());
        self.writable.extend(ranges);
    }

    /// The driver writes its memory.
    fn poke(&mut self, input: &mut Input<'_>) {
        let at = u64::from(input.u16()) * 4 % (BUFFERS_END - POKE_BYTES_MAX);
        let count = usize::from(input.u8()) % (POKE_BYTES_MAX as usize + 1);
        assert_eq!(self.bench.memory.write(Gpa::new(at), input.bytes(count)), Ok(()));
    }

    fn notify(&mut self, queue: u16) {
        let mut before = std::mem::take(&mut self.before);
        self.copy_ram(&mut before);
        self.bench.notify(queue);
        let mut advances = 0;
        while self.bench.pci.deadline() <= self.bench.now {
            self.bench.advance();
            advances += 1;
            assert!(advances < ADVANCES_MAX, "the device never comes to rest");
        }
        self.bench.effects.drain_messages();
        for range in self.bench.effects.drain_returned() {
            assert_eq!(self.bench.memory.check(range), Ok(()), "memory given back that is no RAM");
        }
        let mut after = std::mem::take(&mut self.after);
        self.copy_ram(&mut after);
        let changed =
            (0..RAM_BYTES).step_by(PIECE).filter(|at| before[*at..at + PIECE] != after[*at..at + PIECE]);
        for piece in changed {
            let bytes = (piece..piece + PIECE).filter(|at| before[*at] != after[*at]);
            bytes.for_each(|at| assert!(self.may_write(at as u64), "the device wrote to {at:#x}"));
        }
        (self.before, self.after) = (before, after);
    }

    /// Whether the device was ever given the byte at `at` to write.
    fn may_write(&self, at: u64) -> bool {
        let is_in =
            |range: &GuestRange| at.checked_sub(range.start.raw()).is_some_and(|offset| offset < range.bytes);
        let is_in_queue = |queue: &DriverQueue| {
            let base = queue.areas().descriptors.raw();
            let first = if self.is_packed { base } else { queue.areas().device.raw() };
            (first..base + 0x3000).contains(&at)
        };
        self.writable.iter().any(is_in) || self.bench.queues.iter().any(is_in_queue)
    }

    /// The driver takes back what is done.
    fn take(&mut self, queue: u16) {
        loop {
            let driver = &mut self.bench.queues[usize::from(queue)];
            let Some((id, written)) = driver.take_used(&self.bench.memory) else { return };
            let room = self.room.remove(&(queue, id));
            let Some(room) = room else { panic!("request {id} was completed but not out") };
            assert!(u64::from(written) <= room, "the device says it wrote {written} bytes to {room}");
        }
    }

    fn copy_ram(&self, bytes: &mut Vec<u8>) {
        bytes.resize(RAM_BYTES, 0);
        assert_eq!(self.bench.memory.read(Gpa::new(0), bytes), Ok(()));
    }
}

/// Bytes compared at once.
const PIECE: usize = 4096;

fn buffer(is_written: bool, input: &mut Input<'_>) -> Buffer {
    let start = Gpa::new(u64::from(input.u16()) * 4 + u64::from(input.u8() & 3));
    let bytes = match input.u8() {
        // Hardly any request goes well whose header does not have its size.
        0..=79 => 16,
        80..=119 => 1,
        120..=159 => 512,
        160..=199 => 8,
        _ => u64::from(input.u16()),
    };
    // The device may write to its own queue if that is what a buffer names. Nobody could say then what it should do next.
    let bytes = if is_written { bytes.min(BUFFERS_END - start.raw()) } else { bytes };
    let direction = if is_written { Direction::FromDevice } else { Direction::ToDevice };
    Buffer { range: GuestRange { start, bytes }, direction }
}
