//! The main thread: everything that is not a guest's own access.

use crate::{
    EXIT_CODE_FAILED, EXIT_CODE_ORPHANED, EXIT_CODE_POWERED_OFF, control,
    lifecycle::{End, Phase},
    loading, saving, screen,
    vm::Vm,
};
use alloc::format;
use user_rt::{Error, Packet, Signals};
use vmm_protocol::Report;

/// Key of the supervisor's channel.
const KEY_CONTROL: u64 = 0;
/// Key of the console channel.
const KEY_CONSOLE: u64 = 1;
/// Key of the event that only wakes the loop.
const KEY_WAKE: u64 = 2;
/// Key of the channel of whoever looks at the display.
const KEY_SCREEN: u64 = 3;
/// Keys of doorbells start here.
pub(crate) const KEY_DOORBELL: u64 = 16;
/// Packets taken at a time.
const PACKETS: usize = 16;

/// Runs the VM to its end; returns the exit code.
pub(crate) fn run(vm: &'static Vm) -> i64 {
    if let Err(error) = bind(vm) {
        vm.lifecycle.fail(vm, format!("the kernel refused to wait: {error:?}"));
    }
    let mut starts = 0;
    loop {
        match vm.lifecycle.phase() {
            Phase::Running => wait(vm),
            Phase::Resetting => starts = start(vm, starts),
            Phase::Renewing => starts = renew(vm, starts),
            Phase::Ending => return finish(vm),
        }
    }
}

fn bind(vm: &Vm) -> Result<(), Error> {
    vm.port.bind(&vm.channel, Signals::READABLE | Signals::PEER_CLOSED, KEY_CONTROL)?;
    vm.port.bind(&vm.console, Signals::READABLE | Signals::WRITABLE, KEY_CONSOLE)?;
    if let Some(screen) = &vm.screen {
        vm.port.bind(screen, Signals::READABLE, KEY_SCREEN)?;
    }
    vm.port.bind(&vm.wake, Signals::SIGNALLED, KEY_WAKE)
}

/// Brings the machine to its first state and lets it run. `starts` is how often that was done before.
fn start(vm: &Vm, starts: u64) -> u64 {
    if !vm.lifecycle.wait_until_parked() {
        return starts;
    }
    let is_first = starts == 0;
    if let Err(sentence) = loading::prepare(vm, is_first) {
        vm.lifecycle.fail(vm, sentence);
        return starts;
    }
    control::report(vm, if is_first { &Report::Started } else { &Report::WasReset });
    vm.lifecycle.start(Phase::Running)
}

/// Saves the state of the machine and lets it go on from what was saved.
fn renew(vm: &Vm, starts: u64) -> u64 {
    // The last exits of the vCPUs may have asked for a reset.
    if !vm.lifecycle.wait_until_parked() || vm.lifecycle.phase() != Phase::Renewing {
        return starts;
    }
    // Now that all of them rest, nobody sends the others anything any more: each can save itself.
    vm.start.lock().saved_at = user_rt::read_ticks();
    let starts = vm.lifecycle.start(Phase::Renewing);
    if !vm.lifecycle.wait_until_parked() {
        return starts;
    }
    if let Err(sentence) = saving::renew(vm) {
        vm.lifecycle.fail(vm, sentence);
        return starts;
    }
    control::report(vm, &Report::Renewed);
    vm.lifecycle.start(Phase::Running)
}

/// Waits for something to do and does it.
fn wait(vm: &Vm) {
    let deadline = {
        let mut machine = vm.machine.lock();
        machine.armed = machine.deadline();
        machine.armed
    };
    let mut packets = [Packet::default(); PACKETS];
    // Without packets the deadline passed.
    let arrived = vm.port.wait(&mut packets, deadline).unwrap_or_default();
    for packet in arrived {
        handle(vm, packet);
    }
    let now = user_rt::now();
    let mut machine = vm.machine.lock();
    machine.with_bus(vm, |bus, _, context| {
        if bus.deadline() <= context.now {
            bus.advance(context);
        }
    });
    machine.flush_console(vm, now);
    machine.settle(vm);
}

fn handle(vm: &Vm, packet: &Packet) {
    let signals = Signals::from_bits_truncate(packet.signals);
    match packet.key {
        KEY_CONTROL => control::read_requests(vm),
        KEY_CONSOLE => {
            let mut machine = vm.machine.lock();
            if signals.contains(Signals::WRITABLE) {
                machine.console_has_room(vm);
            }
            if signals.contains(Signals::READABLE) {
                machine.read_console(vm);
            }
        }
        KEY_SCREEN => screen::read_requests(vm),
        KEY_WAKE => {}
        key => {
            let mut machine = vm.machine.lock();
            if let Some((device, queue)) = machine.doorbells.queue(key) {
                machine.with_bus(vm, |bus, _, context| bus.notify(device, queue, context));
            }
        }
    }
}

/// Says how the machine ended; returns the exit code.
fn finish(vm: &Vm) -> i64 {
    vm.machine.lock().send_console(vm);
    match vm.lifecycle.take_end() {
        Some(End::PoweredOff) => {
            control::report(vm, &Report::PoweredOff);
            EXIT_CODE_POWERED_OFF
        }
        Some(End::Orphaned) => EXIT_CODE_ORPHANED,
        Some(End::Failed(sentence)) => {
            user_rt::log!("{sentence}");
            control::report(vm, &Report::Failed(sentence));
            EXIT_CODE_FAILED
        }
        None => EXIT_CODE_FAILED,
    }
}
