//! A vCPU on whichever hardware the machine has.

use super::guest::Guest;
use super::hardware::{Facts, VirtualCpu};
use super::processor::Vcpu;
use super::run::{Outcome, RunHost};
use super::shared::{VcpuShared, Wake};
use crate::machine::Machine;
use abi::{Error, StateKind};
use alloc::sync::Arc;
use base_units::Hpa;

/// What threads and calls need of a vCPU.
///
/// [`Vcpu`] is one for each backend. A machine with several backends has an enum of such vCPUs here, so that
/// which one it is is asked once in each call and never while the guest runs.
pub trait AnyVcpu<M: Machine>: Sized + Send {
    /// What this machine's virtualisation can do.
    fn facts() -> Facts;
    /// See [`Vcpu::new`].
    ///
    /// # Errors
    /// `NoMemory`, `Exists`, `LimitReached`, `BadArgument`.
    fn new(guest: Arc<Guest<M>>, apic_id: u32, page: Hpa, wake: Arc<dyn Wake>) -> Result<Self, Error>;
    /// See [`Vcpu::shared`].
    fn shared(&self) -> &Arc<VcpuShared<M>>;
    /// See [`Vcpu::extended`].
    fn extended(&mut self) -> &mut M::Extended;
    /// See [`Vcpu::account_wait`].
    fn account_wait(&mut self, nanos: u64);
    /// See [`Vcpu::run`].
    fn run<H: RunHost>(&mut self, host: &mut H) -> Outcome;
    /// See [`Vcpu::read`].
    ///
    /// # Errors
    /// `BadArgument`, `BufferTooSmall`, `LimitReached`, `Unsupported`.
    fn read(&mut self, kind: StateKind, buffer: &mut [u8]) -> Result<usize, Error>;
    /// See [`Vcpu::write`].
    ///
    /// # Errors
    /// `BadArgument`, `LimitReached`, `NoMemory`.
    fn write(&mut self, kind: StateKind, bytes: &[u8]) -> Result<(), Error>;
}

impl<M: Machine, V: VirtualCpu<M>> AnyVcpu<M> for Vcpu<M, V> {
    fn facts() -> Facts {
        V::facts()
    }

    fn new(guest: Arc<Guest<M>>, apic_id: u32, page: Hpa, wake: Arc<dyn Wake>) -> Result<Self, Error> {
        Vcpu::new(guest, apic_id, page, wake)
    }

    fn shared(&self) -> &Arc<VcpuShared<M>> {
        Vcpu::shared(self)
    }

    #[inline]
    fn extended(&mut self) -> &mut M::Extended {
        Vcpu::extended(self)
    }

    fn account_wait(&mut self, nanos: u64) {
        Vcpu::account_wait(self, nanos);
    }

    #[inline(always)]
    fn run<H: RunHost>(&mut self, host: &mut H) -> Outcome {
        Vcpu::run(self, host)
    }

    fn read(&mut self, kind: StateKind, buffer: &mut [u8]) -> Result<usize, Error> {
        Vcpu::read(self, kind, buffer)
    }

    fn write(&mut self, kind: StateKind, bytes: &[u8]) -> Result<(), Error> {
        Vcpu::write(self, kind, bytes)
    }
}
