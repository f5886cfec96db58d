//! Requests of the supervisor and reports to it.

use crate::{lifecycle::End, vm::Vm};
use alloc::vec::Vec;
use user_rt::{Channel, Error, ExitCounter};
use vmm_protocol::{Report, Request, VmStatistics};

/// Bytes of a report at the most: a sentence or the statistics.
const REPORT_BYTES_MAX: usize = 2048;
/// Bytes of a request at the most.
const REQUEST_BYTES_MAX: usize = 64;
/// Requests that are answered before others get the thread.
const REQUESTS_MAX: usize = 16;

/// Reports to the supervisor. A report that it does not take is lost: it learns the rest from our end.
pub(crate) fn report(vm: &Vm, report: &Report) {
    send(&vm.channel, report);
}

/// Reports on a machine that could not be built.
pub(crate) fn report_last(channel: &Channel, report: Report) {
    if let Report::Refused(sentence) = &report {
        user_rt::log!("refused: {sentence}");
    }
    send(channel, &report);
}

fn send(channel: &Channel, report: &Report) {
    if let Ok(bytes) = user_ipc::encode_to_vec(report, REPORT_BYTES_MAX) {
        let _ = channel.send(&bytes);
    }
}

/// Answers what waits in the channel.
pub(crate) fn read_requests(vm: &Vm) {
    for _ in 0..REQUESTS_MAX {
        let mut bytes = [0; REQUEST_BYTES_MAX];
        match vm.channel.receive_bytes(&mut bytes) {
            Ok(length) => {
                // What does not decode is dropped.
                let request = user_ipc::decode(bytes.get(..length).unwrap_or_default());
                if let Ok(request) = request {
                    answer(vm, request);
                }
            }
            Err(Error::BufferTooSmall) => {
                // No request is so long: drop it.
                let _ = vm.channel.receive();
            }
            Err(Error::PeerClosed) => return vm.lifecycle.end(vm, End::Orphaned),
            Err(_) => return,
        }
    }
}

fn answer(vm: &Vm, request: Request) {
    match request {
        Request::PowerButton => {
            let mut machine = vm.machine.lock();
            machine.with_bus(vm, |bus, board, context| {
                board.press_power_button(bus, context.effects);
            });
        }
        Request::Reset => vm.lifecycle.reset(vm),
        Request::Renew => vm.lifecycle.renew(vm),
        Request::Balloon(bytes) => crate::board::set_balloon(vm, bytes),
        Request::Statistics => report(vm, &Report::Statistics(statistics(vm))),
        Request::Panic => panic!("the supervisor asked for it"),
    }
}

fn statistics(vm: &Vm) -> VmStatistics {
    let mut sum =
        VmStatistics { exits: Vec::new(), memory_bytes: vm.ram.committed_bytes(), ..Default::default() };
    sum.exits.resize(ExitCounter::COUNT, 0);
    for vcpu in vm.vcpus.lock().iter() {
        let Ok(stats) = vcpu.stats() else { continue };
        for (total, exits) in sum.exits.iter_mut().zip(stats.exits) {
            *total = total.saturating_add(exits);
        }
        sum.returns = sum.returns.saturating_add(stats.returns);
        sum.cpu_ns = sum.cpu_ns.saturating_add(stats.cpu_ns);
        sum.wait_ns = sum.wait_ns.saturating_add(stats.wait_ns);
    }
    sum
}
