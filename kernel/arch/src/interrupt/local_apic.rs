//! The local APIC, in xAPIC (memory) or x2APIC (MSR) mode (Intel SDM vol. 3, 11).

use super::{ERROR, SPURIOUS, TIMER};
use crate::cpu::local::apic_id;
use crate::cpu::msr;
use crate::paging::device::{Caching, Mapping, map};
use core::sync::atomic::{AtomicBool, Ordering};
use spin::Once;

/// Registers, as their offset in the page; x2APIC has them at MSR 800h + offset / 16.
mod register {
    pub(super) const ID: u32 = 0x20;
    pub(super) const TASK_PRIORITY: u32 = 0x80;
    pub(super) const END_OF_INTERRUPT: u32 = 0xb0;
    pub(super) const SPURIOUS_VECTOR: u32 = 0xf0;
    pub(super) const ERROR_STATUS: u32 = 0x280;
    pub(super) const COMMAND: u32 = 0x300;
    pub(super) const DESTINATION: u32 = 0x310;
    pub(super) const TIMER: u32 = 0x320;
    pub(super) const LINT0: u32 = 0x350;
    pub(super) const LINT1: u32 = 0x360;
    pub(super) const ERROR: u32 = 0x370;
    pub(super) const INITIAL_COUNT: u32 = 0x380;
    pub(super) const CURRENT_COUNT: u32 = 0x390;
    pub(super) const DIVIDE: u32 = 0x3e0;
}

/// Local vector table: masked.
const MASKED: u32 = 1 << 16;
/// Local vector table: delivers an NMI.
const DELIVER_NMI: u32 = 4 << 8;
/// Command: still being sent (xAPIC).
const SEND_PENDING: u32 = 1 << 12;
/// Turns of the loop that waits for a command to be sent.
const SEND_WAIT_MAX: u32 = 100_000;

/// Interprocessor messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Message {
    /// An interrupt with this vector.
    Vector(u8),
    /// A non-maskable interrupt.
    Nmi,
    /// INIT.
    Init,
    /// Start-up at page `.0` of the first MiB.
    Startup(u8),
}

static IS_X2APIC: AtomicBool = AtomicBool::new(false);
static MEMORY: Once<Mapping> = Once::new();

/// Chooses the mode and maps the registers at `address` if they are in memory.
pub(crate) fn choose_mode(has_x2apic: bool, address: u64) -> bool {
    if has_x2apic {
        IS_X2APIC.store(true, Ordering::Relaxed);
        return true;
    }
    let Some(mapping) = map(address, 4096, Caching::Uncached) else { return false };
    MEMORY.call_once(|| mapping);
    true
}

/// Turns the calling processor's APIC on; its id.
pub(crate) fn enable() -> u32 {
    // SAFETY: every processor with an APIC has this MSR.
    let base = unsafe { msr::read(msr::APIC_BASE) };
    // Bit 11 enables, bit 10 selects x2APIC. The address is left as it is.
    let mode = if is_x2apic() { 1 << 11 | 1 << 10 } else { 1 << 11 };
    if base & mode != mode {
        // x2APIC may only be entered from the enabled xAPIC mode.
        // SAFETY: turns the APIC on; nothing interrupts before the vectors below are set.
        unsafe { msr::write(msr::APIC_BASE, base | 1 << 11) };
        // SAFETY: as above.
        unsafe { msr::write(msr::APIC_BASE, base | mode) };
    }
    write(register::TASK_PRIORITY, 0);
    write(register::LINT0, MASKED);
    write(register::LINT1, DELIVER_NMI);
    write(register::ERROR, u32::from(ERROR));
    write(register::TIMER, MASKED | u32::from(TIMER));
    write(register::SPURIOUS_VECTOR, 1 << 8 | u32::from(SPURIOUS));
    write(register::ERROR_STATUS, 0);
    acknowledge();
    read_id()
}

/// The id of the calling processor's APIC.
pub(crate) fn read_id() -> u32 {
    if is_x2apic() { read(register::ID) } else { read(register::ID) >> 24 }
}

/// Whether the registers are MSRs.
#[inline(always)]
pub(crate) fn is_x2apic() -> bool {
    IS_X2APIC.load(Ordering::Relaxed)
}

/// Ends the interrupt in service.
#[inline(always)]
pub(crate) fn acknowledge() {
    write(register::END_OF_INTERRUPT, 0);
}

/// Sends a message to processor `cpu`.
pub(crate) fn send(cpu: usize, message: Message) {
    send_to_id(apic_id(cpu), message);
}

/// Sends a message to the processor with this APIC id.
pub(crate) fn send_to_id(id: u32, message: Message) {
    // Bit 14: level assert, as all but INIT level de-assert want it.
    let command = 1 << 14
        | match message {
            Message::Vector(vector) => u32::from(vector),
            Message::Nmi => 4 << 8,
            Message::Init => 5 << 8,
            Message::Startup(page) => 6 << 8 | u32::from(page),
        };
    if is_x2apic() {
        // Stores before this one must be seen by whoever is interrupted: WRMSR to the x2APIC does not wait for them
        // (Intel SDM vol. 3, 11.12.3).
        core::sync::atomic::fence(Ordering::SeqCst);
        let value = u64::from(id) << 32 | u64::from(command);
        // SAFETY: the APIC is in x2APIC mode; a message to one of our processors.
        unsafe { msr::write(msr::X2APIC + (register::COMMAND >> 4), value) };
        return;
    }
    write(register::DESTINATION, id << 24);
    write(register::COMMAND, command);
    for _ in 0..SEND_WAIT_MAX {
        if read(register::COMMAND) & SEND_PENDING == 0 {
            break;
        }
        core::hint::spin_loop();
    }
}

/// Sets the timer's mode: one-shot, or fired by the TSC.
pub(super) fn set_timer_mode(is_tsc_deadline: bool) {
    write(register::TIMER, u32::from(TIMER) | if is_tsc_deadline { 2 << 17 } else { 0 });
    // Intel SDM vol. 3, 11.5.4.1: the mode must be in effect before the deadline's MSR is written.
    core::sync::atomic::fence(Ordering::SeqCst);
}

/// Sets by how much the timer's clock is divided: 1 or 128.
pub(super) fn set_divider(is_slow: bool) {
    write(register::DIVIDE, if is_slow { 0b1010 } else { 0b1011 });
}

/// Starts the timer; 0 stops it.
#[inline(always)]
pub(super) fn set_count(count: u32) {
    write(register::INITIAL_COUNT, count);
}

/// Lets the timer count down from the top, undivided, without an interrupt.
pub(crate) fn start_calibration() {
    write(register::TIMER, MASKED | u32::from(TIMER));
    set_divider(false);
    set_count(u32::MAX);
}

/// What is left of the timer's count.
pub(crate) fn calibration_count() -> u32 {
    read(register::CURRENT_COUNT)
}

/// Stops the timer.
pub(crate) fn end_calibration() {
    set_count(0);
}

#[inline(always)]
fn write(register: u32, value: u32) {
    if is_x2apic() {
        // SAFETY: one of the registers above, all of which exist as MSRs; the values are ours.
        unsafe { msr::write(msr::X2APIC + (register >> 4), u64::from(value)) };
    } else if let Some(memory) = MEMORY.get() {
        memory.write_u32(u64::from(register), value);
    }
}

fn read(register: u32) -> u32 {
    if is_x2apic() {
        // SAFETY: one of the registers above, all of which exist as MSRs.
        (unsafe { msr::read(msr::X2APIC + (register >> 4)) }) as u32
    } else {
        MEMORY.get().map_or(0, |memory| memory.read_u32(u64::from(register)))
    }
}
