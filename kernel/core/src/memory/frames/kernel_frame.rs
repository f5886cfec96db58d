//! A frame of ring 0's own.

use crate::machine::Machine;
use base_units::Hpa;
use core::marker::PhantomData;

/// A 4 KiB frame that ring 0 can reach through [`Machine::read_entry`] and the like. Whoever has this is
/// its only owner; it is freed when dropped.
pub struct KernelFrame<M: Machine> {
    address: Hpa,
    _machine: PhantomData<fn() -> M>,
}

impl<M: Machine> KernelFrame<M> {
    pub(super) fn new(address: Hpa) -> Self {
        Self { address, _machine: PhantomData }
    }

    /// Where it is.
    #[inline]
    pub fn address(&self) -> Hpa {
        self.address
    }

    /// Gives the address for keeping; [`KernelFrame::adopt`] makes it a frame again.
    pub(in crate::memory) fn into_address(self) -> Hpa {
        let address = self.address;
        core::mem::forget(self);
        address
    }

    /// The frame that [`KernelFrame::into_address`] gave away.
    pub(in crate::memory) fn adopt(address: Hpa) -> Self {
        Self::new(address)
    }
}

impl<M: Machine> Drop for KernelFrame<M> {
    fn drop(&mut self) {
        M::frames().free_kernel_frame(self.address);
    }
}
