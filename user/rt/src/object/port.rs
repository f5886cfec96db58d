//! Ports: waiting for many objects at once.

use super::{Object, object, out_argument};
use crate::handle::OwnedHandle;
use crate::syscall::{call0, call4};
use abi::{Error, Packet, Signals, Syscall};
use base_units::Nanos;

/// A queue of packets that threads wait on.
#[derive(Debug)]
pub struct Port(pub(crate) OwnedHandle);
object!(Port);

impl Port {
    /// Makes a port.
    pub fn create() -> Result<Self, Error> {
        // SAFETY: the call takes no pointers.
        let (raw, _) = unsafe { call0(Syscall::PortCreate) }?;
        OwnedHandle::made(raw).map(Self)
    }

    /// Delivers `signals` of `object` as packets with `key`; replaces an earlier binding of the object.
    /// What is already true is delivered at once.
    pub fn bind(&self, object: &impl Object, signals: Signals, key: u64) -> Result<(), Error> {
        let signals = u64::from(signals.bits());
        // SAFETY: the call takes no pointers.
        unsafe { call4(Syscall::PortBind, self.0.raw(), object.handle().raw(), signals, key) }?;
        Ok(())
    }

    /// Removes the binding of `object`.
    pub fn unbind(&self, object: &impl Object) -> Result<(), Error> {
        self.bind(object, Signals::empty(), 0)
    }

    /// Waits for at least one packet until `deadline` ([`Nanos::ZERO`] = do not wait, [`Nanos::MAX`] =
    /// for ever) and returns those that came. `TimedOut` or `WouldBlock` when none did.
    pub fn wait<'a>(&self, packets: &'a mut [Packet], deadline: Nanos) -> Result<&'a [Packet], Error> {
        let capacity = packets.len() as u64;
        let pointer = out_argument(packets);
        // SAFETY: the buffer is writable for `capacity` packets and any bit pattern is a packet.
        let (count, _) =
            unsafe { call4(Syscall::PortWait, self.0.raw(), pointer, capacity, deadline.raw()) }?;
        packets.get(..count as usize).ok_or(Error::OutOfRange)
    }
}
