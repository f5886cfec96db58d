//! What the display promises.

use super::VirtioVga;
use crate::{Size, vga::TEXT_BYTES};
use alloc::{boxed::Box, vec, vec::Vec};
use base_units::{Gpa, Nanos};
use spec::{
    virtio::{
        COMMON_DRIVER_FEATURE, COMMON_DRIVER_FEATURE_SELECT, COMMON_QUEUE_DESCRIPTORS, COMMON_QUEUE_DEVICE,
        COMMON_QUEUE_DRIVER, COMMON_QUEUE_ENABLE, COMMON_QUEUE_SIZE, COMMON_STATUS,
    },
    virtio_gpu::OK_NO_DATA,
};
use vmm_bus::{
    AccessSize, Context, Device, DirectId, DirectRange, Effects, FlatMemory, GuestMemory, Line, Region,
    VecMemory,
};

const MEMORY: u64 = 0x40_0000;
const NATIVE: Size = Size { width: 64, height: 32 };
const TRANSPORT: Region = Region(4);
const VGA_REGISTERS: Region = Region(2);
const NOTIFY: u64 = 0x3000;
/// Where the driver has its queue, its command and the answer.
const QUEUE: u64 = 0x1000;
const COMMAND: u64 = 0x3000;
const ANSWER: u64 = 0x4000;

struct Machine {
    display: VirtioVga,
    memory: FlatMemory,
    effects: Effects,
    sent: u16,
}

impl Machine {
    fn new() -> Self {
        let memory = Box::new(VecMemory::new(DirectId(3), vec![0; (MEMORY + TEXT_BYTES) as usize]));
        let display = VirtioVga::new(memory, NATIVE, Line { pin: 16, source: 1 });
        let memory = FlatMemory::new(Gpa::new(0), 0x1_0000);
        Self { display, memory, effects: Effects::new(), sent: 0 }
    }

    fn with<R>(&mut self, act: impl FnOnce(&mut VirtioVga, &mut Context<'_>) -> R) -> R {
        let mut context = Context { now: Nanos::ZERO, memory: &self.memory, effects: &mut self.effects };
        act(&mut self.display, &mut context)
    }

    fn configure(&mut self, offset: u16, value: u32) {
        self.with(|display, context| display.config_write(offset, AccessSize::Dword, value, context));
    }

    fn configuration(&mut self, offset: u16) -> u32 {
        self.with(|display, context| display.config_read(offset, AccessSize::Dword, context))
    }

    fn write(&mut self, region: Region, offset: u64, size: AccessSize, value: u64) {
        self.with(|display, context| display.write(region, offset, size, value, context));
    }

    /// What firmware does: a mode of 32 bits a pixel.
    fn set_mode(&mut self, width: u64, height: u64) {
        for (register, value) in [(4, 0), (1, width), (2, height), (3, 32), (4, 0x41)] {
            self.write(VGA_REGISTERS, 0x500 + register * 2, AccessSize::Word, value);
        }
    }

    /// What a driver of virtio-gpu does first.
    fn start_driver(&mut self) {
        self.configure(4, 6);
        let byte = AccessSize::Byte;
        for status in [1, 3] {
            self.write(TRANSPORT, COMMON_STATUS, byte, status);
        }
        self.write(TRANSPORT, COMMON_DRIVER_FEATURE_SELECT, AccessSize::Dword, 1);
        self.write(TRANSPORT, COMMON_DRIVER_FEATURE, AccessSize::Dword, 1);
        self.write(TRANSPORT, COMMON_STATUS, byte, 0xB);
        self.write(TRANSPORT, COMMON_QUEUE_SIZE, AccessSize::Word, 16);
        for (register, offset) in
            [(COMMON_QUEUE_DESCRIPTORS, 0), (COMMON_QUEUE_DRIVER, 0x400), (COMMON_QUEUE_DEVICE, 0x800)]
        {
            self.write(TRANSPORT, register, AccessSize::Qword, QUEUE + offset);
        }
        self.write(TRANSPORT, COMMON_QUEUE_ENABLE, AccessSize::Word, 1);
        self.write(TRANSPORT, COMMON_STATUS, byte, 0xF);
    }

    /// Sends a command: its kind and the words behind the header.
    fn command(&mut self, kind: u32, words: &[u32]) -> u32 {
        let words: Vec<u32> = [kind, 0, 0, 0, 0, 0].into_iter().chain(words.iter().copied()).collect();
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let poke = |at: u64, bytes: &[u8]| assert_eq!(self.memory.write(Gpa::new(at), bytes), Ok(()));
        poke(COMMAND, &bytes);
        let flags = |flags: u64, next: u64| (flags | next << 16) << 32;
        poke(QUEUE, &COMMAND.to_le_bytes());
        poke(QUEUE + 8, &(bytes.len() as u64 | flags(1, 1)).to_le_bytes());
        poke(QUEUE + 16, &ANSWER.to_le_bytes());
        poke(QUEUE + 24, &(0x400 | flags(2, 0)).to_le_bytes());
        self.sent += 1;
        poke(QUEUE + 0x402, &self.sent.to_le_bytes());
        self.write(TRANSPORT, NOTIFY, AccessSize::Word, 0);
        self.memory.read_u32(Gpa::new(ANSWER)).unwrap()
    }

    fn shown(&self) -> Size {
        self.display.frame(Nanos::ZERO).size()
    }
}

#[test]
fn it_is_virtio_gpu_and_vga_compatible() {
    let mut machine = Machine::new();

    assert_eq!(machine.configuration(0), 0x1050_1AF4);
    assert_eq!(machine.configuration(8) >> 8, 0x03_00_00);
    machine.configure(0x10, u32::MAX);
    assert_eq!(machine.configuration(0x10), !(MEMORY as u32 - 1) | 8, "the frame buffer, prefetchable");
}

#[test]
fn the_frame_buffer_is_memory_where_bar_0_is() {
    let mut machine = Machine::new();
    machine.configure(0x10, 0xC000_0000);
    machine.configure(4, 2);

    let mut ranges = vec![];
    machine.display.direct_ranges(&mut |range| ranges.push(range));

    let expected = DirectRange {
        start: Gpa::new(0xC000_0000),
        bytes: MEMORY,
        memory: DirectId(3),
        offset: 0,
        is_writable: true,
    };
    assert!(ranges.contains(&expected), "{ranges:?}");
}

#[test]
fn firmware_shows_by_vga_until_the_driver_shows_something() {
    let mut machine = Machine::new();
    machine.set_mode(320, 200);
    assert_eq!(machine.shown(), Size { width: 320, height: 200 });

    machine.start_driver();
    // A picture of 64 by 32 that the screen shows.
    assert_eq!(machine.command(0x101, &[1, 2, 64, 32]), OK_NO_DATA);
    assert_eq!(machine.shown(), Size { width: 320, height: 200 }, "not yet");
    assert_eq!(machine.command(0x103, &[0, 0, 64, 32, 0, 1]), OK_NO_DATA);
    assert_eq!(machine.shown(), NATIVE);

    machine.write(TRANSPORT, COMMON_STATUS, AccessSize::Byte, 0);
    assert_eq!(machine.shown(), Size { width: 320, height: 200 }, "the driver is gone");
}

#[test]
fn a_reset_leads_back_to_text() {
    let mut machine = Machine::new();
    machine.set_mode(320, 200);
    machine.start_driver();
    assert_eq!(machine.command(0x101, &[1, 2, 64, 32]), OK_NO_DATA);
    assert_eq!(machine.command(0x103, &[0, 0, 64, 32, 0, 1]), OK_NO_DATA);

    machine.with(|display, context| display.reset(context));

    assert!(machine.display.gpu.device().frame().is_none());
    assert_ne!(machine.shown(), NATIVE);
}

#[test]
fn a_restored_display_is_the_saved_one() {
    let mut machine = Machine::new();
    machine.set_mode(320, 200);
    machine.start_driver();
    assert_eq!(machine.command(0x101, &[1, 2, 64, 32]), OK_NO_DATA);
    assert_eq!(machine.command(0x103, &[0, 0, 64, 32, 0, 1]), OK_NO_DATA);
    let mut twin = Machine::new();

    assert_eq!(twin.display.restore(machine.display.save().as_saved()), Ok(()));

    assert_eq!(twin.shown(), NATIVE);
    assert_eq!(twin.display.save(), machine.display.save());
}
