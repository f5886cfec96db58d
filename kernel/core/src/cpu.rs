//! The loop that each processor runs for ever.
//!
//! A processor runs one thread at a time, as function calls into ring 3 or the guest. Between them it looks at what
//! has changed: interrupts (which arrive only in those calls and in idle), its queue, its timers.

mod deadlines;
mod extended;
mod occupant;
mod rest;
#[cfg(test)]
mod tests;
mod turns;

pub use occupant::Occupant;

use crate::kernel::{Counters, CpuShared, Kernel};
use crate::machine::{Machine, UserExit};
use crate::memory::{Access, AddressSpace, Residency};
use crate::process::{End, Fault};
use crate::sched::{Arrival, SLICE_NS, Schedulable};
use crate::syscall::{self, Flow};
use crate::thread::Thread;
use crate::vcpu::AnyVcpu;
use alloc::boxed::Box;
use alloc::sync::Arc;

/// No deadline.
const NEVER: u64 = u64::MAX;

/// The state of one processor that nobody else touches.
pub struct Cpu<M: Machine> {
    kernel: &'static Kernel<M>,
    shared: &'static CpuShared<M>,
    index: usize,
    /// [`SLICE_NS`] in ticks.
    slice_ticks: u64,

    /// Whose FPU state is on the processor: (thread, the guest's instead of ring 3's). The address
    /// is only compared.
    extended_owner: (usize, bool),
    /// Deadline of the APIC timer of the running thread's guest, ticks.
    guest_deadline: Option<u64>,
    /// When the running thread's slice ends, ticks.
    slice_end: u64,
    /// When the running thread's group reaches its cap if nobody else of it runs, ticks; [`NEVER`] without a cap.
    cap_end: u64,
    /// When the running thread's turn may be over and has to be looked at, ticks; [`NEVER`] if nobody waits and nothing ends it.
    look_at: u64,
    /// When the running thread's CPU time was last accounted, ticks.
    accounted: u64,
    /// What the processor's timer is set to, ticks.
    armed: u64,
    /// Whose table is loaded; it is not freed as long as it is. `None`: the kernel's.
    loaded: Option<Arc<AddressSpace<M>>>,
}

/// What becomes of a thread after a turn.
enum Next<M: Machine> {
    /// It goes on.
    Continue(Box<Thread<M>>),
    /// It goes on, but interrupts may have arrived.
    Interrupted(Box<Thread<M>>),
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
            slice_ticks: M::ns_to_ticks(SLICE_NS),
            extended_owner: (0, false),
            guest_deadline: None,
            slice_end: NEVER,
            cap_end: NEVER,
            look_at: NEVER,
            accounted: M::ticks(),
            armed: NEVER,
            loaded: None,
        }
    }

    /// Runs one thread until it stops, or waits for something to do.
    pub fn turn(&mut self) {
        self.expire_timers();
        let has_more = self.kernel.clean_up();
        match self.pick() {
            Some(thread) => self.run_thread(thread),
            None if has_more => {
                M::open_interrupt_window();
                self.take_interrupts();
            }
            None => self.wait(),
        }
    }

    /// Whether the running thread has to look around before it goes on.
    #[inline]
    pub(crate) fn has_news(&self) -> bool {
        self.shared.has_news()
    }

    fn pick(&mut self) -> Option<Box<Thread<M>>> {
        if let Some(thread) = self.shared.pop(M::ticks()) {
            return Some(thread);
        }
        let (thread, from_floor) = self.kernel.steal(self.index)?;
        self.shared.push(thread, Arrival::Moved { from_floor });
        self.shared.pop(M::ticks())
    }

    /// Runs `thread` until it sleeps, ends or another's turn comes.
    fn run_thread(&mut self, mut thread: Box<Thread<M>>) {
        self.switch_to(&mut thread);
        loop {
            thread = match self.step(thread) {
                Next::Continue(thread) => thread,
                Next::Interrupted(thread) => {
                    self.take_interrupts();
                    if self.armed == NEVER {
                        self.arm();
                    }
                    self.clean_up_once_a_slice();
                    thread
                }
                Next::Requeue(thread) => match self.switch_from(thread) {
                    Some(next) => next,
                    None => return,
                },
                Next::Gone => return,
            };
            if self.is_turn_over(&mut thread) {
                thread = match self.switch_from(thread) {
                    Some(next) => next,
                    None => return,
                };
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
                UserExit::Interrupt => return Next::Interrupted(thread),
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
            Flow::Again => Next::Interrupted(thread),
            Flow::Yield => Next::Requeue(thread),
            Flow::Block => self.block(thread),
        }
    }

    fn enter_user(&mut self, thread: &mut Thread<M>) -> UserExit {
        let space = thread.process().space();
        if !self.loaded.as_ref().is_some_and(|loaded| Arc::ptr_eq(loaded, space)) {
            self.load_table(space);
        }
        let flush = space.residency().enter(self.index);
        M::activate_table(space.root(), flush);
        let exit = M::enter_user(&mut thread.registers);
        Residency::<M>::leave(self.index);
        exit
    }

    /// Loads a space's table, and holds the space as long as it is loaded.
    #[cold]
    fn load_table(&mut self, space: &Arc<AddressSpace<M>>) {
        M::activate_table(space.root(), false);
        // The space before may end here: its table is loaded no longer.
        self.loaded = Some(space.clone());
    }

    /// Lets the next thread run in place of this one. `None` if there is none, or other things come first.
    fn switch_from(&mut self, mut thread: Box<Thread<M>>) -> Option<Box<Thread<M>>> {
        self.set_aside(&mut thread);
        thread.ready_since = self.accounted;
        if !thread.may_run_on(self.index) {
            self.kernel.make_ready(thread);
            return None;
        }
        if self.kernel.has_dead() {
            self.shared.push(thread, Arrival::Preempted);
            self.kernel.offer_work();
            return None;
        }
        let next = self.shared.exchange(thread, self.accounted);
        self.kernel.offer_work();
        let mut next = next?;
        self.switch_to(&mut next);
        Some(next)
    }

    /// Takes the thread off the processor.
    fn set_aside(&mut self, thread: &mut Thread<M>) {
        self.account(thread);
        thread.guest_deadline = self.guest_deadline;
        self.save_extended(thread);
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
        self.guest_deadline = thread.guest_deadline.filter(|deadline| *deadline > now);
        self.load_extended(thread);
        thread.last_cpu = self.index;
        self.shared.take_news();
        self.begin_slice(thread, now);
    }

    /// Charges the thread for the time since it was charged last.
    fn account(&mut self, thread: &mut Thread<M>) {
        let now = M::ticks();
        self.shared.occupant.begin_account();
        thread.account_run(now.saturating_sub(self.accounted), || M::ticks_to_ns(now));
        self.accounted = now;
        self.shared.occupant.leave();
    }
}

impl<M: Machine> Default for Cpu<M> {
    fn default() -> Self {
        Self::new()
    }
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
