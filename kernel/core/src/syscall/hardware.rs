//! Calls on interrupt lines and I/O ports.

use super::{Answer, Call, NOTHING, Outcome};
use crate::interrupt::Interrupt;
use crate::io_range::IoRange;
use crate::machine::{InterruptMode, Machine};
use crate::object::{Object, SystemAuthority};
use abi::{Error, Rights};
use alloc::sync::Arc;

/// `(system, line, flags) -> interrupt`
pub(super) fn interrupt_create<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let _: SystemAuthority = call.object(0, Rights::CREATE)?;
    let line = u32::try_from(call.argument(1)).map_err(|_| Error::NotFound)?;
    let flags = call.argument(2);
    if flags > 0b111 {
        return Err(Error::BadArgument);
    }
    let mode =
        InterruptMode { is_level: flags & 1 != 0, is_active_low: flags & 2 != 0, is_isa: flags & 4 != 0 };
    let interrupt = M::kernel().interrupts().claim(line, mode)?;
    call.add(Object::Interrupt(interrupt), Rights::all())
}

/// `(interrupt)`
pub(super) fn interrupt_ack<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let interrupt: Arc<Interrupt<M>> = call.object(0, Rights::WRITE)?;
    interrupt.acknowledge();
    NOTHING
}

/// `(system, first port, count) -> io range`
pub(super) fn io_create<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let _: SystemAuthority = call.object(0, Rights::CREATE)?;
    let range = IoRange::new(call.argument(1), call.argument(2)).ok_or(Error::BadArgument)?;
    if !M::is_port_free(range.first(), range.count()) {
        return Err(Error::AccessDenied);
    }
    call.add(Object::IoRange(Arc::new(range)), Rights::all())
}

/// `(io range, port, size) -> value`
pub(super) fn io_read<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let range: Arc<IoRange> = call.object(0, Rights::READ)?;
    let (port, size) = range.check(call.argument(1), call.argument(2))?;
    Ok(Answer::Value(u64::from(M::read_port(port, size))))
}

/// `(io range, port, size, value)`
pub(super) fn io_write<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let range: Arc<IoRange> = call.object(0, Rights::WRITE)?;
    let (port, size) = range.check(call.argument(1), call.argument(2))?;
    let value = u32::try_from(call.argument(3)).map_err(|_| Error::BadArgument)?;
    M::write_port(port, size, value);
    NOTHING
}
