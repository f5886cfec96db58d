//! Processes: an address space, a table of handles and threads.

use crate::cpu::Occupant;
use crate::group::Group;
use crate::handle::HandleTable;
use crate::ipc::{Futexes, Observers};
use crate::lock::Lock;
use crate::machine::Machine;
use crate::memory::{AddressSpace, USER_END, USER_START};
use crate::object::{FromObject, Object};
use crate::thread::ThreadShared;
use crate::vcpu::Wake;
use abi::{Error, Handle, ProcessInfo, ProcessState, Rights, Signals};
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use base_units::Uva;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Threads of one process at the most: a VMM needs one per vCPU and a few more.
pub const THREADS_MAX: usize = 128;
/// Bytes of a process' name at the most.
pub const NAME_BYTES_MAX: usize = 64;

/// A process.
pub struct Process<M: Machine> {
    name: String,
    group: Arc<Group>,
    space: Arc<AddressSpace<M>>,
    observers: Observers<M>,
    futexes: Futexes<M>,

    handles: Lock<HandleTable<M>>,
    status: Lock<Status<M>>,
    /// Set once, before its threads are told to end.
    is_ending: AtomicBool,
    cpu_ns: AtomicU64,
}

struct Status<M: Machine> {
    state: ProcessState,
    code: i64,
    fault: Fault,
    threads: Vec<Weak<ThreadShared<M>>>,
}

/// The processor fault that ended a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// Exception vector.
    pub vector: u32,
    /// Error code.
    pub code: u32,
    /// Where.
    pub rip: u64,
    /// CR2 of a page fault.
    pub address: u64,
}

/// Why a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It said so.
    Exited(i64),
    /// Somebody with the right to do so said so.
    Killed(i64),
    /// A fault of the processor.
    Faulted(Fault),
}

impl<M: Machine> Process<M> {
    /// An empty process of `group`.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn new(name: String, group: Arc<Group>) -> Result<Arc<Self>, Error> {
        let space = AddressSpace::new(&group)?;
        let status =
            Status { state: ProcessState::New, code: 0, fault: Fault::default(), threads: Vec::new() };
        Ok(Arc::new(Self {
            name,
            group,
            space,
            observers: Observers::new(),
            futexes: Futexes::new(),
            handles: Lock::new(HandleTable::new()),
            status: Lock::new(status),
            is_ending: AtomicBool::new(false),
            cpu_ns: AtomicU64::new(0),
        }))
    }

    /// Its name, for the log.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whose processors and memory it uses.
    pub fn group(&self) -> &Arc<Group> {
        &self.group
    }

    /// Its memory.
    pub fn space(&self) -> &Arc<AddressSpace<M>> {
        &self.space
    }

    /// Who watches it.
    pub fn observers(&self) -> &Observers<M> {
        &self.observers
    }

    /// Its sleepers on words of memory.
    pub fn futexes(&self) -> &Futexes<M> {
        &self.futexes
    }

    /// Its handles.
    pub fn handles(&self) -> &Lock<HandleTable<M>> {
        &self.handles
    }

    /// Whether its threads must end.
    pub fn is_ending(&self) -> bool {
        self.is_ending.load(Relaxed)
    }

    /// Adds an object to its table.
    ///
    /// # Errors
    /// `LimitReached`; `BadState` if it has ended.
    pub fn add_handle(&self, object: Object<M>, rights: Rights) -> Result<Handle, Error> {
        if self.is_ending() {
            return Err(Error::BadState);
        }
        self.handles.lock().add(object, rights)
    }

    /// The object that a handle of this process names.
    ///
    /// # Errors
    /// `BadHandle`, `WrongKind`, `AccessDenied`.
    pub fn object<T: FromObject<M>>(&self, handle: Handle, rights: Rights) -> Result<T, Error> {
        self.handles.lock().object(handle, rights)
    }

    /// Counts processor time.
    pub fn account_cpu(&self, ns: u64) {
        self.cpu_ns.fetch_add(ns, Relaxed);
    }

    /// Adds a thread.
    ///
    /// # Errors
    /// `LimitReached`; `BadState` if it has ended.
    pub fn add_thread(&self, thread: &Arc<ThreadShared<M>>) -> Result<(), Error> {
        let mut status = self.status.lock();
        if self.is_ending() || !matches!(status.state, ProcessState::New | ProcessState::Running) {
            return Err(Error::BadState);
        }
        if status.threads.len() >= THREADS_MAX {
            return Err(Error::LimitReached);
        }
        status.threads.push(Arc::downgrade(thread));
        status.state = ProcessState::Running;
        Ok(())
    }

    /// Removes a thread that has ended; with the last one the process ends.
    pub fn remove_thread(&self, thread: &Arc<ThreadShared<M>>) {
        let is_last = {
            let mut status = self.status.lock();
            status.threads.retain(|other| !core::ptr::eq(other.as_ptr(), Arc::as_ptr(thread)));
            status.threads.is_empty()
        };
        if is_last {
            self.finish();
        }
    }

    /// Ends the process: its threads stop as soon as they would run next. The first reason counts.
    pub fn end(&self, reason: End) {
        let threads = {
            let mut status = self.status.lock();
            if self.is_ending.swap(true, Relaxed) {
                return;
            }
            match reason {
                End::Exited(code) => (status.state, status.code) = (ProcessState::Exited, code),
                End::Killed(code) => (status.state, status.code) = (ProcessState::Killed, code),
                End::Faulted(fault) => (status.state, status.fault) = (ProcessState::Faulted, fault),
            }
            status.threads.clone()
        };
        let live = threads.iter().filter_map(Weak::upgrade);
        let count = live.map(|thread| thread.wake()).count();
        M::kernel().notify_others();
        if count == 0 {
            self.finish();
        }
    }

    /// Its threads, for tests.
    pub(crate) fn threads(&self) -> Vec<Arc<ThreadShared<M>>> {
        self.status.lock().threads.iter().filter_map(Weak::upgrade).collect()
    }

    /// What the kernel knows of it.
    pub fn info(&self) -> ProcessInfo {
        let threads = self.threads();
        let is_own = |occupant: &Occupant| threads.iter().any(|thread| occupant.is(&**thread));
        let cpu_ns = M::kernel().used_ns(|| self.cpu_ns.load(Relaxed), is_own);
        let status = self.status.lock();
        ProcessInfo {
            state: status.state as u32,
            threads: u32::try_from(status.threads.len()).unwrap_or(u32::MAX),
            code: status.code,
            fault_vector: status.fault.vector,
            fault_code: status.fault.code,
            fault_rip: status.fault.rip,
            fault_address: status.fault.address,
            cpu_ns,
        }
    }

    /// `TERMINATED` once its last thread is gone.
    pub fn signals(&self) -> Signals {
        let status = self.status.lock();
        let is_over = !matches!(status.state, ProcessState::New | ProcessState::Running);
        if is_over && status.threads.is_empty() { Signals::TERMINATED } else { Signals::empty() }
    }

    /// Gives everything back and tells those who watch.
    fn finish(&self) {
        {
            let mut status = self.status.lock();
            self.is_ending.store(true, Relaxed);
            if matches!(status.state, ProcessState::New | ProcessState::Running) {
                status.state = ProcessState::Exited;
            }
        }
        let objects = self.handles.lock().take_all();
        M::kernel().bury(objects);
        // Its memory goes now, not when the last handle to the process does.
        if let Err(error) = self.space.unmap(Uva::new(USER_START), USER_END - USER_START) {
            M::kernel()
                .log()
                .write("kernel", format_args!("process {}: memory stays mapped: {error:?}", self.name));
        }
        self.observers.notify(Signals::TERMINATED);
    }
}
