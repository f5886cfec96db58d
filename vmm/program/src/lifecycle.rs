//! Start, reset and end of the machine.
//!
//! All vCPU threads park; the device loop then brings everything to its first state and lets
//! them go. The start of the machine is its first reset. Whoever asks for a change only says so
//! and kicks the vCPUs: the device loop is the one that does it, and holds no lock while it waits.

use crate::vm::Vm;
use alloc::string::String;
use base_units::Nanos;
use core::sync::atomic::{AtomicU32, Ordering};
use user_rt::{Condition, Mutex};

/// What the machine does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum Phase {
    /// vCPUs run.
    Running = 0,
    /// vCPUs park, or wait for the first start.
    Resetting = 1,
    /// The process is about to end.
    Ending = 2,
}

/// How the machine ended.
#[derive(Clone, Debug)]
pub(crate) enum End {
    /// The guest turned it off.
    PoweredOff,
    /// It cannot go on: a sentence.
    Failed(String),
    /// The supervisor is gone.
    Orphaned,
}

/// The phase, and who is parked.
pub(crate) struct Lifecycle {
    vcpus: u32,
    phase: AtomicU32,
    state: Mutex<State>,
    changed: Condition,
}

#[derive(Default)]
struct State {
    parked: u32,
    /// Counts starts: a parked vCPU goes on when it changes.
    starts: u64,
    /// The first end counts.
    end: Option<End>,
}

impl Lifecycle {
    /// A machine that waits for its first start.
    pub(crate) fn new(vcpus: u32) -> Self {
        Self {
            vcpus,
            phase: AtomicU32::new(Phase::Resetting as u32),
            state: Mutex::new(State::default()),
            changed: Condition::new(),
        }
    }

    /// What the machine does now.
    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Running,
            1 => Phase::Resetting,
            _ => Phase::Ending,
        }
    }

    /// Asks for a reset of the whole machine.
    pub(crate) fn reset(&self, vm: &Vm) {
        let (from, to) = (Phase::Running as u32, Phase::Resetting as u32);
        if self.phase.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            vm.kick_all();
            vm.wake_device_loop();
        }
    }

    /// Turns the machine off.
    pub(crate) fn power_off(&self, vm: &Vm) {
        self.end(vm, End::PoweredOff);
    }

    /// Gives the machine up.
    pub(crate) fn fail(&self, vm: &Vm, sentence: String) {
        self.end(vm, End::Failed(sentence));
    }

    /// Ends the machine.
    pub(crate) fn end(&self, vm: &Vm, end: End) {
        self.state.lock().end.get_or_insert(end);
        self.phase.store(Phase::Ending as u32, Ordering::Release);
        self.changed.notify_all();
        vm.kick_all();
        vm.wake_device_loop();
    }

    /// How the machine ended, if it did.
    pub(crate) fn take_end(&self) -> Option<End> {
        self.state.lock().end.take()
    }

    /// Parks the calling vCPU until the next start; returns how many starts there have been.
    pub(crate) fn park(&self) -> u64 {
        let mut state = self.state.lock();
        let before = state.starts;
        state.parked += 1;
        self.changed.notify_all();
        while state.starts == before {
            self.changed.wait(&mut state, Nanos::MAX);
        }
        state.starts
    }

    /// Waits until all vCPUs are parked. `false` if the machine ends instead.
    pub(crate) fn wait_until_parked(&self) -> bool {
        let mut state = self.state.lock();
        while state.parked < self.vcpus {
            if self.phase() == Phase::Ending {
                return false;
            }
            self.changed.wait(&mut state, Nanos::MAX);
        }
        true
    }

    /// Lets the parked vCPUs go. Returns how many starts there have been.
    pub(crate) fn start(&self) -> u64 {
        let mut state = self.state.lock();
        state.parked = 0;
        state.starts += 1;
        let (from, to) = (Phase::Resetting as u32, Phase::Running as u32);
        // A machine that ends meanwhile stays ended.
        let _ = self.phase.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire);
        self.changed.notify_all();
        state.starts
    }
}
