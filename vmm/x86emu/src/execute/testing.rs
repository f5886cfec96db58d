//! A platform for tests.

pub(crate) use crate::testing::TestProcessor;
use crate::*;
use base_units::Gpa;
use std::vec::Vec;
use vmm_bus::{AccessSize, FlatMemory};

/// RAM of the test machine; device memory is everything else.
const RAM_BYTES: usize = 0x1_0000;
pub(super) const DEVICE: u64 = 0x10_0000;

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
