//! The scheduling group that pays for this program's own memory: heap and stacks.

use crate::handle::OwnedHandle;
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
pub(crate) fn adopt_first(handles: &[OwnedHandle]) {
    let is_group =
        |handle: &&OwnedHandle| handle.info().is_ok_and(|(kind, _)| kind == Some(ObjectKind::Group));
    let Some(handle) = handles.iter().find(is_group) else { return };
    match handle.duplicate(Rights::CREATE) {
        Ok(second) => set_own(Group::from_handle(second)),
        Err(error) => crate::log_line(format_args!("no memory beyond the first heap: {error:?}")),
    }
}
