//! A driver for one port of a controller.

use crate::{Ahci, DiskConfig, Drive};
use alloc::{vec, vec::Vec};
use base_units::{Gpa, Nanos};
use spec::ata::command as ata;
use vmm_bus::{
    AccessSize, ByteVolume, Context, Device, Effects, FlatMemory, GuestMemory, Line, Region, volume::Access,
};

pub(super) const RAM: usize = 0x44_0000;
pub(super) const LIST: u64 = 0x1000;
pub(super) const FRAMES: u64 = 0x2000;
pub(super) const TABLES: u64 = 0x1_0000;
pub(super) const TABLE_BYTES: u64 = 0x1_0000;
pub(super) const DATA: u64 = 0x22_0000;
pub(super) const SECTORS: usize = 4096;

pub(super) const CLB: u64 = 0x00;
pub(super) const FB: u64 = 0x08;
pub(super) const IS: u64 = 0x10;
pub(super) const IE: u64 = 0x14;
pub(super) const CMD: u64 = 0x18;
pub(super) const TFD: u64 = 0x20;
pub(super) const SIG: u64 = 0x24;
pub(super) const SSTS: u64 = 0x28;
pub(super) const SCTL: u64 = 0x2C;
pub(super) const SERR: u64 = 0x30;
pub(super) const SACT: u64 = 0x34;
pub(super) const CI: u64 = 0x38;

pub(super) const DHRS: u32 = 1 << 0;
pub(super) const PSS: u32 = 1 << 1;
pub(super) const SDBS: u32 = 1 << 3;
pub(super) const OFS: u32 = 1 << 24;
pub(super) const HBFS: u32 = 1 << 29;
pub(super) const TFES: u32 = 1 << 30;

pub(super) type Vector = ByteVolume<Vec<u8>>;

/// A command as a driver has it.
#[derive(Clone, Copy, Default)]
pub(super) struct Command {
    pub(super) code: u8,
    pub(super) feature: u16,
    pub(super) lba: u64,
    pub(super) count: u16,
    pub(super) device: u8,
    pub(super) packet: Option<[u8; 12]>,
}

impl Command {
    pub(super) fn dma(code: u8, lba: u64, count: u16) -> Self {
        Self { code, lba, count, device: 0x40, ..Self::default() }
    }

    pub(super) fn frame(&self) -> [u8; 20] {
        let lba = self.lba.to_le_bytes();
        let (feature, count) = (self.feature.to_le_bytes(), self.count.to_le_bytes());
        [
            0x27,
            0x80,
            self.code,
            feature[0],
            lba[0],
            lba[1],
            lba[2],
            self.device,
            lba[3],
            lba[4],
            lba[5],
            feature[1],
            count[0],
            count[1],
            0,
            0,
            0,
            0,
            0,
            0,
        ]
    }
}

pub(super) struct Bench {
    pub(super) ahci: Ahci<Vector>,
    pub(super) memory: FlatMemory,
    pub(super) effects: Effects,
}

pub(super) fn pattern(sectors: usize) -> Vec<u8> {
    (0..sectors * 512).map(|at| (at / 512 * 7 + at) as u8).collect()
}

pub(super) fn disk(access: Access) -> Drive<Vector> {
    Drive::disk(DiskConfig { access, serial: *b"serial-1            " }, ByteVolume::new(pattern(SECTORS)))
}

impl Bench {
    /// A controller with a disk at port 0, its driver ready.
    pub(super) fn new() -> Self {
        let mut bench = Self::untouched(vec![Some(disk(Access::ReadWrite))]);
        bench.set_up();
        bench
    }

    pub(super) fn untouched(drives: Vec<Option<Drive<Vector>>>) -> Self {
        let mut bench = Self {
            ahci: Ahci::new(Line { pin: 16, source: 3 }, drives),
            memory: FlatMemory::new(Gpa::new(0), RAM),
            effects: Effects::new(),
        };
        bench.with(|ahci, context| ahci.config_write(4, AccessSize::Word, 0x6, context));
        bench
    }

    /// What a driver does: receives frames, looks at the signature, starts, enables interrupts.
    pub(super) fn set_up(&mut self) {
        self.write(CLB, LIST as u32);
        self.write(FB, FRAMES as u32);
        self.write(CMD, 0x10);
        self.write(SERR, u32::MAX);
        self.write(IE, u32::MAX);
        self.write(CMD, 0x11);
        self.global_write(4, 2);
    }

    pub(super) fn with<R>(&mut self, act: impl FnOnce(&mut Ahci<Vector>, &mut Context<'_>) -> R) -> R {
        let mut context = Context { now: Nanos::ZERO, memory: &self.memory, effects: &mut self.effects };
        act(&mut self.ahci, &mut context)
    }

    pub(super) fn global_read(&mut self, at: u64) -> u32 {
        self.with(|ahci, context| ahci.read(Region(5), at, AccessSize::Dword, context)) as u32
    }

    pub(super) fn global_write(&mut self, at: u64, value: u32) {
        self.with(|ahci, context| {
            ahci.write(Region(5), at, AccessSize::Dword, u64::from(value), context);
        });
    }

    pub(super) fn read(&mut self, at: u64) -> u32 {
        self.global_read(0x100 + at)
    }

    pub(super) fn write(&mut self, at: u64, value: u32) {
        self.global_write(0x100 + at, value);
    }

    /// Writes header, frame and descriptors of a slot.
    pub(super) fn prepare(&mut self, slot: u32, command: &Command, pieces: &[(u64, u32)]) {
        let table = TABLES + u64::from(slot) * TABLE_BYTES;
        let packet = u32::from(command.packet.is_some()) << 5;
        let flags = 5 | packet | (pieces.len() as u32) << 16;
        let header = LIST + u64::from(slot) * 32;
        self.poke(header, &flags.to_le_bytes());
        self.poke(header + 4, &0u32.to_le_bytes());
        self.poke(header + 8, &table.to_le_bytes());
        self.poke(table, &command.frame());
        if let Some(packet) = command.packet {
            self.poke(table + 0x40, &packet);
        }
        for (index, (start, bytes)) in (0..).zip(pieces) {
            let place = table + 0x80 + index * 16;
            self.poke(place, &start.to_le_bytes());
            self.poke(place + 12, &(bytes - 1).to_le_bytes());
        }
    }

    /// Runs one command to its end in slot 0 and returns status and error.
    pub(super) fn run(&mut self, command: Command, pieces: &[(u64, u32)]) -> (u8, u8) {
        self.prepare(0, &command, pieces);
        self.write(IS, u32::MAX);
        self.write(CI, 1);
        self.settle();
        let [status, error, ..] = self.read(TFD).to_le_bytes();
        (status, error)
    }

    /// Lets the controller finish what it has begun.
    pub(super) fn settle(&mut self) {
        for _ in 0..1000 {
            if self.ahci.deadline() != Nanos::ZERO {
                return;
            }
            self.with(|ahci, context| ahci.advance(context));
        }
        panic!("the controller never comes to rest");
    }

    /// Recovers from an error as drivers do.
    pub(super) fn restart(&mut self) {
        self.write(CMD, 0x10);
        self.write(IS, u32::MAX);
        self.write(CMD, 0x11);
    }

    pub(super) fn poke(&mut self, at: u64, bytes: &[u8]) {
        self.memory.write(Gpa::new(at), bytes).unwrap();
    }

    pub(super) fn peek(&self, at: u64, bytes: usize) -> Vec<u8> {
        let mut content = vec![0; bytes];
        self.memory.read(Gpa::new(at), &mut content).unwrap();
        content
    }

    pub(super) fn content(&self) -> &[u8] {
        self.ahci.drive(0).unwrap().volume().unwrap().content()
    }

    pub(super) fn moved(&self, slot: u64) -> u32 {
        self.memory.read_u32(Gpa::new(LIST + slot * 32 + 4)).unwrap()
    }

    /// The same machine with a new controller that takes over the state of this one.
    pub(super) fn twin(&self) -> Self {
        let saved = self.ahci.save();
        let access = Access::ReadWrite;
        let volume = ByteVolume::new(self.content().to_vec());
        let drive = Drive::disk(DiskConfig { access, serial: *b"serial-1            " }, volume);
        let mut twin = Self::untouched(vec![Some(drive)]);
        twin.poke(0, &self.peek(0, RAM));
        twin.ahci.restore(saved.as_saved()).unwrap();
        assert_eq!(twin.ahci.save(), saved);
        twin
    }
}

pub(super) fn read_dma(lba: u64, count: u16) -> Command {
    Command::dma(ata::READ_DMA_EXT, lba, count)
}

pub(super) fn write_dma(lba: u64, count: u16) -> Command {
    Command::dma(ata::WRITE_DMA_EXT, lba, count)
}
