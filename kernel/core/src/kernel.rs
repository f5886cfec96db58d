//! What all processors share.

use crate::cpu::Occupant;
use crate::interrupt::Interrupts;
use crate::ipc::Timer;
use crate::lock::Lock;
use crate::log::Log;
use crate::machine::{CPUS_MAX, Machine};
use crate::memory::Remains;
use crate::object::Object;
use crate::sched::{Arrival, RunQueue, TimerKey, TimerQueue};
use crate::thread::{Thread, ThreadShared};
use crate::vcpu::VcpuShared;
use abi::{ExitCounter, VcpuStats};
use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};

/// What a timer queue's entry wakes.
pub enum TimerTarget<M: Machine> {
    /// A thread that sleeps with a deadline.
    Thread(Weak<ThreadShared<M>>),
    /// A timer object.
    Timer(Weak<Timer<M>>),
}

/// A vCPU and the thread that runs it.
type VcpuEntry<M> = (Weak<VcpuShared<M>>, Weak<ThreadShared<M>>);

/// The kernel's shared state.
pub struct Kernel<M: Machine> {
    cpus: Vec<CpuShared<M>>,
    /// Processors that wait in idle, one bit each.
    idle: AtomicU64,
    graveyard: Lock<Graveyard<M>>,
    /// The graveyard is not empty.
    has_dead: AtomicBool,
    log: Log<M>,
    interrupts: Interrupts<M>,
    /// TSC at the first instruction after the boot loader.
    entry_ticks: u64,
    first_guest_ticks: AtomicU64,
    bundle_bytes: AtomicU64,
    /// The vCPUs that exist, with the threads that run them: for figures only.
    vcpus: Lock<Vec<VcpuEntry<M>>>,
    /// Exits of vCPUs that are gone, by [`ExitCounter`].
    past_exits: Lock<[u64; ExitCounter::COUNT]>,
}

/// What is left to do for objects that are gone.
struct Graveyard<M: Machine> {
    /// Objects whose last reference may have gone, to be dropped one by one.
    objects: Vec<Object<M>>,
    /// Pages to be freed, a few at a time.
    remains: Vec<Remains<M>>,
}

impl<M: Machine> Graveyard<M> {
    fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.remains.is_empty()
    }
}

/// What others may touch of one processor.
pub struct CpuShared<M: Machine> {
    queue: Lock<RunQueue<Box<Thread<M>>>>,
    timers: Lock<TimerQueue<TimerTarget<M>>>,
    /// Threads in `queue`; read without the lock to choose a processor.
    ready: AtomicUsize,
    /// When the first throttled thread of `queue` may run, nanoseconds; `u64::MAX` = none.
    release_ns: AtomicU64,
    /// Virtual floor of `queue`.
    floor: AtomicU64,
    /// [`RunQueue::preempts_above`] of `queue`.
    preempts_above: AtomicU64,
    /// First deadline in `timers`, ticks; `u64::MAX` = none.
    deadline: AtomicU64,
    /// The queue or the timers changed: look at them before entering ring 3 or a guest again.
    has_news: AtomicBool,
    /// Figures for `stats`.
    pub counters: Counters,
    /// Who runs on it.
    pub occupant: Occupant,
}

/// Figures of one processor, changed only by itself.
#[derive(Default)]
pub struct Counters {
    /// Timer interrupts.
    pub timer: AtomicU64,
    /// Wake-ups by other processors.
    pub cross: AtomicU64,
    /// Device interrupts.
    pub device: AtomicU64,
    /// Threads switched to.
    pub switches: AtomicU64,
    /// Times it left idle.
    pub idle_exits: AtomicU64,
    /// Idle time, ticks.
    pub idle_ticks: AtomicU64,
}

impl Counters {
    /// Adds one to a counter that only the calling processor changes.
    pub fn count(counter: &AtomicU64) {
        counter.store(counter.load(Relaxed).wrapping_add(1), Relaxed);
    }
}

impl<M: Machine> Kernel<M> {
    /// The state for a machine with `cpus` processors that was entered at `entry_ticks`.
    pub fn new(cpus: usize, entry_ticks: u64) -> Self {
        assert!((1..=CPUS_MAX).contains(&cpus), "more processors than the kernel drives");
        Self {
            cpus: (0..cpus).map(|_| CpuShared::new()).collect(),
            idle: AtomicU64::new(0),
            graveyard: Lock::new(Graveyard { objects: Vec::new(), remains: Vec::new() }),
            has_dead: AtomicBool::new(false),
            log: Log::new(),
            interrupts: Interrupts::new(),
            entry_ticks,
            first_guest_ticks: AtomicU64::new(0),
            bundle_bytes: AtomicU64::new(0),
            vcpus: Lock::new(Vec::new()),
            past_exits: Lock::new([0; ExitCounter::COUNT]),
        }
    }

    /// The log.
    pub fn log(&self) -> &Log<M> {
        &self.log
    }

    /// The interrupt lines that ring 3 drives.
    pub fn interrupts(&self) -> &Interrupts<M> {
        &self.interrupts
    }

    /// The shared part of processor `cpu`.
    pub fn cpu(&self, cpu: usize) -> &CpuShared<M> {
        self.cpus.get(cpu).unwrap_or_else(|| unreachable!("processor {cpu} does not exist"))
    }

    /// All processors.
    pub fn cpus(&self) -> &[CpuShared<M>] {
        &self.cpus
    }

    /// Notes how large the bundle is, for the figures.
    pub fn set_bundle_bytes(&self, bytes: u64) {
        self.bundle_bytes.store(bytes, Relaxed);
    }

    /// Size of the bundle.
    pub fn bundle_bytes(&self) -> u64 {
        self.bundle_bytes.load(Relaxed)
    }

    /// Notes when a guest is first entered.
    pub fn note_guest_entry(&self) {
        if self.first_guest_ticks.load(Relaxed) == 0 {
            let ticks = M::ticks().saturating_sub(self.entry_ticks).max(1);
            let _ = self.first_guest_ticks.compare_exchange(0, ticks, Relaxed, Relaxed);
        }
    }

    /// Notes a new vCPU and the thread that runs it.
    pub fn add_vcpu(&self, vcpu: &Arc<VcpuShared<M>>, thread: &Arc<ThreadShared<M>>) {
        self.vcpus.lock().push((Arc::downgrade(vcpu), Arc::downgrade(thread)));
    }

    /// Keeps the exits of a vCPU whose thread ends.
    pub fn retire_vcpu(&self, vcpu: &Arc<VcpuShared<M>>) {
        self.vcpus.lock().retain(|(other, _)| !core::ptr::eq(other.as_ptr(), Arc::as_ptr(vcpu)));
        add_exits(&mut self.past_exits.lock(), &vcpu.stats());
    }

    /// The thread that runs a vCPU, while it exists.
    pub fn thread_of(&self, vcpu: &Arc<VcpuShared<M>>) -> Option<Arc<ThreadShared<M>>> {
        let vcpus = self.vcpus.lock();
        let entry = vcpus.iter().find(|(other, _)| core::ptr::eq(other.as_ptr(), Arc::as_ptr(vcpu)));
        entry.and_then(|(_, thread)| thread.upgrade())
    }

    /// Exits of all vCPUs that ever ran, by [`ExitCounter`].
    pub fn exits(&self) -> [u64; ExitCounter::COUNT] {
        let mut sum = *self.past_exits.lock();
        for (vcpu, _) in self.vcpus.lock().iter() {
            if let Some(vcpu) = vcpu.upgrade() {
                add_exits(&mut sum, &vcpu.stats());
            }
        }
        sum
    }

    /// Ticks from the kernel's entry to the first guest entry; 0 = none yet.
    pub fn first_guest_ticks(&self) -> u64 {
        self.first_guest_ticks.load(Relaxed)
    }

    /// Gives a thread that wants to run to the best processor.
    pub fn make_ready(&self, mut thread: Box<Thread<M>>) {
        thread.ready_since = M::ticks();
        let target = self.choose(&thread);
        let from_floor = self.cpu(thread.last_cpu).floor.load(Relaxed);
        self.cpu(target).push(thread, Arrival::Woken { from_floor });
        self.poke(target);
    }

    /// Makes processor `cpu` look at its queue and timers.
    pub fn poke(&self, cpu: usize) {
        self.cpu(cpu).has_news.store(true, SeqCst);
        if cpu != M::cpu() {
            self.idle.fetch_and(!(1 << cpu), SeqCst);
            M::notify(cpu);
        }
    }

    /// Threads wait here: lets an idle processor come and take one. It found nothing when it went idle, but
    /// one may have come between its look and its bit.
    pub fn offer_work(&self) {
        let idle = self.idle.load(SeqCst) & !(1 << M::cpu());
        if idle != 0 {
            self.poke(idle.trailing_zeros() as usize);
        }
    }

    /// Makes all other processors leave ring 3 and guests once.
    pub fn notify_others(&self) {
        for cpu in (0..self.cpus.len()).filter(|cpu| *cpu != M::cpu()) {
            M::notify(cpu);
        }
    }

    /// Makes all processors look at the limits and the affinity of what they run: some have changed.
    pub fn announce_limits(&self) {
        for cpu in &self.cpus {
            cpu.has_news.store(true, SeqCst);
        }
        self.notify_others();
    }

    /// Marks the calling processor as idle or busy.
    pub fn set_idle(&self, cpu: usize, is_idle: bool) {
        if is_idle {
            self.idle.fetch_or(1 << cpu, SeqCst);
        } else {
            self.idle.fetch_and(!(1 << cpu), SeqCst);
        }
    }

    /// Takes a waiting thread from another processor for `cpu`, which has none.
    pub fn steal(&self, cpu: usize) -> Option<(Box<Thread<M>>, u64)> {
        let count = self.cpus.len();
        let others = (1..count).map(|step| self.cpu((cpu + step) % count));
        others.filter(|other| other.ready.load(Relaxed) > 0).find_map(|other| other.steal(cpu))
    }

    /// Whether another processor than `cpu` has threads that wait.
    pub fn has_work_elsewhere(&self, cpu: usize) -> bool {
        self.cpus.iter().enumerate().any(|(other, shared)| other != cpu && shared.has_waiters())
    }

    /// Adds a deadline on the calling processor.
    pub fn add_timer(&self, deadline: u64, target: TimerTarget<M>) -> (usize, TimerKey) {
        let cpu = M::cpu();
        let shared = self.cpu(cpu);
        let key = shared.with_timers(|timers| timers.add(deadline, target));
        shared.has_news.store(true, Relaxed);
        (cpu, key)
    }

    /// Removes a deadline. An interrupt that was armed for it may still come; it finds nothing to do.
    pub fn cancel_timer(&self, cpu: usize, key: TimerKey) {
        let removed = self.cpu(cpu).with_timers(|timers| timers.remove(key));
        drop(removed);
    }

    /// Drops objects later, one by one, on whatever processor gets to it.
    pub fn bury(&self, objects: impl Iterator<Item = Object<M>>) {
        let mut objects = objects.peekable();
        if objects.peek().is_some() {
            let mut graveyard = self.graveyard.lock();
            graveyard.objects.extend(objects);
            self.has_dead.store(true, Relaxed);
        }
    }

    /// Takes over pages that are too many to be freed at once.
    pub fn leave_remains(&self, remains: Remains<M>) {
        {
            let mut graveyard = self.graveyard.lock();
            graveyard.remains.push(remains);
            self.has_dead.store(true, Relaxed);
        }
        // A thread that runs alone for ever does a part at the end of each slice; idle processors all of it.
        self.cpu(M::cpu()).has_news.store(true, Relaxed);
        self.offer_work();
    }

    /// Whether objects wait to be dropped.
    pub fn has_dead(&self) -> bool {
        self.has_dead.load(Relaxed)
    }

    /// Drops one buried object or frees some pages; whether there may be more to do.
    #[inline]
    pub fn clean_up(&self) -> bool {
        self.has_dead() && self.clean_up_some()
    }

    #[cold]
    fn clean_up_some(&self) -> bool {
        let object = {
            let mut graveyard = self.graveyard.lock();
            let object = graveyard.objects.pop();
            self.has_dead.store(!graveyard.is_empty(), Relaxed);
            object
        };
        object.is_some() || self.clear_remains()
    }

    /// Frees some pages of objects that are gone; whether there were any. Takes only the locks of the frame allocator.
    pub fn clear_remains(&self) -> bool {
        let taken = {
            let mut graveyard = self.graveyard.lock();
            let taken = graveyard.remains.pop();
            self.has_dead.store(!graveyard.is_empty(), Relaxed);
            taken
        };
        let Some(mut remains) = taken else { return false };
        if !remains.clear_some() {
            let mut graveyard = self.graveyard.lock();
            graveyard.remains.push(remains);
            self.has_dead.store(true, Relaxed);
        }
        true
    }

    /// The processor for a thread: the last one if it is idle, then any idle one, then the last one
    /// unless another has two waiters less.
    fn choose(&self, thread: &Thread<M>) -> usize {
        let affinity = thread.shared().affinity();
        let last = thread.last_cpu;
        let idle = self.idle.load(SeqCst) & affinity;
        let load = |cpu: usize| self.cpu(cpu).ready.load(Relaxed);
        if affinity >> last & 1 == 1 && (idle >> last & 1 == 1 || idle == 0 && load(last) < 2) {
            // It is idle, or no processor is and none can have two waiters less.
            return last;
        }
        if idle != 0 {
            return idle.trailing_zeros() as usize;
        }
        let allowed = affinity & self.all_mask();
        let allowed = if allowed == 0 { self.all_mask() } else { allowed };
        let least = (0..self.cpus.len()).filter(|cpu| allowed >> cpu & 1 == 1).min_by_key(|cpu| load(*cpu));
        match least {
            Some(least) if allowed >> last & 1 == 0 || load(least) + 1 < load(last) => least,
            _ => last,
        }
    }

    fn all_mask(&self) -> u64 {
        u64::MAX >> (CPUS_MAX - self.cpus.len())
    }
}

impl<M: Machine> CpuShared<M> {
    fn new() -> Self {
        Self {
            queue: Lock::new(RunQueue::new()),
            timers: Lock::new(TimerQueue::new()),
            ready: AtomicUsize::new(0),
            release_ns: AtomicU64::new(u64::MAX),
            floor: AtomicU64::new(0),
            preempts_above: AtomicU64::new(u64::MAX),
            deadline: AtomicU64::new(u64::MAX),
            has_news: AtomicBool::new(false),
            counters: Counters::default(),
            occupant: Occupant::default(),
        }
    }

    /// Whether something changed since the last call.
    pub fn take_news(&self) -> bool {
        self.has_news.load(Relaxed) && self.has_news.swap(false, SeqCst)
    }

    /// Whether something changed, without taking note.
    pub fn has_news(&self) -> bool {
        self.has_news.load(Relaxed)
    }

    /// Adds a thread to the queue.
    pub fn push(&self, thread: Box<Thread<M>>, arrival: Arrival) {
        self.with_queue(|queue| queue.push(thread, arrival));
    }

    /// Takes the next thread.
    pub fn pop(&self, now: u64) -> Option<Box<Thread<M>>> {
        if !self.has_ready(now) {
            return None;
        }
        self.with_queue(|queue| queue.pop(|| M::ticks_to_ns(now)))
    }

    /// Puts a thread back that ran here until now, and takes the next.
    pub fn exchange(&self, thread: Box<Thread<M>>, now: u64) -> Option<Box<Thread<M>>> {
        self.with_queue(|queue| queue.exchange(thread, || M::ticks_to_ns(now)))
    }

    /// Whether a thread may run, throttled ones whose time has come included.
    pub fn has_ready(&self, now: u64) -> bool {
        self.has_waiters() || self.next_release().is_some_and(|release| release <= M::ticks_to_ns(now))
    }

    /// Whether threads wait here.
    pub fn has_waiters(&self) -> bool {
        self.ready.load(Relaxed) > 0
    }

    /// Whether a waiting thread should replace one of age `running`.
    pub fn should_preempt(&self, running: u64) -> bool {
        self.preempts_above.load(Relaxed) < running
    }

    /// Makes the throttled threads ready whose time has come.
    pub fn release(&self) {
        if let Some(release) = self.next_release() {
            let now_ns = M::ticks_to_ns(M::ticks());
            if release <= now_ns {
                self.with_queue(|queue| queue.release(now_ns));
            }
        }
    }

    /// When the first throttled thread may run again, nanoseconds.
    pub fn next_release(&self) -> Option<u64> {
        let release = self.release_ns.load(Relaxed);
        (release != u64::MAX).then_some(release)
    }

    /// The next deadline of the timer queue, ticks.
    pub fn next_deadline(&self) -> Option<u64> {
        let deadline = self.deadline.load(Relaxed);
        (deadline != u64::MAX).then_some(deadline)
    }

    /// Takes a timer target that is due.
    pub fn take_due(&self, now: u64) -> Option<TimerTarget<M>> {
        if self.deadline.load(Relaxed) > now {
            return None;
        }
        self.with_timers(|timers| timers.take_due(now))
    }

    fn steal(&self, cpu: usize) -> Option<(Box<Thread<M>>, u64)> {
        self.with_queue(|queue| queue.steal(cpu).map(|thread| (thread, queue.floor())))
    }

    /// Changes the queue and publishes what others read of it without the lock.
    fn with_queue<T>(&self, change: impl FnOnce(&mut RunQueue<Box<Thread<M>>>) -> T) -> T {
        let mut queue = self.queue.lock();
        let result = change(&mut queue);
        self.ready.store(queue.len(), Relaxed);
        self.floor.store(queue.floor(), Relaxed);
        self.preempts_above.store(queue.preempts_above(), Relaxed);
        self.release_ns.store(queue.next_release().unwrap_or(u64::MAX), Relaxed);
        result
    }

    /// Changes the timers and publishes the first deadline.
    fn with_timers<T>(&self, change: impl FnOnce(&mut TimerQueue<TimerTarget<M>>) -> T) -> T {
        let mut timers = self.timers.lock();
        let result = change(&mut timers);
        self.deadline.store(timers.next_deadline().unwrap_or(u64::MAX), Relaxed);
        result
    }
}

fn add_exits(sum: &mut [u64; ExitCounter::COUNT], stats: &VcpuStats) {
    for (sum, exits) in sum.iter_mut().zip(stats.exits) {
        *sum = sum.wrapping_add(exits);
    }
}
