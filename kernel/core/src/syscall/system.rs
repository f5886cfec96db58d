//! Calls on the machine as a whole.

use super::{Answer, Call, Outcome};
use crate::machine::Machine;
use crate::object::SystemAuthority;
use abi::{Error, PowerAction, Rights, SystemStats};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// `(ptr)`
pub(super) fn info<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    call.write(0, &M::system_info())
}

/// `() -> nanoseconds`
pub(super) fn clock<M: Machine>(_call: &mut Call<'_, M>) -> Outcome {
    Ok(Answer::Value(M::ticks_to_ns(M::ticks())))
}

/// `(system, action)`
pub(super) fn power<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let _: SystemAuthority = call.object(0, Rights::CONTROL)?;
    let action = PowerAction::from_raw(call.argument(1)).ok_or(Error::BadArgument)?;
    M::power(action)
}

/// `(system, ptr)`
pub(super) fn stats<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let _: SystemAuthority = call.object(0, Rights::READ)?;
    let kernel = M::kernel();
    let frames = M::frames().counts();
    let now = M::ticks();
    let mut stats = SystemStats {
        memory_bytes: frames.total.checked_bytes().unwrap_or(u64::MAX),
        free_bytes: frames.free.checked_bytes().unwrap_or(u64::MAX),
        kernel_bytes: frames.kernel.checked_bytes().unwrap_or(u64::MAX),
        object_bytes: frames.object.checked_bytes().unwrap_or(u64::MAX),
        bundle_bytes: kernel.bundle_bytes(),
        now_ns: M::ticks_to_ns(now),
        first_guest_ticks: kernel.first_guest_ticks(),
        exits: kernel.exits(),
        ..SystemStats::default()
    };
    for cpu in kernel.cpus() {
        let counters = &cpu.counters;
        let add = |sum: &mut u64, counter: &AtomicU64| *sum = sum.wrapping_add(counter.load(Relaxed));
        add(&mut stats.timer_interrupts, &counters.timer);
        add(&mut stats.cross_interrupts, &counters.cross);
        add(&mut stats.device_interrupts, &counters.device);
        add(&mut stats.switches, &counters.switches);
        add(&mut stats.idle_exits, &counters.idle_exits);
        stats.idle_ns = stats.idle_ns.wrapping_add(M::ticks_to_ns(counters.idle_ticks.load(Relaxed)));
    }
    call.write(1, &stats)
}
