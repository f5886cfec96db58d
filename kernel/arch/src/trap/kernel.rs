//! Ring 0 interrupted: wake-ups, NMIs, and our own bugs.

use crate::cpu::local::index;
use crate::cpu::{DEBUG, DOUBLE_FAULT, GENERAL_PROTECTION, MACHINE_CHECK, NMI, PAGE_FAULT, control, msr};
use crate::{interrupt, panic};

/// What the stubs push.
#[repr(C)]
pub(crate) struct Frame {
    /// R15 to R8.
    pub(crate) high: [u64; 8],
    pub(crate) rdi: u64,
    pub(crate) rsi: u64,
    pub(crate) rbp: u64,
    pub(crate) rbx: u64,
    pub(crate) rdx: u64,
    pub(crate) rcx: u64,
    pub(crate) rax: u64,
    pub(crate) vector: u64,
    pub(crate) code: u64,
    pub(crate) rip: u64,
    pub(crate) cs: u64,
    pub(crate) rflags: u64,
    pub(crate) rsp: u64,
    pub(crate) ss: u64,
}

/// Called by the stubs.
pub(crate) extern "sysv64" fn trapped(frame: &mut Frame) {
    match frame.vector as u8 {
        vector @ 32.. => interrupt::arrived(vector),
        NMI => panic::stop_if_asked(frame),
        // Ring 3 cannot set breakpoints; a trap that it left pending (TF) says nothing about us.
        DEBUG => frame.rflags &= !(1 << 8),
        GENERAL_PROTECTION if msr::fixup(frame.rip).is_some() => {
            frame.rip = msr::fixup(frame.rip).unwrap_or(frame.rip);
        }
        _ => panic::fault(frame),
    }
}

/// A vector's name.
pub(crate) fn name(vector: u64) -> &'static str {
    match vector as u8 {
        0 => "division error",
        6 => "invalid instruction",
        7 => "no FPU",
        DOUBLE_FAULT => "double fault",
        10 => "invalid task state",
        11 => "segment not present",
        12 => "stack fault",
        GENERAL_PROTECTION => "general protection fault",
        PAGE_FAULT => "page fault",
        MACHINE_CHECK => "machine check",
        _ => "exception",
    }
}

/// The words that a panic says about a fault.
pub(crate) fn describe(frame: &Frame, out: &mut dyn core::fmt::Write) -> core::fmt::Result {
    write!(out, "{} in ring 0 (vector {}, code {:#x}", name(frame.vector), frame.vector, frame.code)?;
    if frame.vector as u8 == PAGE_FAULT {
        write!(out, ", address {:#018x}", control::read_cr2())?;
    }
    write!(out, ") on CPU {}", index())
}
