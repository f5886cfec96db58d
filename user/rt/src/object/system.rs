//! The authority over the machine.

use super::{object, out_argument};
use crate::handle::OwnedHandle;
use crate::syscall::call2;
use abi::{Error, PowerAction, Syscall, SystemStats};
use zerocopy::FromZeros;

/// The authority over the machine: hardware resources, power, statistics.
#[derive(Debug)]
pub struct System(pub(crate) OwnedHandle);
object!(System);

impl System {
    /// Turns the machine off or resets it. Returns only when that is refused.
    pub fn power(&self, action: PowerAction) -> Error {
        // SAFETY: the call takes no pointers.
        match unsafe { call2(Syscall::SystemPower, self.0.raw(), action as u64) } {
            Ok(_) => Error::BadState,
            Err(error) => error,
        }
    }

    /// Figures of the machine.
    pub fn stats(&self) -> Result<SystemStats, Error> {
        let mut stats = SystemStats::new_zeroed();
        // SAFETY: the structure is writable and any bytes are a valid value of it.
        unsafe { call2(Syscall::SystemStats, self.0.raw(), out_argument(&mut stats)) }?;
        Ok(stats)
    }
}
