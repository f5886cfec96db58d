//! Claims about ports: all sizes, strings in both directions, faults in the middle.

use crate::modes::tables::{Format, Tables, bit, fresh_pages};
use crate::processor::{cr3, read_memory, read_port, set_cr3, ticks, write_port};
use crate::traps::last_address;
use crate::{Verdict, exception_in_user, expect, require, traps};
use core::arch::asm;

/// The serial line's scratch register.
const SCRATCH: u16 = 0x3ff;
const CONFIG_ADDRESS: u16 = 0xcf8;
const CONFIG_DATA: u16 = 0xcfc;
/// The power management timer: 3,579,545 Hz.
const TIMER: u16 = 0x608;
/// A port without a device.
const NOTHING: u16 = 0x2a0;

fn read_word(port: u16, before: u64) -> u64 {
    let value;
    unsafe { asm!("in ax, dx", in("dx") port, inlateout("rax") before => value) };
    value
}

fn read_dword(port: u16, before: u64) -> u64 {
    let value;
    unsafe { asm!("in eax, dx", in("dx") port, inlateout("rax") before => value) };
    value
}

fn write_dword(port: u16, value: u32) {
    unsafe { asm!("out dx, eax", in("dx") port, in("eax") value) };
}

pub(super) fn all_sizes() -> Verdict {
    write_dword(CONFIG_ADDRESS, 0x8000_0000);
    let bridge = read_dword(CONFIG_DATA, u64::MAX);
    require("there is a host bridge", bridge as u16 != 0xffff)?;
    expect("IN EAX clears the upper half", bridge >> 32, 0)?;
    let kept = 0xffff_ffff_1234_5678;
    expect("IN AX keeps the rest", read_word(CONFIG_DATA, kept), kept & !0xffff | bridge & 0xffff)?;
    expect("the upper word", read_word(CONFIG_DATA + 2, 0), bridge >> 16)?;
    for byte in 0..4 {
        let found = u64::from(read_port(CONFIG_DATA + byte));
        expect("each byte", found, bridge >> (8 * byte) & 0xff)?;
    }
    let al: u64;
    unsafe { asm!("mov rax, {}", "in al, 0x61", in(reg) kept, out("rax") al) };
    expect("IN AL keeps the rest", al & !0xff, kept & !0xff)?;
    unsafe { asm!("out 0x80, al", "out 0x80, ax", "out 0x80, eax", in("rax") 0) };
    Ok(())
}

pub(super) fn empty_ports_read_as_ones() -> Verdict {
    expect("a byte", u64::from(read_port(NOTHING)), 0xff)?;
    expect("a word", read_word(NOTHING, 0), 0xffff)?;
    expect("a dword", read_dword(NOTHING, 0), 0xffff_ffff)?;
    // Across the end of a device, and of all ports.
    read_dword(SCRATCH, 0);
    read_dword(0xffff, 0);
    expect("the last ports", read_dword(0xfffd, 0), 0xffff_ffff)
}

pub(super) fn the_timer_port_counts() -> Verdict {
    let start = read_dword(TIMER, 0);
    let end = ticks() + crate::apic::LONG_TIME;
    while read_dword(TIMER, 0) == start {
        require("it counts", ticks() < end)?;
    }
    Ok(())
}

/// Registers after a string instruction.
struct After {
    count: u64,
    place: u64,
}

#[derive(Clone, Copy)]
enum Direction {
    Up,
    Down,
}

fn set(direction: Direction) {
    match direction {
        Direction::Up => unsafe { asm!("cld") },
        Direction::Down => unsafe { asm!("std") },
    }
}

/// REP INSB; an exception goes on behind it.
fn input(place: u64, count: u64, direction: Direction) -> After {
    let (mut left, mut at) = (count, place);
    set(direction);
    unsafe {
        asm!(
            "lea {scratch}, [rip + 77f]",
            "mov [rip + {resume}], {scratch}",
            "rep insb",
            "77:",
            "cld",
            scratch = out(reg) _,
            resume = sym traps::RESUME,
            in("dx") SCRATCH, inlateout("rcx") left, inlateout("rdi") at,
        );
    }
    After { count: left, place: at }
}

/// REP OUTSB.
fn output(place: u64, count: u64, direction: Direction) -> After {
    let (mut left, mut at) = (count, place);
    set(direction);
    unsafe {
        asm!(
            "lea {scratch}, [rip + 77f]",
            "mov [rip + {resume}], {scratch}",
            "rep outsb",
            "77:",
            "cld",
            scratch = out(reg) _,
            resume = sym traps::RESUME,
            in("dx") SCRATCH, inlateout("rcx") left, inlateout("rsi") at,
        );
    }
    After { count: left, place: at }
}

fn all_are(place: u64, bytes: usize, value: u8) -> bool {
    unsafe { core::slice::from_raw_parts(place as *const u8, bytes) }.iter().all(|byte| *byte == value)
}

pub(super) fn strings_cross_pages() -> Verdict {
    let pages = fresh_pages(4, 4096);
    traps::arm();
    write_port(SCRATCH, 0x5a);
    let after = input(pages + 100, 10_000, Direction::Up);
    expect("nothing is left", after.count, 0)?;
    expect("RDI is behind", after.place, pages + 10_100)?;
    require("all bytes came", all_are(pages + 100, 10_000, 0x5a))?;
    require("none before and behind", read_memory(pages + 96) == 0 && read_memory(pages + 10_100) == 0)?;

    write_port(SCRATCH, 0xa5);
    let after = input(pages + 8191, 5000, Direction::Down);
    expect("nothing is left", after.count, 0)?;
    expect("RDI is before", after.place, pages + 8191 - 5000)?;
    require("all bytes came", all_are(pages + 3192, 5000, 0xa5))?;

    unsafe { (pages as *mut u8).add(5000).write_volatile(0x11) };
    let after = output(pages + 4000, 1001, Direction::Up);
    expect("nothing is left", after.count, 0)?;
    expect("RSI is behind", after.place, pages + 5001)?;
    expect("the last byte was written last", u64::from(read_port(SCRATCH)), 0x11)?;
    unsafe { (pages as *mut u8).add(3500).write_volatile(0x22) };
    let after = output(pages + 4499, 1000, Direction::Down);
    expect("RSI is before", after.place, pages + 3499)?;
    expect("the first byte was written last", u64::from(read_port(SCRATCH)), 0x22)?;
    let after = output(pages, 0, Direction::Up);
    expect("a count of 0 does nothing", after.place, pages)?;
    expect("no exception came", traps::disarm().map_or(0xff, |(vector, _)| u64::from(vector)), 0xff)
}

pub(super) fn strings_fault_in_the_middle() -> Verdict {
    let pages = fresh_pages(2, 4096);
    let tables = Tables::with_this_kernel(Format::Long4);
    let place = 0x4000_0000;
    tables.map(place, pages, 12, bit::PRESENT | bit::WRITE);
    let before = cr3();
    set_cr3(tables.root());
    let verdict = fault_in_the_middle(place);
    set_cr3(before);
    verdict
}

fn fault_in_the_middle(place: u64) -> Verdict {
    let hole = place + 4096;
    traps::arm();
    write_port(SCRATCH, 0x77);
    let after = input(hole - 300, 1000, Direction::Up);
    expect_fault("REP INSB into a hole", 2, hole)?;
    expect("the rest is left", after.count, 700)?;
    expect("RDI is at the hole", after.place, hole)?;
    require("what came before is there", all_are(hole - 300, 300, 0x77))?;

    traps::arm();
    unsafe { ((hole - 1) as *mut u8).write_volatile(0x99) };
    let after = output(hole - 200, 1000, Direction::Up);
    expect_fault("REP OUTSB from a hole", 0, hole)?;
    expect("the rest is left", after.count, 800)?;
    expect("RSI is at the hole", after.place, hole)?;
    expect("what came before was written", u64::from(read_port(SCRATCH)), 0x99)
}

fn expect_fault(what: &'static str, code: u64, address: u64) -> Verdict {
    require(what, traps::disarm() == Some((14, code)))?;
    expect("CR2 is the hole", last_address(), address)
}

pub(super) fn wide_strings() -> Verdict {
    let page = fresh_pages(1, 4096);
    write_dword(CONFIG_ADDRESS, 0x8000_0000);
    let bridge = read_dword(CONFIG_DATA, 0);
    let mut at = page + 1;
    unsafe {
        asm!("mov ecx, 3", "rep insd", in("dx") CONFIG_DATA, inlateout("rdi") at, out("rcx") _);
    }
    expect("RDI is behind three dwords", at, page + 13)?;
    for index in 0..3 {
        let found = unsafe { ((page + 1 + 4 * index) as *const u32).read_unaligned() };
        expect("each is the bridge's", u64::from(found), bridge)?;
    }
    unsafe {
        asm!("mov ecx, 2", "rep insw", in("dx") CONFIG_DATA + 2, inlateout("rdi") at, out("rcx") _);
    }
    expect("RDI is behind two words", at, page + 17)?;
    expect("a word", u64::from(unsafe { (at as *const u16).sub(1).read_unaligned() }), bridge >> 16)?;
    unsafe { (page as *mut u32).write_volatile(0x8000_0008) };
    unsafe { asm!("outsd", in("dx") CONFIG_ADDRESS, inlateout("rsi") page => _) };
    expect("OUTSD wrote", read_dword(CONFIG_ADDRESS, 0), 0x8000_0008)?;
    let mut address = page | 0xdead_0000_0000_0000;
    unsafe {
        asm!("outsd dx, dword ptr [esi]", in("dx") CONFIG_ADDRESS, inlateout("rsi") address);
    }
    expect("a 32-bit address ends as one", address, page + 4)
}

pub(super) fn ring_3_needs_permission() -> Verdict {
    let denied = exception_in_user!(2u64, "mov dx, 0x3ff; in al, dx");
    require("IN", denied == Some((13, 0)))?;
    let denied = exception_in_user!(2u64, "mov dx, 0x3ff; out dx, eax");
    require("OUT", denied == Some((13, 0)))?;
    let denied = exception_in_user!(2u64, "mov dx, 0x3ff; mov rdi, rsp; insb");
    require("INS", denied == Some((13, 0)))?;
    let denied = exception_in_user!(2u64, "mov dx, 0x3ff; mov rsi, rsp; mov ecx, 3; rep outsb");
    require("OUTS", denied == Some((13, 0)))?;
    write_port(SCRATCH, 0);
    let allowed = exception_in_user!(0x3002u64, "mov dx, 0x3ff; mov al, 0x42; out dx, al");
    require("with IOPL 3 it may", allowed.is_none())?;
    expect("and does", u64::from(read_port(SCRATCH)), 0x42)?;
    let allowed =
        exception_in_user!(0x3002u64, "mov dx, 0x3ff; sub rsp, 64; mov rdi, rsp; mov ecx, 8; rep insb");
    require("with strings too", allowed.is_none())
}
