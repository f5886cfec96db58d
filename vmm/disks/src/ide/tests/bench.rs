//! A driver of a controller.

use crate::{DiskConfig, Drive, Ide};
use alloc::{vec, vec::Vec};
use base_units::{Gpa, Nanos};
use vmm_bus::{
    AccessSize, ByteVolume, Context, Device, Effects, FlatMemory, GuestMemory, Region, volume::Access,
};

pub(super) const RAM: usize = 0x24_0000;
pub(super) const TABLE: u64 = 0x1000;
pub(super) const DATA: u64 = 0x2_0000;
pub(super) const SECTORS: usize = 4096;
pub(super) const BLOCKS: usize = 200;

pub(super) type Vector = ByteVolume<Vec<u8>>;

pub(super) struct Bench {
    pub(super) ide: Ide<Vector>,
    pub(super) memory: FlatMemory,
    pub(super) effects: Effects,
}

pub(super) fn pattern(sectors: usize) -> Vec<u8> {
    (0..sectors * 512).map(|at| (at / 512 * 7 + at) as u8).collect()
}

pub(super) fn disk(content: Vec<u8>) -> Drive<Vector> {
    let serial = *b"serial-1            ";
    Drive::disk(DiskConfig { access: Access::ReadWrite, serial }, ByteVolume::new(content))
}

impl Bench {
    /// A disk as first and a CD-ROM as second drive of the first channel, nothing on the second.
    pub(super) fn new() -> Self {
        Self::with_content(pattern(SECTORS))
    }

    pub(super) fn with_content(content: Vec<u8>) -> Self {
        let disc = Drive::cd_rom(Some(ByteVolume::new(pattern(BLOCKS * 4))));
        Self::with_drives(vec![Some(disk(content)), Some(disc)])
    }

    pub(super) fn with_drives(drives: Vec<Option<Drive<Vector>>>) -> Self {
        let mut bench = Self {
            ide: Ide::new(5, drives),
            memory: FlatMemory::new(Gpa::new(0), RAM),
            effects: Effects::new(),
        };
        bench.with(|ide, context| ide.config_write(4, AccessSize::Word, 5, context));
        bench
    }

    pub(super) fn with<R>(&mut self, act: impl FnOnce(&mut Ide<Vector>, &mut Context<'_>) -> R) -> R {
        let mut context = Context { now: Nanos::ZERO, memory: &self.memory, effects: &mut self.effects };
        act(&mut self.ide, &mut context)
    }

    pub(super) fn input(&mut self, region: u16, port: u64, size: AccessSize) -> u32 {
        self.with(|ide, context| ide.read(Region(region), port, size, context)) as u32
    }

    pub(super) fn output(&mut self, region: u16, port: u64, size: AccessSize, value: u32) {
        self.with(|ide, context| ide.write(Region(region), port, size, u64::from(value), context));
    }

    pub(super) fn get(&mut self, port: u64) -> u8 {
        self.input(0x10, port, AccessSize::Byte) as u8
    }

    pub(super) fn put(&mut self, port: u64, value: u8) {
        self.output(0x10, port, AccessSize::Byte, u32::from(value));
    }

    pub(super) fn control(&mut self, value: u8) {
        self.output(0x11, 0, AccessSize::Byte, u32::from(value));
    }

    pub(super) fn alternate(&mut self) -> u8 {
        self.input(0x11, 0, AccessSize::Byte) as u8
    }

    /// Whether the first channel's interrupt is asserted.
    pub(super) fn is_interrupting(&self) -> bool {
        self.ide.channels[0].asserted
    }

    /// Writes a command with 28 address bits.
    pub(super) fn command(&mut self, device: u8, code: u8, lba: u32, count: u8) {
        let [low, mid, high, top] = lba.to_le_bytes();
        self.put(6, device | 0xE0 | top);
        for (port, value) in [(2, count), (3, low), (4, mid), (5, high), (7, code)] {
            self.put(port, value);
        }
    }

    /// Writes a command with 48 address bits.
    pub(super) fn command_ext(&mut self, code: u8, lba: u64, count: u16) {
        self.put(6, 0x40);
        let (lba, count) = (lba.to_le_bytes(), count.to_le_bytes());
        for half in [1, 0] {
            self.put(2, count[half]);
            for byte in 0..3 {
                self.put(3 + byte as u64, lba[half * 3 + byte]);
            }
        }
        self.put(7, code);
    }

    /// Reads `bytes` bytes from the data register.
    pub(super) fn read_data(&mut self, bytes: usize) -> Vec<u8> {
        (0..bytes / 2).flat_map(|_| (self.input(0x10, 0, AccessSize::Word) as u16).to_le_bytes()).collect()
    }

    pub(super) fn write_data(&mut self, content: &[u8]) {
        for word in content.chunks(2) {
            self.output(0x10, 0, AccessSize::Word, u32::from(u16::from_le_bytes([word[0], word[1]])));
        }
    }

    pub(super) fn poke(&mut self, at: u64, bytes: &[u8]) {
        self.memory.write(Gpa::new(at), bytes).unwrap();
    }

    pub(super) fn peek(&self, at: u64, bytes: usize) -> Vec<u8> {
        let mut content = vec![0; bytes];
        self.memory.read(Gpa::new(at), &mut content).unwrap();
        content
    }

    /// Writes a table of descriptors and its address.
    pub(super) fn descriptors(&mut self, pieces: &[(u32, u32)]) {
        for (index, (start, bytes)) in pieces.iter().enumerate() {
            let last = if index + 1 == pieces.len() { 1 << 31 } else { 0 };
            let raw = u64::from(*start) | u64::from(bytes & 0xFFFF | last) << 32;
            self.poke(TABLE + index as u64 * 8, &raw.to_le_bytes());
        }
        self.output(4, 4, AccessSize::Dword, TABLE as u32);
    }

    pub(super) fn master_start(&mut self, command: u32) {
        self.output(4, 2, AccessSize::Byte, 0x06);
        self.output(4, 0, AccessSize::Byte, command);
    }

    pub(super) fn master_status(&mut self) -> u8 {
        self.input(4, 2, AccessSize::Byte) as u8
    }

    pub(super) fn settle(&mut self) {
        for _ in 0..1000 {
            if self.ide.deadline() != Nanos::ZERO {
                return;
            }
            self.with(|ide, context| ide.advance(context));
        }
        panic!("the controller never comes to rest");
    }

    pub(super) fn content(&self) -> &[u8] {
        self.ide.drive(0).unwrap().volume().unwrap().content()
    }

    /// The same machine with a new controller that takes over the state of this one.
    pub(super) fn twin(&self) -> Self {
        let saved = self.ide.save();
        let mut twin = Self::with_content(self.content().to_vec());
        twin.poke(0, &self.peek(0, RAM));
        twin.ide.restore(saved.as_saved()).unwrap();
        assert_eq!(twin.ide.save(), saved);
        twin
    }
}
