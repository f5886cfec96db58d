//! Calls on the log.

use super::{Answer, Call, NOTHING, Outcome};
use crate::log::LINE_BYTES_MAX;
use crate::machine::Machine;
use crate::object::LogAuthority;
use abi::{Error, Rights};

/// Bytes that one read returns at the most.
const READ_BYTES_MAX: usize = 2048;

/// `(ptr, len)`
pub(super) fn write<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let mut bytes = [0; LINE_BYTES_MAX];
    let length = call.length(1, LINE_BYTES_MAX)?;
    let bytes = bytes.get_mut(..length).ok_or(Error::BadArgument)?;
    call.copy_in(0, bytes)?;
    let text = core::str::from_utf8(bytes).map_err(|_| Error::BadArgument)?;
    M::kernel().log().write(call.thread.process().name(), format_args!("{text}"));
    NOTHING
}

/// `(log, sequence, ptr, len) -> bytes; RDX next sequence`
pub(super) fn read<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let _: LogAuthority = call.object(0, Rights::READ)?;
    let mut bytes = [0; READ_BYTES_MAX];
    let length = call.length(3, usize::MAX)?.min(READ_BYTES_MAX);
    let buffer = bytes.get_mut(..length).ok_or(Error::BadArgument)?;
    let (copied, next) = M::kernel().log().read(call.argument(1), buffer);
    call.copy_out(2, buffer.get(..copied).unwrap_or_default())?;
    Ok(Answer::Pair(copied as u64, next))
}

/// `(log, on)`
pub(super) fn echo<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let _: LogAuthority = call.object(0, Rights::CONTROL)?;
    M::kernel().log().set_echo(call.argument(1) != 0);
    NOTHING
}
