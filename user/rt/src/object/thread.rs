//! Threads as the kernel sees them. Programs start theirs with [`crate::thread::spawn`].

use super::{in_argument, object};
use crate::handle::OwnedHandle;
use crate::syscall::{call0, call3};
use abi::{Error, Handle, Syscall};

/// A flow of control in ring 3.
#[derive(Debug)]
pub struct Thread(pub(crate) OwnedHandle);
object!(Thread);

impl Thread {
    /// Sets the CPUs on which the thread may run: bit n of word n / 64 is CPU n.
    pub fn set_affinity(&self, mask: &[u64]) -> Result<(), Error> {
        set_affinity_of(self.0.raw(), mask)
    }
}

/// Sets the CPUs on which the calling thread may run.
pub fn set_affinity(mask: &[u64]) -> Result<(), Error> {
    set_affinity_of(u64::from(Handle::NONE.0), mask)
}

fn set_affinity_of(thread: u64, mask: &[u64]) -> Result<(), Error> {
    let bytes = size_of_val(mask) as u64;
    // SAFETY: the mask is readable for its length.
    unsafe { call3(Syscall::ThreadSetAffinity, thread, in_argument(mask), bytes) }?;
    Ok(())
}

/// Lets another thread of the same CPU run.
pub fn yield_now() {
    // SAFETY: the call takes no pointers. It cannot fail in a way that matters.
    let _ = unsafe { call0(Syscall::ThreadYield) };
}

/// Ends the calling thread; the process ends with its last one. Nothing on the stack is dropped.
pub fn exit_thread() -> ! {
    loop {
        // SAFETY: the call takes no pointers and does not return; the stack stays mapped.
        let _ = unsafe { call0(Syscall::ThreadExit) };
    }
}
