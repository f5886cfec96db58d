//! The kinds of objects that handles name.

use crate::group::Group;
use crate::interrupt::Interrupt;
use crate::io_range::IoRange;
use crate::ipc::{ChannelEnd, Event, Observers, Port, Timer};
use crate::machine::Machine;
use crate::memory::MemoryObject;
use crate::process::Process;
use crate::thread::ThreadShared;
use crate::vcpu::{Guest, VcpuShared};
use abi::ObjectKind;
use alloc::sync::Arc;

/// A reference to a kernel object.
pub enum Object<M: Machine> {
    /// An address space, a handle table and threads.
    Process(Arc<Process<M>>),
    /// A flow of control in ring 3.
    Thread(Arc<ThreadShared<M>>),
    /// Pages of memory.
    Memory(Arc<MemoryObject<M>>),
    /// A guest-physical address space.
    Guest(Arc<Guest<M>>),
    /// A virtual processor.
    Vcpu(Arc<VcpuShared<M>>),
    /// One end of a channel.
    Channel(Arc<ChannelEnd<M>>),
    /// A queue of packets.
    Port(Arc<Port<M>>),
    /// A bell.
    Event(Arc<Event<M>>),
    /// Fires at a deadline.
    Timer(Arc<Timer<M>>),
    /// A hardware interrupt line.
    Interrupt(Arc<Interrupt<M>>),
    /// A range of I/O ports.
    IoRange(Arc<IoRange>),
    /// Processor and memory shares.
    Group(Arc<Group>),
    /// The kernel's log.
    Log,
    /// The authority over the machine.
    System,
}

impl<M: Machine> Object<M> {
    /// What kind it is.
    pub fn kind(&self) -> ObjectKind {
        match self {
            Object::Process(_) => ObjectKind::Process,
            Object::Thread(_) => ObjectKind::Thread,
            Object::Memory(_) => ObjectKind::Memory,
            Object::Guest(_) => ObjectKind::Guest,
            Object::Vcpu(_) => ObjectKind::Vcpu,
            Object::Channel(_) => ObjectKind::Channel,
            Object::Port(_) => ObjectKind::Port,
            Object::Event(_) => ObjectKind::Event,
            Object::Timer(_) => ObjectKind::Timer,
            Object::Interrupt(_) => ObjectKind::Interrupt,
            Object::IoRange(_) => ObjectKind::IoRange,
            Object::Group(_) => ObjectKind::Group,
            Object::Log => ObjectKind::Log,
            Object::System => ObjectKind::System,
        }
    }

    /// Who watches it; `None` for objects that nothing can happen to.
    pub fn observers(&self) -> Option<&Observers<M>> {
        match self {
            Object::Process(process) => Some(process.observers()),
            Object::Thread(thread) => Some(thread.observers()),
            Object::Channel(end) => Some(end.observers()),
            Object::Event(event) => Some(event.observers()),
            Object::Timer(timer) => Some(timer.observers()),
            Object::Interrupt(interrupt) => Some(interrupt.observers()),
            Object::Log => Some(M::kernel().log().observers()),
            Object::Memory(_)
            | Object::Guest(_)
            | Object::Vcpu(_)
            | Object::Port(_)
            | Object::IoRange(_)
            | Object::Group(_)
            | Object::System => None,
        }
    }

    /// What is true of it now, among the things that a port delivers.
    pub fn signals(&self) -> abi::Signals {
        match self {
            Object::Process(process) => process.signals(),
            Object::Thread(thread) => thread.signals(),
            Object::Channel(end) => end.signals(),
            Object::Event(event) => event.signals(),
            Object::Timer(timer) => timer.signals(),
            Object::Interrupt(interrupt) => interrupt.signals(),
            _ => abi::Signals::empty(),
        }
    }
}

impl<M: Machine> Clone for Object<M> {
    fn clone(&self) -> Self {
        match self {
            Object::Process(object) => Object::Process(object.clone()),
            Object::Thread(object) => Object::Thread(object.clone()),
            Object::Memory(object) => Object::Memory(object.clone()),
            Object::Guest(object) => Object::Guest(object.clone()),
            Object::Vcpu(object) => Object::Vcpu(object.clone()),
            Object::Channel(object) => Object::Channel(object.clone()),
            Object::Port(object) => Object::Port(object.clone()),
            Object::Event(object) => Object::Event(object.clone()),
            Object::Timer(object) => Object::Timer(object.clone()),
            Object::Interrupt(object) => Object::Interrupt(object.clone()),
            Object::IoRange(object) => Object::IoRange(object.clone()),
            Object::Group(object) => Object::Group(object.clone()),
            Object::Log => Object::Log,
            Object::System => Object::System,
        }
    }
}

/// A kind of object that a system call asks for by type.
pub trait FromObject<M: Machine>: Sized {
    /// The object as this type, or `None` if it is of another kind.
    fn from_object(object: &Object<M>) -> Option<Self>;
}

macro_rules! from_object {
    ($($variant:ident => $type:ty),* $(,)?) => {
        $(impl<M: Machine> FromObject<M> for Arc<$type> {
            fn from_object(object: &Object<M>) -> Option<Self> {
                match object {
                    Object::$variant(inner) => Some(inner.clone()),
                    _ => None,
                }
            }
        })*
    };
}

from_object! {
    Process => Process<M>,
    Thread => ThreadShared<M>,
    Memory => MemoryObject<M>,
    Guest => Guest<M>,
    Vcpu => VcpuShared<M>,
    Channel => ChannelEnd<M>,
    Port => Port<M>,
    Event => Event<M>,
    Timer => Timer<M>,
    Interrupt => Interrupt<M>,
    IoRange => IoRange,
    Group => Group,
}

/// Proof that the caller holds the log's handle.
pub struct LogAuthority;
/// Proof that the caller holds the system's handle.
pub struct SystemAuthority;

impl<M: Machine> FromObject<M> for LogAuthority {
    fn from_object(object: &Object<M>) -> Option<Self> {
        matches!(object, Object::Log).then_some(LogAuthority)
    }
}

impl<M: Machine> FromObject<M> for SystemAuthority {
    fn from_object(object: &Object<M>) -> Option<Self> {
        matches!(object, Object::System).then_some(SystemAuthority)
    }
}
