//! SMBIOS 2.8 structures (DMTF DSP0134 2.8.0): who made the machine, what it is made of.

use crate::MemoryMap;
use alloc::{format, vec::Vec};

/// The largest size that the structures give in MiB.
const DEVICE_BYTES_MAX: u64 = 16 << 30;
/// Memory devices at the most.
const MEMORY_DEVICES_MAX: u64 = 64;
/// Version of the specification.
const MAJOR: u8 = 2;
const MINOR: u8 = 8;
/// Bytes of the entry point.
const ANCHOR_BYTES: u8 = 0x1F;
/// Where the entry point's second half starts, which has a checksum of its own.
const INTERMEDIATE_AT: usize = 0x10;

/// "Not known" as most enumerations have it.
const UNKNOWN: u8 = 2;
/// "None of these".
const OTHER: u8 = 1;
/// No other structure.
const NO_HANDLE: u16 = 0xFFFF;

/// Handles of the structures.
const SYSTEM: u16 = 0x100;
const BOARD: u16 = 0x200;
const CHASSIS: u16 = 0x300;
const PROCESSOR: u16 = 0x400;
const MEMORY_ARRAY: u16 = 0x1000;
const MEMORY_DEVICE: u16 = 0x1100;
const ARRAY_ADDRESS: u16 = 0x1300;
const BOOT: u16 = 0x2000;
const END: u16 = 0x7F00;

const MAKER: &str = "Corten";

/// The files of fw_cfg.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Smbios {
    /// `etc/smbios/smbios-tables`.
    pub(super) tables: Vec<u8>,
    /// `etc/smbios/smbios-anchor`: the entry point, whose address firmware fills in.
    pub(super) anchor: Vec<u8>,
}

/// What the structures tell.
#[derive(Clone, Copy, Debug)]
pub(super) struct SmbiosRequest<'a> {
    /// The machine's name.
    pub(super) name: &'a str,
    /// The machine's UUID as it is written.
    pub(super) uuid: [u8; 16],
    /// Number of vCPUs.
    pub(super) vcpus: u32,
    /// EAX of the processor's CPUID leaf 1: its signature.
    pub(super) signature: u32,
    /// EDX of the same leaf: its features.
    pub(super) features: u32,
    /// RAM.
    pub(super) memory: &'a MemoryMap,
}

impl Smbios {
    /// Builds the structures.
    pub(super) fn new(request: &SmbiosRequest<'_>) -> Self {
        let mut tables = Tables::default();
        tables.add_firmware();
        tables.add_system(request);
        tables.add_board(request.name);
        tables.add_chassis();
        for index in 0..request.vcpus {
            tables.add_processor(index, request);
        }
        tables.add_memory(request.memory);
        tables.add(Structure::new(32, BOOT).bytes(&[0; 7]), &[]);
        tables.add(Structure::new(127, END), &[]);
        let anchor = tables.anchor();
        Self { tables: tables.bytes, anchor }
    }
}

/// A structure's formatted part while it is being written.
struct Structure(Vec<u8>);

impl Structure {
    fn new(kind: u8, handle: u16) -> Self {
        let [low, high] = handle.to_le_bytes();
        Self(alloc::vec![kind, 0, low, high])
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn u16(self, number: u16) -> Self {
        self.bytes(&number.to_le_bytes())
    }

    fn u32(self, number: u32) -> Self {
        self.bytes(&number.to_le_bytes())
    }

    fn u64(self, number: u64) -> Self {
        self.bytes(&number.to_le_bytes())
    }
}

/// The structures so far.
#[derive(Default)]
struct Tables {
    bytes: Vec<u8>,
    largest: usize,
    count: u16,
}

impl Tables {
    /// Appends a structure with its strings, which it names by their numbers from 1 on. All of ours are shorter
    /// than 256 bytes.
    fn add(&mut self, mut structure: Structure, strings: &[&str]) {
        let start = self.bytes.len();
        let length = structure.0.len() as u8;
        if let Some(place) = structure.0.get_mut(1) {
            *place = length;
        }
        self.bytes.append(&mut structure.0);
        for string in strings {
            // An empty string would end the structure.
            let text = if string.is_empty() { " " } else { string };
            self.bytes.extend(text.bytes().filter(|byte| *byte != 0));
            self.bytes.push(0);
        }
        if strings.is_empty() {
            self.bytes.push(0);
        }
        self.bytes.push(0);
        self.largest = self.largest.max(self.bytes.len() - start);
        self.count = self.count.saturating_add(1);
    }

    /// Type 0: the firmware.
    fn add_firmware(&mut self) {
        // Characteristics are not told, except: boots from any device; is a virtual machine.
        let structure = Structure::new(0, 0).bytes(&[1, 2]).u16(0xE800).bytes(&[3, 0]).u64(1 << 3).bytes(&[
            0,
            1 << 4,
            0,
            0,
            0xFF,
            0xFF,
        ]);
        self.add(structure, &[MAKER, env!("CARGO_PKG_VERSION"), "01/01/2025"]);
    }

    /// Type 1: the system.
    fn add_system(&mut self, request: &SmbiosRequest<'_>) {
        const POWER_SWITCH: u8 = 6;
        let [a, b, c, d, e, f, g, h, rest @ ..] = request.uuid;
        let structure = Structure::new(1, SYSTEM)
            .bytes(&[1, 2, 3, 4])
            // The first three fields are little-endian since SMBIOS 2.6.
            .bytes(&[d, c, b, a, f, e, h, g])
            .bytes(&rest)
            .bytes(&[POWER_SWITCH, 0, 5]);
        let version = env!("CARGO_PKG_VERSION");
        self.add(structure, &[MAKER, "Corten PC", version, request.name, "Virtual machine"]);
    }

    /// Type 2: the board.
    fn add_board(&mut self, name: &str) {
        const IS_HOSTING_BOARD: u8 = 1 << 0;
        const MOTHERBOARD: u8 = 0x0A;
        let structure = Structure::new(2, BOARD)
            .bytes(&[1, 2, 3, 4, 0, IS_HOSTING_BOARD, 0])
            .u16(CHASSIS)
            .bytes(&[MOTHERBOARD, 0]);
        self.add(structure, &[MAKER, "Q35", env!("CARGO_PKG_VERSION"), name]);
    }

    /// Type 3: the chassis.
    fn add_chassis(&mut self) {
        const SAFE: u8 = 3;
        let structure = Structure::new(3, CHASSIS)
            .bytes(&[1, OTHER, 2, 0, 0, SAFE, SAFE, SAFE, UNKNOWN])
            .u32(0)
            .bytes(&[0, 0, 0, 0, 0]);
        self.add(structure, &[MAKER, env!("CARGO_PKG_VERSION")]);
    }

    /// Type 4: a processor of one core.
    fn add_processor(&mut self, index: u32, request: &SmbiosRequest<'_>) {
        const CENTRAL: u8 = 3;
        const POPULATED_ENABLED: u8 = 0x41;
        const FAMILY_OTHER: u8 = 1;
        const IS_64_BIT: u16 = 1 << 2;
        let socket = format!("CPU {index}");
        let structure = Structure::new(4, PROCESSOR.wrapping_add(index as u16))
            .bytes(&[1, CENTRAL, FAMILY_OTHER, 2])
            .u32(request.signature)
            .u32(request.features)
            // Voltage and external clock are not known; speeds neither.
            .bytes(&[0, 0])
            .u16(0)
            .u16(0)
            .u16(0)
            .bytes(&[POPULATED_ENABLED, OTHER])
            .u16(NO_HANDLE)
            .u16(NO_HANDLE)
            .u16(NO_HANDLE)
            .bytes(&[0, 0, 0, 1, 1, 1])
            .u16(IS_64_BIT)
            .u16(u16::from(FAMILY_OTHER));
        self.add(structure, &[&socket, MAKER]);
    }

    /// Types 16, 17 and 19: an array of memory devices and the addresses that it has.
    fn add_memory(&mut self, memory: &MemoryMap) {
        const ON_BOARD: u8 = 3;
        const SYSTEM_MEMORY: u8 = 3;
        const MULTI_BIT_CORRECTION: u8 = 6;
        let bytes = memory.ram_bytes();
        let devices = bytes.div_ceil(DEVICE_BYTES_MAX).clamp(1, MEMORY_DEVICES_MAX);
        let array = Structure::new(16, MEMORY_ARRAY)
            .bytes(&[ON_BOARD, SYSTEM_MEMORY, MULTI_BIT_CORRECTION])
            // Too large for KiB in 32 bits: the last field has bytes.
            .u32(0x8000_0000)
            .u16(NO_HANDLE)
            .u16(devices as u16)
            .u64(bytes);
        self.add(array, &[]);
        let mut left = bytes;
        for index in 0..devices {
            let is_last = index + 1 == devices;
            let part = if is_last { left } else { left.min(DEVICE_BYTES_MAX) };
            left -= part;
            self.add_memory_device(index as u16, part);
        }
        for (index, region) in (0..).zip(memory.firmware_map()) {
            let end = region.start.raw().saturating_add(region.bytes).saturating_sub(1);
            let structure = Structure::new(19, ARRAY_ADDRESS.wrapping_add(index))
                // In KiB; too large ones are in bytes in the last fields.
                .u32(u32::MAX)
                .u32(u32::MAX)
                .u16(MEMORY_ARRAY)
                .bytes(&[1])
                .u64(region.start.raw())
                .u64(end);
            self.add(structure, &[]);
        }
    }

    /// Type 17: one memory device.
    fn add_memory_device(&mut self, index: u16, bytes: u64) {
        const DIMM: u8 = 9;
        const RAM: u8 = 7;
        const EXTENDED: u16 = 0x7FFF;
        const TYPE_OTHER: u16 = 1 << 1;
        let mib = bytes >> 20;
        let short = u16::try_from(mib).ok().filter(|mib| *mib < EXTENDED);
        let locator = format!("DIMM {index}");
        let structure = Structure::new(17, MEMORY_DEVICE.wrapping_add(index))
            .u16(MEMORY_ARRAY)
            .u16(0xFFFE)
            .u16(NO_HANDLE)
            .u16(NO_HANDLE)
            .u16(short.unwrap_or(EXTENDED))
            .bytes(&[DIMM, 0, 1, 0, RAM])
            .u16(TYPE_OTHER)
            .u16(0)
            .bytes(&[2, 0, 0, 0, 0])
            .u32(if short.is_some() { 0 } else { u32::try_from(mib).unwrap_or(0x7FFF_FFFF) })
            .u16(0)
            .u16(0)
            .u16(0)
            .u16(0);
        self.add(structure, &[&locator, MAKER]);
    }

    /// The entry point. Firmware fills in the tables' address and sums it up anew.
    fn anchor(&self) -> Vec<u8> {
        let mut anchor = Vec::with_capacity(usize::from(ANCHOR_BYTES));
        anchor.extend_from_slice(b"_SM_");
        anchor.extend_from_slice(&[0, ANCHOR_BYTES, MAJOR, MINOR]);
        anchor.extend_from_slice(&u16::try_from(self.largest).unwrap_or(u16::MAX).to_le_bytes());
        anchor.extend_from_slice(&[0; 6]);
        anchor.extend_from_slice(b"_DMI_\0");
        anchor.extend_from_slice(&u16::try_from(self.bytes.len()).unwrap_or(u16::MAX).to_le_bytes());
        anchor.extend_from_slice(&[0; 4]);
        anchor.extend_from_slice(&self.count.to_le_bytes());
        anchor.push(MAJOR << 4 | MINOR);
        sum_up(&mut anchor, INTERMEDIATE_AT, INTERMEDIATE_AT + 5);
        sum_up(&mut anchor, 0, 4);
        anchor
    }
}

/// Sets the byte at `at` so that the sum of all from `start` on is zero.
fn sum_up(bytes: &mut [u8], start: usize, at: usize) {
    let sum = bytes.iter().skip(start).fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    if let Some(place) = bytes.get_mut(at) {
        *place = place.wrapping_sub(sum);
    }
}

/// A UUID that follows from the machine's name: the same at each start, another for each name (RFC 9562, version 8).
pub(super) fn uuid_of(name: &str) -> [u8; 16] {
    const SEEDS: [u64; 2] = [0xCBF2_9CE4_8422_2325, 0x9E37_79B9_7F4A_7C15];
    const PRIME: u64 = 0x0000_0100_0000_01B3;
    let mut uuid = [0; 16];
    for (half, seed) in uuid.chunks_exact_mut(8).zip(SEEDS) {
        // FNV-1a, and a last round that brings all bits together.
        let hash = name.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
        let hash = (hash ^ hash >> 32).wrapping_mul(PRIME);
        half.copy_from_slice(&hash.to_be_bytes());
    }
    uuid[6] = uuid[6] & 0x0F | 0x80;
    uuid[8] = uuid[8] & 0x3F | 0x80;
    uuid
}
