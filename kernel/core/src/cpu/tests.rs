//! Processors on a machine that the test plays: who runs when, and what the timer is armed for.

use super::*;
use crate::group::{Group, PERIOD_NS};
use crate::machine::UserRegisters;
use crate::process::Process;
use crate::testing::processors::{self, boot, set_script};
use crate::testing::{FakeMachine, clock};
use abi::{GPR_RAX, GroupLimits, Syscall};

type Fake = FakeMachine;

/// A group below the root with these limits.
fn group(limits: GroupLimits) -> Arc<Group> {
    Group::below(&Group::root(), &limits).unwrap()
}

/// A process of `group` with one thread that wants to run. The thread's first argument is `argument`.
fn start(group: &Arc<Group>, argument: u64) -> Arc<Process<Fake>> {
    let process = Process::new(String::from("test"), group.clone()).unwrap();
    let thread = Thread::new(&process, UserRegisters::new(0x10_0000, 0, argument)).unwrap();
    group.enter_runnable();
    processors::kernel().make_ready(thread);
    process
}

/// Ring 3 makes a call without arguments.
fn call(registers: &mut UserRegisters, number: Syscall) -> UserExit {
    registers.gpr[GPR_RAX] = number as u64;
    UserExit::Syscall
}

/// Ring 3 spins until the next timer interrupt, or for a second if there is none to come.
fn spin() -> UserExit {
    clock::set_ticks(processors::timer().unwrap_or(clock::ticks() + 1_000_000_000));
    UserExit::Interrupt
}

#[test]
fn a_capped_thread_that_spins_alone_is_stopped_at_its_cap() {
    boot(64 << 20, 1);
    let capped = group(GroupLimits { cap_milli: 250, ..GroupLimits::default() });
    start(&capped, 0);
    set_script(
        |registers| {
            if clock::ticks() > 20 * PERIOD_NS { call(registers, Syscall::ThreadExit) } else { spin() }
        },
    );

    let mut cpu = Cpu::<Fake>::new();
    while clock::ticks() <= 20 * PERIOD_NS {
        cpu.turn();
    }

    let share = capped.info().cpu_ns * 1000 / clock::ticks();
    assert!((240..=260).contains(&share), "{share} thousandths of a processor");
}

#[test]
fn a_cap_that_is_set_on_a_spinning_thread_counts_at_once() {
    boot(64 << 20, 1);
    let limits = GroupLimits::default();
    let capped = group(limits);
    start(&capped, 0);
    let end = clock::ticks() + 20 * PERIOD_NS;
    let (theirs, mut is_set) = (capped.clone(), false);
    set_script(move |registers| {
        if !core::mem::replace(&mut is_set, true) {
            theirs.set(&GroupLimits { cap_milli: 100, ..limits }).unwrap();
            processors::kernel().announce_limits();
            return UserExit::Interrupt;
        }
        if clock::ticks() > end { call(registers, Syscall::ThreadExit) } else { spin() }
    });

    let mut cpu = Cpu::<Fake>::new();
    while clock::ticks() <= end {
        cpu.turn();
    }

    let share = capped.info().cpu_ns * 1000 / clock::ticks();
    assert!((90..=110).contains(&share), "{share} thousandths of a processor");
}

#[test]
fn a_thread_without_a_cap_and_competitors_needs_no_timer() {
    boot(64 << 20, 1);
    start(&group(GroupLimits::default()), 0);
    set_script(|registers| {
        assert_eq!(processors::timer(), None);
        call(registers, Syscall::ThreadExit)
    });

    Cpu::<Fake>::new().turn();
}
