//! What drivers write, where, and in which order.

use super::medium::Medium;
use crate::Input;
use vmm_bus::{AccessSize, Device, Line, volume::Access};
use vmm_disks::{Ahci, DiskConfig, Drive, Ide};
use vmm_nvme::{Nvme, NvmeConfig};

/// Where command lists, queues and tables lie; data lies behind.
const LIST: u64 = 0x1000;
const FRAMES: u64 = 0x2000;
const TABLES: u64 = 0x4000;
const QUEUES: u64 = 0x8000;
const DATA: u64 = 0x1_0000;

/// Commands of disks and CD-ROM drives that do something.
const ATA_COMMANDS: [u8; 24] = [
    0x20, 0x24, 0x25, 0x29, 0x2F, 0x30, 0x34, 0x35, 0x39, 0x06, 0x60, 0x61, 0xA0, 0xA0, 0xA0, 0xA1, 0xB0,
    0xC4, 0xC5, 0xC8, 0xCA, 0xEC, 0xEF, 0x90,
];
/// Packets that do something.
const PACKETS: [u8; 16] =
    [0x00, 0x03, 0x12, 0x1A, 0x1B, 0x1E, 0x25, 0x28, 0x43, 0x46, 0x4A, 0x51, 0x55, 0x5A, 0xA8, 0xBE];

/// A register write: region, offset, size, value.
type Write = (u16, u64, AccessSize, u64);

/// Memory and registers to write for a command.
#[derive(Default)]
pub(super) struct Command {
    pub(super) memory: Vec<(u64, Vec<u8>)>,
    pub(super) writes: Vec<Write>,
}

/// Which controller is driven.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Driver {
    Ahci,
    Ide,
    Nvme,
}

fn dword(offset: u64, value: u32) -> Write {
    (5, offset, AccessSize::Dword, u64::from(value))
}

fn nvme(offset: u64, value: u32) -> Write {
    (0, offset, AccessSize::Dword, u64::from(value))
}

impl Driver {
    /// The controller over a disk that can be written, one that cannot, and a disc.
    pub(super) fn build(self, media: &[Medium]) -> Box<dyn Device> {
        let disk = |index: usize, access| {
            Drive::disk(DiskConfig { access, serial: [b's'; 20] }, media[index].clone())
        };
        let drives = || {
            let disc = Drive::cd_rom(Some(media[2].clone()));
            [Some(disk(0, Access::ReadWrite)), Some(disc), Some(disk(1, Access::ReadOnly))]
        };
        match self {
            Driver::Ahci => Box::new(Ahci::new(Line { pin: 16, source: 0 }, drives())),
            Driver::Ide => Box::new(Ide::new(0, drives())),
            Driver::Nvme => {
                let config = NvmeConfig { access: Access::ReadWrite, serial: [b's'; 20] };
                Box::new(Nvme::new(config, Line { pin: 16, source: 0 }, media[0].clone()))
            }
        }
    }

    /// A place of the controller's registers, most of the time.
    pub(super) fn place(self, input: &mut Input<'_>) -> (u16, u64) {
        let offset = u64::from(input.u16());
        match self {
            Driver::Ahci => (5, offset % 0x300),
            Driver::Ide => (input.choose(&[0x10, 0x10, 0x11, 0x12, 0x13, 4]), offset % 16),
            Driver::Nvme if offset & 0x8000 != 0 => (0, 0x1000 + offset % 0x90),
            Driver::Nvme if offset & 0x4000 != 0 => (0, 0x2000 + offset % 0x1100),
            Driver::Nvme => (0, offset % 0x48),
        }
    }

    pub(super) fn set_up(self) -> Vec<Write> {
        match self {
            Driver::Ahci => {
                let port = |index: u64| {
                    let base = 0x100 + index * 0x80;
                    let list = LIST + index * 0x400;
                    [
                        dword(base, list as u32),
                        dword(base + 8, (FRAMES + index * 0x100) as u32),
                        dword(base + 0x18, 0x10),
                        dword(base + 0x30, u32::MAX),
                        dword(base + 0x14, u32::MAX),
                        dword(base + 0x18, 0x11),
                    ]
                };
                let ports = (0..3).flat_map(port);
                ports.chain([dword(4, 2)]).collect()
            }
            Driver::Ide => vec![(4, 4, AccessSize::Dword, TABLES), (4, 12, AccessSize::Dword, TABLES)],
            Driver::Nvme => vec![
                nvme(0x14, 0),
                nvme(0x24, 15 << 16 | 15),
                nvme(0x28, QUEUES as u32),
                nvme(0x30, QUEUES as u32 + 0x1000),
                nvme(0x14, 0x0046_0001),
            ],
        }
    }

    /// Commands that make the controller ready for others.
    pub(super) fn first_commands(self) -> Vec<Command> {
        if self != Driver::Nvme {
            return Vec::new();
        }
        let mut commands = Vec::new();
        let created = [(5u32, QUEUES + 0x3000, 3u32 | 1 << 16), (1, QUEUES + 0x2000, 1 | 1 << 16)];
        for (slot, (opcode, page, flags)) in (0u64..).zip(created) {
            let mut dwords = [0u32; 16];
            dwords[0] = opcode | 7 << 16;
            dwords[6] = page as u32;
            dwords[10] = 15 << 16 | 1;
            dwords[11] = flags;
            commands.push(Command {
                memory: vec![(QUEUES + slot * 64, bytes(&dwords))],
                writes: vec![nvme(0x1000, slot as u32 + 1)],
            });
        }
        commands
    }

    /// A command that may make sense.
    pub(super) fn command(self, input: &mut Input<'_>) -> Command {
        match self {
            Driver::Ahci => ahci_command(input),
            Driver::Ide => ide_command(input),
            Driver::Nvme => nvme_command(input),
        }
    }
}

fn bytes(dwords: &[u32]) -> Vec<u8> {
    dwords.iter().flat_map(|dword| dword.to_le_bytes()).collect()
}

fn packet(input: &mut Input<'_>) -> Vec<u8> {
    let mut packet = vec![0; 12];
    packet[0] = input.choose(&PACKETS);
    for (index, byte) in [1, 2, 4, 5, 8, 9].into_iter().zip(input.bytes(6)) {
        packet[index] = *byte;
    }
    packet
}

/// A place for data, sometimes outside of memory.
fn data(input: &mut Input<'_>) -> u32 {
    (DATA as u32).wrapping_add(u32::from(input.u16()) * 4)
}

fn ahci_command(input: &mut Input<'_>) -> Command {
    let (port, slot) = (u64::from(input.u8() % 3), u64::from(input.u8() % 4));
    let table = TABLES + slot * 0x400;
    let code = input.choose(&ATA_COMMANDS);
    let (lba, count, feature, pieces) = (input.u8(), input.u8(), input.u8(), input.u8() % 8);
    let frame = [0x27, 0x80, code, feature, lba, 0x4F, 0xC2, 0x40, 0, 0, 0, 0, count, 0, 0, 0, 0, 0, 0, 0];
    let flags = 5 | u32::from(code == 0xA0) << 5 | u32::from(pieces) << 16;
    let mut memory = vec![
        (LIST + port * 0x400 + slot * 32, bytes(&[flags, 0, table as u32, 0])),
        (table, frame.to_vec()),
        (table + 0x40, packet(input)),
    ];
    for piece in 0..u64::from(pieces) {
        let place = data(input);
        let size = u32::from(input.u16());
        memory.push((table + 0x80 + piece * 16, bytes(&[place, 0, 0, size])));
    }
    let base = 0x100 + port * 0x80;
    Command { memory, writes: vec![dword(base + 0x34, 1 << slot), dword(base + 0x38, 1 << slot)] }
}

fn ide_command(input: &mut Input<'_>) -> Command {
    let flags = input.u8();
    let (command, control) = if flags & 1 != 0 { (0x12, 0x13) } else { (0x10, 0x11) };
    let master = if flags & 1 != 0 { 8 } else { 0 };
    let second = (flags & 2) << 3;
    let code = input.choose(&ATA_COMMANDS);
    let mut memory = Vec::new();
    for piece in 0..3u64 {
        let last = if piece == 2 { 1 << 31 } else { 0 };
        memory.push((TABLES + piece * 8, bytes(&[data(input), u32::from(input.u16()) | last])));
    }
    let byte = |port: u64, value: u8| (command, port, AccessSize::Byte, u64::from(value));
    let mut writes = vec![(control, 0, AccessSize::Byte, 0), byte(6, 0xE0 | second)];
    for port in 1..6 {
        writes.push(byte(port, input.u8()));
    }
    writes.push(byte(7, code));
    if code == 0xA0 {
        let words = packet(input);
        writes.extend(
            words.chunks(2).map(|word| {
                (command, 0, AccessSize::Word, u64::from(u16::from_le_bytes([word[0], word[1]])))
            }),
        );
    }
    if flags & 4 != 0 {
        writes.extend([(4, master, AccessSize::Byte, 0), (4, master, AccessSize::Byte, 9)]);
    }
    // Some of the data by the register, or all of a block.
    let words = if flags & 8 != 0 { 256 } else { usize::from(flags >> 4) };
    writes.extend((0..words).map(|index| (command, 0, AccessSize::Word, index as u64)));
    Command { memory, writes }
}

fn nvme_command(input: &mut Input<'_>) -> Command {
    let (queue, slot) = (u64::from(input.u8() & 1), u64::from(input.u8() % 16));
    let opcode: u8 = if queue == 0 {
        input.choose(&[0, 1, 2, 4, 5, 6, 8, 9, 0xA, 0xC, 0x7C])
    } else {
        input.choose(&[0, 1, 2, 5, 8, 9])
    };
    let mut dwords = [0u32; 16];
    dwords[0] = u32::from(opcode) | u32::from(input.u8()) << 16;
    dwords[1] = u32::from(input.u8() % 3);
    dwords[6] = data(input);
    dwords[8] = data(input) & !u32::from(input.u16() & 0xFFF);
    for dword in &mut dwords[10..13] {
        *dword = u32::from(input.u16());
    }
    dwords[11] &= 0x3_0007;
    let at = QUEUES + queue * 0x2000 + slot * 64;
    let tail = (slot as u32 + 1) % 16;
    let head = u32::from(input.u8() % 16);
    Command {
        memory: vec![(at, bytes(&dwords))],
        writes: vec![nvme(0x1000 + queue * 8, tail), nvme(0x1004 + queue * 8, head)],
    }
}
