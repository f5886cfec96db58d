//! Guests: guest-physical address spaces.

use super::vcpu::{Vcpu, VcpuRunner};
use super::{Event, Group, Memory, object};
use crate::handle::OwnedHandle;
use crate::syscall::{call1, call3, call5, call6};
use abi::{DoorbellKind, Error, GuestMapFlags, Handle, Syscall};
use base_units::Gpa;

/// A guest-physical address space and the interrupt fabric of its vCPUs.
#[derive(Debug)]
pub struct Guest(pub(crate) OwnedHandle);
object!(Guest);

impl Guest {
    /// Makes an empty guest paid for by `group`.
    pub fn create(group: &Group) -> Result<Self, Error> {
        // SAFETY: the call takes no pointers.
        let (raw, _) = unsafe { call1(Syscall::GuestCreate, group.0.raw()) }?;
        OwnedHandle::made(raw).map(Self)
    }

    /// Maps `bytes` of `memory` from `offset` on at `gpa`; all three are multiples of the page size.
    pub fn map(
        &self,
        memory: &Memory,
        offset: u64,
        bytes: u64,
        gpa: Gpa,
        flags: GuestMapFlags,
    ) -> Result<(), Error> {
        // SAFETY: the call takes no pointers. The guest can reach memory that is mapped here as well; the
        // program reaches it through `Mapping`, which expects it to change.
        unsafe {
            call6(Syscall::GuestMap, self.0.raw(), memory.0.raw(), offset, bytes, gpa.raw(), flags.bits())
        }?;
        Ok(())
    }

    /// Unmaps whole pages.
    pub fn unmap(&self, gpa: Gpa, bytes: u64) -> Result<(), Error> {
        // SAFETY: the call takes no pointers.
        unsafe { call3(Syscall::GuestUnmap, self.0.raw(), gpa.raw(), bytes) }?;
        Ok(())
    }

    /// Lets a guest write of `bytes` bytes to the port or address ring `event` instead of leaving the guest.
    pub fn set_doorbell(
        &self,
        kind: DoorbellKind,
        address: u64,
        bytes: u64,
        event: &Event,
    ) -> Result<(), Error> {
        self.doorbell(kind, address, bytes, event.0.raw())
    }

    /// Removes a doorbell.
    pub fn clear_doorbell(&self, kind: DoorbellKind, address: u64, bytes: u64) -> Result<(), Error> {
        self.doorbell(kind, address, bytes, u64::from(Handle::NONE.0))
    }

    fn doorbell(&self, kind: DoorbellKind, address: u64, bytes: u64, event: u64) -> Result<(), Error> {
        // SAFETY: the call takes no pointers.
        unsafe { call5(Syscall::GuestDoorbell, self.0.raw(), kind as u64, address, bytes, event) }?;
        Ok(())
    }

    /// Delivers a message-signalled interrupt.
    #[inline]
    pub fn interrupt(&self, msi_address: u64, msi_data: u32) -> Result<(), Error> {
        // SAFETY: the call takes no pointers.
        unsafe { call3(Syscall::GuestInterrupt, self.0.raw(), msi_address, u64::from(msi_data)) }?;
        Ok(())
    }

    /// Makes a vCPU that the calling thread runs. The first value may be shared with other threads, the
    /// second stays with this one.
    pub fn create_vcpu(&self, apic_id: u32) -> Result<(Vcpu, VcpuRunner), Error> {
        super::vcpu::create(self, apic_id)
    }
}
