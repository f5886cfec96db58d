//! What guests leave on a processor, or find there, and no control block switches: branch predictions, buffers, TSC_AUX,
//! breakpoints.

use crate::cpu::KERNEL_DATA;
use crate::cpu::features::cpuid;
use crate::cpu::local::index;
use crate::cpu::msr;
use core::arch::asm;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use kernel_core::machine::CPUS_MAX;
use spec::control::DR7_ENABLES;
use spec::msr::{FLUSH_CMD, FLUSH_CMD_CACHE, PRED_CMD, TSC_AUX};

/// One processor's. Only its own processor touches it; atomics because it is a static.
struct Residue {
    /// The guest that ran here last.
    guest: AtomicU64,
    /// TSC_AUX as loaded.
    tsc_aux: AtomicU64,
}

static RESIDUES: [Residue; CPUS_MAX] =
    [const { Residue { guest: AtomicU64::new(0), tsc_aux: AtomicU64::new(u64::MAX) } }; CPUS_MAX];

/// Whether there is IBPB (AMD: leaf 8000_0008h; Intel: leaf 7).
pub(crate) fn has_branch_barrier() -> bool {
    cpuid(0x8000_0008, 0).ebx & 1 << 12 != 0 || cpuid(7, 0).edx & 1 << 26 != 0
}

/// Whether there is TSC_AUX: RDTSCP or RDPID.
pub(crate) fn has_tsc_aux() -> bool {
    cpuid(0x8000_0001, 0).edx & 1 << 27 != 0 || cpuid(7, 0).ecx & 1 << 22 != 0
}

/// Puts a barrier between guests: what one trained the branch predictors with does not steer the next.
pub(crate) fn separate(guest: u64, has_branch_barrier: bool) {
    let residue = &RESIDUES[index()];
    if residue.guest.load(Relaxed) == guest {
        return;
    }
    residue.guest.store(guest, Relaxed);
    if has_branch_barrier {
        // SAFETY: CPUID says IBPB; the command changes no architectural state.
        unsafe { msr::write(PRED_CMD, 1) };
    }
}

/// Forgets what the first-level data cache holds of others.
#[cold]
pub(crate) fn flush_cache() {
    // SAFETY: the caller knows that the command exists; it changes no architectural state.
    unsafe { msr::write(FLUSH_CMD, FLUSH_CMD_CACHE) };
}

/// Clears store, fill and load buffers.
#[inline(always)]
pub(crate) fn clear_buffers() {
    let selector: u16 = KERNEL_DATA;
    // SAFETY: VERW reads a selector and sets ZF; with a memory operand it clears the buffers (Intel, MDS, "Software sequences").
    unsafe { asm!("verw word ptr [{}]", in(reg) &raw const selector, options(nostack, readonly)) };
}

/// Loads TSC_AUX.
pub(crate) fn load_tsc_aux(value: u64) {
    let residue = &RESIDUES[index()];
    if residue.tsc_aux.load(Relaxed) != value {
        residue.tsc_aux.store(value, Relaxed);
        // SAFETY: the caller knows that the MSR exists; the kernel does not use it, any 32-bit value is taken.
        unsafe { msr::write(TSC_AUX, value) };
    }
}

/// DR0 to DR3 are on the processor while a guest that uses them (`control` is its DR7) may run.
pub(crate) fn load_breakpoints(control: u64, breakpoints: [u64; 4]) {
    if control & DR7_ENABLES == 0 {
        return;
    }
    let [first, second, third, fourth] = breakpoints;
    // SAFETY: the processor clears DR7 when the guest exits, so that these mean nothing to ring 0.
    unsafe {
        asm!("mov dr0, {}", "mov dr1, {}", "mov dr2, {}", "mov dr3, {}",
            in(reg) first, in(reg) second, in(reg) third, in(reg) fourth, options(nostack, preserves_flags));
    }
}

/// Fills the return stack buffer with harmless entries.
///
/// The run loop is entered and left at the same call depth, so that only the returns out of the loop could use what the guest
/// left in the buffer: it is enough to fill it when the loop ends. (AMD, "Software techniques for managing
/// speculation", mitigation V2-3; Intel, "Retpoline", 2.4.1.)
#[inline(always)]
pub(crate) fn fill_return_buffer() {
    // SAFETY: 32 calls push 32 return addresses that are popped at once; nothing else changes.
    unsafe {
        asm!(".rept 32", "call 77f", "int3", "77:", ".endr", "add rsp, 256", options(nomem),);
    }
}

/// Runs the kernel's own handler of a machine check that ended a guest: it is the host's, and its handler sees what the
/// processor has noted.
#[cold]
pub(crate) fn raise_machine_check() {
    // SAFETY: runs the kernel's own handler of vector 18.
    unsafe { asm!("int 18") };
}
