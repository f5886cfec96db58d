//! The emulator's view of a state, in 64-bit mode without page tables.

use base_units::Gpa;
use std::cell::RefCell;
use test_instructions::{FLAGS, State};
use vmm_bus::{AccessSize, FlatMemory};
use vmm_x86emu::{
    Beyond, FullProcessor, Platform, Processor, Segment, SegmentRegister, SystemSegment, Table, TableRegister,
};

/// Registers.
pub(crate) struct Cpu {
    state: State,
    rip: u64,
}

impl Cpu {
    pub(crate) fn new(state: &State) -> Self {
        Self { state: State { flags: state.flags & FLAGS | 2, ..*state }, rip: 0x1000 }
    }

    pub(crate) fn state(&self) -> State {
        State { flags: self.state.flags & FLAGS, ..self.state }
    }
}

impl Processor for Cpu {
    fn register(&self, index: usize) -> u64 {
        self.state.registers[index]
    }
    fn set_register(&mut self, index: usize, value: u64) {
        self.state.registers[index] = value;
    }
    fn instruction_pointer(&self) -> u64 {
        self.rip
    }
    fn set_instruction_pointer(&mut self, value: u64) {
        self.rip = value;
    }
    fn flags(&self) -> u64 {
        self.state.flags
    }
    fn set_flags(&mut self, value: u64) {
        self.state.flags = value;
    }
    fn cr0(&self) -> u64 {
        1
    }
    fn cr3(&self) -> u64 {
        0
    }
    fn cr4(&self) -> u64 {
        1 << 9 | 1 << 18
    }
    fn efer(&self) -> u64 {
        1 << 10
    }
    fn segment_base(&self, _: SegmentRegister) -> u64 {
        0
    }
    fn code_attributes(&self) -> u16 {
        1 << 9
    }
    fn privilege_level(&self) -> u8 {
        3
    }
}

/// Nothing that these tests run reaches the system's registers.
impl FullProcessor for Cpu {
    fn segment(&self, _: SegmentRegister) -> Segment {
        Segment::default()
    }
    fn set_segment(&mut self, _: SegmentRegister, _: Segment) {}
    fn system_segment(&self, _: SystemSegment) -> Segment {
        Segment::default()
    }
    fn set_system_segment(&mut self, _: SystemSegment, _: Segment) {}
    fn table(&self, _: Table) -> TableRegister {
        TableRegister::default()
    }
    fn set_table(&mut self, _: Table, _: TableRegister) {}
    fn set_cr0(&mut self, _: u64) {}
    fn set_cr3(&mut self, _: u64) {}
    fn debug_status(&self) -> u64 {
        0
    }
    fn set_debug_status(&mut self, _: u64) {}
    fn debug_control(&self) -> u64 {
        0
    }
    fn set_debug_control(&mut self, _: u64) {}
    fn xcr0(&self) -> u64 {
        7
    }
    fn vector(&self, index: u8) -> Option<[u64; 4]> {
        self.state.vectors.get(usize::from(index)).copied()
    }
    fn set_vector(&mut self, index: u8, value: [u64; 4], _: Beyond) {
        self.state.vectors[usize::from(index)] = value;
    }
}

/// Device memory that behaves as RAM. There is no RAM.
pub(crate) struct Device {
    none: FlatMemory,
    start: Gpa,
    bytes: RefCell<Vec<u8>>,
}

impl Device {
    pub(crate) fn new(start: Gpa, content: &[u8]) -> Self {
        Self { none: FlatMemory::new(Gpa::new(0), 0), start, bytes: RefCell::new(content.to_vec()) }
    }

    pub(crate) fn content(&self) -> Vec<u8> {
        self.bytes.borrow().clone()
    }

    fn range(&self, at: Gpa, size: AccessSize) -> std::ops::Range<usize> {
        let first = at.offset_from(self.start).expect("an access before the operand") as usize;
        first..first + size.bytes() as usize
    }
}

impl Platform for Device {
    type Memory = FlatMemory;

    fn memory(&self) -> &FlatMemory {
        &self.none
    }

    fn read_device(&mut self, at: Gpa, size: AccessSize) -> u64 {
        let mut word = [0; 8];
        let range = self.range(at, size);
        word[..range.len()].copy_from_slice(&self.bytes.borrow()[range.clone()]);
        u64::from_le_bytes(word)
    }

    fn write_device(&mut self, at: Gpa, size: AccessSize, value: u64) {
        let range = self.range(at, size);
        let length = range.len();
        self.bytes.borrow_mut()[range].copy_from_slice(&value.to_le_bytes()[..length]);
    }

    fn read_port(&mut self, _: u16, _: AccessSize) -> u32 {
        unreachable!("no instruction here reaches ports")
    }

    fn write_port(&mut self, _: u16, _: AccessSize, _: u32) {
        unreachable!("no instruction here reaches ports")
    }
}
