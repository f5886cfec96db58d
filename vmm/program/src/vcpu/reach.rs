//! The machine as an emulated instruction reaches it.

use crate::{machine::Machine, vm::Vm};
use base_units::Gpa;
use vmm_bus::AccessSize;
use vmm_memory::MappedRam;
use vmm_x86emu::Platform;

/// The VM with its devices locked.
pub(crate) struct Reach<'a> {
    pub(crate) vm: &'a Vm,
    pub(crate) machine: &'a mut Machine,
}

impl Platform for Reach<'_> {
    type Memory = MappedRam;

    #[inline]
    fn memory(&self) -> &MappedRam {
        self.machine.memory_as_seen().unwrap_or(self.vm.ram.memory())
    }

    #[inline]
    fn code(&self) -> &MappedRam {
        self.machine.code_as_seen().unwrap_or(self.vm.ram.memory())
    }

    #[inline]
    fn read_device(&mut self, at: Gpa, size: AccessSize) -> u64 {
        self.machine.read_memory(self.vm, at, size)
    }

    #[inline]
    fn write_device(&mut self, at: Gpa, size: AccessSize, value: u64) {
        self.machine.write_memory(self.vm, at, size, value);
    }

    fn read_port(&mut self, port: u16, size: AccessSize) -> u32 {
        self.machine.read_port(self.vm, port, size)
    }

    fn read_port_string(&mut self, port: u16, size: AccessSize, into: &mut [u8]) {
        self.machine.read_port_string(self.vm, port, size, into);
    }

    fn write_port(&mut self, port: u16, size: AccessSize, value: u32) {
        self.machine.write_port(self.vm, port, size, value);
    }
}
