//! The end: refusals, panics, and what they say.

mod backtrace;
mod stop;

pub(crate) use stop::stop_if_asked;

use crate::cpu::control::{halt_forever, read_cr0, read_cr2, read_cr3, read_cr4};
use crate::log::{self, Printer};
use crate::trap::kernel::{Frame, describe};
use core::arch::asm;
use core::fmt::{self, Write};
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering};

/// The build that this kernel is of; "unknown" when it was not built by `cargo xtask`.
pub const BUILD_ID: &str = match option_env!("CORTEN_BUILD_ID") {
    Some(id) => id,
    None => "unknown",
};

/// Says why Corten cannot run here, and stops: the sentence stays on the screen.
pub fn refuse(why: impl fmt::Display) -> ! {
    let _ = writeln!(Printer, "corten: cannot start: {why}");
    let _ = writeln!(Printer, "corten: halted");
    stop::stop_others();
    halt_forever()
}

/// Reports a Rust panic and stops the machine.
pub fn panicked(info: &PanicInfo<'_>) -> ! {
    let frame_pointer: u64;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, rbp", out(reg) frame_pointer, options(nomem, nostack, preserves_flags)) };
    begin();
    let _ = writeln!(Printer, "{info}");
    let _ = backtrace::write(&mut Printer, 0, frame_pointer);
    end()
}

/// Reports a fault of ring 0 and stops the machine.
pub(crate) fn fault(frame: &Frame) -> ! {
    begin();
    let _ = describe(frame, &mut Printer);
    let _ = writeln!(Printer);
    let _ = write_registers(frame);
    let _ = backtrace::write(&mut Printer, frame.rip, frame.rbp);
    end()
}

/// Stops the other processors and opens the report. A panic within a panic only stops.
fn begin() {
    static HAS_BEGUN: AtomicBool = AtomicBool::new(false);
    if HAS_BEGUN.swap(true, Ordering::SeqCst) {
        halt_forever();
    }
    stop::stop_others();
    log::begin_last_words();
    let _ = writeln!(Printer, "\ncorten: KERNEL PANIC, build {BUILD_ID}, CPU {}", stop::own_index());
}

fn end() -> ! {
    let _ = writeln!(Printer, "corten: halted");
    halt_forever()
}

fn write_registers(frame: &Frame) -> fmt::Result {
    let out = &mut Printer;
    let Frame { rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp, rip, rflags, cs, ss, .. } = frame;
    let [r15, r14, r13, r12, r11, r10, r9, r8] = frame.high;
    writeln!(out, " rax {rax:016x}  rbx {rbx:016x}  rcx {rcx:016x}  rdx {rdx:016x}")?;
    writeln!(out, " rsi {rsi:016x}  rdi {rdi:016x}  rbp {rbp:016x}  rsp {rsp:016x}")?;
    writeln!(out, " r8  {r8:016x}  r9  {r9:016x}  r10 {r10:016x}  r11 {r11:016x}")?;
    writeln!(out, " r12 {r12:016x}  r13 {r13:016x}  r14 {r14:016x}  r15 {r15:016x}")?;
    writeln!(out, " rip {rip:016x}  rfl {rflags:016x}  cs {cs:04x}  ss {ss:04x}")?;
    writeln!(
        out,
        " cr0 {:016x}  cr2 {:016x}  cr3 {:016x}  cr4 {:016x}",
        read_cr0(),
        read_cr2(),
        read_cr3(),
        read_cr4()
    )
}
