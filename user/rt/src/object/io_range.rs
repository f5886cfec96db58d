//! Ranges of x86 I/O ports.

use super::{System, object};
use crate::handle::OwnedHandle;
use crate::syscall::{call3, call4};
use abi::{Error, Syscall};

/// A range of x86 I/O ports.
#[derive(Debug)]
pub struct IoRange(pub(crate) OwnedHandle);
object!(IoRange);

impl IoRange {
    /// Takes `count` ports from `first` on.
    pub fn create(system: &System, first: u16, count: u16) -> Result<Self, Error> {
        // SAFETY: the call takes no pointers.
        let (raw, _) =
            unsafe { call3(Syscall::IoCreate, system.0.raw(), u64::from(first), u64::from(count)) }?;
        OwnedHandle::made(raw).map(Self)
    }

    /// Reads one byte.
    pub fn read_u8(&self, port: u16) -> Result<u8, Error> {
        self.read(port, 1).map(|value| value as u8)
    }

    /// Reads two bytes.
    pub fn read_u16(&self, port: u16) -> Result<u16, Error> {
        self.read(port, 2).map(|value| value as u16)
    }

    /// Reads four bytes.
    pub fn read_u32(&self, port: u16) -> Result<u32, Error> {
        self.read(port, 4)
    }

    /// Writes one byte.
    pub fn write_u8(&self, port: u16, value: u8) -> Result<(), Error> {
        self.write(port, 1, u32::from(value))
    }

    /// Writes two bytes.
    pub fn write_u16(&self, port: u16, value: u16) -> Result<(), Error> {
        self.write(port, 2, u32::from(value))
    }

    /// Writes four bytes.
    pub fn write_u32(&self, port: u16, value: u32) -> Result<(), Error> {
        self.write(port, 4, value)
    }

    fn read(&self, port: u16, size: u64) -> Result<u32, Error> {
        // SAFETY: the call takes no pointers; devices behind ports given out do no DMA to our memory.
        let (value, _) = unsafe { call3(Syscall::IoRead, self.0.raw(), u64::from(port), size) }?;
        Ok(value as u32)
    }

    fn write(&self, port: u16, size: u64, value: u32) -> Result<(), Error> {
        // SAFETY: as for `read`.
        unsafe { call4(Syscall::IoWrite, self.0.raw(), u64::from(port), size, u64::from(value)) }?;
        Ok(())
    }
}
