//! The life of a VM.

use crate::{Effect, Effects, ProcessEnd, VmIndex, backoff::Backoff, sentence::tamed};
use alloc::{format, string::String};
use base_units::Nanos;
use management_config::RestartPolicy;
use management_protocol::{Refusal, VmState};
use vmm_protocol::{Report, Request};

/// How long a guest may take to obey its power button before it is killed.
pub const STOP_LIMIT: Nanos = Nanos::from_millis(30_000);
/// How long a VM's process may live after it has said that it is done.
pub const END_LIMIT: Nanos = Nanos::from_millis(5_000);

/// Resets of one VM are logged no more often than this: a guest can do nothing else all day.
const RESET_LOG_PAUSE: Nanos = Nanos::from_millis(1_000);

/// Where a VM is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// No process, and nothing will start one by itself.
    Stopped { has_failed: bool },
    /// There is a process that builds the machine.
    Starting,
    /// The guest runs.
    Running,
    /// There is a process that should end by itself until the deadline.
    Stopping { deadline: Nanos },
    /// There is a process whose end was ordered.
    Killing,
    /// No process; one is started at this time.
    Waiting { until: Nanos },
}

/// What a VM's process said about its end before it ended.
#[derive(Clone, PartialEq, Eq, Debug)]
enum LastWord {
    PoweredOff,
    Failed(String),
}

/// One VM of the definition file.
#[derive(Clone, Debug)]
pub(crate) struct VmLife {
    index: VmIndex,
    name: String,
    policy: RestartPolicy,

    phase: Phase,
    /// Its operator wants it to run: policy may start it again.
    is_wanted: bool,
    last_word: Option<LastWord>,
    outcome: String,
    reset_logged: Option<Nanos>,
    /// It was asked to go on from its saved state, and has not said yet that it does.
    is_renewing: bool,
    restarts: u32,
    backoff: Backoff,
}

impl VmLife {
    pub(crate) fn new(index: VmIndex, name: &str, policy: RestartPolicy) -> Self {
        Self {
            index,
            name: name.into(),
            policy,
            phase: Phase::Stopped { has_failed: false },
            is_wanted: false,
            last_word: None,
            outcome: String::new(),
            reset_logged: None,
            is_renewing: false,
            restarts: 0,
            backoff: Backoff::default(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn outcome(&self) -> &str {
        &self.outcome
    }

    pub(crate) fn restarts(&self) -> u32 {
        self.restarts
    }

    /// Neither has it a process nor will it get one by itself.
    pub(crate) fn is_at_rest(&self) -> bool {
        matches!(self.phase, Phase::Stopped { .. })
    }

    pub(crate) fn state(&self) -> VmState {
        match self.phase {
            Phase::Stopped { has_failed: false } => VmState::Stopped,
            Phase::Stopped { has_failed: true } => VmState::Failed,
            Phase::Starting => VmState::Starting,
            Phase::Running => VmState::Running,
            Phase::Stopping { .. } | Phase::Killing => VmState::Stopping,
            Phase::Waiting { .. } => VmState::Waiting,
        }
    }

    pub(crate) fn start(&mut self, now: Nanos, effects: &mut Effects) -> Result<(), Refusal> {
        match self.phase {
            Phase::Stopped { .. } | Phase::Waiting { .. } => {}
            Phase::Starting | Phase::Running => return Err(Refusal::AlreadyRunning),
            Phase::Stopping { .. } | Phase::Killing => return Err(Refusal::AlreadyStopping),
        }
        self.is_wanted = true;
        self.launch(now, effects);
        Ok(())
    }

    pub(crate) fn stop(&mut self, now: Nanos, effects: &mut Effects) -> Result<(), Refusal> {
        // Also for one that is ending by itself: its policy must not bring it back.
        self.is_wanted = false;
        match self.phase {
            Phase::Stopped { .. } => return Err(Refusal::NotRunning),
            Phase::Stopping { .. } | Phase::Killing => return Err(Refusal::AlreadyStopping),
            Phase::Waiting { .. } => self.rest(),
            // No guest listens to the button yet.
            Phase::Starting => self.order_end(effects),
            Phase::Running => {
                effects.log(format!("vm {}: stopping", self.name));
                effects.push(Effect::AskVm(self.index, Request::PowerButton));
                self.phase = Phase::Stopping { deadline: now.saturating_add(STOP_LIMIT) };
            }
        }
        Ok(())
    }

    pub(crate) fn kill(&mut self, effects: &mut Effects) -> Result<(), Refusal> {
        // Also for one that is ending by itself: its policy must not bring it back.
        self.is_wanted = false;
        match self.phase {
            Phase::Stopped { .. } => return Err(Refusal::NotRunning),
            Phase::Killing => return Err(Refusal::AlreadyStopping),
            Phase::Waiting { .. } => self.rest(),
            Phase::Starting | Phase::Running | Phase::Stopping { .. } => self.order_end(effects),
        }
        Ok(())
    }

    /// Passes a request on to the VM's process while its guest runs.
    pub(crate) fn ask(&mut self, request: Request, effects: &mut Effects) -> Result<(), Refusal> {
        if self.phase != Phase::Running {
            return Err(Refusal::NotRunning);
        }
        self.is_renewing |= request == Request::Renew;
        effects.push(Effect::AskVm(self.index, request));
        Ok(())
    }

    pub(crate) fn report(&mut self, now: Nanos, report: &Report, effects: &mut Effects) {
        let has_process = !matches!(self.phase, Phase::Stopped { .. } | Phase::Waiting { .. });
        if !has_process {
            return;
        }
        match report {
            Report::Started if self.phase == Phase::Starting => {
                self.phase = Phase::Running;
                effects.log(format!("vm {}: started", self.name));
            }
            Report::WasReset => self.log_reset(now, effects),
            Report::Renewed => {
                if core::mem::take(&mut self.is_renewing) {
                    effects.log(format!("vm {}: goes on from its saved state", self.name));
                }
            }
            Report::PoweredOff => self.hear_last_word(now, LastWord::PoweredOff),
            Report::Failed(reason) | Report::Refused(reason) => {
                self.hear_last_word(now, LastWord::Failed(tamed(reason)));
            }
            Report::Started | Report::Statistics(_) => {}
        }
    }

    /// Its process is gone.
    pub(crate) fn ended(&mut self, now: Nanos, end: &ProcessEnd, effects: &mut Effects) {
        let was_killed = self.phase == Phase::Killing;
        if self.is_at_rest() || matches!(self.phase, Phase::Waiting { .. }) {
            return;
        }
        let failure = match (self.last_word.take(), end.failure()) {
            (Some(LastWord::Failed(reason)), _) => Some(reason),
            (Some(LastWord::PoweredOff), _) => {
                self.outcome = "powered off".into();
                None
            }
            (None, _) if was_killed => {
                self.outcome = "killed".into();
                None
            }
            (None, Some(reason)) => Some(reason),
            (None, None) => Some("its process ended without a word".into()),
        };
        if let Some(reason) = &failure {
            self.outcome = format!("failed: {reason}");
        }
        effects.log(format!("vm {}: {}", self.name, self.outcome));
        self.outcome = tamed(&self.outcome);
        self.after_end(now, failure.is_some(), effects);
    }

    pub(crate) fn deadline(&self) -> Option<Nanos> {
        match self.phase {
            Phase::Stopping { deadline } => Some(deadline),
            Phase::Waiting { until } => Some(until),
            Phase::Stopped { .. } | Phase::Starting | Phase::Running | Phase::Killing => None,
        }
    }

    pub(crate) fn tick(&mut self, now: Nanos, effects: &mut Effects) {
        if self.deadline().is_none_or(|deadline| deadline > now) {
            return;
        }
        if matches!(self.phase, Phase::Stopping { .. }) {
            self.order_end(effects);
        } else {
            self.restarts = self.restarts.saturating_add(1);
            self.launch(now, effects);
        }
    }

    fn launch(&mut self, now: Nanos, effects: &mut Effects) {
        self.phase = Phase::Starting;
        self.last_word = None;
        self.backoff.run_starts(now);
        effects.log(format!("vm {}: starting", self.name));
        effects.push(Effect::StartVm(self.index));
    }

    fn log_reset(&mut self, now: Nanos, effects: &mut Effects) {
        if self.reset_logged.is_none_or(|last| now.saturating_sub(last) >= RESET_LOG_PAUSE) {
            self.reset_logged = Some(now);
            effects.log(format!("vm {}: was reset", self.name));
        }
    }

    fn hear_last_word(&mut self, now: Nanos, word: LastWord) {
        // The first word counts: what follows can only be confusion.
        self.last_word.get_or_insert(word);
        if matches!(self.phase, Phase::Starting | Phase::Running) {
            self.phase = Phase::Stopping { deadline: now.saturating_add(END_LIMIT) };
        }
    }

    fn order_end(&mut self, effects: &mut Effects) {
        self.phase = Phase::Killing;
        effects.push(Effect::KillVm(self.index));
    }

    fn rest(&mut self) {
        self.phase = Phase::Stopped { has_failed: self.outcome.starts_with("failed") };
    }

    fn after_end(&mut self, now: Nanos, has_failed: bool, effects: &mut Effects) {
        let policy_wants = match self.policy {
            RestartPolicy::Never => false,
            RestartPolicy::OnFailure => has_failed,
            RestartPolicy::Always => true,
        };
        if !(self.is_wanted && policy_wants) {
            self.phase = Phase::Stopped { has_failed };
            return;
        }
        let pause = self.backoff.run_ended(now);
        effects.log(format!("vm {}: restarting in {} ms", self.name, pause.raw() / 1_000_000));
        self.phase = Phase::Waiting { until: now.saturating_add(pause) };
    }
}
