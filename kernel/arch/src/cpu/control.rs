//! Control registers, interrupts, the time stamp counter.

use core::arch::asm;

/// CR0: write protection also binds ring 0.
pub const CR0_WP: u64 = 1 << 16;
/// CR4: SSE may be used (FXSAVE saves it).
pub const CR4_OSFXSR: u64 = 1 << 9;
/// CR4: SSE exceptions are reported as such.
pub const CR4_OSXMMEXCPT: u64 = 1 << 10;
/// CR4: SGDT, SIDT, SLDT, STR, SMSW are forbidden in ring 3.
pub const CR4_UMIP: u64 = 1 << 11;
/// CR4: pages marked global survive a load of CR3.
pub const CR4_PGE: u64 = 1 << 7;
/// CR4: physical addresses above 4 GiB.
pub const CR4_PAE: u64 = 1 << 5;
/// CR4: machine checks are reported.
pub const CR4_MCE: u64 = 1 << 6;
/// CR4: XSAVE works.
pub const CR4_OSXSAVE: u64 = 1 << 18;
/// CR4: ring 0 does not execute pages of ring 3.
pub const CR4_SMEP: u64 = 1 << 20;
/// CR4: ring 0 does not touch pages of ring 3.
pub const CR4_SMAP: u64 = 1 << 21;

/// CR2: the address of the last page fault.
pub fn read_cr2() -> u64 {
    let value: u64;
    // SAFETY: reading CR2 has no effect.
    unsafe { asm!("mov {}, cr2", out(reg) value, options(nomem, nostack, preserves_flags)) };
    value
}

/// Loads CR2 if it differs: writing it is slow.
#[inline]
pub fn write_cr2(value: u64) {
    if read_cr2() != value {
        // SAFETY: CR2 only tells page-fault handlers an address; ring 0 has no page faults.
        unsafe { asm!("mov cr2, {}", in(reg) value, options(nomem, nostack, preserves_flags)) };
    }
}

/// CR3: the top-level page table.
pub fn read_cr3() -> u64 {
    let value: u64;
    // SAFETY: reading CR3 has no effect.
    unsafe { asm!("mov {}, cr3", out(reg) value, options(nomem, nostack, preserves_flags)) };
    value
}

/// Loads CR3.
///
/// # Safety
/// The table maps the kernel as the running one does.
pub unsafe fn write_cr3(value: u64) {
    // SAFETY: the caller vouches for the table.
    unsafe { asm!("mov cr3, {}", in(reg) value, options(nostack, preserves_flags)) };
}

/// CR0.
pub fn read_cr0() -> u64 {
    let value: u64;
    // SAFETY: reading CR0 has no effect.
    unsafe { asm!("mov {}, cr0", out(reg) value, options(nomem, nostack, preserves_flags)) };
    value
}

/// Loads CR0.
///
/// # Safety
/// Protection and paging stay as the kernel needs them.
pub unsafe fn write_cr0(value: u64) {
    // SAFETY: the caller vouches for the value.
    unsafe { asm!("mov cr0, {}", in(reg) value, options(nostack, preserves_flags)) };
}

/// CR4.
pub fn read_cr4() -> u64 {
    let value: u64;
    // SAFETY: reading CR4 has no effect.
    unsafe { asm!("mov {}, cr4", out(reg) value, options(nomem, nostack, preserves_flags)) };
    value
}

/// Loads CR4.
///
/// # Safety
/// The processor has these features and the kernel is ready for them.
pub unsafe fn write_cr4(value: u64) {
    // SAFETY: the caller vouches for the value.
    unsafe { asm!("mov cr4, {}", in(reg) value, options(nostack, preserves_flags)) };
}

/// Forgets the cached translation of one page.
pub fn invalidate_page(address: u64) {
    // SAFETY: forgetting a translation changes nothing that Rust can observe.
    unsafe { asm!("invlpg [{}]", in(reg) address, options(nostack, preserves_flags)) };
}

/// The time stamp counter.
pub fn read_tsc() -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: RDTSC reads a counter.
    unsafe { asm!("rdtsc", out("eax") low, out("edx") high, options(nomem, nostack, preserves_flags)) };
    u64::from(high) << 32 | u64::from(low)
}

/// Waits for an interrupt, takes it (and others that wait), and returns with interrupts off.
pub fn wait_for_interrupt() {
    // STI holds interrupts back for one instruction, so none slips in before HLT.
    // SAFETY: the interrupt stubs keep all registers; they change memory, which the missing `nomem` says.
    unsafe { asm!("sti", "hlt", "cli", options(nostack)) };
}

/// Takes the interrupts that wait.
pub fn open_window() {
    // SAFETY: as in `wait_for_interrupt`.
    unsafe { asm!("sti", "nop", "nop", "cli", options(nostack)) };
}

/// Stops this processor for good.
pub fn halt_forever() -> ! {
    loop {
        // SAFETY: with interrupts off the processor stops; an NMI wakes it for one more turn.
        unsafe { asm!("cli", "hlt", options(nostack)) };
    }
}
