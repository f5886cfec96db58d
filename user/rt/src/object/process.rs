//! Processes.

use super::{Group, Memory, Thread, in_argument, object, out_argument};
use crate::handle::OwnedHandle;
use crate::syscall::{call1, call2, call3, call4, call6};
use abi::{Error, MapFlags, ProcessInfo, Syscall};
use zerocopy::FromZeros;

/// An address space, a handle table and threads.
#[derive(Debug)]
pub struct Process(pub(crate) OwnedHandle);
object!(Process);

impl Process {
    /// Makes an empty process in `group`. The name is for the log and for people.
    pub fn create(group: &Group, name: &str) -> Result<Self, Error> {
        let pointer = in_argument(name.as_bytes());
        // SAFETY: the name is readable for its length.
        let (raw, _) = unsafe { call3(Syscall::ProcessCreate, group.0.raw(), pointer, name.len() as u64) }?;
        OwnedHandle::made(raw).map(Self)
    }

    /// Maps whole pages of `memory` into the process; address 0 lets the kernel choose. Returns the address.
    pub fn map(&self, memory: &Memory, range: MapRange, flags: MapFlags) -> Result<u64, Error> {
        // SAFETY: the call takes no pointers. It only adds a mapping, where there is none: the kernel
        // refuses to replace one, so memory that is in use (should the process be our own) stays.
        let (address, _) = unsafe {
            call6(
                Syscall::ProcessMap,
                self.0.raw(),
                memory.0.raw(),
                range.offset,
                range.bytes,
                range.address,
                flags.bits(),
            )
        }?;
        Ok(address)
    }

    /// Unmaps whole pages of the process.
    ///
    /// # Safety
    /// If the process is the caller's own, nothing may use the pages any more.
    pub unsafe fn unmap(&self, address: u64, bytes: u64) -> Result<(), Error> {
        // SAFETY: the caller vouches for the pages.
        unsafe { call3(Syscall::ProcessUnmap, self.0.raw(), address, bytes) }?;
        Ok(())
    }

    /// Moves a handle into the process and returns its number there, for the first thread's argument.
    pub fn give(&self, handle: OwnedHandle) -> Result<u64, Error> {
        // SAFETY: the call takes no pointers.
        let (value, _) = unsafe { call2(Syscall::ProcessGive, self.0.raw(), handle.raw()) }?;
        handle.into_raw();
        Ok(value)
    }

    /// Starts a thread at `entry` with that stack pointer and argument.
    ///
    /// # Safety
    /// If the process is the caller's own, the entry, stack and argument must be those of a function that
    /// may run there.
    pub unsafe fn start_thread(&self, entry: u64, stack: u64, argument: u64) -> Result<Thread, Error> {
        // SAFETY: the call takes no pointers; the caller vouches for what the thread will do.
        let (raw, _) = unsafe { call4(Syscall::ThreadCreate, self.0.raw(), entry, stack, argument) }?;
        OwnedHandle::made(raw).map(Thread)
    }

    /// Ends the process.
    pub fn kill(&self, code: i64) -> Result<(), Error> {
        // SAFETY: the call takes no pointers.
        unsafe { call2(Syscall::ProcessKill, self.0.raw(), code as u64) }?;
        Ok(())
    }

    /// State, exit code or fault, and resource use.
    pub fn info(&self) -> Result<ProcessInfo, Error> {
        let mut info = ProcessInfo::new_zeroed();
        // SAFETY: the structure is writable and any bytes are a valid value of it.
        unsafe { call2(Syscall::ProcessInfo, self.0.raw(), out_argument(&mut info)) }?;
        Ok(info)
    }
}

/// Which part of a memory object is mapped, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MapRange {
    /// First byte in the memory object; a multiple of the page size.
    pub offset: u64,
    /// Bytes; a multiple of the page size.
    pub bytes: u64,
    /// Address in the process; 0 lets the kernel choose.
    pub address: u64,
}

/// Ends the calling process with `code`.
pub fn exit(code: i64) -> ! {
    loop {
        // SAFETY: the call takes no pointers and does not return.
        let _ = unsafe { call1(Syscall::ProcessExit, code as u64) };
    }
}
