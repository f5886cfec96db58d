//! Calls on memory objects.

use super::{Answer, Call, NOTHING, Outcome};
use crate::group::Group;
use crate::machine::Machine;
use crate::memory::{Caching, DIRTY_STEP_PAGES, MemoryObject, Step};
use crate::object::{Object, SystemAuthority};
use crate::thread::Progress;
use abi::{Error, MemoryFlags, MemoryOperation, Rights};
use alloc::boxed::Box;
use alloc::sync::Arc;
use base_units::{Hpa, PAGE_BYTES, PageSize, Uva};

/// Bytes that one read or write moves at the most: bounds the time in ring 0.
const COPY_BYTES_MAX: usize = 1 << 20;
/// Bytes that are moved at a time.
const CHUNK: usize = 1024;

/// `(group, len, flags) -> memory`
pub(super) fn create<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let group: Arc<Group> = call.object(0, Rights::CREATE)?;
    let flags = MemoryFlags::from_bits(call.argument(2)).ok_or(Error::BadArgument)?;
    let memory = MemoryObject::create(group, call.argument(1), flags)?;
    call.add(Object::Memory(memory), Rights::all())
}

/// `(memory, offset, len, group) -> memory`
pub(super) fn clone<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let memory: Arc<MemoryObject<M>> = call.object(0, Rights::READ)?;
    let group: Arc<Group> = call.object(3, Rights::CREATE)?;
    let (offset, length) = (call.argument(1), call.argument(2));
    let mut progress = match call.thread.progress.take() {
        Some(progress) => progress,
        None => {
            let clone = Some(memory.begin_clone(offset, length, group)?);
            Box::new(Progress { page: offset / PAGE_BYTES, count: 0, clone })
        }
    };
    let clone = progress.clone.clone().ok_or(Error::BadState)?;
    if let Some(next) = memory.clone_some(&clone, offset, progress.page)?.next {
        progress.page = next;
        return Ok(call.go_on(progress));
    }
    call.add(Object::Memory(clone), Rights::all())
}

/// `(memory, offset, ptr, len)`
pub(super) fn read<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let memory: Arc<MemoryObject<M>> = call.object(0, Rights::READ)?;
    let length = call.length(3, COPY_BYTES_MAX)?;
    let mut chunk = [0; CHUNK];
    for at in (0..length).step_by(CHUNK) {
        let part = chunk.get_mut(..CHUNK.min(length - at)).ok_or(Error::BadArgument)?;
        memory.read(offset(call, 1, at)?, part)?;
        call.thread.process().space().copy_out(base_units::Uva::new(offset(call, 2, at)?), part)?;
    }
    NOTHING
}

/// `(memory, offset, ptr, len)`
pub(super) fn write<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let memory: Arc<MemoryObject<M>> = call.object(0, Rights::WRITE)?;
    let length = call.length(3, COPY_BYTES_MAX)?;
    let mut chunk = [0; CHUNK];
    for at in (0..length).step_by(CHUNK) {
        let part = chunk.get_mut(..CHUNK.min(length - at)).ok_or(Error::BadArgument)?;
        call.thread.process().space().copy_in(base_units::Uva::new(offset(call, 2, at)?), part)?;
        memory.write(offset(call, 1, at)?, part)?;
    }
    NOTHING
}

/// `(memory, operation, offset, len) -> pages`
pub(super) fn control<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let memory: Arc<MemoryObject<M>> = call.object(0, Rights::WRITE)?;
    let operation = MemoryOperation::from_raw(call.argument(1)).ok_or(Error::BadArgument)?;
    let (offset, length) = (call.argument(2), call.argument(3));
    match operation {
        MemoryOperation::Commit | MemoryOperation::Decommit => {
            change(call, &memory, operation, offset, length)
        }
        MemoryOperation::TrackStart => track(call, |from| memory.start_tracking(from)),
        MemoryOperation::TrackStop => track(call, |from| Ok(memory.stop_tracking(from))),
    }
}

/// A step of starting or ending to note what is written.
fn track<M: Machine>(call: &mut Call<'_, M>, step: impl Fn(u64) -> Result<Step, Error>) -> Outcome {
    let mut progress = call.progress(0);
    let Some(next) = step(progress.page)?.next else { return NOTHING };
    progress.page = next;
    Ok(call.go_on(progress))
}

/// A step of making pages or giving them back.
fn change<M: Machine>(
    call: &mut Call<'_, M>,
    memory: &MemoryObject<M>,
    operation: MemoryOperation,
    offset: u64,
    length: u64,
) -> Outcome {
    let mut progress = call.progress(offset / PAGE_BYTES);
    // What is done already is checked with the rest the first time.
    let done = (progress.page * PAGE_BYTES).saturating_sub(offset);
    let (offset, length) = (offset.saturating_add(done), length.saturating_sub(done));
    let step = match operation {
        MemoryOperation::Commit => memory.commit(offset, length)?,
        _ => memory.decommit(offset, length)?,
    };
    progress.count += step.count;
    match step.next {
        Some(next) => {
            progress.page = next;
            Ok(call.go_on(progress))
        }
        None => Ok(Answer::Value(progress.count)),
    }
}

/// `(memory, offset, len, bitmap ptr, bitmap len) -> dirty pages`
pub(super) fn dirty<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let memory: Arc<MemoryObject<M>> = call.object(0, Rights::READ)?;
    let (offset, length) = (call.argument(1), call.argument(2));
    let bytes = call.length(4, COPY_BYTES_MAX)?;
    if (bytes as u64) < length.div_ceil(PAGE_BYTES).div_ceil(8) {
        return Err(Error::BufferTooSmall);
    }
    let mut progress = call.progress(offset / PAGE_BYTES);
    let done = progress.page.saturating_sub(offset / PAGE_BYTES);
    let (from, rest) = (offset + done * PAGE_BYTES, length.saturating_sub(done * PAGE_BYTES));
    // The first byte may hold bits of the step before.
    let (shift, at) = (done % 8, call.argument(3).checked_add(done / 8).ok_or(Error::BadAddress)?);
    let most = (rest / PAGE_BYTES).min(DIRTY_STEP_PAGES + PageSize::Huge.pages().raw());
    let mut bitmap = alloc::vec![0; (shift + most).div_ceil(8) as usize];
    let space = call.thread.process().space();
    if shift != 0 {
        space.copy_in(Uva::new(at), bitmap.get_mut(..1).ok_or(Error::BadArgument)?)?;
    }
    let step = memory.collect_dirty(from, rest, shift, &mut bitmap)?;
    let pages = step.next.map_or(rest / PAGE_BYTES, |next| next.saturating_sub(progress.page));
    let filled = (shift + pages).div_ceil(8) as usize;
    space.copy_out(Uva::new(at), bitmap.get(..filled).unwrap_or(&bitmap))?;
    progress.count += step.count;
    let Some(next) = step.next else { return Ok(Answer::Value(progress.count)) };
    progress.page = next;
    Ok(call.go_on(progress))
}

/// `(memory, ptr)`
pub(super) fn info<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let memory: Arc<MemoryObject<M>> = call.object(0, Rights::READ)?;
    call.write(1, &memory.info())
}

/// `(system, address, len, flags) -> memory`
pub(super) fn physical<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let _: SystemAuthority = call.object(0, Rights::CREATE)?;
    let (start, length) = (Hpa::new(call.argument(1)), call.argument(2));
    let caching = match call.argument(3) {
        0 => Caching::Uncached,
        1 => Caching::WriteCombining,
        _ => return Err(Error::BadArgument),
    };
    if start.checked_add(length).is_none() || !M::is_device_memory(start, length) {
        return Err(Error::OutOfRange);
    }
    let memory = MemoryObject::physical(start, length, caching)?;
    call.add(Object::Memory(memory), Rights::all())
}

fn offset<M: Machine>(call: &Call<'_, M>, index: usize, at: usize) -> Result<u64, Error> {
    call.argument(index).checked_add(at as u64).ok_or(Error::OutOfRange)
}
