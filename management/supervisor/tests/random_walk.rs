//! Whatever happens in whatever order: what must always hold.
//!
//! A small world of processes obeys the effects; proptest chooses what happens next.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use base_units::Nanos;
use management_config::{RestartPolicy, VmFile};
use management_protocol::{Request, VmState};
use management_supervisor::{Effect, Event, ProcessEnd, ProgramIndex, Supervisor, VmIndex};
use proptest::prelude::*;
use vmm_protocol::Report;

const VMS: usize = 3;
const NAMES: [&str; VMS] = ["never", "failure", "always"];

/// What the outside does next.
#[derive(Clone, Debug)]
enum Step {
    Report(usize, Report),
    End(usize, ProcessEnd),
    ProgramEnd(ProcessEnd),
    Ask(Request),
    Pass(u64),
}

fn ends() -> impl Strategy<Value = ProcessEnd> {
    prop_oneof![
        Just(ProcessEnd::Exited(0)),
        Just(ProcessEnd::Exited(101)),
        Just(ProcessEnd::Killed),
        Just(ProcessEnd::NotStarted("no memory".into())),
        Just(ProcessEnd::Faulted { vector: 14, rip: 1, address: 2 }),
    ]
}

fn reports() -> impl Strategy<Value = Report> {
    prop_oneof![
        3 => Just(Report::Started),
        1 => Just(Report::PoweredOff),
        1 => Just(Report::WasReset),
        1 => Just(Report::Renewed),
        1 => any::<String>().prop_map(Report::Failed),
        1 => any::<String>().prop_map(Report::Refused),
    ]
}

fn requests() -> impl Strategy<Value = Request> {
    let name = || prop_oneof![9 => (0..VMS).prop_map(|index| NAMES[index].to_owned()), 1 => any::<String>()];
    prop_oneof![
        6 => name().prop_map(Request::Start),
        4 => name().prop_map(Request::Stop),
        2 => name().prop_map(Request::Kill),
        2 => name().prop_map(Request::Reset),
        1 => Just(Request::Shutdown),
        1 => Just(Request::Reboot),
        1 => Just(Request::Memory),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..VMS, reports()).prop_map(|(vm, report)| Step::Report(vm, report)),
        4 => (0..VMS, ends()).prop_map(|(vm, end)| Step::End(vm, end)),
        1 => ends().prop_map(Step::ProgramEnd),
        4 => requests().prop_map(Step::Ask),
        4 => (1u64..40_000).prop_map(Step::Pass),
    ]
}

/// The processes that there are.
#[derive(Default)]
struct World {
    has_process: [bool; VMS],
    has_program: bool,
    is_down: bool,
}

impl World {
    fn obey(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::StartVm(VmIndex(vm)) => {
                    assert!(!self.has_process[vm], "a second process for one VM");
                    assert!(!self.is_down, "a start after the end");
                    self.has_process[vm] = true;
                }
                Effect::KillVm(VmIndex(vm)) | Effect::AskVm(VmIndex(vm), _) => {
                    assert!(self.has_process[vm], "a word to a process that is not there");
                }
                Effect::StartProgram(_) => {
                    assert!(!self.has_program, "a second process for one program");
                    self.has_program = true;
                }
                Effect::Power(_) => {
                    assert!(!self.is_down, "a second end");
                    assert_eq!(self.has_process, [false; VMS], "the power goes off under a VM");
                    self.is_down = true;
                }
                Effect::Log(line) => {
                    assert!(!line.chars().any(char::is_control), "a control character in {line:?}");
                }
            }
        }
    }
}

fn supervisor() -> Supervisor {
    let vm = |(name, restart): (&str, &str)| {
        format!("[[vm]]\nname = \"{name}\"\nmemory = \"2M\"\nkernel = \"k\"\nrestart = \"{restart}\"\n")
    };
    let vms = NAMES.into_iter().zip(["never", "on-failure", "always"]);
    let file = VmFile::parse(&vms.map(vm).collect::<String>()).unwrap();
    Supervisor::new([("console", RestartPolicy::Always)], &file)
}

proptest! {
    #[test]
    fn the_rules_hold_on_every_path(steps in proptest::collection::vec(steps(), 1..120)) {
        let mut supervisor = supervisor();
        let mut world = World::default();
        let mut now = Nanos::ZERO;
        supervisor.handle(now, &Event::Boot);
        world.obey(supervisor.take_effects());

        for step in steps {
            match step {
                Step::Report(vm, report) => supervisor.handle(now, &Event::VmReported(VmIndex(vm), report)),
                Step::End(vm, end) => {
                    // Ends of processes that are not there are ignored.
                    world.has_process[vm] = false;
                    supervisor.handle(now, &Event::VmEnded(VmIndex(vm), end));
                }
                Step::ProgramEnd(end) => {
                    world.has_program = false;
                    supervisor.handle(now, &Event::ProgramEnded(ProgramIndex(0), end));
                }
                Step::Ask(request) => drop(supervisor.request(now, &request)),
                Step::Pass(millis) => {
                    let end = now.saturating_add(Nanos::from_millis(millis));
                    // The service ticks at each deadline; every tick moves the deadline on.
                    while let Some(deadline) = supervisor.deadline().filter(|deadline| *deadline <= end) {
                        now = now.max(deadline);
                        supervisor.handle(now, &Event::Tick);
                        world.obey(supervisor.take_effects());
                        prop_assert!(supervisor.deadline().is_none_or(|next| next > now));
                    }
                    now = end;
                }
            }
            world.obey(supervisor.take_effects());
            for vm in 0..VMS {
                let (state, _, outcome) = supervisor.vm(VmIndex(vm)).unwrap();
                let should_have = !matches!(state, VmState::Stopped | VmState::Failed | VmState::Waiting);
                prop_assert_eq!(world.has_process[vm], should_have);
                prop_assert!(outcome.len() <= management_protocol::OUTCOME_BYTES_MAX);
            }
        }
    }

    #[test]
    fn a_shutdown_always_comes_to_its_end(steps in proptest::collection::vec(steps(), 0..60)) {
        let mut supervisor = supervisor();
        let mut world = World::default();
        supervisor.handle(Nanos::ZERO, &Event::Boot);
        for step in steps {
            if let Step::Report(vm, report) = step {
                supervisor.handle(Nanos::ZERO, &Event::VmReported(VmIndex(vm), report));
            }
        }
        world.obey(supervisor.take_effects());

        // Deaf guests: nobody reacts to buttons, kills work.
        supervisor.request(Nanos::ZERO, &Request::Shutdown).unwrap();
        let mut killed: Vec<VmIndex> = Vec::new();
        for _ in 0..10 {
            for effect in supervisor.take_effects() {
                if let Effect::KillVm(vm) = effect {
                    killed.push(vm);
                }
                world.obey(vec![effect]);
            }
            for vm in killed.drain(..) {
                world.has_process[vm.0] = false;
                supervisor.handle(Nanos::from_millis(60_000), &Event::VmEnded(vm, ProcessEnd::Killed));
            }
            supervisor.handle(Nanos::from_millis(60_000), &Event::Tick);
        }

        prop_assert!(world.is_down);
    }
}
