//! The host's state: what an exit loads, and what it leaves to be restored by hand.

use super::vmcs::write;
use crate::cpu::local::{index, local};
use crate::cpu::{KERNEL_CODE, KERNEL_DATA, TASK, control, msr, syscall_registers};
use core::arch::asm;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use kernel_core::machine::CPUS_MAX;
use spec::vmx::field;

/// What of the host's state differs from processor to processor. Written by its own processor only.
struct Host {
    gdt: AtomicU64,
    idt: AtomicU64,
    task: AtomicU64,
}

static HOSTS: [Host; CPUS_MAX] =
    [const { Host { gdt: AtomicU64::new(0), idt: AtomicU64::new(0), task: AtomicU64::new(0) } }; CPUS_MAX];

/// GDTR or IDTR in memory.
#[repr(C, packed)]
struct Pointer {
    limit: u16,
    base: u64,
}

/// Limit of the GDT.
const GDT_LIMIT: u16 = 7 * 8 - 1;

/// Takes note of the calling processor's tables, which are loaded.
pub(super) fn note() {
    let mut gdt = Pointer { limit: 0, base: 0 };
    let mut idt = Pointer { limit: 0, base: 0 };
    // SAFETY: both have room for the ten bytes.
    unsafe { asm!("sgdt [{}]", "sidt [{}]", in(reg) &raw mut gdt, in(reg) &raw mut idt, options(nostack)) };
    assert!(gdt.limit == GDT_LIMIT, "an unknown GDT");
    let descriptor = (gdt.base + u64::from(TASK)) as *const u64;
    // SAFETY: the GDT is the processor's own and has the task state's descriptor of 16 bytes there.
    let low = unsafe { descriptor.read() };
    // SAFETY: as above; the second half.
    let high = unsafe { descriptor.wrapping_add(1).read() };
    let host = &HOSTS[index()];
    host.gdt.store(gdt.base, Relaxed);
    host.idt.store(idt.base, Relaxed);
    host.task.store(low >> 16 & 0xff_ffff | low >> 32 & 0xff00_0000 | high << 32, Relaxed);
}

/// Fills in what is the same for all vCPUs and runs on the calling processor.
pub(super) fn fill() {
    let host = &HOSTS[index()];
    // SAFETY: every processor with VT-x has this.
    let efer = unsafe { msr::read(msr::EFER) };
    // SAFETY: and this.
    let pat = unsafe { msr::read(msr::PAT) };
    for (field, value) in [
        (field::HOST_ES, 0),
        (field::HOST_CS, u64::from(KERNEL_CODE)),
        (field::HOST_SS, u64::from(KERNEL_DATA)),
        (field::HOST_DS, 0),
        (field::HOST_FS, 0),
        (field::HOST_GS, 0),
        (field::HOST_TR, u64::from(TASK)),
        (field::HOST_EFER, efer),
        (field::HOST_PAT, pat),
        (field::HOST_CR0, control::read_cr0()),
        (field::HOST_CR4, control::read_cr4()),
        (field::HOST_GS_BASE, &raw const *local() as u64),
        (field::HOST_GDT_BASE, host.gdt.load(Relaxed)),
        (field::HOST_IDT_BASE, host.idt.load(Relaxed)),
        (field::HOST_TR_BASE, host.task.load(Relaxed)),
        (field::HOST_SYSENTER_CS, 0),
        (field::HOST_SYSENTER_ESP, 0),
        (field::HOST_SYSENTER_EIP, 0),
    ] {
        write(field, value);
    }
}

/// The FS base that ring 3 has on the calling processor.
#[inline(always)]
pub(super) fn fs_base() -> u64 {
    let base = local().fs_base.get();
    if base >> 47 == 0 { base } else { 0 }
}

/// Puts back what exits do not load: the limit of the GDT (ring 3 could name what lies behind it) and the registers of
/// SYSCALL.
#[inline(always)]
pub(super) fn restore() {
    let pointer = Pointer { limit: GDT_LIMIT, base: HOSTS[index()].gdt.load(Relaxed) };
    // SAFETY: the table that is loaded, with its own limit.
    unsafe { asm!("lgdt [{}]", in(reg) &raw const pointer, options(nostack, preserves_flags, readonly)) };
    let [star, entry, mask] = syscall_registers();
    for (number, value) in
        [(msr::STAR, star), (msr::LSTAR, entry), (msr::SFMASK, mask), (msr::KERNEL_GS_BASE, 0)]
    {
        // SAFETY: the values that ring 3 runs with.
        unsafe { msr::write(number, value) };
    }
}
