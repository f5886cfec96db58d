//! The life of a program.

use crate::{Effect, Effects, ProcessEnd, ProgramIndex, backoff::Backoff};
use alloc::{format, string::String};
use base_units::Nanos;
use management_config::RestartPolicy;

/// Where a program is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Ended,
    Running,
    Waiting { until: Nanos },
}

/// One program of the manifest.
#[derive(Clone, Debug)]
pub(crate) struct ProgramLife {
    index: ProgramIndex,
    name: String,
    restart: RestartPolicy,

    phase: Phase,
    backoff: Backoff,
}

impl ProgramLife {
    pub(crate) fn new(index: ProgramIndex, name: &str, restart: RestartPolicy) -> Self {
        Self { index, name: name.into(), restart, phase: Phase::Ended, backoff: Backoff::default() }
    }

    pub(crate) fn start(&mut self, now: Nanos, effects: &mut Effects) {
        self.phase = Phase::Running;
        self.backoff.run_starts(now);
        effects.push(Effect::StartProgram(self.index));
    }

    pub(crate) fn ended(&mut self, now: Nanos, end: &ProcessEnd, effects: &mut Effects) {
        if self.phase != Phase::Running {
            return;
        }
        let failure = end.failure();
        match &failure {
            Some(reason) => effects.log(format!("program {}: failed: {reason}", self.name)),
            None => effects.log(format!("program {}: ended", self.name)),
        }
        let is_wanted = match self.restart {
            RestartPolicy::Never => false,
            RestartPolicy::OnFailure => failure.is_some(),
            RestartPolicy::Always => true,
        };
        if !is_wanted {
            self.phase = Phase::Ended;
            return;
        }
        let pause = self.backoff.run_ended(now);
        effects.log(format!("program {}: restarting in {} ms", self.name, pause.raw() / 1_000_000));
        self.phase = Phase::Waiting { until: now.saturating_add(pause) };
    }

    pub(crate) fn deadline(&self) -> Option<Nanos> {
        match self.phase {
            Phase::Waiting { until } => Some(until),
            Phase::Ended | Phase::Running => None,
        }
    }

    pub(crate) fn tick(&mut self, now: Nanos, effects: &mut Effects) {
        if self.deadline().is_some_and(|until| until <= now) {
            self.start(now, effects);
        }
    }
}
