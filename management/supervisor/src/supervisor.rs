//! The whole machine: all programs and VMs, and its own end.

use crate::{
    Effect, Effects, PowerChange, ProcessEnd, ProgramIndex, VmIndex, program::ProgramLife, vm::VmLife,
};
use alloc::{format, string::String, vec::Vec};
use base_units::Nanos;
use management_config::{RestartPolicy, VmFile, WhenAllStopped};
use management_protocol::{Refusal, Request, VmState};
use vmm_protocol::Report;

/// What happened outside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// The machine is up: start what is to be started.
    Boot,
    /// A program's process ended, or could not be started.
    ProgramEnded(ProgramIndex, ProcessEnd),
    /// A VM's process ended, or could not be started.
    VmEnded(VmIndex, ProcessEnd),
    /// A VM's process said something.
    VmReported(VmIndex, Report),
    /// The time of [`Supervisor::deadline`] has come.
    Tick,
}

/// The machine's own course.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Course {
    /// VMs come and go.
    Up,
    /// Everything is being stopped for this.
    GoingDown(PowerChange),
    /// The last effect is out.
    Down,
}

/// Decides what is to be done about what happens.
#[derive(Clone, Debug)]
pub struct Supervisor {
    when_all_stopped: WhenAllStopped,
    starts_at_boot: Vec<bool>,

    programs: Vec<ProgramLife>,
    vms: Vec<VmLife>,
    course: Course,
    effects: Effects,
}

impl Supervisor {
    /// A supervisor of these programs (name and policy) and VMs; nothing runs yet.
    pub fn new<'n>(programs: impl IntoIterator<Item = (&'n str, RestartPolicy)>, file: &VmFile) -> Self {
        let program = |(index, (name, policy))| ProgramLife::new(ProgramIndex(index), name, policy);
        let vms = file.vms.iter().enumerate();
        Self {
            when_all_stopped: file.when_all_stopped,
            starts_at_boot: file.vms.iter().map(|vm| vm.start).collect(),
            programs: programs.into_iter().enumerate().map(program).collect(),
            vms: vms.map(|(index, vm)| VmLife::new(VmIndex(index), &vm.name, vm.restart)).collect(),
            course: Course::Up,
            effects: Effects::default(),
        }
    }

    /// Takes in what happened at `now`.
    pub fn handle(&mut self, now: Nanos, event: &Event) {
        let at_rest_before = self.vms.iter().all(VmLife::is_at_rest);
        match event {
            Event::Boot => self.boot(now),
            Event::Tick => self.tick(now),
            Event::ProgramEnded(ProgramIndex(index), end) => {
                if let Some(program) = self.programs.get_mut(*index) {
                    program.ended(now, end, &mut self.effects);
                }
            }
            Event::VmEnded(VmIndex(index), end) => {
                if let Some(vm) = self.vms.get_mut(*index) {
                    vm.ended(now, end, &mut self.effects);
                }
            }
            Event::VmReported(VmIndex(index), report) => {
                if let Some(vm) = self.vms.get_mut(*index) {
                    vm.report(now, report, &mut self.effects);
                }
            }
        }
        self.look_for_the_end(at_rest_before);
    }

    /// Does what an operator asks at `now`. Questions about figures are not for this value.
    pub fn request(&mut self, now: Nanos, request: &Request) -> Result<(), Refusal> {
        let at_rest_before = self.vms.iter().all(VmLife::is_at_rest);
        let result = match request {
            Request::Shutdown => self.go_down(now, PowerChange::Off),
            Request::Reboot => self.go_down(now, PowerChange::Reset),
            Request::Start(name) if self.course == Course::Up => {
                self.with_vm(name, |vm, effects| vm.start(now, effects))
            }
            Request::Start(_) => Err(Refusal::MachineStopping),
            Request::Stop(name) => self.with_vm(name, |vm, effects| vm.stop(now, effects)),
            Request::Kill(name) => self.with_vm(name, VmLife::kill),
            Request::Reset(name) => {
                self.with_vm(name, |vm, effects| vm.ask(vmm_protocol::Request::Reset, effects))
            }
            Request::Panic(name) => {
                self.with_vm(name, |vm, effects| vm.ask(vmm_protocol::Request::Panic, effects))
            }
            Request::Renew(name) => {
                self.with_vm(name, |vm, effects| vm.ask(vmm_protocol::Request::Renew, effects))
            }
            Request::Balloon { name, bytes } => {
                self.with_vm(name, |vm, effects| vm.ask(vmm_protocol::Request::Balloon(*bytes), effects))
            }
            Request::Vms { .. }
            | Request::Statistics
            | Request::Cpus
            | Request::Memory
            | Request::Flushed => Err(Refusal::Unavailable),
        };
        self.look_for_the_end(at_rest_before);
        result
    }

    /// What is to be done now, oldest first.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        self.effects.take()
    }

    /// When the next [`Event::Tick`] is due; `None` if only events from outside matter.
    pub fn deadline(&self) -> Option<Nanos> {
        let programs = self.programs.iter().filter_map(ProgramLife::deadline);
        programs.chain(self.vms.iter().filter_map(VmLife::deadline)).min()
    }

    /// The VM's state, restarts by policy, and how its last run ended.
    pub fn vm(&self, index: VmIndex) -> Option<(VmState, u32, &str)> {
        self.vms.get(index.0).map(|vm| (vm.state(), vm.restarts(), vm.outcome()))
    }

    fn boot(&mut self, now: Nanos) {
        for program in &mut self.programs {
            program.start(now, &mut self.effects);
        }
        for (vm, starts) in self.vms.iter_mut().zip(&self.starts_at_boot) {
            if *starts {
                // Before the first event every VM rests, so none can refuse.
                let _ = vm.start(now, &mut self.effects);
            }
        }
    }

    fn tick(&mut self, now: Nanos) {
        for program in &mut self.programs {
            program.tick(now, &mut self.effects);
        }
        for vm in &mut self.vms {
            vm.tick(now, &mut self.effects);
        }
    }

    fn with_vm(
        &mut self,
        name: &str,
        act: impl FnOnce(&mut VmLife, &mut Effects) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let vm = self.vms.iter_mut().find(|vm| vm.name() == name).ok_or(Refusal::UnknownVm)?;
        act(vm, &mut self.effects)
    }

    fn go_down(&mut self, now: Nanos, change: PowerChange) -> Result<(), Refusal> {
        let is_second_call = match self.course {
            Course::Up => false,
            Course::GoingDown(_) => true,
            Course::Down => return Err(Refusal::MachineStopping),
        };
        self.course = Course::GoingDown(change);
        for vm in &mut self.vms {
            // A VM that rests or is being stopped already refuses, which is as good.
            let _ = if is_second_call { vm.kill(&mut self.effects) } else { vm.stop(now, &mut self.effects) };
        }
        Ok(())
    }

    /// Ends the machine when the time for that has come.
    fn look_for_the_end(&mut self, at_rest_before: bool) {
        if !self.vms.iter().all(VmLife::is_at_rest) {
            return;
        }
        match self.course {
            Course::Down => {}
            Course::GoingDown(change) => {
                let doing = if change == PowerChange::Off { "powering off" } else { "rebooting" };
                self.end(format!("shutdown: {doing}"), change);
            }
            // A machine whose VMs never ran waits for its operator.
            Course::Up if at_rest_before => {}
            Course::Up => match self.when_all_stopped {
                WhenAllStopped::PowerOff => {
                    self.end("all vms stopped: powering off".into(), PowerChange::Off)
                }
                WhenAllStopped::Wait => self.effects.log("all vms stopped: waiting".into()),
            },
        }
    }

    fn end(&mut self, line: String, change: PowerChange) {
        self.course = Course::Down;
        self.effects.log(line);
        self.effects.push(Effect::Power(change));
    }
}
