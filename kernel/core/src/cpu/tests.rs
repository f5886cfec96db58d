//! Processors on a machine that the test plays: who runs when, and what the timer is armed for.

use super::*;
use crate::group::{Group, PERIOD_NS};
use crate::machine::UserRegisters;
use crate::memory::{MemoryObject, Permissions, STEP_PAGES};
use crate::object::Object;
use crate::process::Process;
use crate::testing::processors::{self, boot, set_script};
use crate::testing::{FakeMachine, clock, ram};
use abi::{GPR_RAX, GPR_RDI, GPR_RDX, GPR_RSI, GroupLimits, MemoryFlags, MemoryOperation, Rights, Syscall};
use alloc::sync::Arc;
use base_units::Uva;
use core::sync::atomic::Ordering;
use std::cell::RefCell;
use std::rc::Rc;

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
fn a_throttled_thread_comes_back_while_another_runs() {
    boot(64 << 20, 1);
    let capped = group(GroupLimits { cap_milli: 100, ..GroupLimits::default() });
    let free = group(GroupLimits::default());
    start(&capped, 0);
    start(&free, 0);
    let end = 20 * PERIOD_NS;
    set_script(
        move |registers| if clock::ticks() > end { call(registers, Syscall::ThreadExit) } else { spin() },
    );

    let mut cpu = Cpu::<Fake>::new();
    while clock::ticks() <= end {
        cpu.turn();
    }

    let share = capped.info().cpu_ns * 1000 / clock::ticks();
    assert!((90..=110).contains(&share), "{share} thousandths of a processor");
}

#[test]
fn the_time_of_a_thread_that_never_leaves_its_processor_counts() {
    boot(64 << 20, 2);
    let busy = group(GroupLimits::default());
    let process = start(&busy, 0);
    let theirs = (busy.clone(), process.threads()[0].clone());
    set_script(move |registers| {
        let start = clock::ticks();
        clock::set_ticks(start + 5_000_000);
        let kernel = processors::kernel();
        let used = kernel.used_ns(|| theirs.0.info().cpu_ns, |occupant| occupant.is_of(&theirs.0));
        let of_thread = kernel.used_ns(|| theirs.1.run_ns(), |occupant| occupant.is(&*theirs.1));
        assert_eq!((used, of_thread, theirs.0.info().cpu_ns), (5_000_000, 5_000_000, 0));
        call(registers, Syscall::ThreadExit)
    });

    Cpu::<Fake>::new().turn();

    let used = processors::kernel().used_ns(|| busy.info().cpu_ns, |occupant| occupant.is_of(&busy));
    assert_eq!((used, busy.info().cpu_ns), (5_000_000, 5_000_000));
}

/// Where the tests' processes have a page of zeros.
const WORD: u64 = 0x10_0000;

/// Gives the process a page to sleep on.
fn map_word(process: &Process<Fake>) {
    let memory = MemoryObject::create(process.group().clone(), 4096, MemoryFlags::empty()).unwrap();
    let permissions = Permissions { write: true, execute: false };
    process.space().map(memory, 0, 4096, Some(Uva::new(WORD)), permissions).unwrap();
}

/// Ring 3 sleeps on the word until `deadline`.
fn sleep(registers: &mut UserRegisters, deadline: u64) -> UserExit {
    (registers.gpr[GPR_RDI], registers.gpr[GPR_RSI], registers.gpr[GPR_RDX]) = (WORD, 0, deadline);
    call(registers, Syscall::FutexWait)
}

/// Threads that processor 0 switched to.
fn switches() -> u64 {
    processors::kernel().cpu(0).counters.switches.load(Ordering::Relaxed)
}

#[test]
fn a_thread_that_sleeps_alone_goes_on_where_it_is() {
    boot(64 << 20, 1);
    let process = start(&group(GroupLimits::default()), 0);
    map_word(&process);
    set_script(|registers| {
        if clock::ticks() < 5000 { sleep(registers, 5000) } else { call(registers, Syscall::ThreadExit) }
    });

    Cpu::<Fake>::new().turn();

    assert_eq!((clock::ticks(), switches()), (5000, 1));
    assert_eq!(process.info().cpu_ns, 0);
}

#[test]
fn a_resting_thread_is_woken_from_another_processor() {
    boot(64 << 20, 2);
    let process = start(&group(GroupLimits::default()), 0);
    map_word(&process);
    let mut has_slept = false;
    set_script(move |registers| match core::mem::replace(&mut has_slept, true) {
        false => sleep(registers, NEVER),
        true => call(registers, Syscall::ThreadExit),
    });
    let theirs = process.clone();
    processors::set_idle_script(move || {
        ram::set_cpu(1);
        assert_eq!(theirs.futexes().wake(WORD, 1), 1);
        ram::set_cpu(0);
    });

    Cpu::<Fake>::new().turn();

    assert_eq!(switches(), 1);
    assert_eq!(process.info().threads, 0);
}

#[test]
fn a_resting_thread_is_put_away_when_other_work_comes() {
    boot(64 << 20, 2);
    let lasting = group(GroupLimits::default());
    let sleeper = start(&lasting, 1);
    map_word(&sleeper);
    let mut is_late = false;
    let theirs = lasting.clone();
    processors::set_idle_script(move || {
        if !core::mem::replace(&mut is_late, true) {
            ram::set_cpu(1);
            start(&theirs, 2);
            ram::set_cpu(0);
        }
    });
    let log = Rc::new(RefCell::new(Vec::new()));
    let written = log.clone();
    set_script(move |registers| {
        let is_sleeper = registers.gpr[GPR_RDI] == 1 || registers.gpr[GPR_RDI] == WORD;
        written.borrow_mut().push((is_sleeper, clock::ticks()));
        if is_sleeper && clock::ticks() < 9000 {
            sleep(registers, 9000)
        } else {
            call(registers, Syscall::ThreadExit)
        }
    });

    let mut cpu = Cpu::<Fake>::new();
    while sleeper.info().threads > 0 {
        cpu.turn();
    }

    assert_eq!(*log.borrow(), [(true, 1), (false, 1), (true, 9000)]);
    assert_eq!(switches(), 3);
}

#[test]
fn a_resting_thread_hears_of_its_process_end() {
    boot(64 << 20, 1);
    let process = start(&group(GroupLimits::default()), 0);
    map_word(&process);
    set_script(|registers| sleep(registers, NEVER));
    let theirs = process.clone();
    processors::set_idle_script(move || theirs.end(End::Killed(7)));

    Cpu::<Fake>::new().turn();

    assert_eq!(process.info().threads, 0);
}

#[test]
fn an_idle_processor_lets_go_of_a_process_that_ended() {
    boot(64 << 20, 1);
    let process = start(&group(GroupLimits::default()), 0);
    let root = process.space().root().raw();
    let space = Arc::downgrade(process.space());
    drop(process);
    set_script(move |registers| {
        assert_eq!(processors::root(), root);
        call(registers, Syscall::ThreadExit)
    });
    let mut cpu = Cpu::<Fake>::new();

    cpu.turn();
    assert!(space.upgrade().is_some(), "a table was freed while it was loaded");
    cpu.turn();

    assert_eq!(processors::root(), 0);
    assert!(space.upgrade().is_none());
}

#[test]
fn a_call_over_many_pages_lets_interrupts_in() {
    boot(256 << 20, 1);
    let all = group(GroupLimits::default());
    let process = start(&all, 0);
    let pages = 3 * STEP_PAGES;
    let memory = MemoryObject::create(all, pages * 4096, MemoryFlags::empty()).unwrap();
    let handle = process.add_handle(Object::Memory(memory), Rights::all()).unwrap();
    let counters = &processors::kernel().cpu(0).counters;
    let mut has_called = false;
    set_script(move |registers| {
        if core::mem::replace(&mut has_called, true) {
            assert_eq!(registers.gpr[GPR_RAX], pages);
            return call(registers, Syscall::ThreadExit);
        }
        processors::interrupt_later();
        registers.gpr[GPR_RDI] = u64::from(handle.0);
        registers.gpr[GPR_RSI] = MemoryOperation::Commit as u64;
        (registers.gpr[GPR_RDX], registers.gpr[10]) = (0, pages * 4096);
        call(registers, Syscall::MemoryControl)
    });

    Cpu::<Fake>::new().turn();

    assert_eq!(counters.cross.load(Ordering::Relaxed), 1);
}

#[test]
fn an_affinity_that_changes_moves_a_running_thread() {
    boot(64 << 20, 2);
    let process = start(&group(GroupLimits::default()), 0);
    set_script(move |_| {
        process.threads()[0].set_affinity(0b10);
        processors::kernel().announce_limits();
        UserExit::Interrupt
    });

    Cpu::<Fake>::new().turn();

    assert!(processors::kernel().cpu(1).has_waiters());
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
