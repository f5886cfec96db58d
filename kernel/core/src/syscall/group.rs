//! Calls on groups.

use super::{Call, NOTHING, Outcome};
use crate::group::Group;
use crate::machine::Machine;
use crate::object::Object;
use abi::{GroupLimits, Rights};
use alloc::sync::Arc;

/// `(parent, ptr) -> group`
pub(super) fn create<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let parent: Arc<Group> = call.object(0, Rights::CREATE)?;
    let limits: GroupLimits = call.read(1)?;
    call.add(Object::Group(Group::below(&parent, &limits)?), Rights::all())
}

/// `(group, ptr)`
pub(super) fn set<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let group: Arc<Group> = call.object(0, Rights::CONTROL)?;
    let limits: GroupLimits = call.read(1)?;
    group.set(&limits)?;
    M::kernel().announce_limits();
    NOTHING
}

/// `(group, ptr)`
pub(super) fn info<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let group: Arc<Group> = call.object(0, Rights::READ)?;
    let mut info = group.info();
    info.cpu_ns = M::kernel().used_ns(|| group.info().cpu_ns, |occupant| occupant.is_of(&group));
    call.write(1, &info)
}
