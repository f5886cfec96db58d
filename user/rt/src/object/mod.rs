//! The kernel's objects, one file each: a typed handle with the calls that it takes.

mod channel;
mod event;
mod group;
mod guest;
mod interrupt;
mod io_range;
mod log;
mod memory;
mod port;
mod process;
mod system;
mod thread;
mod timer;
mod vcpu;

pub use channel::{Channel, Received};
pub use event::Event;
pub use group::Group;
pub use guest::Guest;
pub use interrupt::{Interrupt, InterruptTrigger};
pub use io_range::IoRange;
pub use log::{LINE_BYTES_MAX as LOG_LINE_BYTES_MAX, Log, write_line as write_log_line};
pub use memory::{Memory, PhysicalCaching};
pub use port::Port;
pub use process::{MapRange, Process, exit};
pub use system::System;
pub use thread::{Thread, exit_thread, set_affinity, yield_now};
pub use timer::Timer;
pub use vcpu::{Vcpu, VcpuRunner};

use crate::handle::OwnedHandle;

/// A kernel object behind a handle.
///
/// A handle that came in a message may name an object of another kind than the receiver expects; the
/// kernel then refuses every call with `WrongKind`.
pub trait Object: Sized {
    /// The kind.
    const KIND: abi::ObjectKind;

    /// Takes the handle as one of this kind.
    fn from_handle(handle: OwnedHandle) -> Self;
    /// The handle.
    fn handle(&self) -> &OwnedHandle;
    /// Gives the handle back, to send it in a message.
    fn into_handle(self) -> OwnedHandle;

    /// Takes a foreign handle after a look at what it names; `WrongKind` closes it.
    fn from_foreign_handle(handle: OwnedHandle) -> Result<Self, abi::Error> {
        match handle.info()? {
            (Some(kind), _) if kind == Self::KIND => Ok(Self::from_handle(handle)),
            _ => Err(abi::Error::WrongKind),
        }
    }

    /// Another handle with `rights`; `AccessDenied` if this one lacks some of them.
    fn duplicate(&self, rights: abi::Rights) -> Result<Self, abi::Error> {
        self.handle().duplicate(rights).map(Self::from_handle)
    }

    /// Another handle with the same rights.
    fn duplicate_all(&self) -> Result<Self, abi::Error> {
        self.handle().duplicate_all().map(Self::from_handle)
    }
}

/// Makes a newtype around [`OwnedHandle`] an [`Object`].
macro_rules! object {
    ($name:ident) => {
        impl $crate::object::Object for $name {
            const KIND: abi::ObjectKind = abi::ObjectKind::$name;

            fn from_handle(handle: $crate::handle::OwnedHandle) -> Self {
                Self(handle)
            }
            fn handle(&self) -> &$crate::handle::OwnedHandle {
                &self.0
            }
            fn into_handle(self) -> $crate::handle::OwnedHandle {
                self.0
            }
        }

        impl From<$name> for $crate::handle::OwnedHandle {
            fn from(object: $name) -> Self {
                object.0
            }
        }
    };
}
use object;

/// The address of a structure or buffer that the kernel fills, as an argument.
fn out_argument<T: ?Sized>(target: &mut T) -> u64 {
    core::ptr::from_mut(target).cast::<u8>().expose_provenance() as u64
}

/// The address of a structure or buffer that the kernel reads, as an argument.
fn in_argument<T: ?Sized>(source: &T) -> u64 {
    core::ptr::from_ref(source).cast::<u8>().expose_provenance() as u64
}
