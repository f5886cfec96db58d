//! The other processors: INIT, start-up, and the way from real mode to the kernel.
//!
//! All of them run the same page of code below 1 MiB. Each takes the next number, the stack
//! that belongs to it, and ends in [`arrive`]. Whoever comes too late stops in the page.

mod trampoline;

use crate::cpu::control::{halt_forever, read_tsc};
use crate::cpu::local::{set_apic_id, set_count};
use crate::interrupt::local_apic::{self, Message};
use crate::machine;
use crate::paging::{Area, trampoline_root};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use kernel_core::machine::CPUS_MAX;

/// How long to wait for the next processor, in microseconds. Only a machine that lists processors it does not have waits so long.
const ARRIVAL_US: u64 = 1_000_000;
/// How long to wait before a start-up that nobody heard is repeated.
const REPEAT_US: u64 = 1_000;

/// Processors that have come up, the boot processor included.
static ARRIVED: AtomicUsize = AtomicUsize::new(1);
/// Set once: the processors go on from `arrive`.
static MAY_RUN: AtomicBool = AtomicBool::new(false);

/// Starts the processors with these APIC ids, on these stacks (of the processors from number 1 on); how many are up then,
/// the boot processor included.
///
/// `page` is the free page below 1 MiB that the trampoline goes to.
pub(crate) fn start(ids: &[u32], areas: &[Area], page: u64, ticks_per_us: u64) -> usize {
    let stacks = core::array::from_fn(|cpu| {
        cpu.checked_sub(1).and_then(|index| areas.get(index)).map_or(0, |area| area.kernel)
    });
    trampoline::install(page, trampoline_root(page), &stacks);
    let start_page = (page >> 12) as u8;
    for &id in ids {
        local_apic::send_to_id(id, Message::Init);
    }
    for &id in ids {
        local_apic::send_to_id(id, Message::Startup(start_page));
    }
    let wanted = 1 + ids.len();
    if !wait_for(wanted, REPEAT_US * ticks_per_us) {
        // Old processors want the start-up twice (MultiProcessor Specification 1.4, B.4). One that is up ignores it.
        for &id in ids {
            local_apic::send_to_id(id, Message::Startup(start_page));
        }
        wait_for(wanted, ARRIVAL_US * ticks_per_us);
    }
    let count = trampoline::close(page);
    // Those that took a number before the door closed are on their way for certain.
    while ARRIVED.load(Ordering::Acquire) < count {
        core::hint::spin_loop();
    }
    set_count(count);
    count
}

/// Lets the processors go on.
pub(crate) fn release() {
    MAY_RUN.store(true, Ordering::Release);
}

/// Waits until so many have come up; `false` if for `ticks` nobody came.
fn wait_for(wanted: usize, ticks: u64) -> bool {
    let mut last = (read_tsc(), 0);
    loop {
        let arrived = ARRIVED.load(Ordering::Acquire);
        if arrived >= wanted {
            return true;
        }
        if arrived > last.1 {
            last = (read_tsc(), arrived);
        }
        if read_tsc().wrapping_sub(last.0) > ticks {
            return false;
        }
        core::hint::spin_loop();
    }
}

/// Where the trampoline ends, on the processor's own stack.
pub(super) extern "sysv64" fn arrive(cpu: usize) -> ! {
    if cpu >= CPUS_MAX {
        halt_forever();
    }
    set_apic_id(cpu, machine::set_up_processor(cpu));
    ARRIVED.fetch_add(1, Ordering::AcqRel);
    while !MAY_RUN.load(Ordering::Acquire) {
        core::hint::spin_loop();
    }
    machine::run_processor()
}
