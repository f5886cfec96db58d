//! A processor and a platform for tests.

use crate::*;
use base_units::Gpa;
use std::vec::Vec;
use vmm_bus::{AccessSize, FlatMemory};

/// RAM of the test machine; device memory is everything else.
const RAM_BYTES: usize = 0x1_0000;
pub(super) const DEVICE: u64 = 0x10_0000;

/// A processor as plain values: 64-bit mode without page tables, as far as this crate can tell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TestProcessor {
    pub(crate) registers: [u64; 16],
    pub(crate) rip: u64,
    pub(crate) flags: u64,
    pub(crate) cr0: u64,
    pub(crate) cr3: u64,
    pub(crate) cr4: u64,
    pub(crate) efer: u64,
    pub(crate) bases: [u64; 6],
    pub(crate) code_attributes: u16,
    pub(crate) level: u8,
    pub(crate) limits: [u32; 6],
    pub(crate) attributes: [u16; 6],
    pub(crate) selectors: [u16; 6],
    pub(crate) system: [Segment; 2],
    pub(crate) tables: [TableRegister; 2],
    pub(crate) debug: [u64; 2],
    pub(crate) xcr0: u64,
    pub(crate) vectors: [[u64; 4]; 16],
    pub(crate) beyond: [Option<Beyond>; 16],
}

impl TestProcessor {
    pub(crate) fn new(mode: Mode) -> Self {
        let (cr0, efer, code_attributes) = match mode {
            Mode::Bits16 => (0, 0, 0),
            Mode::Bits32 => (1, 0, 1 << 10),
            Mode::Bits64 => (1, 1 << 10, 1 << 9),
        };
        Self {
            registers: [0; 16],
            rip: 0x1000,
            flags: 2,
            cr0,
            cr3: 0,
            cr4: 0,
            efer,
            bases: [0; 6],
            code_attributes,
            level: 0,
            limits: [u32::MAX; 6],
            attributes: [0xC93, 0x09B | code_attributes, 0xC93, 0xC93, 0xC93, 0xC93],
            selectors: [0x10, 8, 0x10, 0x10, 0x10, 0x10],
            system: [Segment::default(); 2],
            tables: [TableRegister::default(); 2],
            debug: [0; 2],
            xcr0: 7,
            vectors: [[0; 4]; 16],
            beyond: [None; 16],
        }
    }
}

impl Processor for TestProcessor {
    fn register(&self, index: usize) -> u64 {
        self.registers[index]
    }
    fn set_register(&mut self, index: usize, value: u64) {
        self.registers[index] = value;
    }
    fn instruction_pointer(&self) -> u64 {
        self.rip
    }
    fn set_instruction_pointer(&mut self, value: u64) {
        self.rip = value;
    }
    fn flags(&self) -> u64 {
        self.flags
    }
    fn set_flags(&mut self, value: u64) {
        self.flags = value;
    }
    fn cr0(&self) -> u64 {
        self.cr0
    }
    fn cr3(&self) -> u64 {
        self.cr3
    }
    fn cr4(&self) -> u64 {
        self.cr4
    }
    fn efer(&self) -> u64 {
        self.efer
    }
    fn segment_base(&self, segment: SegmentRegister) -> u64 {
        self.bases[segment as usize]
    }
    fn code_attributes(&self) -> u16 {
        self.code_attributes
    }
    fn privilege_level(&self) -> u8 {
        self.level
    }
}

impl FullProcessor for TestProcessor {
    fn segment(&self, segment: SegmentRegister) -> Segment {
        let index = segment as usize;
        Segment {
            selector: self.selectors[index],
            attributes: self.attributes[index],
            limit: self.limits[index],
            base: self.bases[index],
        }
    }
    fn set_segment(&mut self, segment: SegmentRegister, value: Segment) {
        let index = segment as usize;
        (self.selectors[index], self.attributes[index]) = (value.selector, value.attributes);
        (self.limits[index], self.bases[index]) = (value.limit, value.base);
        match segment {
            SegmentRegister::Cs => self.code_attributes = value.attributes,
            SegmentRegister::Ss => self.level = value.level(),
            _ => {}
        }
    }
    fn system_segment(&self, segment: SystemSegment) -> Segment {
        self.system[segment as usize]
    }
    fn set_system_segment(&mut self, segment: SystemSegment, value: Segment) {
        self.system[segment as usize] = value;
    }
    fn table(&self, table: Table) -> TableRegister {
        self.tables[table as usize]
    }
    fn set_table(&mut self, table: Table, value: TableRegister) {
        self.tables[table as usize] = value;
    }
    fn set_cr0(&mut self, value: u64) {
        self.cr0 = value;
    }
    fn set_cr3(&mut self, value: u64) {
        self.cr3 = value;
    }
    fn debug_status(&self) -> u64 {
        self.debug[0]
    }
    fn set_debug_status(&mut self, value: u64) {
        self.debug[0] = value;
    }
    fn debug_control(&self) -> u64 {
        self.debug[1]
    }
    fn set_debug_control(&mut self, value: u64) {
        self.debug[1] = value;
    }
    fn xcr0(&self) -> u64 {
        self.xcr0
    }
    fn vector(&self, index: u8) -> Option<[u64; 4]> {
        self.vectors.get(usize::from(index)).copied()
    }
    fn set_vector(&mut self, index: u8, value: [u64; 4], beyond: Beyond) {
        self.vectors[usize::from(index)] = value;
        self.beyond[usize::from(index)] = Some(beyond);
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Access {
    Read(u64, u64),
    Write(u64, u64, u64),
    Input(u16, u64),
    Output(u16, u64, u32),
}

/// RAM, and a device whose answers count up from a start value.
pub(crate) struct TestPlatform {
    pub(super) memory: FlatMemory,
    pub(super) log: Vec<Access>,
    pub(super) answer: u64,
}

impl TestPlatform {
    pub(crate) fn new() -> Self {
        let memory = FlatMemory::new(Gpa::new(0), RAM_BYTES);
        Self { memory, log: Vec::new(), answer: 0x8877_6655_4433_2211 }
    }
}

impl Platform for TestPlatform {
    type Memory = FlatMemory;

    fn memory(&self) -> &FlatMemory {
        &self.memory
    }
    fn read_device(&mut self, at: Gpa, size: AccessSize) -> u64 {
        self.log.push(Access::Read(at.raw(), size.bytes()));
        self.answer += 1;
        size.cut(self.answer - 1)
    }
    fn write_device(&mut self, at: Gpa, size: AccessSize, value: u64) {
        self.log.push(Access::Write(at.raw(), size.bytes(), value));
    }
    fn read_port(&mut self, port: u16, size: AccessSize) -> u32 {
        self.log.push(Access::Input(port, size.bytes()));
        self.answer += 1;
        size.cut(self.answer - 1) as u32
    }
    fn write_port(&mut self, port: u16, size: AccessSize, value: u32) {
        self.log.push(Access::Output(port, size.bytes(), value));
    }
}

pub(crate) fn instruction(code: &[u8]) -> InstructionBytes {
    let mut bytes = [0; 16];
    bytes[..code.len()].copy_from_slice(code);
    InstructionBytes::new(bytes, code.len() as u8)
}

/// Runs one instruction in 64-bit mode with RDI at the device.
pub(super) fn run(code: &[u8], prepare: impl Fn(&mut TestProcessor)) -> (TestProcessor, TestPlatform) {
    let (mut cpu, mut platform) = (TestProcessor::new(Mode::Bits64), TestPlatform::new());
    cpu.registers[7] = DEVICE;
    prepare(&mut cpu);
    assert_eq!(emulate(&mut cpu, &mut platform, &instruction(code)), Ok(Progress::Done));
    assert_eq!(cpu.rip, 0x1000 + code.len() as u64);
    (cpu, platform)
}
