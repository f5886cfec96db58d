//! The local APIC in both modes, and further processors.

use crate::processor::{read_memory, read_msr, ticks, write_memory, write_msr};
use crate::traps;
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};

const APIC_BASE: u32 = 0x1b;
const PAGE: u64 = 0xfee0_0000;
const X2APIC_FIRST: u32 = 0x800;

/// Register offsets (Intel SDM vol. 3, table 11-1).
pub(crate) mod register {
    /// Identifier.
    pub(crate) const ID: u32 = 0x20;
    /// Task priority.
    pub(crate) const TASK_PRIORITY: u32 = 0x80;
    /// End of interrupt.
    pub(crate) const EOI: u32 = 0xb0;
    /// Spurious vector.
    pub(crate) const SPURIOUS: u32 = 0xf0;
    /// First word of the in-service register.
    pub(crate) const IN_SERVICE: u32 = 0x100;
    /// First word of the request register.
    pub(crate) const REQUEST: u32 = 0x200;
    /// Interrupt command.
    pub(crate) const COMMAND: u32 = 0x300;
    /// Timer's local vector.
    pub(crate) const TIMER: u32 = 0x320;
    /// Initial count.
    pub(crate) const INITIAL_COUNT: u32 = 0x380;
    /// Current count.
    pub(crate) const CURRENT_COUNT: u32 = 0x390;
    /// Divider.
    pub(crate) const DIVIDER: u32 = 0x3e0;
}

/// Timer ticks in which anything that should happen has happened.
pub(crate) const LONG_TIME: u64 = 20_000_000_000;

fn is_x2apic() -> bool {
    read_msr(APIC_BASE) & 1 << 10 != 0
}

/// Switches to x2APIC mode.
pub(crate) fn use_x2apic() {
    write_msr(APIC_BASE, read_msr(APIC_BASE) | 0xc00);
}

/// Lets interrupts through.
pub(crate) fn enable() {
    write(register::SPURIOUS, 0x1ff);
    write(register::TASK_PRIORITY, 0);
}

/// Reads a register.
pub(crate) fn read(offset: u32) -> u32 {
    if is_x2apic() {
        read_msr(X2APIC_FIRST + (offset >> 4)) as u32
    } else {
        read_memory(PAGE + u64::from(offset))
    }
}

/// Writes a register.
pub(crate) fn write(offset: u32, value: u32) {
    if is_x2apic() {
        write_msr(X2APIC_FIRST + (offset >> 4), u64::from(value));
    } else {
        write_memory(PAGE + u64::from(offset), value);
    }
}

/// This processor's APIC id.
pub(crate) fn id() -> u32 {
    if is_x2apic() { read(register::ID) } else { read(register::ID) >> 24 }
}

/// Ends the interrupt in service.
pub(crate) fn end_of_interrupt() {
    write(register::EOI, 0);
}

/// Sends an interrupt: `command` is the low half of the command register.
pub(crate) fn send(destination: u32, command: u32) {
    if is_x2apic() {
        write_msr(X2APIC_FIRST + 0x30, u64::from(destination) << 32 | u64::from(command));
    } else {
        write(register::COMMAND + 0x10, destination << 24);
        write(register::COMMAND, command);
    }
}

/// Waits, with interrupts on, until `vector` has come `times` times; whether it did.
pub(crate) fn wait_for(vector: u8, times: u64) -> bool {
    let end = ticks() + LONG_TIME;
    while traps::count(vector) < times {
        if ticks() > end {
            return false;
        }
        unsafe { core::arch::asm!("sti", "nop", "pause", "cli") };
    }
    true
}

static OTHERS: AtomicU64 = AtomicU64::new(0);
static WORK: AtomicU64 = AtomicU64::new(0);

unsafe extern "C" {
    static trampoline: u8;
    static trampoline_end: u8;
}

/// Starts one more processor and does not wait for it. It runs `work` once.
pub(crate) fn start_one(id: u32, work: fn()) {
    WORK.store(work as *const () as u64, SeqCst);
    let bytes = &raw const trampoline_end as usize - &raw const trampoline as usize;
    unsafe { core::ptr::copy_nonoverlapping(&raw const trampoline, 0x8000 as *mut u8, bytes) };
    send(id, 0x4500);
    send(id, 0x4608);
}

/// Starts `others` more processors and spins for ever, as they do.
pub(crate) fn spin_with(others: u32) -> ! {
    enable();
    for id in 1..=others {
        start_one(id, spin);
    }
    spin();
    unreachable!("spinning does not end")
}

fn spin() {
    loop {
        core::hint::spin_loop();
    }
}

/// Starts `count` more processors (APIC ids 1 and up); whether all came. Each runs `work` once.
pub(crate) fn start_others(count: u32, work: fn()) -> bool {
    for id in 1..=count {
        start_one(id, work);
    }
    let end = ticks() + LONG_TIME;
    while OTHERS.load(SeqCst) < u64::from(count) {
        if ticks() > end {
            return false;
        }
        core::hint::spin_loop();
    }
    true
}

/// How many further processors have finished their work.
pub(crate) fn others_done() -> u64 {
    OTHERS.load(SeqCst)
}

/// Where further processors come from the trampoline.
pub(crate) extern "sysv64" fn run_other() -> ! {
    traps::load();
    enable();
    // SAFETY-relevant only inside of this test kernel: `start_others` stored a `fn()`.
    let work: fn() = unsafe { core::mem::transmute(WORK.load(SeqCst)) };
    work();
    OTHERS.fetch_add(1, SeqCst);
    loop {
        crate::processor::wait_for_interrupt();
    }
}
