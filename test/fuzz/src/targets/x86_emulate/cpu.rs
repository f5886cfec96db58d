//! Registers and memory around one instruction.

use crate::Input;
use base_units::Gpa;
use vmm_bus::{AccessSize, FlatMemory, GuestMemory};
use vmm_x86emu::{Mode, Platform, Segment, TableRegister, testing::TestProcessor};

/// RAM, from address 0 on. Behind it there are devices.
pub(super) const MEMORY_BYTES: usize = 0x1_0000;
/// Tables that map the first GiB to itself: of long mode with four levels, ...
const TABLE_4: u64 = 0x1000;
/// ... with five, ...
const TABLE_5: u64 = 0x6000;
/// ... with 32-bit entries, ...
const TABLE_LEGACY: u64 = 0x4000;
/// ... and with three levels. All but the legacy one share the last two levels.
const TABLE_EXTENDED: u64 = 0x5000;
const POINTERS: u64 = 0x2000;
const DIRECTORY: u64 = 0x3000;
/// Instructions lie from here on.
const CODE: u64 = 0x8000;
/// Changes to page tables at the most.
const CHANGES_MAX: u8 = 8;

/// CR0: protection and paging.
const PE: u64 = 1;
const PG: u64 = 1 << 31;
/// CR4.
const PSE: u64 = 1 << 4;
const PAE: u64 = 1 << 5;
const LA57: u64 = 1 << 12;
/// EFER: long mode enabled and active, no-execute.
const LONG: u64 = 0xD00;
/// CS: 64-bit, 32-bit.
const CODE_64: u16 = 1 << 9;
const CODE_32: u16 = 1 << 10;
/// Attributes of flat data, and of code without its width.
const FLAT: u16 = 0xC93;
const CODE_FLAT: u16 = 0x89B;

/// Takes a mode and registers.
pub(super) fn take_processor(input: &mut Input<'_>) -> TestProcessor {
    let (control, efer, code) = match input.u8() % 8 {
        0 => ([PE | PG, TABLE_4, PAE], LONG, CODE_64),
        1 => ([PE, 0, 0], 0, CODE_32),
        2 => ([0, 0, 0], 0, 0),
        3 => ([PE | PG, TABLE_LEGACY, PSE], 0, CODE_32),
        4 => ([PE | PG, TABLE_EXTENDED, PAE], 0, CODE_32),
        5 => ([PE | PG, TABLE_4, PAE], LONG, CODE_32),
        6 => ([PE, 0, 0], 0, 0),
        _ => ([PE | PG, TABLE_5, PAE | LA57], LONG, CODE_64),
    };
    let (protections, level) = (input.u8(), input.u8());
    let bit = |bit: u8, value: u64| if protections & bit != 0 { value } else { 0 };
    let [cr0, cr3, cr4] = control;
    let flags = 2 | u64::from(input.u16()) & 0xCD5 | bit(8, 1 << 18);
    let rip = CODE + u64::from(input.u16()) % 0x2000;
    let mut registers = [0; 16];
    registers.iter_mut().for_each(|register| *register = value(input));
    let mut bases = [0; 6];
    if protections & 16 != 0 {
        // CS stays at zero, so that RIP says where the instruction is.
        bases
            .iter_mut()
            .enumerate()
            .filter(|(index, _)| *index != 1)
            .for_each(|(_, base)| *base = value(input));
    }
    let mut cpu = TestProcessor {
        registers,
        rip,
        flags,
        cr0: cr0 | bit(1, 1 << 16),
        cr3,
        cr4: cr4 | bit(2, 1 << 20) | bit(4, 1 << 21),
        efer,
        bases,
        code_attributes: code,
        level: if level & 1 == 0 { 0 } else { 3 },
        attributes: [FLAT, CODE_FLAT | code, FLAT, FLAT, FLAT, FLAT],
        selectors: [0x10; 6],
        ..TestProcessor::new(Mode::Bits64)
    };
    if protections & 32 != 0 {
        take_segments(&mut cpu, input);
    }
    if protections & 64 != 0 {
        take_system(&mut cpu, input);
    }
    cpu
}

/// Takes what stands behind selectors. CS stays what it is.
fn take_segments(cpu: &mut TestProcessor, input: &mut Input<'_>) {
    for index in [0, 2, 3, 4, 5] {
        cpu.limits[index] = value(input) as u32;
        cpu.attributes[index] = input.u16() & 0xFFF;
    }
}

/// Takes what only the system uses, and turns vectors on.
fn take_system(cpu: &mut TestProcessor, input: &mut Input<'_>) {
    cpu.cr4 |= 1 << 9 | 1 << 18;
    for table in &mut cpu.tables {
        *table = TableRegister { base: value(input), limit: input.u16() };
    }
    for segment in &mut cpu.system {
        let attributes = input.u16() & 0xFFF;
        *segment =
            Segment { selector: input.u16(), attributes, limit: value(input) as u32, base: value(input) };
    }
    cpu.vectors[0] = [input.u64(), input.u64(), input.u64(), input.u64()];
}

/// A number that may be a place: in RAM, at a device, at the end of either, or anything.
fn value(input: &mut Input<'_>) -> u64 {
    let kind = input.u8();
    match kind % 8 {
        0 => u64::from(input.u8()),
        1 => u64::from(input.u16()),
        2 | 3 => 0x10_0000 + u64::from(input.u16()),
        4 => 0xFF8 + 0x1000 * u64::from(kind >> 3) + u64::from(input.u8() & 15),
        5 => u64::from(input.u32()),
        6 => (i64::from(input.u16() as i16)) as u64,
        _ => input.u64(),
    }
}

/// RAM with page tables, some of whose entries the input changed.
pub(super) fn memory_for(input: &mut Input<'_>) -> Vec<u8> {
    let mut memory = vec![0; MEMORY_BYTES];
    let mut put = |at: u64, value: u64, bytes: usize| {
        memory[at as usize..at as usize + bytes].copy_from_slice(&value.to_le_bytes()[..bytes]);
    };
    put(TABLE_5, TABLE_4 | 7, 8);
    put(TABLE_4, POINTERS | 7, 8);
    put(POINTERS, DIRECTORY | 7, 8);
    put(TABLE_EXTENDED, DIRECTORY | 1, 8);
    for index in 0..512 {
        put(DIRECTORY + index * 8, index << 21 | 0x87, 8);
        put(TABLE_LEGACY + index * 4, index << 22 | 0x87, 4);
    }
    for _ in 0..input.u8() % CHANGES_MAX {
        let at = TABLE_4 + u64::from(input.u16()) * 8 % 0x6000;
        put(at, input.u64(), 8);
    }
    memory
}

/// An access to a device or a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Access {
    pub(super) at: u64,
    pub(super) port: Option<u16>,
    pub(super) size: AccessSize,
    pub(super) value: u64,
    pub(super) is_write: bool,
}

/// RAM, and everything else a device that remembers what was done to it.
pub(super) struct Accesses {
    memory: FlatMemory,
    pub(super) log: Vec<Access>,
}

impl Accesses {
    pub(super) fn new(content: Vec<u8>) -> Self {
        let memory = FlatMemory::new(Gpa::new(0), MEMORY_BYTES);
        assert_eq!(memory.write(Gpa::new(0), &content), Ok(()));
        Self { memory, log: Vec::new() }
    }

    pub(super) fn put_instruction(&self, at: u64, bytes: &[u8]) {
        assert_eq!(self.memory.write(Gpa::new(at), bytes), Ok(()));
    }

    pub(super) fn content(&self) -> Vec<u8> {
        let mut content = vec![0; MEMORY_BYTES];
        assert_eq!(self.memory.read(Gpa::new(0), &mut content), Ok(()));
        content
    }

    /// What a device says depends on the place only.
    fn answer(at: u64, size: AccessSize) -> u64 {
        size.cut(at.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29))
    }
}

impl Platform for Accesses {
    type Memory = FlatMemory;

    fn memory(&self) -> &FlatMemory {
        &self.memory
    }

    fn read_device(&mut self, at: Gpa, size: AccessSize) -> u64 {
        let value = Self::answer(at.raw(), size);
        self.log.push(Access { at: at.raw(), port: None, size, value, is_write: false });
        value
    }

    fn write_device(&mut self, at: Gpa, size: AccessSize, value: u64) {
        self.log.push(Access { at: at.raw(), port: None, size, value, is_write: true });
    }

    fn read_port(&mut self, port: u16, size: AccessSize) -> u32 {
        let value = Self::answer(u64::from(port), size);
        self.log.push(Access { at: 0, port: Some(port), size, value, is_write: false });
        value as u32
    }

    fn write_port(&mut self, port: u16, size: AccessSize, value: u32) {
        self.log.push(Access { at: 0, port: Some(port), size, value: u64::from(value), is_write: true });
    }
}
