//! Timers.

use super::object;
use crate::handle::OwnedHandle;
use crate::syscall::{call0, call3};
use abi::{Error, Syscall};
use base_units::Nanos;

/// Fires at points of the monotonic clock; waited for through a port ([`abi::Signals::FIRED`]).
#[derive(Debug)]
pub struct Timer(pub(crate) OwnedHandle);
object!(Timer);

impl Timer {
    /// Makes a timer that is not armed.
    pub fn create() -> Result<Self, Error> {
        // SAFETY: the call takes no pointers.
        let (raw, _) = unsafe { call0(Syscall::TimerCreate) }?;
        OwnedHandle::made(raw).map(Self)
    }

    /// Arms it to fire once, at `deadline`.
    pub fn set(&self, deadline: Nanos) -> Result<(), Error> {
        self.set_periodic(deadline, Nanos::ZERO)
    }

    /// Arms it to fire at `first` and then every `period`.
    pub fn set_periodic(&self, first: Nanos, period: Nanos) -> Result<(), Error> {
        // SAFETY: the call takes no pointers.
        unsafe { call3(Syscall::TimerSet, self.0.raw(), first.raw(), period.raw()) }?;
        Ok(())
    }

    /// Disarms it.
    pub fn cancel(&self) -> Result<(), Error> {
        self.set(Nanos::MAX)
    }
}
