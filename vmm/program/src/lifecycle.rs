//! Start, reset, renewal and end of the machine.
//!
//! All vCPU threads park; the device loop then brings everything to its first or its saved state and lets
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
    /// vCPUs park, save themselves and park again: the machine is to go on from its saved state.
    Renewing = 2,
    /// The process is about to end.
    Ending = 3,
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
            2 => Phase::Renewing,
            _ => Phase::Ending,
        }
    }

    /// Asks for a reset of the whole machine. It goes before a renewal, since the last exits before that may ask for it.
    pub(crate) fn reset(&self, vm: &Vm) {
        if self.turn(Phase::Running, Phase::Resetting) || self.turn(Phase::Renewing, Phase::Resetting) {
            vm.kick_all();
            vm.wake_device_loop();
        }
    }

    /// Asks for the state of the whole machine to be saved and taken over again.
    pub(crate) fn renew(&self, vm: &Vm) {
        if self.turn(Phase::Running, Phase::Renewing) {
            vm.kick_all();
            vm.wake_device_loop();
        }
    }

    /// Changes the phase, if it is `from`.
    fn turn(&self, from: Phase, to: Phase) -> bool {
        self.phase.compare_exchange(from as u32, to as u32, Ordering::AcqRel, Ordering::Acquire).is_ok()
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

    /// Lets the parked vCPUs go: into the guest, or to save themselves. Returns how many starts there have been.
    pub(crate) fn start(&self, to: Phase) -> u64 {
        let mut state = self.state.lock();
        state.parked = 0;
        state.starts += 1;
        // A machine that ends meanwhile stays ended.
        let _ = self.turn(Phase::Resetting, to) || self.turn(Phase::Renewing, to);
        self.changed.notify_all();
        state.starts
    }
}
