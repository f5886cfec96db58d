//! The processors of the machine that tests run on: timers, interrupts, and a script as ring 3.
//!
//! A test acts as one processor at a time ([`super::ram::set_cpu`]) and calls `Cpu::turn` for it. Time passes only where
//! the script says so and in idle, which jumps to the armed deadline.

use super::{CPUS, FakeMachine, clock, ram};
use crate::kernel::Kernel;
use crate::machine::{HostInterrupt, UserExit, UserRegisters};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
#[cfg(not(test))]
#[allow(unused_imports)]
use std::{boxed::Box, string::String, vec::Vec};

/// Idle processors do not wait for longer, nanoseconds.
pub(super) const SLEEP_MAX: u64 = 1 << 40;

/// What ring 3 does when it is entered.
pub(crate) type Script = Box<dyn FnMut(&mut UserRegisters) -> UserExit>;

#[derive(Default)]
struct Processor {
    /// The armed deadline.
    timer: Option<u64>,
    /// Notified since interrupts were let in last.
    is_notified: bool,
    /// Notified once the present exit is over.
    is_coming: bool,
    /// The table that is loaded; 0 is the kernel's.
    root: u64,
    arrived: VecDeque<HostInterrupt>,
}

thread_local! {
    static KERNEL: Cell<Option<&'static Kernel<FakeMachine>>> = const { Cell::new(None) };
    static PROCESSORS: RefCell<[Processor; CPUS]> = RefCell::default();
    static IS_REUSABLE: Cell<bool> = const { Cell::new(false) };
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

/// The kernel of [`boot`]; a fresh one if the test did not ask for any.
pub(crate) fn kernel() -> &'static Kernel<FakeMachine> {
    KERNEL.get().unwrap_or_else(|| {
        KERNEL.set(Some(Box::leak(Box::new(Kernel::new(CPUS, 0)))));
        kernel()
    })
}

/// The kernel of an earlier machine is not this one's.
pub(super) fn forget() {
    KERNEL.set(None);
    IS_REUSABLE.set(false);
}

/// [`boot`], or the machine of the last time if that was left clean: machines are never freed.
pub(super) fn boot_or_reuse(bytes: u64, cpus: usize) {
    if !IS_REUSABLE.replace(false) {
        boot(bytes, cpus);
    }
    ram::set_cpu(0);
}

/// Nothing is left on this machine that the next test could see.
pub(super) fn keep_for_reuse() {
    IS_REUSABLE.set(true);
}

/// Ring 3 does this from now on.
pub(crate) fn set_script(script: impl FnMut(&mut UserRegisters) -> UserExit + 'static) {
    SCRIPT.with(|slot| *slot.borrow_mut() = Some(Box::new(script)));
}

/// This happens whenever a processor goes idle, from now on.
pub(crate) fn set_idle_script(script: impl FnMut() + 'static) {
    IDLE.with(|slot| *slot.borrow_mut() = Some(Box::new(script)));
}

/// Takes all scripts away, and what they hold with them.
pub(crate) fn clear_scripts() {
    SCRIPT.with(|slot| slot.borrow_mut().take());
    IDLE.with(|slot| slot.borrow_mut().take());
    super::vcpu::clear_guest();
}

/// The deadline that the calling processor's timer is armed for.
pub(crate) fn timer() -> Option<u64> {
    with(|this| this.timer)
}

/// An interrupt reaches the calling processor after the present exit from ring 3.
pub(crate) fn interrupt_later() {
    with(|this| this.is_coming = true);
}

/// The table that the calling processor has loaded; 0 is the kernel's.
pub(crate) fn root() -> u64 {
    with(|this| this.root)
}

pub(super) fn set_root(root: u64) {
    with(|this| this.root = root);
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
        // A deadline that is too far away is none.
        let deadline = this.timer.filter(|deadline| *deadline < clock::ticks().saturating_add(SLEEP_MAX));
        if let (false, Some(deadline)) = (this.let_in(), deadline) {
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
    with(|this| this.is_notified |= core::mem::take(&mut this.is_coming));
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
