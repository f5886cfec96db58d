//! Claims about NMIs, INIT, SIPI, SMI, and what holds events back.

use crate::apic::{self, register};
use crate::processor::{Random, cpuid, ticks};
use crate::traps::{self, Frame, count};
use crate::{Verdict, expect, require};
use core::arch::asm;
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};

const FIXED: u32 = 0x4000;
const LOWEST: u32 = 0x4100;
const SMI: u32 = 0x4200;
const RESERVED: u32 = 0x4300;
const NMI: u32 = 0x4400;
const INIT: u32 = 0x4500;
const STARTUP: u32 = 0x4608;
/// Shorthands of the command register.
const TO_SELF: u32 = 1 << 18;
const TO_ALL: u32 = 2 << 18;
const TO_OTHERS: u32 = 3 << 18;
/// The definition that goes with these claims has so many vCPUs besides the first.
const OTHERS: u32 = 3;

static DEPTH: AtomicU64 = AtomicU64::new(0);
static DEEPEST: AtomicU64 = AtomicU64::new(0);
static SENT: AtomicU64 = AtomicU64::new(0);

/// An NMI handler that sends the next NMI itself and stays a while.
fn nest(_: &mut Frame) {
    let depth = DEPTH.fetch_add(1, SeqCst) + 1;
    DEEPEST.fetch_max(depth, SeqCst);
    if SENT.fetch_add(1, SeqCst) < 5 {
        apic::send(apic::id(), NMI);
        for _ in 0..10 {
            // Exits, after which the NMI might come.
            cpuid(0, 0);
            crate::processor::read_port(0x61);
        }
    }
    DEPTH.fetch_sub(1, SeqCst);
}

pub(super) fn nmis_do_not_nest() -> Verdict {
    apic::enable();
    traps::set_handler(2, nest);
    apic::send(apic::id(), NMI);
    let all_came = apic::wait_for(2, 6);
    traps::clear_handler(2);
    require("each came in the end", all_came)?;
    expect("one at a time", DEEPEST.load(SeqCst), 1)?;
    expect("and no more", count(2), 6)
}

pub(super) fn a_halt_loses_no_interrupt() -> Verdict {
    apic::enable();
    for round in 1..=1000 {
        apic::send(apic::id(), FIXED | 0xf0);
        unsafe { asm!("sti", "hlt", "cli") };
        expect("the halt ended with it", count(0xf0), round)?;
    }
    Ok(())
}

pub(super) fn smi_and_reserved_messages_do_nothing() -> Verdict {
    apic::enable();
    for command in [SMI, RESERVED, SMI | 0x30, RESERVED | 0xf0] {
        for shorthand in [0, TO_SELF, TO_ALL, TO_OTHERS] {
            apic::send(apic::id(), command | shorthand);
            unsafe { asm!("sti", "nop", "nop", "cli") };
        }
    }
    apic::send(apic::id(), FIXED | 0xf0);
    require("the APIC still works", apic::wait_for(0xf0, 1))?;
    expect("once", count(0xf0), 1)
}

pub(super) fn every_destination_is_survived() -> Verdict {
    apic::enable();
    traps::set_handler(2, |_| ());
    let mut random = Random::new(0x0dd0_feed_0dd0_feed);
    for mode in ["xAPIC", "x2APIC"] {
        if mode == "x2APIC" {
            apic::use_x2apic();
        }
        for _ in 0..500 {
            let raw = random.next();
            // No INIT to this processor, and no vector that is an exception.
            let kind = [FIXED, LOWEST, SMI, RESERVED, NMI][(raw >> 40) as usize % 5];
            let command = kind | (raw as u32 & 0xc_8800) | (0x40 + (raw >> 8) as u32 % 0x40);
            apic::send((raw >> 16) as u32, command);
            unsafe { asm!("sti", "nop", "cli") };
        }
    }
    apic::send(apic::id(), FIXED | 0xf0);
    require("the APIC still works", apic::wait_for(0xf0, 1))
}

static ROUNDS: AtomicU64 = AtomicU64::new(0);

fn count_for_ever() {
    loop {
        ROUNDS.fetch_add(1, SeqCst);
        core::hint::spin_loop();
    }
}

/// Whether the counter moves within a long time.
fn is_counting() -> bool {
    let (before, end) = (ROUNDS.load(SeqCst), ticks() + apic::LONG_TIME);
    while ROUNDS.load(SeqCst) == before {
        if ticks() > end {
            return false;
        }
        core::hint::spin_loop();
    }
    true
}

/// Whether the counter stands still for a while, at the latest after a long time.
fn has_stopped() -> bool {
    let end = ticks() + apic::LONG_TIME;
    while ticks() < end {
        let before = ROUNDS.load(SeqCst);
        let until = ticks() + 20_000_000;
        while ticks() < until {
            core::hint::spin_loop();
        }
        if ROUNDS.load(SeqCst) == before {
            return true;
        }
    }
    false
}

pub(super) fn init_stops_a_processor_and_sipi_starts_it() -> Verdict {
    apic::enable();
    for _ in 0..3 {
        apic::start_one(1, count_for_ever);
        require("it runs", is_counting())?;
        apic::send(1, STARTUP);
        require("SIPI alone changes nothing", is_counting())?;
        apic::send(1, INIT);
        require("INIT stops it", has_stopped())?;
        apic::send(1, FIXED | 0xf0);
        apic::send(1, NMI);
        require("no interrupt wakes it", has_stopped())?;
    }
    Ok(())
}

fn stop_self() {
    ROUNDS.fetch_add(1, SeqCst);
    apic::send(apic::id(), INIT);
    loop {
        ROUNDS.fetch_add(1, SeqCst);
        core::hint::spin_loop();
    }
}

pub(super) fn a_processor_can_stop_itself_by_init() -> Verdict {
    apic::enable();
    apic::start_one(1, stop_self);
    let end = ticks() + apic::LONG_TIME;
    while ROUNDS.load(SeqCst) == 0 {
        require("it runs", ticks() < end)?;
    }
    require("and stopped", has_stopped())?;
    apic::start_one(1, count_for_ever);
    require("it starts again", is_counting())
}

static AWAKE: AtomicU64 = AtomicU64::new(0);

fn halt_deaf() {
    AWAKE.fetch_add(1, SeqCst);
    unsafe { asm!("cli", "hlt") };
    AWAKE.fetch_add(0x100, SeqCst);
}

pub(super) fn an_nmi_wakes_a_deaf_processor() -> Verdict {
    apic::enable();
    apic::start_one(1, halt_deaf);
    let end = ticks() + apic::LONG_TIME;
    while AWAKE.load(SeqCst) == 0 {
        require("it starts", ticks() < end)?;
    }
    apic::send(1, FIXED | 0xf0);
    let until = ticks() + 100_000_000;
    while ticks() < until {
        core::hint::spin_loop();
    }
    expect("an interrupt does not wake it", AWAKE.load(SeqCst), 1)?;
    apic::send(1, NMI);
    while AWAKE.load(SeqCst) != 0x101 {
        require("an NMI does", ticks() < end)?;
    }
    Ok(())
}

fn listen() {
    for _ in 0..1 {
        AWAKE.fetch_add(1, SeqCst);
    }
    loop {
        crate::processor::wait_for_interrupt();
    }
}

pub(super) fn broadcasts_reach_all() -> Verdict {
    apic::enable();
    for id in 1..=OTHERS {
        apic::start_one(id, listen);
        let end = ticks() + apic::LONG_TIME;
        while AWAKE.load(SeqCst) < u64::from(id) {
            require("it starts", ticks() < end)?;
        }
    }
    apic::send(0, FIXED | TO_OTHERS | 0xf2);
    require("all others", apic::wait_for(0xf2, u64::from(OTHERS)))?;
    apic::send(0, FIXED | TO_ALL | 0xf3);
    require("all", apic::wait_for(0xf3, u64::from(OTHERS) + 1))?;
    apic::send(0, FIXED | TO_SELF | 0xf4);
    require("itself", apic::wait_for(0xf4, 1))?;
    expect("the others once", count(0xf2), u64::from(OTHERS))?;
    expect("itself once", count(0xf4), 1)?;
    expect("nothing is in service", u64::from(apic::read(register::IN_SERVICE + 0x70)), 0)
}
