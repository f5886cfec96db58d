//! Events: bells.

use super::object;
use crate::handle::OwnedHandle;
use crate::syscall::{call0, call1};
use abi::{Error, Syscall};

/// A bell that is rung and waited for through a port ([`abi::Signals::SIGNALLED`]).
#[derive(Debug)]
pub struct Event(pub(crate) OwnedHandle);
object!(Event);

impl Event {
    /// Makes an event.
    pub fn create() -> Result<Self, Error> {
        // SAFETY: the call takes no pointers.
        let (raw, _) = unsafe { call0(Syscall::EventCreate) }?;
        OwnedHandle::made(raw).map(Self)
    }

    /// Rings it.
    pub fn signal(&self) -> Result<(), Error> {
        // SAFETY: the call takes no pointers.
        unsafe { call1(Syscall::EventSignal, self.0.raw()) }?;
        Ok(())
    }
}
