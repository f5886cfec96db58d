//! The supervisor's figures as lines of text.

use crate::{
    commands::{Argument, COMMANDS},
    quantity,
    table::{Side, TextTable},
};
use alloc::{format, string::String, vec, vec::Vec};
use management_protocol::{Cpus, EXIT_NAMES, Memory, Refusal, Statistics, VmLine, VmState};

/// `help`.
pub(crate) fn help() -> Vec<String> {
    let mut table = TextTable::new(&[("COMMAND", Side::Left), ("WHAT IT DOES", Side::Left)]);
    for command in COMMANDS {
        let usage = match command.argument {
            Argument::None => String::from(command.word),
            Argument::Vm => format!("{} NAME", command.word),
            Argument::VmAndMib => format!("{} NAME MIB", command.word),
            Argument::Count => format!("{} [LINES]", command.word),
        };
        table.row(vec![usage, command.help.into()]);
    }
    let mut lines = table.lines();
    lines.push(
        "Ctrl-] goes to the VM console seen last and back; Tab completes; the arrow keys recall lines."
            .into(),
    );
    lines
}

/// `vms`.
pub(crate) fn vms(vms: &[VmLine]) -> Vec<String> {
    if vms.is_empty() {
        return vec!["no VMs are defined; the VM definition file of this image is empty".into()];
    }
    let mut table = TextTable::new(&[
        ("NAME", Side::Left),
        ("STATE", Side::Left),
        ("CPUS", Side::Right),
        ("MEMORY", Side::Right),
        ("IN USE", Side::Right),
        ("KERNEL", Side::Right),
        ("CPU TIME", Side::Right),
        ("RESTARTS", Side::Right),
        ("LAST END", Side::Left),
    ]);
    for vm in vms {
        table.row(vec![
            printable(&vm.name),
            state(vm.state).into(),
            format!("{}", vm.vcpus),
            quantity::short_bytes(vm.memory_bytes),
            quantity::short_bytes(vm.used_bytes),
            quantity::short_bytes(vm.kernel_bytes),
            quantity::time(vm.cpu_ns),
            format!("{}", vm.restarts),
            printable(&vm.outcome),
        ]);
    }
    table.lines()
}

/// `stats`.
pub(crate) fn statistics(figures: &Statistics) -> Vec<String> {
    let mut machine = TextTable::new(&[("MACHINE", Side::Left), ("", Side::Right)]);
    let counts = [
        ("wake-ups from idle", figures.wake_ups),
        ("timer interrupts", figures.timer_interrupts),
        ("device interrupts", figures.device_interrupts),
        ("interrupts between CPUs", figures.cross_interrupts),
        ("thread switches", figures.switches),
    ];
    machine.row(vec!["up".into(), quantity::time(figures.now_ns)]);
    machine.row(vec!["idle".into(), idle(figures.idle_ns, figures.now_ns, figures.cpus)]);
    for (name, count) in counts {
        machine.row(vec![name.into(), quantity::count(count)]);
    }
    let used = figures.memory_bytes.saturating_sub(figures.free_bytes);
    machine.row(vec!["memory in use".into(), quantity::bytes(used)]);
    machine.row(vec!["memory".into(), quantity::bytes(figures.memory_bytes)]);
    if figures.first_guest_ns > 0 {
        machine.row(vec!["entry to first guest".into(), quantity::time(figures.first_guest_ns)]);
    }
    let mut lines = machine.lines();
    lines.push(String::new());
    lines.extend(exits(&figures.exits));
    lines
}

fn exits(counts: &[u64]) -> Vec<String> {
    let total: u64 = counts.iter().fold(0, |sum, count| sum.saturating_add(*count));
    let mut table =
        TextTable::new(&[("GUEST EXITS", Side::Left), ("COUNT", Side::Right), ("SHARE", Side::Right)]);
    for (name, count) in EXIT_NAMES.iter().zip(counts) {
        table.row(vec![String::from(*name), quantity::count(*count), quantity::share(*count, total)]);
    }
    table.row(vec!["all".into(), quantity::count(total), String::new()]);
    table.lines()
}

/// `cpus`.
pub(crate) fn cpus(figures: &Cpus) -> Vec<String> {
    let mut table = TextTable::new(&[("PROCESSORS", Side::Left), ("", Side::Right)]);
    let megahertz = figures.tsc_hz / 1_000_000;
    table.row(vec!["in use".into(), format!("{}", figures.cpus)]);
    table.row(vec!["virtualisation".into(), printable(&figures.virtualization)]);
    table.row(vec!["time-stamp counter".into(), format!("{} MHz", quantity::count(megahertz))]);
    table.row(vec!["up".into(), quantity::time(figures.now_ns)]);
    table.row(vec!["idle".into(), idle(figures.idle_ns, figures.now_ns, figures.cpus)]);
    table.row(vec!["wake-ups from idle".into(), quantity::count(figures.wake_ups)]);
    table.lines()
}

/// `memory`.
pub(crate) fn memory(figures: &Memory) -> Vec<String> {
    let mut machine = TextTable::new(&[("MEMORY", Side::Left), ("", Side::Right)]);
    let sizes = [
        ("all", figures.total_bytes),
        ("free", figures.free_bytes),
        ("kernel", figures.kernel_bytes),
        ("boot bundle", figures.bundle_bytes),
        ("programs and VMs", figures.object_bytes),
    ];
    for (name, size) in sizes {
        machine.row(vec![name.into(), quantity::bytes(size)]);
    }
    let mut users = TextTable::new(&[
        ("USER", Side::Left),
        ("PAGES", Side::Right),
        ("KERNEL OBJECTS", Side::Right),
        ("LIMIT", Side::Right),
    ]);
    for user in &figures.users {
        let limit = if user.limit_bytes == 0 { "-".into() } else { quantity::bytes(user.limit_bytes) };
        let (used, kernel) = (quantity::bytes(user.used_bytes), quantity::bytes(user.kernel_bytes));
        users.row(vec![printable(&user.name), used, kernel, limit]);
    }
    let mut lines = machine.lines();
    lines.push(String::new());
    lines.extend(users.lines());
    lines
}

/// Why something is not done.
pub(crate) fn refusal(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::UnknownVm => "there is no VM of that name; type vms for the list",
        Refusal::AlreadyRunning => "it runs already",
        Refusal::NotRunning => "it does not run; start it first",
        Refusal::AlreadyStopping => "it is being stopped already",
        Refusal::MachineStopping => "the machine is going down",
        Refusal::Unavailable => "the figures are not available now",
    }
}

fn state(state: VmState) -> &'static str {
    match state {
        VmState::Stopped => "stopped",
        VmState::Starting => "starting",
        VmState::Running => "running",
        VmState::Stopping => "stopping",
        VmState::Waiting => "waiting",
        VmState::Failed => "failed",
    }
}

fn idle(idle_ns: u64, now_ns: u64, cpus: u32) -> String {
    quantity::share(idle_ns, now_ns.saturating_mul(u64::from(cpus)))
}

/// Foreign words without control characters.
pub(crate) fn printable(words: &str) -> String {
    words.chars().map(|character| if character.is_control() { '?' } else { character }).collect()
}
