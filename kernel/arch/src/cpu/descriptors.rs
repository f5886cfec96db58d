//! Segments, task state and interrupt gates of one processor.

use super::{local::Local, msr};
use crate::trap;
use core::arch::asm;
use core::cell::UnsafeCell;

/// Selector of ring 0's code.
pub(crate) const KERNEL_CODE: u16 = 0x08;
/// Selector of ring 0's data.
pub(crate) const KERNEL_DATA: u16 = 0x10;
/// Selector of ring 3's data: SYSRET takes it as STAR[63:48] + 8.
pub(crate) const USER_DATA: u16 = 0x1b;
/// Selector of ring 3's code: SYSRET takes it as STAR[63:48] + 16.
pub(crate) const USER_CODE: u16 = 0x23;
/// Selector of the task state.
pub(crate) const TASK: u16 = 0x28;

/// Vector of debug exceptions.
pub(crate) const DEBUG: u8 = 1;
/// Vector of the non-maskable interrupt.
pub(crate) const NMI: u8 = 2;
/// Vector of INT3.
pub(crate) const BREAKPOINT: u8 = 3;
const OVERFLOW: u8 = 4;
/// Vector of a fault while a fault was delivered.
pub(crate) const DOUBLE_FAULT: u8 = 8;
/// Vector of the general protection fault.
pub(crate) const GENERAL_PROTECTION: u8 = 13;
/// Vector of the page fault.
pub(crate) const PAGE_FAULT: u8 = 14;
/// Vector of the machine check.
pub(crate) const MACHINE_CHECK: u8 = 18;

/// Interrupts that have a stack of their own: they may arrive when RSP is still, or again, ring 3's.
pub(crate) const STACKED_VECTORS: [u8; 4] = [NMI, DOUBLE_FAULT, MACHINE_CHECK, DEBUG];

/// The task state segment (Intel SDM vol. 3, 8.7): only stacks in 64-bit mode.
#[repr(C, packed(4))]
pub(crate) struct TaskState {
    reserved_0: u32,
    rsp: [u64; 3],
    reserved_1: u64,
    ist: [u64; 7],
    reserved_2: u64,
    reserved_3: u16,
    io_map: u16,
}

/// GDT and TSS of one processor.
#[repr(C, align(64))]
pub(crate) struct Descriptors {
    task: TaskState,
    gdt: [u64; 7],
}

impl Descriptors {
    /// Tables for a processor whose stack for ring 3's interrupts ends at `stack`, and whose stacks for
    /// [`STACKED_VECTORS`] end at `interrupt_stacks`.
    pub(crate) fn new(stack: u64, interrupt_stacks: [u64; 4]) -> Self {
        let mut ist = [0; 7];
        for (slot, end) in ist.iter_mut().zip(interrupt_stacks) {
            *slot = end;
        }
        let task = TaskState {
            reserved_0: 0,
            rsp: [stack, 0, 0],
            reserved_1: 0,
            ist,
            reserved_2: 0,
            reserved_3: 0,
            io_map: size_of::<TaskState>() as u16,
        };
        Self { task, gdt: [0; 7] }
    }

    /// Fills the GDT, whose task descriptor needs the final address.
    fn fill(&mut self) {
        let base = &raw const self.task as u64;
        let limit = size_of::<TaskState>() as u64 - 1;
        let low = limit | (base & 0xff_ffff) << 16 | 0x89 << 40 | (base >> 24 & 0xff) << 56;
        self.gdt = [
            0,
            0x00af_9b00_0000_ffff,
            0x00cf_9300_0000_ffff,
            0x00cf_f300_0000_ffff,
            0x00af_fb00_0000_ffff,
            low,
            base >> 32,
        ];
    }
}

/// A gate of the interrupt descriptor table (Intel SDM vol. 3, 6.14.1).
#[derive(Clone, Copy)]
#[repr(C)]
struct Gate {
    low: u64,
    high: u64,
}

struct Gates(UnsafeCell<[Gate; 256]>);

// SAFETY: written once by the boot processor before the others start, read by hardware only.
unsafe impl Sync for Gates {}

static GATES: Gates = Gates(UnsafeCell::new([Gate { low: 0, high: 0 }; 256]));

fn gate(vector: u8) -> Gate {
    let stack = STACKED_VECTORS.iter().position(|&own| own == vector).map_or(0, |index| index as u64 + 1);
    gate_to(trap::stub(vector), vector, stack)
}

/// A gate to `handler` on the interrupt stack of this number, or 0 for the stack that is in use.
fn gate_to(handler: u64, vector: u8, stack: u64) -> Gate {
    // Ring 3 may raise INT3 and INTO; any other INT n becomes a general protection fault.
    let ring = if matches!(vector, BREAKPOINT | OVERFLOW) { 3 } else { 0 };
    let low = handler & 0xffff
        | u64::from(KERNEL_CODE) << 16
        | stack << 32
        | 0x8e << 40
        | ring << 45
        | (handler >> 16 & 0xffff) << 48;
    Gate { low, high: handler >> 32 }
}

#[repr(C, packed)]
struct Pointer {
    limit: u16,
    base: u64,
}

fn load_gates() {
    let pointer = Pointer { limit: 256 * 16 - 1, base: GATES.0.get() as u64 };
    // SAFETY: the table is static and filled.
    unsafe { asm!("lidt [{}]", in(reg) &raw const pointer, options(nostack, preserves_flags, readonly)) };
}

/// Fills the gates and loads them, so that a fault during boot ends in a report. The segments are the entry code's.
pub(crate) fn load_boot_descriptors() {
    for vector in 0..=255_u8 {
        let table = GATES.0.get().cast::<Gate>();
        // SAFETY: the index is below 256, and nobody else runs yet.
        unsafe { table.add(usize::from(vector)).write(gate(vector)) };
    }
    load_gates();
}

/// Makes debug exceptions harmless that arrive in ring 0 while a guest's task register is still loaded: such a register names
/// no stacks of ours. Only an emulator has them (`svm::bochs`); in return, ring 0 is not safe from debug exceptions
/// where its stack pointer is not its own, which ring 3 cannot cause without breakpoints.
pub(crate) fn expect_stray_steps() {
    let table = GATES.0.get().cast::<Gate>();
    // SAFETY: the index is below 256; the boot processor does it before the others run, with interrupts off.
    unsafe { table.add(usize::from(DEBUG)).write(gate_to(trap::stray_step_stub(), DEBUG, 0)) };
}

/// Makes these the calling processor's tables, and sets up SYSCALL.
///
/// # Safety
/// `local` and `descriptors` belong to this processor alone, for good.
pub(crate) unsafe fn install_descriptors(local: &'static Local, descriptors: &'static mut Descriptors) {
    descriptors.fill();
    let pointer = Pointer { limit: 7 * 8 - 1, base: descriptors.gdt.as_ptr() as u64 };
    // SAFETY: the table is for good and holds the selectors loaded below.
    unsafe { asm!("lgdt [{}]", in(reg) &raw const pointer, options(nostack, preserves_flags, readonly)) };
    // SAFETY: reloads CS and the data selectors with what the new table says; flat as before. FS and GS bases are set next.
    unsafe {
        asm!(
            "push {code}", "lea {scratch}, [rip + 2f]", "push {scratch}", "retfq", "2:",
            "mov ss, {data:e}", "xor {scratch:e}, {scratch:e}",
            "mov ds, {scratch:e}", "mov es, {scratch:e}", "mov fs, {scratch:e}", "mov gs, {scratch:e}",
            code = const KERNEL_CODE, data = in(reg) u32::from(KERNEL_DATA), scratch = out(reg) _,
        );
    }
    load_gates();
    // SAFETY: the descriptor at `TASK` is the one just filled in.
    unsafe { asm!("ltr {:x}", in(reg) TASK, options(nostack, preserves_flags)) };
    // SAFETY: the caller gives it to this processor.
    unsafe { local.install() };
    install_syscall();
}

/// STAR, LSTAR and SFMASK as ring 3 needs them.
#[inline(always)]
pub(crate) fn syscall_registers() -> [u64; 3] {
    let star = u64::from(KERNEL_CODE) << 32 | u64::from(KERNEL_DATA | 3) << 48;
    // All flags: IF, TF, DF, AC and NT must be off, the others are of no use.
    [star, trap::syscall_entry(), 0xffff_fffd]
}

/// Points SYSCALL at `trap::user`.
fn install_syscall() {
    let [star, entry, mask] = syscall_registers();
    for (number, value) in [
        (msr::STAR, star),
        (msr::LSTAR, entry),
        // There is no 32-bit code segment to come from; AMD still wants a value.
        (msr::CSTAR, entry),
        // Ring 3 on Intel cannot enter by SYSENTER while this is 0.
        (msr::SYSENTER_CS, 0),
        (msr::SFMASK, mask),
    ] {
        // SAFETY: the values name our own segments and code.
        unsafe { msr::write(number, value) };
    }
}
