//! The emulator's view of a state, in 64-bit mode without page tables.

use base_units::Gpa;
use std::cell::RefCell;
use test_instructions::{FLAGS, State};
use vmm_bus::{AccessSize, FlatMemory};
use vmm_x86emu::{Mode, Platform, testing::TestProcessor};

/// A program in 64-bit mode that may use AVX.
pub(crate) fn processor(state: &State) -> TestProcessor {
    let mut cpu = TestProcessor::new(Mode::Bits64);
    (cpu.registers, cpu.flags) = (state.registers, state.flags & FLAGS | 2);
    (cpu.level, cpu.cr4) = (3, 1 << 9 | 1 << 18);
    for (register, value) in cpu.vectors.iter_mut().zip(state.vectors) {
        *register = value;
    }
    cpu
}

/// What the processor has become.
pub(crate) fn state(cpu: &TestProcessor) -> State {
    let [first, second, third, fourth, ..] = cpu.vectors;
    let vectors = [first, second, third, fourth];
    State { registers: cpu.registers, flags: cpu.flags & FLAGS, reserved: 0, vectors }
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
