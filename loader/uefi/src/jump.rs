//! Out of the firmware, into the kernel.

use crate::failure::Failure;
use crate::kernel::Kernel;
use crate::memory_map;
use crate::tables::Root;
use abi::BootInfo;
use core::arch::asm;
use core::arch::x86_64::{__cpuid, _rdtsc};
use core::convert::Infallible;
use uefi::boot;

/// CR4: page tables have five levels.
const CR4_LA57: u64 = 1 << 12;
/// CPUID 8000_0001h EDX: no-execute.
const HAS_NX: u32 = 1 << 20;

/// The time stamp counter.
pub(crate) fn read_tsc() -> u64 {
    // SAFETY: every 64-bit processor has it.
    unsafe { _rdtsc() }
}

/// Checks what the kernel's first instructions rely on.
pub(crate) fn check_processor() -> Result<(), Failure> {
    if __cpuid(0x8000_0001).edx & HAS_NX == 0 {
        return Err(Failure::Processor("it has no no-execute protection, or the firmware hides it"));
    }
    let cr4: u64;
    // SAFETY: reading CR4 has no effect; UEFI programs run in ring 0.
    unsafe { asm!("mov {}, cr4", out(reg) cr4, options(nomem, nostack, preserves_flags)) };
    if cr4 & CR4_LA57 != 0 {
        return Err(Failure::Processor(
            "its firmware uses 5-level page tables; switch that off in the firmware's set-up",
        ));
    }
    Ok(())
}

/// Ends the boot services and enters the kernel.
pub(crate) fn leave(
    kernel: &Kernel,
    info: &'static mut BootInfo,
    tables: Root,
) -> Result<Infallible, Failure> {
    // SAFETY: no object of the boot services is used afterwards; nothing is allocated or printed any more.
    let mut map = unsafe { boot::exit_boot_services(None) };
    memory_map::fill(info, &mut map);
    core::mem::forget(map);
    let information = &raw const *info;
    // SAFETY: the tables map this code, the stack and the structure one to one, and the kernel where it is linked; it never
    // returns.
    unsafe {
        asm!("cli", "mov cr3, {tables}", "jmp {entry}",
            tables = in(reg) tables.0, entry = in(reg) kernel.entry, in("rdi") information, options(noreturn));
    }
}
