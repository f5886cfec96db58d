//! Handles that are closed when they are dropped.

use crate::syscall::{call1, call2};
use abi::{Error, Handle, ObjectKind, Rights, Syscall};
use core::num::NonZeroU32;

/// A handle that this process holds. Having one proves that the number names an object here;
/// dropping it gives the object up.
#[derive(Debug, PartialEq, Eq)]
pub struct OwnedHandle(NonZeroU32);

impl OwnedHandle {
    /// Takes over the handle that the kernel answered. `None` for [`Handle::NONE`].
    pub(crate) fn from_raw(raw: u64) -> Option<Self> {
        u32::try_from(raw).ok().and_then(NonZeroU32::new).map(Self)
    }

    /// Takes over the handle that the kernel answered in a register of a call that makes one.
    pub(crate) fn made(raw: u64) -> Result<Self, Error> {
        Self::from_raw(raw).ok_or(Error::BadHandle)
    }

    /// The handle as system calls name it.
    #[inline(always)]
    pub(crate) fn raw(&self) -> u64 {
        u64::from(self.0.get())
    }

    /// The handle as messages name it.
    pub(crate) fn number(&self) -> Handle {
        Handle(self.0.get())
    }

    /// Forgets the handle without closing it, after it moved to another process or to the kernel's care.
    pub(crate) fn into_raw(self) -> u32 {
        let raw = self.0.get();
        core::mem::forget(self);
        raw
    }

    /// Makes another handle to the object with `rights`; `AccessDenied` if this one lacks some of them.
    pub fn duplicate(&self, rights: Rights) -> Result<Self, Error> {
        // SAFETY: the call takes no pointers.
        let (raw, _) = unsafe { call2(Syscall::HandleDuplicate, self.raw(), u64::from(rights.bits())) }?;
        Self::made(raw)
    }

    /// Makes another handle with all rights of this one.
    pub fn duplicate_all(&self) -> Result<Self, Error> {
        let (_, rights) = self.info()?;
        self.duplicate(rights)
    }

    /// What the handle names (`None`: a kind that this program does not know) and its rights.
    pub fn info(&self) -> Result<(Option<ObjectKind>, Rights), Error> {
        // SAFETY: the call takes no pointers.
        let (kind, rights) = unsafe { call1(Syscall::HandleInfo, self.raw()) }?;
        Ok((kind_from_raw(kind), Rights::from_bits_truncate(rights as u32)))
    }
}

impl Drop for OwnedHandle {
    fn drop(&mut self) {
        // SAFETY: the call takes no pointers. A refusal would mean that the handle is gone already,
        // which leaves nothing to do.
        let _ = unsafe { call1(Syscall::HandleClose, self.raw()) };
    }
}

/// The object kind with this number.
fn kind_from_raw(raw: u64) -> Option<ObjectKind> {
    const ALL: [ObjectKind; 14] = [
        ObjectKind::Process,
        ObjectKind::Thread,
        ObjectKind::Memory,
        ObjectKind::Guest,
        ObjectKind::Vcpu,
        ObjectKind::Channel,
        ObjectKind::Port,
        ObjectKind::Event,
        ObjectKind::Timer,
        ObjectKind::Interrupt,
        ObjectKind::IoRange,
        ObjectKind::Group,
        ObjectKind::Log,
        ObjectKind::System,
    ];
    ALL.into_iter().find(|kind| *kind as u64 == raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_known_by_its_number() {
        assert_eq!(kind_from_raw(1), Some(ObjectKind::Process));
        assert_eq!(kind_from_raw(14), Some(ObjectKind::System));
        assert_eq!(kind_from_raw(0), None);
        assert_eq!(kind_from_raw(15), None);
    }
}
