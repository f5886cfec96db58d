//! Calls on guests.

use super::process::unmap_part;
use super::{Call, NOTHING, Outcome};
use crate::group::Group;
use crate::ipc::Event;
use crate::machine::Machine;
use crate::memory::{MemoryObject, Permissions};
use crate::object::Object;
use crate::vcpu::Guest;
use abi::{DoorbellKind, Error, GuestMapFlags, Handle, Rights};
use alloc::sync::Arc;
use base_units::Gpa;

/// `(group) -> guest`
pub(super) fn create<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let group: Arc<Group> = call.object(0, Rights::CREATE)?;
    if M::system_info().virtualization == 0 {
        return Err(Error::Unsupported);
    }
    let guest = Guest::new(&group)?;
    call.add(Object::Guest(guest), Rights::all())
}

/// `(guest, memory, offset, len, gpa, flags)`
pub(super) fn map<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let guest: Arc<Guest<M>> = call.object(0, Rights::WRITE)?;
    let flags = GuestMapFlags::from_bits(call.argument(5)).ok_or(Error::BadArgument)?;
    let permissions = Permissions {
        write: flags.contains(GuestMapFlags::WRITE),
        execute: flags.contains(GuestMapFlags::EXECUTE),
    };
    let mut rights = Rights::MAP | Rights::READ;
    rights.set(Rights::WRITE, permissions.write);
    let memory: Arc<MemoryObject<M>> = call.object(1, rights)?;
    let gpa = Gpa::new(call.argument(4));
    guest.space().map(memory, call.argument(2), call.argument(3), Some(gpa), permissions)?;
    NOTHING
}

/// `(guest, gpa, len)`
pub(super) fn unmap<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let guest: Arc<Guest<M>> = call.object(0, Rights::WRITE)?;
    let (start, bytes) = (call.argument(1), call.argument(2));
    unmap_part(call, bytes, |done| guest.space().unmap_some(Gpa::new(start + done), bytes - done))
}

/// `(guest, kind, address, len, event)`
pub(super) fn doorbell<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let guest: Arc<Guest<M>> = call.object(0, Rights::WRITE)?;
    let kind = DoorbellKind::from_raw(call.argument(1)).ok_or(Error::BadArgument)?;
    let (address, length) = (call.argument(2), call.argument(3));
    if call.handle(4) == Handle::NONE {
        guest.remove_doorbell(kind, address, length)?;
        return NOTHING;
    }
    let event: Arc<Event<M>> = call.object(4, Rights::SIGNAL)?;
    guest.add_doorbell(kind, address, length, event)?;
    NOTHING
}

/// `(guest, address, data)`
pub(super) fn interrupt<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let guest: Arc<Guest<M>> = call.object(0, Rights::SIGNAL)?;
    guest.interrupt(call.argument(1), call.argument(2))?;
    NOTHING
}
