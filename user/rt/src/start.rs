//! The first instructions of a program, and what it is told.

use crate::group;
use crate::handle::OwnedHandle;
use crate::object::{Channel, Group, Log, Memory, Object, Port, Process, System};
use abi::{Error, Packet, Signals};
use alloc::vec::Vec;
use base_units::Nanos;

/// Exit code of a program that got no start message.
pub const EXIT_CODE_NO_START: i64 = 102;

/// What a program is told when it starts: its channel, and the first message on it.
#[derive(Debug)]
pub struct Startup {
    /// The channel to whoever started the program.
    pub channel: Channel,
    /// The bytes of the first message. Nothing in them has been checked.
    pub bytes: Vec<u8>,
    /// The handles of the first message.
    pub handles: Vec<OwnedHandle>,
}

/// What the root process is given: the authority over everything.
#[derive(Debug)]
pub struct RootObjects {
    /// The machine.
    pub system: System,
    /// The root scheduling group.
    pub group: Group,
    /// The boot bundle, read-only.
    pub bundle: Memory,
    /// The root process itself.
    pub process: Process,
    /// The kernel's log.
    pub log: Log,
}

/// [`Startup::into_root_objects`] takes the handles in this order.
const _: () = {
    use abi::RootHandle::{Bundle, Group, Log, Process, System};
    assert!(System as usize == 0 && Group as usize == 1 && Bundle as usize == 2);
    assert!(Process as usize == 3 && Log as usize == 4 && abi::RootHandle::COUNT == 5);
};

impl Startup {
    /// Takes the handles as those of the root process, in the order of [`abi::RootHandle`].
    pub fn into_root_objects(self) -> Result<RootObjects, Error> {
        let mut handles = self.handles.into_iter();
        Ok(RootObjects {
            system: next_object(&mut handles)?,
            group: next_object(&mut handles)?,
            bundle: next_object(&mut handles)?,
            process: next_object(&mut handles)?,
            log: next_object(&mut handles)?,
        })
    }
}

/// Takes the next handle of a message as an object of one kind: `NotFound` if there is none, `WrongKind`
/// if it names something else.
pub fn next_object<O: Object>(handles: &mut impl Iterator<Item = OwnedHandle>) -> Result<O, Error> {
    O::from_foreign_handle(handles.next().ok_or(Error::NotFound)?)
}

/// Names the function that a program starts with: `fn main(startup: user_rt::Startup) -> i64`. What it
/// returns is the exit code of the process.
#[cfg_attr(target_os = "corten", allow_internal_unsafe)]
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        /// Called by the runtime on the program's first thread.
        #[unsafe(no_mangle)]
        fn corten_program_main(startup: $crate::Startup) -> i64 {
            let main: fn($crate::Startup) -> i64 = $main;
            main(startup)
        }
    };
}

/// Entry point: RDI holds the channel's handle, RSP the end of the stack.
#[cfg(target_os = "corten")]
#[unsafe(no_mangle)]
#[unsafe(naked)]
extern "sysv64" fn _start() -> ! {
    core::arch::naked_asm!(
        "xor ebp, ebp", // the end of every chain of frames
        "and rsp, -16",
        "call {run}",
        "ud2",
        run = sym run,
    )
}

/// Reads the start message, runs the program and ends the process with its code.
#[cfg(target_os = "corten")]
extern "sysv64" fn run(channel: u64) -> ! {
    unsafe extern "Rust" {
        /// Made by [`entry!`].
        fn corten_program_main(startup: Startup) -> i64;
    }
    match receive_startup(channel) {
        // SAFETY: `entry!` defines the function with this signature.
        Ok(startup) => crate::object::exit(unsafe { corten_program_main(startup) }),
        Err(error) => {
            crate::log_line(format_args!("no start message: {error:?}"));
            crate::object::exit(EXIT_CODE_NO_START)
        }
    }
}

/// Waits for the first message and takes note of the group that pays for this program.
fn receive_startup(channel: u64) -> Result<Startup, Error> {
    let channel = Channel::from_handle(OwnedHandle::made(channel)?);
    let message = match channel.receive() {
        Err(Error::WouldBlock) => {
            let port = Port::create()?;
            port.bind(&channel, Signals::READABLE | Signals::PEER_CLOSED, 0)?;
            port.wait(&mut [Packet::default()], Nanos::MAX)?;
            port.unbind(&channel)?;
            channel.receive()
        }
        other => other,
    }?;
    group::adopt_first(&message.handles);
    Ok(Startup { channel, bytes: message.bytes, handles: message.handles })
}
