//! Claims about the local APIC's timer.

use crate::apic::{self, register};
use crate::processor::{cpuid, ticks, wait_for_interrupt, write_msr};
use crate::traps::count;
use crate::{Verdict, expect, require};

const VECTOR: u32 = 0xf1;
const PERIODIC: u32 = 1 << 17;
const DEADLINE: u32 = 1 << 18;
const DIVIDE_BY_1: u32 = 0b1011;

fn start(mode: u32, initial: u32) {
    apic::enable();
    apic::write(register::DIVIDER, DIVIDE_BY_1);
    apic::write(register::TIMER, mode | VECTOR);
    apic::write(register::INITIAL_COUNT, initial);
}

pub(super) fn fires_once() -> Verdict {
    start(0, 100_000);
    require("it fires", apic::wait_for(0xf1, 1))?;
    let end = ticks() + 2_000_000;
    while ticks() < end {
        unsafe { core::arch::asm!("sti", "nop", "pause", "cli") };
    }
    expect("once only", count(0xf1), 1)?;
    expect("and stands at zero", u64::from(apic::read(register::CURRENT_COUNT)), 0)
}

pub(super) fn fires_periodically() -> Verdict {
    start(PERIODIC, 500_000);
    require("it fires ten times", apic::wait_for(0xf1, 10))?;
    apic::write(register::INITIAL_COUNT, 0);
    let stopped = count(0xf1);
    let end = ticks() + 5_000_000;
    while ticks() < end {
        unsafe { core::arch::asm!("sti", "nop", "pause", "cli") };
    }
    require("and stops when told", count(0xf1) <= stopped + 1)
}

pub(super) fn counts_nanoseconds() -> Verdict {
    apic::use_x2apic();
    start(1 << 16, u32::MAX);
    let first = apic::read(register::CURRENT_COUNT);
    let start = ticks();
    while ticks() - start < 10_000_000 {
        core::hint::spin_loop();
    }
    let second = apic::read(register::CURRENT_COUNT);
    require("it counts down", second < first)?;
    let khz = u64::from(cpuid(0x4000_0010, 0)[0]);
    let nanos = (ticks() - start) * 1_000_000 / khz;
    let counted = u64::from(first - second);
    require("one tick is about a nanosecond", counted < nanos * 2 && counted > nanos / 4)
}

pub(super) fn tsc_deadline() -> Verdict {
    if cpuid(1, 0)[2] >> 24 & 1 == 0 {
        return Ok(());
    }
    apic::use_x2apic();
    apic::enable();
    apic::write(register::TIMER, DEADLINE | VECTOR);
    let deadline = ticks() + 1_000_000;
    write_msr(0x6e0, deadline);
    require("it fires", apic::wait_for(0xf1, 1))?;
    require("not too early", ticks() >= deadline)?;
    write_msr(0x6e0, 1);
    require("a deadline that has passed fires at once", apic::wait_for(0xf1, 2))
}

pub(super) fn ends_a_halt() -> Verdict {
    for round in 1..=5 {
        start(0, 200_000);
        wait_for_interrupt();
        expect("the halt ended with it", count(0xf1), round)?;
    }
    Ok(())
}
