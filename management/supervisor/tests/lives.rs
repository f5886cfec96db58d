//! Claims about the lives of VMs and programs, one story each.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use base_units::Nanos;
use management_config::{RestartPolicy, VmFile};
use management_protocol::{Refusal, Request, VmState};
use management_supervisor::{
    DELAY_FIRST, END_LIMIT, Effect, Event, PowerChange, ProcessEnd, ProgramIndex, STOP_LIMIT, Supervisor,
    VmIndex,
};
use vmm_protocol::Report;

const A: VmIndex = VmIndex(0);
const B: VmIndex = VmIndex(1);
const T0: Nanos = Nanos::ZERO;

fn file(head: &str, lines: &[&str]) -> VmFile {
    let vms = lines.iter().zip(["a", "b", "c"]);
    let vm = |(lines, name): (&&str, &str)| {
        format!("[[vm]]\nname = \"{name}\"\nmemory = \"2M\"\nkernel = \"k\"\n{lines}\n")
    };
    VmFile::parse(&format!("{head}\n{}", vms.map(vm).collect::<String>())).unwrap()
}

fn booted(head: &str, lines: &[&str]) -> Supervisor {
    let mut supervisor = Supervisor::new([("console", RestartPolicy::Always)], &file(head, lines));
    supervisor.handle(T0, &Event::Boot);
    supervisor.take_effects();
    supervisor
}

fn running(head: &str, lines: &[&str]) -> Supervisor {
    let mut supervisor = booted(head, lines);
    for index in 0..lines.len() {
        supervisor.handle(T0, &Event::VmReported(VmIndex(index), Report::Started));
    }
    supervisor.take_effects();
    supervisor
}

fn after(supervisor: &mut Supervisor, now: Nanos, event: Event) -> Vec<Effect> {
    supervisor.handle(now, &event);
    supervisor.take_effects()
}

fn log(line: &str) -> Effect {
    Effect::Log(line.into())
}

fn state(supervisor: &Supervisor, vm: VmIndex) -> VmState {
    supervisor.vm(vm).unwrap().0
}

#[test]
fn boot_starts_programs_first_and_then_the_vms_that_want_it() {
    let file = file("", &["", "start = false"]);
    let mut supervisor = Supervisor::new([("console", RestartPolicy::Always)], &file);

    let effects = after(&mut supervisor, T0, Event::Boot);

    assert_eq!(effects, [Effect::StartProgram(ProgramIndex(0)), log("vm a: starting"), Effect::StartVm(A)]);
    assert_eq!((state(&supervisor, A), state(&supervisor, B)), (VmState::Starting, VmState::Stopped));
}

#[test]
fn a_guest_that_powers_off_leaves_a_stopped_vm() {
    let mut supervisor = running("", &["", ""]);

    assert_eq!(after(&mut supervisor, T0, Event::VmReported(A, Report::PoweredOff)), []);
    let effects = after(&mut supervisor, T0, Event::VmEnded(A, ProcessEnd::Exited(0)));

    assert_eq!(effects, [log("vm a: powered off")]);
    assert_eq!(state(&supervisor, A), VmState::Stopped);
}

#[test]
fn the_last_vm_takes_the_machine_down_where_the_file_says_so() {
    let mut supervisor = running("when_all_stopped = \"poweroff\"", &["", ""]);

    after(&mut supervisor, T0, Event::VmReported(A, Report::PoweredOff));
    assert_eq!(
        after(&mut supervisor, T0, Event::VmEnded(A, ProcessEnd::Exited(0))),
        [log("vm a: powered off")]
    );
    after(&mut supervisor, T0, Event::VmReported(B, Report::PoweredOff));
    let effects = after(&mut supervisor, T0, Event::VmEnded(B, ProcessEnd::Exited(0)));

    assert_eq!(
        effects,
        [log("vm b: powered off"), log("all vms stopped: powering off"), Effect::Power(PowerChange::Off)]
    );
}

#[test]
fn a_machine_whose_vms_never_ran_stays_up() {
    let mut supervisor = booted("when_all_stopped = \"poweroff\"", &["start = false"]);

    assert_eq!(after(&mut supervisor, T0, Event::Tick), []);
}

#[test]
fn a_fault_is_a_failure_with_its_reason() {
    let mut supervisor = running("", &["", ""]);

    let end = ProcessEnd::Faulted { vector: 13, rip: 0x40_1000, address: 0 };
    let effects = after(&mut supervisor, T0, Event::VmEnded(A, end));

    assert_eq!(effects, [log("vm a: failed: its process took exception 13 at 0x401000")]);
    assert_eq!(state(&supervisor, A), VmState::Failed);
}

#[test]
fn what_the_vmm_says_of_its_failure_goes_to_the_log_tamed() {
    let mut supervisor = running("", &["", ""]);

    after(&mut supervisor, T0, Event::VmReported(A, Report::Failed("triple\nfault".into())));
    let effects = after(&mut supervisor, T0, Event::VmEnded(A, ProcessEnd::Exited(1)));

    assert_eq!(effects, [log("vm a: failed: triple?fault")]);
}

#[test]
fn on_failure_restarts_after_a_pause_and_not_after_a_clean_end() {
    let mut supervisor = running("", &["restart = \"on-failure\"", ""]);

    let effects = after(&mut supervisor, T0, Event::VmEnded(A, ProcessEnd::Exited(101)));
    assert_eq!(
        effects,
        [log("vm a: failed: its process exited with code 101"), log("vm a: restarting in 250 ms")]
    );
    assert_eq!((state(&supervisor, A), supervisor.deadline()), (VmState::Waiting, Some(DELAY_FIRST)));

    let effects = after(&mut supervisor, DELAY_FIRST, Event::Tick);
    assert_eq!(effects, [log("vm a: starting"), Effect::StartVm(A)]);
    assert_eq!(supervisor.vm(A).unwrap().1, 1);

    after(&mut supervisor, DELAY_FIRST, Event::VmReported(A, Report::PoweredOff));
    let effects = after(&mut supervisor, DELAY_FIRST, Event::VmEnded(A, ProcessEnd::Exited(0)));
    assert_eq!(effects, [log("vm a: powered off")]);
}

#[test]
fn always_restarts_after_a_clean_end_but_not_after_a_request() {
    let mut supervisor = running("", &["restart = \"always\"", ""]);

    after(&mut supervisor, T0, Event::VmReported(A, Report::PoweredOff));
    let effects = after(&mut supervisor, T0, Event::VmEnded(A, ProcessEnd::Exited(0)));
    assert_eq!(effects, [log("vm a: powered off"), log("vm a: restarting in 250 ms")]);
    after(&mut supervisor, DELAY_FIRST, Event::Tick);
    after(&mut supervisor, DELAY_FIRST, Event::VmReported(A, Report::Started));

    supervisor.request(DELAY_FIRST, &Request::Stop("a".into())).unwrap();
    assert_eq!(
        supervisor.take_effects(),
        [log("vm a: stopping"), Effect::AskVm(A, vmm_protocol::Request::PowerButton)]
    );
    after(&mut supervisor, DELAY_FIRST, Event::VmReported(A, Report::PoweredOff));
    let effects = after(&mut supervisor, DELAY_FIRST, Event::VmEnded(A, ProcessEnd::Exited(0)));
    assert_eq!(effects, [log("vm a: powered off")]);
    assert_eq!(supervisor.deadline(), None);
}

#[test]
fn a_stop_request_during_a_clean_end_beats_the_policy() {
    let mut supervisor = running("", &["restart = \"always\"", ""]);

    after(&mut supervisor, T0, Event::VmReported(A, Report::PoweredOff));
    assert_eq!(supervisor.request(T0, &Request::Stop("a".into())), Err(Refusal::AlreadyStopping));
    let effects = after(&mut supervisor, T0, Event::VmEnded(A, ProcessEnd::Exited(0)));

    assert_eq!(effects, [log("vm a: powered off")]);
}

#[test]
fn a_guest_that_ignores_its_power_button_is_killed_in_time() {
    let mut supervisor = running("", &["", ""]);
    supervisor.request(T0, &Request::Stop("a".into())).unwrap();
    supervisor.take_effects();

    assert_eq!(supervisor.deadline(), Some(STOP_LIMIT));
    assert_eq!(after(&mut supervisor, STOP_LIMIT, Event::Tick), [Effect::KillVm(A)]);
    assert_eq!(
        after(&mut supervisor, STOP_LIMIT, Event::VmEnded(A, ProcessEnd::Killed)),
        [log("vm a: killed")]
    );
    assert_eq!(state(&supervisor, A), VmState::Stopped);
}

#[test]
fn a_vmm_that_says_goodbye_and_stays_is_killed() {
    let mut supervisor = running("", &["", ""]);

    after(&mut supervisor, T0, Event::VmReported(A, Report::PoweredOff));

    assert_eq!(supervisor.deadline(), Some(END_LIMIT));
    assert_eq!(after(&mut supervisor, END_LIMIT, Event::Tick), [Effect::KillVm(A)]);
    assert_eq!(
        after(&mut supervisor, END_LIMIT, Event::VmEnded(A, ProcessEnd::Killed)),
        [log("vm a: powered off")]
    );
}

#[test]
fn a_failure_to_start_follows_the_policy() {
    let mut supervisor = booted("", &["restart = \"on-failure\"", ""]);

    let effects = after(&mut supervisor, T0, Event::VmEnded(A, ProcessEnd::NotStarted("no memory".into())));

    assert_eq!(effects, [log("vm a: failed: no memory"), log("vm a: restarting in 250 ms")]);
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let mut supervisor = running("", &["", "start = false"]);
    let mut ask = |request: Request| supervisor.request(T0, &request);

    assert_eq!(ask(Request::Start("x".into())), Err(Refusal::UnknownVm));
    assert_eq!(ask(Request::Start("a".into())), Err(Refusal::AlreadyRunning));
    assert_eq!(ask(Request::Stop("b".into())), Err(Refusal::NotRunning));
    assert_eq!(ask(Request::Kill("b".into())), Err(Refusal::NotRunning));
    assert_eq!(ask(Request::Reset("b".into())), Err(Refusal::NotRunning));
    assert_eq!(ask(Request::Kill("a".into())), Ok(()));
    assert_eq!(ask(Request::Kill("a".into())), Err(Refusal::AlreadyStopping));
    assert_eq!(ask(Request::Start("a".into())), Err(Refusal::AlreadyStopping));
}

#[test]
fn a_kill_during_the_pause_cancels_the_restart() {
    let mut supervisor = running("", &["restart = \"always\"", ""]);
    after(&mut supervisor, T0, Event::VmEnded(A, ProcessEnd::Exited(1)));

    supervisor.request(T0, &Request::Kill("a".into())).unwrap();

    assert_eq!(supervisor.deadline(), None);
    assert_eq!(state(&supervisor, A), VmState::Failed);
}

#[test]
fn shutdown_presses_every_button_and_powers_off_after_the_last_vm() {
    let mut supervisor = running("", &["restart = \"always\"", ""]);
    supervisor.request(T0, &Request::Shutdown).unwrap();
    supervisor.take_effects();

    assert_eq!(supervisor.request(T0, &Request::Start("a".into())), Err(Refusal::MachineStopping));
    after(&mut supervisor, T0, Event::VmReported(A, Report::PoweredOff));
    assert_eq!(
        after(&mut supervisor, T0, Event::VmEnded(A, ProcessEnd::Exited(0))),
        [log("vm a: powered off")]
    );
    supervisor.request(T0, &Request::Shutdown).unwrap();
    assert_eq!(supervisor.take_effects(), [Effect::KillVm(B)]);
    assert_eq!(
        after(&mut supervisor, T0, Event::VmEnded(B, ProcessEnd::Killed)),
        [log("vm b: killed"), log("shutdown: powering off"), Effect::Power(PowerChange::Off)]
    );
}

#[test]
fn reboot_without_vms_is_immediate() {
    let mut supervisor = booted("", &["start = false"]);

    supervisor.request(T0, &Request::Reboot).unwrap();

    assert_eq!(supervisor.take_effects(), [log("shutdown: rebooting"), Effect::Power(PowerChange::Reset)]);
    assert_eq!(supervisor.request(T0, &Request::Reboot), Err(Refusal::MachineStopping));
}

#[test]
fn a_program_that_dies_comes_back_without_touching_the_vms() {
    let mut supervisor = running("", &["", ""]);

    let effects = after(&mut supervisor, T0, Event::ProgramEnded(ProgramIndex(0), ProcessEnd::Exited(101)));

    assert_eq!(
        effects,
        [
            log("program console: failed: its process exited with code 101"),
            log("program console: restarting in 250 ms")
        ]
    );
    assert_eq!(after(&mut supervisor, DELAY_FIRST, Event::Tick), [Effect::StartProgram(ProgramIndex(0))]);
    assert_eq!(state(&supervisor, A), VmState::Running);
}

#[test]
fn a_renewal_is_told_once_for_each_that_was_asked_for() {
    let mut supervisor = running("", &["", ""]);
    let renewed = |supervisor: &mut Supervisor| {
        after(supervisor, Nanos::from_millis(10), Event::VmReported(A, Report::Renewed))
    };

    assert_eq!(renewed(&mut supervisor), []);
    assert_eq!(supervisor.request(Nanos::ZERO, &Request::Renew("a".into())), Ok(()));
    supervisor.take_effects();
    assert_eq!(renewed(&mut supervisor), [log("vm a: goes on from its saved state")]);
    assert_eq!(renewed(&mut supervisor), []);
}

#[test]
fn a_guest_that_resets_all_day_does_not_fill_the_log() {
    let mut supervisor = running("", &["", ""]);
    let mut reset =
        |millis| after(&mut supervisor, Nanos::from_millis(millis), Event::VmReported(A, Report::WasReset));

    assert_eq!(reset(10), [log("vm a: was reset")]);
    assert_eq!(reset(20), []);
    assert_eq!(reset(2000), [log("vm a: was reset")]);
}
