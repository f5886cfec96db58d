//! Scheduling groups.

use super::{in_argument, object, out_argument};
use crate::handle::OwnedHandle;
use crate::syscall::call2;
use abi::{Error, GroupInfo, GroupLimits, Syscall};
use zerocopy::FromZeros;

/// CPU and memory shares of a set of processes and guests.
#[derive(Debug)]
pub struct Group(pub(crate) OwnedHandle);
object!(Group);

impl Group {
    /// Makes a group below this one.
    pub fn create_child(&self, limits: &GroupLimits) -> Result<Self, Error> {
        // SAFETY: the structure is readable.
        let (raw, _) = unsafe { call2(Syscall::GroupCreate, self.0.raw(), in_argument(limits)) }?;
        OwnedHandle::made(raw).map(Self)
    }

    /// Changes its limits.
    pub fn set_limits(&self, limits: &GroupLimits) -> Result<(), Error> {
        // SAFETY: the structure is readable.
        unsafe { call2(Syscall::GroupSet, self.0.raw(), in_argument(limits)) }?;
        Ok(())
    }

    /// What it uses.
    pub fn info(&self) -> Result<GroupInfo, Error> {
        let mut info = GroupInfo::new_zeroed();
        // SAFETY: the structure is writable and any bytes are a valid value of it.
        unsafe { call2(Syscall::GroupInfo, self.0.raw(), out_argument(&mut info)) }?;
        Ok(info)
    }
}
