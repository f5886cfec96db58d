//! The processor's own timer: one deadline at a time, in TSC ticks.

use super::local_apic;
use crate::clock::CountDownRegisters;
use crate::cpu::control::read_tsc;
use crate::cpu::local::local;
use crate::cpu::msr;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What [`crate::cpu::local::Local::timer_deadline`] holds when nothing is set.
const NEVER: u64 = u64::MAX;

/// The processor compares the TSC itself.
static IS_TSC_DEADLINE: AtomicBool = AtomicBool::new(false);
/// Timer ticks for one TSC tick, times 2^32.
static RATIO: AtomicU64 = AtomicU64::new(0);

/// Chooses the mode. `timer_hz` is the frequency of the count-down clock.
pub(crate) fn set_up(has_tsc_deadline: bool, timer_hz: u64, tsc_hz: u64) {
    IS_TSC_DEADLINE.store(has_tsc_deadline, Ordering::Relaxed);
    let ratio = (u128::from(timer_hz) << 32) / u128::from(tsc_hz.max(1));
    RATIO.store(u64::try_from(ratio).unwrap_or(u64::MAX), Ordering::Relaxed);
}

/// Prepares the calling processor's timer.
pub(crate) fn enable() {
    let is_tsc_deadline = IS_TSC_DEADLINE.load(Ordering::Relaxed);
    local_apic::set_timer_mode(is_tsc_deadline);
    local_apic::set_divider(false);
    local().timer_deadline.set(NEVER);
}

/// Sets the calling processor's timer to `deadline`, or stops it.
#[inline]
pub(crate) fn arm(deadline: Option<u64>) {
    let deadline = deadline.unwrap_or(NEVER);
    let local = local();
    if local.timer_deadline.get() != deadline {
        local.timer_deadline.set(deadline);
        start(deadline);
    }
}

/// Starts the hardware for `deadline`.
#[inline]
fn start(deadline: u64) {
    if IS_TSC_DEADLINE.load(Ordering::Relaxed) {
        // Zero stops; any value that has passed fires at once.
        let value = if deadline == NEVER { 0 } else { deadline.max(1) };
        // SAFETY: the MSR exists in this mode.
        unsafe { msr::write(msr::TSC_DEADLINE, value) };
        return;
    }
    let clock = &local().count_down;
    if deadline == NEVER {
        return clock.stop(&LocalApic);
    }
    let ticks = deadline.saturating_sub(read_tsc());
    let wide = u128::from(ticks) * u128::from(RATIO.load(Ordering::Relaxed)) >> 32;
    // If the clock cannot count that far, `has_fired` goes on.
    clock.start(&LocalApic, u64::try_from(wide).unwrap_or(u64::MAX).saturating_add(1));
}

/// The calling processor's clock.
struct LocalApic;

impl CountDownRegisters for LocalApic {
    fn set_divider(&self, is_slow: bool) {
        local_apic::set_divider(is_slow);
    }

    #[inline(always)]
    fn set_count(&self, count: u32) {
        local_apic::set_count(count);
    }
}

/// Called when the timer's interrupt has arrived: whether its deadline has come. Otherwise the count was too short for it,
/// and it is started again.
#[inline]
pub(super) fn has_fired() -> bool {
    let local = local();
    let deadline = local.timer_deadline.get();
    if deadline == NEVER {
        return false;
    }
    if !IS_TSC_DEADLINE.load(Ordering::Relaxed) {
        if read_tsc() < deadline {
            start(deadline);
            return false;
        }
    }
    local.timer_deadline.set(NEVER);
    true
}
