//! The scheduling group that pays for this program's own memory: heap and stacks.

use crate::object::{Group, Object};
use abi::{Handle, ObjectKind, Rights};
use core::sync::atomic::{AtomicU32, Ordering};

/// The number of the group's handle, which is never closed.
static OWN: AtomicU32 = AtomicU32::new(Handle::NONE.0);

/// The group, as system calls name it; [`Handle::NONE`] before there is one, which calls refuse.
pub(crate) fn own() -> u64 {
    u64::from(OWN.load(Ordering::Relaxed))
}

/// Lets `group` pay for heap and stacks from now on. The start-up code does this with the first group in
/// the start message, so only programs that get none there need it.
pub fn set_own(group: Group) {
    OWN.store(group.into_handle().into_raw(), Ordering::Relaxed);
}

/// Takes a second handle to the first group among `handles`.
pub(crate) fn adopt_first(handles: &[crate::handle::OwnedHandle]) {
    let is_group = |handle: &&crate::handle::OwnedHandle| {
        handle.info().is_ok_and(|(kind, _)| kind == Some(ObjectKind::Group))
    };
    let Some(handle) = handles.iter().find(is_group) else { return };
    if let Ok(second) = handle.duplicate(Rights::CREATE | Rights::DUPLICATE | Rights::READ) {
        set_own(Group::from_handle(second));
    }
}
