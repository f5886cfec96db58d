//! The machine around the processor.

use base_units::Gpa;
use vmm_bus::{AccessSize, GuestMemory};

/// Memory, devices and ports, as an emulated instruction reaches them.
pub trait Platform {
    /// Memory of the guest.
    type Memory: GuestMemory + ?Sized;

    /// What the guest may read and write without a device: page tables are read there and nowhere else.
    fn memory(&self) -> &Self::Memory;

    /// What it may read without a device, ROM included: instructions are read there and nowhere else.
    fn code(&self) -> &Self::Memory {
        self.memory()
    }

    /// Reads device memory. The access lies within one page and may be unaligned.
    fn read_device(&mut self, at: Gpa, size: AccessSize) -> u64;

    /// Writes device memory, within one page.
    fn write_device(&mut self, at: Gpa, size: AccessSize, value: u64);

    /// Reads a port; `size` is at most four bytes.
    fn read_port(&mut self, port: u16, size: AccessSize) -> u32;

    /// Reads a port again and again, for a repeated INS: `into` holds whole elements of `size` bytes.
    fn read_port_string(&mut self, port: u16, size: AccessSize, into: &mut [u8]) {
        size.fill(into, || u64::from(self.read_port(port, size)));
    }

    /// Writes a port; `size` is at most four bytes.
    fn write_port(&mut self, port: u16, size: AccessSize, value: u32);
}
