//! Calls on channels.

use super::{Answer, Call, NOTHING, Outcome};
use crate::ipc::{ChannelEnd, Message};
use crate::machine::Machine;
use crate::object::Object;
use abi::{Error, Handle, MESSAGE_BYTES_MAX, MESSAGE_HANDLES_MAX, Rights};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use zerocopy::IntoBytes;

/// `() -> handle; RDX handle`
pub(super) fn create<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let (first, second) = ChannelEnd::pair();
    let process = call.thread.process();
    let mut table = process.handles().lock();
    if table.room() < 2 {
        return Err(Error::LimitReached);
    }
    let first = table.add(Object::Channel(first), Rights::all())?;
    let second = table.add(Object::Channel(second), Rights::all())?;
    Ok(Answer::Pair(u64::from(first.0), u64::from(second.0)))
}

/// `(channel, ptr, len, handles ptr, handle count)`
pub(super) fn write<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let end: Arc<ChannelEnd<M>> = call.object(0, Rights::WRITE)?;
    let length = call.length(2, MESSAGE_BYTES_MAX)?;
    let count = call.length(4, MESSAGE_HANDLES_MAX)?;
    end.check_room(length)?;
    let mut bytes = vec![0; length];
    call.copy_in(1, &mut bytes)?;
    let process = call.thread.process();
    let names = read_handles(call, count)?;
    let message = Message::new(bytes, process.group().clone())?;
    {
        let mut table = process.handles().lock();
        for name in &names {
            if end.is_own_end(&table.get(*name)?.object) {
                return Err(Error::BadArgument);
            }
        }
        end.queue(message, || table.take_for_transfer(&names))?;
    }
    end.announce();
    NOTHING
}

/// `(channel, ptr, len, handles ptr, handle capacity) -> bytes; RDX handles`
pub(super) fn read<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let end: Arc<ChannelEnd<M>> = call.object(0, Rights::READ)?;
    let (capacity, handle_capacity) = (call.argument(2), call.argument(4));
    let process = call.thread.process();
    let room = process.handles().lock().room();
    let mut message = end.receive(|message| {
        if (message.bytes().len() as u64) > capacity || (message.handle_count() as u64) > handle_capacity {
            return Err(Error::BufferTooSmall);
        }
        if message.handle_count() > room { Err(Error::LimitReached) } else { Ok(()) }
    })?;
    call.copy_out(1, message.bytes())?;
    let mut names = [0u32; MESSAGE_HANDLES_MAX];
    let mut count = 0;
    for (name, entry) in names.iter_mut().zip(message.take_handles()) {
        *name = process.add_handle(entry.object, entry.rights)?.0;
        count += 1;
    }
    let names = names.get(..count).unwrap_or_default();
    call.copy_out(3, names.as_bytes())?;
    Ok(Answer::Pair(message.bytes().len() as u64, count as u64))
}

fn read_handles<M: Machine>(call: &Call<'_, M>, count: usize) -> Result<Vec<Handle>, Error> {
    let mut raw = vec![0u32; count];
    call.copy_in(3, raw.as_mut_bytes())?;
    Ok(raw.into_iter().map(Handle).collect())
}
