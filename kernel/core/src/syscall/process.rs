//! Calls on handles and processes.

use super::{Answer, Call, NOTHING, Outcome};
use crate::group::Group;
use crate::machine::Machine;
use crate::memory::{MemoryObject, Permissions};
use crate::object::Object;
use crate::process::{End, NAME_BYTES_MAX, Process};
use abi::{Error, Handle, MapFlags, Rights};
use alloc::string::String;
use alloc::sync::Arc;
use base_units::{PAGE_BYTES, Uva};

/// `(handle)`
pub(super) fn handle_close<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let entry = call.thread.process().handles().lock().remove(call.handle(0))?;
    // Dropped here, outside of the table's lock.
    drop(entry);
    NOTHING
}

/// `(handle, rights) -> handle`
pub(super) fn handle_duplicate<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let wanted =
        u32::try_from(call.argument(1)).ok().and_then(Rights::from_bits).ok_or(Error::BadArgument)?;
    let mut table = call.thread.process().handles().lock();
    let entry = table.get(call.handle(0))?;
    if !entry.rights.contains(wanted | Rights::DUPLICATE) {
        return Err(Error::AccessDenied);
    }
    let object = entry.object.clone();
    Ok(Answer::Value(u64::from(table.add(object, wanted)?.0)))
}

/// `(handle) -> kind; RDX rights`
pub(super) fn handle_info<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let table = call.thread.process().handles().lock();
    let entry = table.get(call.handle(0))?;
    Ok(Answer::Pair(entry.object.kind() as u64, u64::from(entry.rights.bits())))
}

/// `(group, name ptr, name len) -> process`
pub(super) fn create<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let group: Arc<Group> = call.object(0, Rights::CREATE)?;
    let mut name = [0; NAME_BYTES_MAX];
    let length = call.length(2, NAME_BYTES_MAX)?;
    let name = name.get_mut(..length).ok_or(Error::BadArgument)?;
    call.copy_in(1, name)?;
    let name = core::str::from_utf8(name).map_err(|_| Error::BadArgument)?;
    let process = Process::new(String::from(name), group)?;
    call.add(Object::Process(process), Rights::all())
}

/// `(process, memory, offset, len, address, flags) -> address`
pub(super) fn map<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let process = target(call, Rights::WRITE)?;
    let flags = MapFlags::from_bits(call.argument(5)).ok_or(Error::BadArgument)?;
    let mut rights = Rights::MAP;
    rights.set(Rights::READ, flags.contains(MapFlags::READ));
    rights.set(Rights::WRITE, flags.contains(MapFlags::WRITE));
    rights.set(Rights::EXECUTE, flags.contains(MapFlags::EXECUTE));
    let memory: Arc<MemoryObject<M>> = call.object(1, rights)?;
    let permissions =
        Permissions { write: flags.contains(MapFlags::WRITE), execute: flags.contains(MapFlags::EXECUTE) };
    if permissions.write && permissions.execute {
        return Err(Error::BadArgument);
    }
    let address = call.argument(4);
    let wanted = (address != 0 || flags.contains(MapFlags::FIXED)).then_some(Uva::new(address));
    let (offset, length) = (call.argument(2), call.argument(3));
    let mapped = process.space().map(memory, offset, length, wanted, permissions)?;
    Ok(Answer::Value(mapped.raw()))
}

/// `(process, address, len)`
pub(super) fn unmap<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let process = target(call, Rights::WRITE)?;
    let (start, bytes) = (call.argument(1), call.argument(2));
    unmap_part(call, bytes, |done| process.space().unmap_some(Uva::new(start + done), bytes - done))
}

/// A step of taking `bytes` bytes away: `unmap` does one from so many bytes on, and answers how many are left.
pub(super) fn unmap_part<M: Machine>(
    call: &mut Call<'_, M>,
    bytes: u64,
    unmap: impl FnOnce(u64) -> Result<Option<u64>, Error>,
) -> Outcome {
    let mut progress = call.progress(0);
    let done = progress.page * PAGE_BYTES;
    let Some(left) = unmap(done)? else { return NOTHING };
    progress.page = (bytes - left) / PAGE_BYTES;
    Ok(call.go_on(progress))
}

/// `(process, handle) -> value in process`
pub(super) fn give<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let process: Arc<Process<M>> = call.object(0, Rights::WRITE)?;
    let mut taken = call.thread.process().handles().lock().take_for_transfer(&[call.handle(1)])?;
    let entry = taken.pop().ok_or(Error::BadHandle)?;
    let handle = process.add_handle(entry.object, entry.rights)?;
    Ok(Answer::Value(u64::from(handle.0)))
}

/// `(process, code)`
pub(super) fn kill<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let process: Arc<Process<M>> = call.object(0, Rights::CONTROL)?;
    process.end(End::Killed(call.argument(1).cast_signed()));
    NOTHING
}

/// `(code)`
pub(super) fn exit<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    call.thread.process().end(End::Exited(call.argument(0).cast_signed()));
    NOTHING
}

/// `(process, ptr)`
pub(super) fn info<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let process: Arc<Process<M>> = call.object(0, Rights::READ)?;
    call.write(1, &process.info())
}

/// The process that argument 0 names; NONE is the caller's own.
pub(super) fn target<M: Machine>(call: &Call<'_, M>, rights: Rights) -> Result<Arc<Process<M>>, Error> {
    if call.argument(0) == u64::from(Handle::NONE.0) {
        return Ok(call.thread.process().clone());
    }
    call.object(0, rights)
}
