//! Threads of this program.

use crate::address_space::{self, STACK_BYTES_MAX};
use crate::group;
use crate::handle::OwnedHandle;
use crate::mapping::Mapping;
use crate::object::{Memory, Port, Thread, exit_thread};
use crate::syscall::call4;
use abi::{Error, Handle, MemoryFlags, Packet, Signals, Syscall};
use alloc::boxed::Box;
use base_units::{Nanos, PAGE_BYTES};

/// The size of stack that programs use unless they know better. Pages are made on first touch.
pub const STACK_BYTES_DEFAULT: u64 = 32 * 1024;

/// What a thread does.
type Body = Box<dyn FnOnce() + Send>;

/// A thread that was started. Dropping it lets the thread run on; its stack is then never given back.
#[derive(Debug)]
pub struct JoinHandle {
    thread: Thread,
    stack: Option<Mapping>,
}

/// Starts a thread with a stack of `stack_bytes` (rounded up to pages, at most [`STACK_BYTES_MAX`]).
pub fn spawn(stack_bytes: u64, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle, Error> {
    let stack_bytes = stack_bytes.clamp(PAGE_BYTES, STACK_BYTES_MAX).next_multiple_of(PAGE_BYTES);
    let memory = Memory::create_raw(group::own(), stack_bytes, MemoryFlags::empty())?;
    let stack = address_space::place_stack(&memory, stack_bytes)?;
    let body: Box<Body> = Box::new(Box::new(body));
    let argument = Box::into_raw(body);
    // SysV ABI: at a function's entry RSP is 8 below a multiple of 16, where the return address lies.
    let top = stack.address() + stack_bytes - 8;
    let entry = run_body as extern "sysv64" fn(*mut Body) -> !;
    match start(entry as usize as u64, top, argument.expose_provenance() as u64) {
        Ok(thread) => Ok(JoinHandle { thread, stack: Some(stack) }),
        Err(error) => {
            // SAFETY: the pointer came from `Box::into_raw` and no thread got it.
            drop(unsafe { Box::from_raw(argument) });
            Err(error)
        }
    }
}

fn start(entry: u64, stack: u64, argument: u64) -> Result<Thread, Error> {
    let own = u64::from(Handle::NONE.0);
    // SAFETY: the entry is `run_body`, whose argument is a body that nobody else owns, on a fresh stack.
    let (raw, _) = unsafe { call4(Syscall::ThreadCreate, own, entry, stack, argument) }?;
    OwnedHandle::made(raw).map(crate::object::Object::from_handle)
}

/// The first function of every thread but the program's first.
extern "sysv64" fn run_body(body: *mut Body) -> ! {
    // SAFETY: `spawn` made the pointer with `Box::into_raw` and gave it to this thread alone.
    let body = unsafe { Box::from_raw(body) };
    body();
    exit_thread()
}

impl JoinHandle {
    /// The thread.
    pub fn thread(&self) -> &Thread {
        &self.thread
    }

    /// Waits until the thread has ended and gives its stack back.
    pub fn join(mut self) -> Result<(), Error> {
        let port = Port::create()?;
        port.bind(&self.thread, Signals::TERMINATED, 0)?;
        port.wait(&mut [Packet::default()], Nanos::MAX)?;
        drop(self.stack.take());
        Ok(())
    }
}

impl Drop for JoinHandle {
    fn drop(&mut self) {
        // The thread may still run on it.
        core::mem::forget(self.stack.take());
    }
}
