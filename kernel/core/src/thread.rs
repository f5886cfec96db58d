//! Threads.
//!
//! A thread is two things: the [`ThreadShared`] that others refer to, and the [`Thread`] itself,
//! a box that is always owned by exactly one place: the processor that runs it, a run queue, or,
//! while it sleeps, its own `ThreadShared`. So what belongs to a running thread needs no lock.

use crate::group::Group;
use crate::ipc::Observers;
use crate::kernel::TimerTarget;
use crate::lock::Lock;
use crate::machine::{ExtendedState, Machine, UserRegisters};
use crate::memory::MemoryObject;
use crate::process::Process;
use crate::sched::{Schedulable, TimerKey};
use crate::vcpu::{AnyVcpu, Wake};
use abi::{Error, Signals};
use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// The part of a thread that others may refer to.
pub struct ThreadShared<M: Machine> {
    process: Weak<Process<M>>,
    observers: Observers<M>,
    place: Lock<Place<M>>,
    /// Processors that it may run on, one bit each.
    affinity: AtomicU64,
    has_ended: AtomicBool,
    /// CPU time in nanoseconds; written by the processor that runs it.
    run_ns: AtomicU64,
}

/// Where the thread is.
enum Place<M: Machine> {
    /// On a processor or in a run queue.
    Active {
        /// It was woken meanwhile: its next attempt to sleep returns at once.
        woken: bool,
    },
    /// Asleep, on a processor that has nothing else to do and keeps it.
    Resting {
        /// That processor.
        cpu: usize,
    },
    /// Asleep.
    Parked(Box<Thread<M>>),
    /// Gone.
    Ended,
}

/// How far a call has come that is done in steps.
pub struct Progress<M: Machine> {
    /// The page at which the next step begins.
    pub page: u64,
    /// Pages that changed so far.
    pub count: u64,
    /// The clone that is being made.
    pub clone: Option<Arc<MemoryObject<M>>>,
}

/// A thread, owned by whoever is responsible for running it next.
pub struct Thread<M: Machine> {
    shared: Arc<ThreadShared<M>>,
    process: Arc<Process<M>>,

    /// Its registers while it is not in ring 3.
    pub registers: UserRegisters,
    /// FPU state of ring 3.
    pub extended: M::Extended,
    /// Its virtual processor, once it has made one.
    pub vcpu: Option<Box<M::Vcpu>>,
    /// The page that the vCPU shares with ring 3. Dropped after the vCPU, which refers to it.
    vcpu_page: Option<Arc<MemoryObject<M>>>,

    /// The system call in RAX has not finished: it is tried again when the thread runs next.
    pub in_call: bool,
    /// The vCPU's FPU state is what belongs on the processor, not ring 3's.
    pub in_guest: bool,
    /// Deadline of the guest's APIC timer, ticks: the processor's timer is armed for it while the vCPU runs.
    pub guest_deadline: Option<u64>,
    /// The call in progress has put the thread on a list of sleepers.
    pub is_waiting: bool,
    /// How far the memory call in progress has come.
    pub progress: Option<Box<Progress<M>>>,
    /// The yield in progress has let others run.
    pub has_yielded: bool,
    /// It called for its own end.
    pub is_over: bool,
    /// When the present sleep ends by itself, ticks.
    pub sleep_deadline: Option<u64>,
    /// Armed for that sleep.
    sleep_timer: Option<(usize, TimerKey)>,
    /// The processor that ran it last: its caches are warm there.
    pub last_cpu: usize,
    /// The processor that its FPU state was put on last; `usize::MAX` before the first time.
    pub state_cpu: usize,
    virtual_time: u64,
    /// When it became runnable, ticks; for wait accounting.
    pub ready_since: u64,
}

impl<M: Machine> Thread<M> {
    /// A thread of `process` that starts with `registers`. It is not in any queue yet.
    ///
    /// # Errors
    /// `NoMemory`; `BadState` if the process has ended.
    pub fn new(process: &Arc<Process<M>>, registers: UserRegisters) -> Result<Box<Self>, Error> {
        let extended = M::Extended::new().ok_or(Error::NoMemory)?;
        let shared = Arc::new(ThreadShared {
            process: Arc::downgrade(process),
            observers: Observers::new(),
            place: Lock::new(Place::Active { woken: false }),
            affinity: AtomicU64::new(u64::MAX),
            has_ended: AtomicBool::new(false),
            run_ns: AtomicU64::new(0),
        });
        process.add_thread(&shared)?;
        Ok(Box::new(Self {
            shared,
            process: process.clone(),
            registers,
            extended,
            vcpu: None,
            vcpu_page: None,
            in_call: false,
            in_guest: false,
            guest_deadline: None,
            is_waiting: false,
            progress: None,
            has_yielded: false,
            is_over: false,
            sleep_deadline: None,
            sleep_timer: None,
            last_cpu: M::cpu(),
            state_cpu: usize::MAX,
            virtual_time: 0,
            ready_since: 0,
        }))
    }

    /// What others refer to.
    pub fn shared(&self) -> &Arc<ThreadShared<M>> {
        &self.shared
    }

    /// The process it belongs to.
    pub fn process(&self) -> &Arc<Process<M>> {
        &self.process
    }

    /// Gives the thread its virtual processor and the page that belongs to it.
    pub fn set_vcpu(&mut self, vcpu: Box<M::Vcpu>, page: Arc<MemoryObject<M>>) {
        self.vcpu = Some(vcpu);
        self.vcpu_page = Some(page);
    }

    /// Puts the thread to sleep until it is woken or `sleep_deadline` passes. Gives it back if it was
    /// woken since it last ran.
    pub fn park(self: Box<Self>) -> Option<Box<Self>> {
        self.process.group().leave_runnable();
        self.settle()
    }

    /// [`Thread::park`] for a thread that rests already.
    pub fn settle(mut self: Box<Self>) -> Option<Box<Self>> {
        if let Some(deadline) = self.sleep_deadline {
            let target = TimerTarget::Thread(Arc::downgrade(&self.shared));
            self.sleep_timer = Some(M::kernel().add_timer(deadline, target));
        }
        let shared = self.shared.clone();
        let mut place = shared.place.lock();
        match &mut *place {
            Place::Active { woken } if *woken => {
                *woken = false;
                drop(place);
                self.process.group().enter_runnable();
                self.cancel_sleep();
                Some(self)
            }
            _ => {
                *place = Place::Parked(self);
                None
            }
        }
    }

    /// Puts the thread to sleep in the hands of processor `cpu`, until [`Thread::end_rest`] or [`Thread::settle`]. False if
    /// it was woken since it last ran.
    pub fn begin_rest(&self, cpu: usize) -> bool {
        let mut place = self.shared.place.lock();
        if let Place::Active { woken: woken @ true } = &mut *place {
            *woken = false;
            return false;
        }
        *place = Place::Resting { cpu };
        drop(place);
        self.process.group().leave_runnable();
        true
    }

    /// Ends the rest of a thread that was woken, or `is_due`. False if it rests on.
    pub fn end_rest(&self, is_due: bool) -> bool {
        let mut place = self.shared.place.lock();
        if matches!(*place, Place::Resting { .. }) && !is_due {
            return false;
        }
        *place = Place::Active { woken: false };
        drop(place);
        self.process.group().enter_runnable();
        true
    }

    /// Forgets the deadline of the last sleep, when the thread runs again.
    pub fn cancel_sleep(&mut self) {
        if let Some((cpu, key)) = self.sleep_timer.take() {
            M::kernel().cancel_timer(cpu, key);
        }
    }

    /// Ages it by `ticks` of running.
    pub fn account_run(&mut self, ticks: u64, now_ns: impl FnOnce() -> u64) {
        let ns = M::ticks_to_ns(ticks);
        self.shared.run_ns.store(self.shared.run_ns.load(Relaxed).wrapping_add(ns), Relaxed);
        let group = self.process.group();
        group.account_cpu(ns, now_ns);
        self.process.account_cpu(ns);
        self.virtual_time = self.virtual_time.saturating_add(group.virtual_time(ns));
    }

    /// What decides how long its turn lasts.
    #[inline]
    pub fn running(&self) -> Running<'_, M> {
        Running { shared: &self.shared, group: self.process.group(), virtual_time: self.virtual_time }
    }

    /// Its virtual processor, and [`Thread::running`] beside it.
    #[inline]
    pub fn vcpu_and_running(&mut self) -> Option<(&mut M::Vcpu, Running<'_, M>)> {
        let running =
            Running { shared: &self.shared, group: self.process.group(), virtual_time: self.virtual_time };
        Some((self.vcpu.as_mut()?, running))
    }

    /// Ends the thread: nobody can wake it any more, those who wait for its end hear of it.
    pub fn end(mut self: Box<Self>) {
        self.cancel_sleep();
        self.process.group().leave_runnable();
        if let Some(vcpu) = &self.vcpu {
            M::kernel().retire_vcpu(vcpu.shared());
        }
        *self.shared.place.lock() = Place::Ended;
        self.shared.has_ended.store(true, Relaxed);
        self.shared.observers.notify(Signals::TERMINATED);
        let process = self.process.clone();
        let shared = self.shared.clone();
        drop(self);
        process.remove_thread(&shared);
    }
}

/// What decides how long the turn of a running thread lasts.
pub struct Running<'t, M: Machine> {
    shared: &'t ThreadShared<M>,
    group: &'t Group,
    virtual_time: u64,
}

impl<M: Machine> Running<'_, M> {
    /// The group it belongs to.
    pub fn group(&self) -> &Group {
        self.group
    }

    /// Whether it may run on processor `cpu`.
    pub fn may_run_on(&self, cpu: usize) -> bool {
        self.shared.affinity() >> cpu & 1 == 1
    }

    /// Its age when it was accounted last.
    pub fn age(&self) -> u64 {
        self.virtual_time
    }

    /// Its age once it has run for `ticks` more than it was accounted for.
    pub fn age_after(&self, ticks: u64) -> u64 {
        self.virtual_time.saturating_add(self.group.virtual_time(M::ticks_to_ns(ticks)))
    }
}

impl<M: Machine> ThreadShared<M> {
    /// Who watches it.
    pub fn observers(&self) -> &Observers<M> {
        &self.observers
    }

    /// `TERMINATED` once it has ended.
    pub fn signals(&self) -> Signals {
        if self.has_ended.load(Relaxed) { Signals::TERMINATED } else { Signals::empty() }
    }

    /// CPU time in nanoseconds, up to when it was last accounted.
    pub fn run_ns(&self) -> u64 {
        self.run_ns.load(Relaxed)
    }

    /// Whether it is gone.
    pub fn has_ended(&self) -> bool {
        self.has_ended.load(Relaxed)
    }

    /// Its process, if that still exists.
    pub fn process(&self) -> Option<Arc<Process<M>>> {
        self.process.upgrade()
    }

    /// Restricts it to these processors; takes effect when it is scheduled next.
    pub fn set_affinity(&self, mask: u64) {
        self.affinity.store(mask, Relaxed);
    }

    /// The processors it may run on.
    pub fn affinity(&self) -> u64 {
        self.affinity.load(Relaxed)
    }
}

impl<M: Machine> Wake for ThreadShared<M> {
    fn wake(&self) {
        let mut place = self.place.lock();
        match core::mem::replace(&mut *place, Place::Active { woken: true }) {
            Place::Parked(thread) => {
                *place = Place::Active { woken: false };
                drop(place);
                thread.process.group().enter_runnable();
                M::kernel().make_ready(thread);
            }
            Place::Resting { cpu } => {
                drop(place);
                M::kernel().poke(cpu);
            }
            Place::Ended => *place = Place::Ended,
            Place::Active { .. } => {}
        }
    }
}

impl<M: Machine> Schedulable for Box<Thread<M>> {
    fn virtual_time(&self) -> u64 {
        self.virtual_time
    }

    fn set_virtual_time(&mut self, virtual_ns: u64) {
        self.virtual_time = virtual_ns;
    }

    fn group(&self) -> &Group {
        self.process.group()
    }

    fn may_run_on(&self, cpu: usize) -> bool {
        self.shared.affinity() >> cpu & 1 == 1
    }
}
