//! The processors of the machine that tests run on: timers, interrupts, and a script as ring 3.
//!
//! A test acts as one processor at a time ([`super::ram::set_cpu`]) and calls `Cpu::turn` for it. Time passes only where
//! the script says so and in idle, which jumps to the armed deadline.

use super::{CPUS, FakeMachine, clock, ram};
use crate::kernel::Kernel;
use crate::machine::{HostInterrupt, UserExit, UserRegisters};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

/// What ring 3 does when it is entered.
pub(crate) type Script = Box<dyn FnMut(&mut UserRegisters) -> UserExit>;

#[derive(Default)]
struct Processor {
    /// The armed deadline.
    timer: Option<u64>,
    /// Notified since interrupts were let in last.
    is_notified: bool,
    arrived: VecDeque<HostInterrupt>,
}

thread_local! {
    static KERNEL: Cell<Option<&'static Kernel<FakeMachine>>> = const { Cell::new(None) };
    static PROCESSORS: RefCell<[Processor; CPUS]> = RefCell::default();
    static SCRIPT: RefCell<Option<Script>> = const { RefCell::new(None) };
    static IDLE: RefCell<Option<Box<dyn FnMut()>>> = const { RefCell::new(None) };
}

/// Gives the calling thread a machine with `bytes` of RAM and `cpus` processors that runs a kernel, fresh.
pub(crate) fn boot(bytes: u64, cpus: usize) {
    ram::set_up::<FakeMachine>(bytes);
    clock::set_ticks(1);
    PROCESSORS.with(|processors| *processors.borrow_mut() = Default::default());
    SCRIPT.with(|slot| slot.borrow_mut().take());
    IDLE.with(|slot| slot.borrow_mut().take());
    KERNEL.set(Some(Box::leak(Box::new(Kernel::new(cpus, 0)))));
}

/// The kernel of [`boot`].
pub(crate) fn kernel() -> &'static Kernel<FakeMachine> {
    KERNEL.get().expect("the test has not booted a kernel")
}

/// Ring 3 does this from now on.
pub(crate) fn set_script(script: impl FnMut(&mut UserRegisters) -> UserExit + 'static) {
    SCRIPT.with(|slot| *slot.borrow_mut() = Some(Box::new(script)));
}

/// This happens whenever a processor goes idle, from now on.
pub(crate) fn set_idle_script(script: impl FnMut() + 'static) {
    IDLE.with(|slot| *slot.borrow_mut() = Some(Box::new(script)));
}

/// The deadline that the calling processor's timer is armed for.
pub(crate) fn timer() -> Option<u64> {
    with(|this| this.timer)
}

pub(super) fn arm(deadline: Option<u64>) {
    with(|this| this.timer = deadline);
}

pub(super) fn notify(cpu: usize) {
    PROCESSORS.with(|all| {
        if let Some(processor) = all.borrow_mut().get_mut(cpu) {
            processor.is_notified = true;
        }
    });
}

pub(super) fn take_interrupt() -> Option<HostInterrupt> {
    with(|this| this.arrived.pop_front())
}

/// Lets interrupts arrive, as in ring 3 or in a guest; whether any did.
pub(super) fn let_in() -> bool {
    with(Processor::let_in)
}

/// Time passes until the next interrupt of the calling processor; not at all if there is none to come.
pub(super) fn idle() {
    if let Some(mut script) = IDLE.with(|slot| slot.borrow_mut().take()) {
        script();
        IDLE.with(|slot| {
            slot.borrow_mut().get_or_insert(script);
        });
    }
    with(|this| {
        if let (false, Some(deadline)) = (this.let_in(), this.timer) {
            clock::set_ticks(deadline);
            this.let_in();
        }
    });
}

pub(super) fn enter_user(registers: &mut UserRegisters) -> UserExit {
    if let_in() {
        return UserExit::Interrupt;
    }
    let mut script = SCRIPT.with(|slot| slot.borrow_mut().take()).expect("nothing to run in ring 3");
    let exit = script(registers);
    // The script may have set another one.
    SCRIPT.with(|slot| {
        slot.borrow_mut().get_or_insert(script);
    });
    let_in();
    exit
}

impl Processor {
    fn let_in(&mut self) -> bool {
        if core::mem::take(&mut self.is_notified) {
            self.arrived.push_back(HostInterrupt::Notify);
        }
        if self.timer.is_some_and(|deadline| deadline <= clock::ticks()) {
            self.timer = None;
            self.arrived.push_back(HostInterrupt::Timer);
        }
        !self.arrived.is_empty()
    }
}

fn with<R>(action: impl FnOnce(&mut Processor) -> R) -> R {
    PROCESSORS.with(|all| action(&mut all.borrow_mut()[ram::cpu()]))
}
