//! The loop that each processor runs for ever.

use crate::kernel::{Counters, CpuShared, Kernel, TimerTarget};
use crate::machine::{ExtendedState, HostInterrupt, Machine, UserExit};
use crate::memory::{Access, Residency};
use crate::process::{End, Fault};
use crate::sched::{Arrival, SLICE_NS, Schedulable};
use crate::syscall::{self, Flow};
use crate::thread::Thread;
use crate::vcpu::{AnyVcpu, Wake};
use alloc::boxed::Box;
use alloc::sync::Arc;

/// The state of one processor that nobody else touches.
pub struct Cpu<M: Machine> {
    kernel: &'static Kernel<M>,
    shared: &'static CpuShared<M>,
    index: usize,

    /// Whose FPU state is on the processor: (thread, the guest's instead of ring 3's). The address
    /// is only compared.
    extended_owner: (usize, bool),
    /// Deadline of the APIC timer of the running thread's guest, ticks.
    guest_deadline: Option<u64>,
    /// When the running thread's slice ends, ticks.
    slice_end: u64,
    /// When the running thread's group reaches its cap if nobody else of it runs, ticks.
    cap_end: u64,
    /// When the running thread's CPU time was last accounted, ticks.
    accounted: u64,
}

/// What becomes of a thread after a turn.
enum Next<M: Machine> {
    /// It goes on.
    Continue(Box<Thread<M>>),
    /// It stays runnable but another's turn has come.
    Requeue(Box<Thread<M>>),
    /// It sleeps or is gone.
    Gone,
}

/// Runs the calling processor. Its threads come from [`Kernel::make_ready`].
pub fn run<M: Machine>() -> ! {
    let mut cpu = Cpu::<M>::new();
    loop {
        cpu.turn();
    }
}

impl<M: Machine> Cpu<M> {
    /// The state of the calling processor.
    pub fn new() -> Self {
        let kernel = M::kernel();
        let index = M::cpu();
        Self {
            kernel,
            shared: kernel.cpu(index),
            index,
            extended_owner: (0, false),
            guest_deadline: None,
            slice_end: u64::MAX,
            cap_end: u64::MAX,
            accounted: M::ticks(),
        }
    }

    /// Takes what has arrived and runs one thread until it stops, or waits for something to do.
    pub fn turn(&mut self) {
        self.take_interrupts();
        self.expire_timers();
        while self.kernel.drop_buried() {}
        match self.pick() {
            Some(thread) => self.run_thread(thread),
            None => self.wait(),
        }
    }

    /// Asks for a timer interrupt at the guest's APIC deadline while its vCPU runs.
    pub fn set_guest_deadline(&mut self, ticks: Option<u64>) {
        if self.guest_deadline != ticks {
            self.guest_deadline = ticks;
            self.arm();
        }
    }

    /// Whether the running thread has to look around before it goes on.
    pub fn has_news(&self) -> bool {
        self.shared.has_news()
    }

    /// Puts the guest's FPU state on the processor in place of ring 3's, which is lost.
    pub fn enter_guest_state(&mut self, thread: &mut Thread<M>) {
        if thread.in_guest {
            return;
        }
        let Some(vcpu) = &mut thread.vcpu else { return };
        vcpu.extended().load();
        thread.in_guest = true;
        self.extended_owner = owner(thread);
        thread.state_cpu = self.index;
    }

    /// Takes the guest's FPU state off the processor; ring 3 starts with the initial state.
    pub fn leave_guest_state(&mut self, thread: &mut Thread<M>) {
        if !thread.in_guest {
            return;
        }
        if let Some(vcpu) = &mut thread.vcpu {
            vcpu.extended().save();
        }
        M::Extended::load_initial();
        thread.in_guest = false;
        self.extended_owner = owner(thread);
    }

    fn pick(&mut self) -> Option<Box<Thread<M>>> {
        let now_ns = M::ticks_to_ns(M::ticks());
        if let Some(thread) = self.shared.pop(now_ns) {
            return Some(thread);
        }
        let (thread, from_floor) = self.kernel.steal(self.index)?;
        self.shared.push(thread, Arrival::Moved { from_floor });
        self.shared.pop(now_ns)
    }

    /// Runs `thread` until it sleeps, ends or another's turn comes.
    fn run_thread(&mut self, mut thread: Box<Thread<M>>) {
        self.switch_to(&mut thread);
        loop {
            let next = self.step(thread);
            self.take_interrupts();
            thread = match next {
                Next::Continue(thread) => thread,
                Next::Requeue(thread) => return self.requeue(thread),
                Next::Gone => return,
            };
            if self.shared.take_news() {
                self.expire_timers();
                self.account(&mut thread);
                self.look_at_cap(&thread);
                self.arm();
            }
            if self.must_yield(&mut thread) {
                return self.requeue(thread);
            }
        }
    }

    /// Lets the thread go on once: its unfinished call, or ring 3 up to the next exit.
    fn step(&mut self, mut thread: Box<Thread<M>>) -> Next<M> {
        if thread.is_over || thread.process().is_ending() {
            self.account(&mut thread);
            self.extended_owner = (0, false);
            thread.end();
            return Next::Gone;
        }
        if !thread.in_call {
            match self.enter_user(&mut thread) {
                UserExit::Syscall => thread.in_call = true,
                UserExit::Interrupt => return Next::Continue(thread),
                UserExit::PageFault { address, code } => {
                    page_fault(&thread, address, code);
                    return Next::Continue(thread);
                }
                UserExit::Fault { vector, code } => {
                    let rip = thread.registers.rip;
                    fault(&thread, Fault { vector: u32::from(vector), code, rip, address: 0 });
                    return Next::Continue(thread);
                }
            }
        }
        match syscall::dispatch(self, &mut thread) {
            Flow::Done => {
                thread.in_call = false;
                Next::Continue(thread)
            }
            Flow::Again => Next::Continue(thread),
            Flow::Yield => Next::Requeue(thread),
            Flow::Block => self.park(thread),
        }
    }

    fn enter_user(&mut self, thread: &mut Thread<M>) -> UserExit {
        let space = thread.process().space();
        let flush = space.residency().enter(self.index);
        M::activate_table(space.root(), flush);
        let exit = M::enter_user(&mut thread.registers);
        Residency::<M>::leave(self.index);
        exit
    }

    fn park(&mut self, mut thread: Box<Thread<M>>) -> Next<M> {
        self.account(&mut thread);
        thread.guest_deadline = self.guest_deadline;
        self.save_extended(&mut thread);
        match thread.park() {
            Some(mut thread) => {
                self.load_extended(&mut thread);
                Next::Continue(thread)
            }
            None => Next::Gone,
        }
    }

    fn requeue(&mut self, mut thread: Box<Thread<M>>) {
        self.account(&mut thread);
        thread.guest_deadline = self.guest_deadline;
        self.save_extended(&mut thread);
        thread.ready_since = M::ticks();
        let is_allowed_here = thread.may_run_on(self.index);
        if is_allowed_here {
            self.shared.push(thread, Arrival::Preempted);
            self.kernel.offer_work();
        } else {
            self.kernel.make_ready(thread);
        }
    }

    fn switch_to(&mut self, thread: &mut Box<Thread<M>>) {
        Counters::count(&self.shared.counters.switches);
        let now = M::ticks();
        let waited = now.saturating_sub(thread.ready_since);
        let waited_ns = M::ticks_to_ns(waited);
        thread.process().group().account_wait(waited_ns);
        if let Some(vcpu) = &mut thread.vcpu {
            vcpu.account_wait(waited_ns);
        }
        thread.cancel_sleep();
        self.accounted = now;
        self.guest_deadline = thread.guest_deadline.filter(|deadline| *deadline > now);
        self.slice_end = now.saturating_add(M::ns_to_ticks(SLICE_NS));
        self.look_at_cap(thread);
        self.load_extended(thread);
        thread.last_cpu = self.index;
        self.shared.take_news();
        self.arm();
    }

    /// Finds out how long the thread may run for its group's cap. It was accounted just now.
    fn look_at_cap(&mut self, thread: &Thread<M>) {
        let group = thread.process().group();
        self.cap_end = match group.cap_remaining_ns(M::ticks_to_ns(self.accounted)) {
            Some(remaining) => self.accounted.saturating_add(M::ns_to_ticks(remaining)),
            None => u64::MAX,
        };
    }

    /// Charges the thread for the time since the last call.
    fn account(&mut self, thread: &mut Thread<M>) {
        let now = M::ticks();
        thread.account_run(now.saturating_sub(self.accounted), M::ticks_to_ns(now));
        self.accounted = now;
    }

    fn must_yield(&mut self, thread: &mut Box<Thread<M>>) -> bool {
        let now = M::ticks();
        if now < self.slice_end.min(self.cap_end) && !self.shared.has_waiters() {
            return false;
        }
        self.account(thread);
        if thread.group().throttled_until(M::ticks_to_ns(now)).is_some() {
            return true;
        }
        if now >= self.cap_end {
            self.look_at_cap(thread);
            self.arm();
        }
        let is_over = now >= self.slice_end && self.shared.has_waiters();
        if now >= self.slice_end {
            self.slice_end = now.saturating_add(M::ns_to_ticks(SLICE_NS));
            self.arm();
        }
        is_over || self.shared.should_preempt(thread.virtual_time()) || !thread.may_run_on(self.index)
    }

    /// Arms the processor's timer for whatever comes first; off if nothing does.
    fn arm(&self) {
        let slice = self.shared.has_waiters().then_some(self.slice_end);
        let cap = (self.cap_end != u64::MAX).then_some(self.cap_end);
        let release = self.shared.next_release().map(M::ns_to_ticks);
        let deadlines = [slice, cap, release, self.guest_deadline, self.shared.next_deadline()];
        M::arm_timer(deadlines.into_iter().flatten().min());
    }

    fn wait(&mut self) {
        self.kernel.set_idle(self.index, true);
        // A thread that came before the bit was set found this processor busy; look again.
        if self.shared.has_waiters() || self.shared.take_news() {
            self.kernel.set_idle(self.index, false);
            return;
        }
        self.guest_deadline = None;
        self.cap_end = u64::MAX;
        self.arm();
        let start = M::ticks();
        M::idle();
        self.kernel.set_idle(self.index, false);
        let counters = &self.shared.counters;
        Counters::count(&counters.idle_exits);
        let idle = M::ticks().saturating_sub(start);
        counters.idle_ticks.fetch_add(idle, core::sync::atomic::Ordering::Relaxed);
    }

    fn take_interrupts(&mut self) {
        while let Some(interrupt) = M::take_interrupt() {
            let counters = &self.shared.counters;
            match interrupt {
                HostInterrupt::Timer => {
                    Counters::count(&counters.timer);
                    self.forget_passed_deadline();
                    self.expire_timers();
                    self.arm();
                }
                HostInterrupt::Notify => Counters::count(&counters.cross),
                HostInterrupt::Device(line) => {
                    Counters::count(&counters.device);
                    self.kernel.interrupts().deliver(line);
                }
            }
        }
    }

    /// A guest's deadline that has passed must not be armed again: the vCPU looks at the clock itself.
    fn forget_passed_deadline(&mut self) {
        let now = M::ticks();
        self.guest_deadline = self.guest_deadline.filter(|deadline| *deadline > now);
    }

    fn expire_timers(&mut self) {
        let now = M::ticks();
        while let Some(target) = self.shared.take_due(now) {
            match target {
                TimerTarget::Thread(thread) => {
                    if let Some(thread) = thread.upgrade() {
                        thread.wake();
                    }
                }
                TimerTarget::Timer(timer) => {
                    if let Some(timer) = timer.upgrade() {
                        timer.fire();
                    }
                }
            }
        }
    }

    fn save_extended(&mut self, thread: &mut Thread<M>) {
        match (&mut thread.vcpu, thread.in_guest) {
            (Some(vcpu), true) => vcpu.extended().save(),
            _ => thread.extended.save(),
        }
    }

    /// Puts the thread's FPU state on the processor unless it still is there.
    fn load_extended(&mut self, thread: &mut Thread<M>) {
        let owner = owner(thread);
        if self.extended_owner == owner && thread.state_cpu == self.index {
            return;
        }
        match (&mut thread.vcpu, thread.in_guest) {
            (Some(vcpu), true) => vcpu.extended().load(),
            _ => thread.extended.load(),
        }
        self.extended_owner = owner;
        thread.state_cpu = self.index;
    }
}

impl<M: Machine> Default for Cpu<M> {
    fn default() -> Self {
        Self::new()
    }
}

fn owner<M: Machine>(thread: &Thread<M>) -> (usize, bool) {
    (Arc::as_ptr(thread.shared()) as usize, thread.in_guest)
}

/// Resolves a page fault of ring 3, or ends the process.
fn page_fault<M: Machine>(thread: &Thread<M>, address: u64, code: u32) {
    let access = match (code & 1 << 4 != 0, code & 1 << 1 != 0) {
        (true, _) => Access::Execute,
        (false, true) => Access::Write,
        (false, false) => Access::Read,
    };
    if thread.process().space().fault(base_units::Uva::new(address), access).is_err() {
        fault(thread, Fault { vector: 14, code, rip: thread.registers.rip, address });
    }
}

/// Ends a process for a fault of the processor.
fn fault<M: Machine>(thread: &Thread<M>, fault: Fault) {
    let process = thread.process();
    M::kernel().log().write(
        "kernel",
        format_args!(
            "process {} ended: exception {} (code {:#x}) at {:#x}, address {:#x}",
            process.name(),
            fault.vector,
            fault.code,
            fault.rip,
            fault.address
        ),
    );
    process.end(End::Faulted(fault));
}

#[cfg(test)]
mod tests;
