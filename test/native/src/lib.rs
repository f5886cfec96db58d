//! Runs single instructions on the processor that runs this program.
//!
//! An instruction is put into a slot between code that loads all registers of a [`State`] (but RSP) and code that stores them.
//! It may touch what its operands reach and nothing else: no fault is caught, and the stack pointer is this program's.
//! Tests hold the emulator against this.

use std::{arch::global_asm, sync::Mutex};
use test_instructions::{CODE_BYTES_MAX, FLAGS, State};

global_asm!(
    r#"
    .pushsection .native, "awx", @progbits
    .globl test_native_run, test_native_slot
test_native_run:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    mov [rip + 8f], rdi
    vmovups ymm0, [rdi + 144]
    vmovups ymm1, [rdi + 176]
    vmovups ymm2, [rdi + 208]
    vmovups ymm3, [rdi + 240]
    push qword ptr [rdi + 128]
    popfq
    mov rax, [rdi]
    mov rcx, [rdi + 8]
    mov rdx, [rdi + 16]
    mov rbx, [rdi + 24]
    mov rbp, [rdi + 40]
    mov rsi, [rdi + 48]
    mov r8, [rdi + 64]
    mov r9, [rdi + 72]
    mov r10, [rdi + 80]
    mov r11, [rdi + 88]
    mov r12, [rdi + 96]
    mov r13, [rdi + 104]
    mov r14, [rdi + 112]
    mov r15, [rdi + 120]
    mov rdi, [rdi + 56]
test_native_slot:
    .fill 16, 1, 0x90
    mov [rip + 9f], rdi
    mov rdi, [rip + 8f]
    mov [rdi], rax
    mov [rdi + 8], rcx
    mov [rdi + 16], rdx
    mov [rdi + 24], rbx
    mov [rdi + 40], rbp
    mov [rdi + 48], rsi
    mov [rdi + 64], r8
    mov [rdi + 72], r9
    mov [rdi + 80], r10
    mov [rdi + 88], r11
    mov [rdi + 96], r12
    mov [rdi + 104], r13
    mov [rdi + 112], r14
    mov [rdi + 120], r15
    mov rax, [rip + 9f]
    mov [rdi + 56], rax
    pushfq
    pop qword ptr [rdi + 128]
    cld
    vmovups [rdi + 144], ymm0
    vmovups [rdi + 176], ymm1
    vmovups [rdi + 208], ymm2
    vmovups [rdi + 240], ymm3
    vzeroupper
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret
    .balign 8
8:  .quad 0
9:  .quad 0
    .popsection
"#
);

unsafe extern "C" {
    fn test_native_run(state: *mut State);
    static mut test_native_slot: [u8; 16];
}

/// There is one slot.
static SLOT: Mutex<()> = Mutex::new(());

/// Whether this processor has what the code around the slot uses.
pub fn is_supported() -> bool {
    std::arch::is_x86_feature_detected!("avx") && std::arch::is_x86_feature_detected!("movbe")
}

/// Runs one instruction.
///
/// # Safety
/// The instruction raises no fault with these registers, leaves RSP and the instructions around it alone, and writes
/// only memory that nobody else uses meanwhile.
///
/// # Panics
/// If the instruction is longer than instructions are, or the processor lacks AVX.
pub unsafe fn run(code: &[u8], state: &mut State) {
    assert!(code.len() <= CODE_BYTES_MAX && is_supported());
    let _guard = SLOT.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let mut slot = [0x90; 16];
    slot[..code.len()].copy_from_slice(code);
    state.flags = state.flags & FLAGS | 2;
    let place = &raw mut test_native_slot;
    // SAFETY: the section is writable, and the lock keeps others out. Processors see changes of their own code.
    unsafe { place.write_volatile(slot) };
    // SAFETY: the state is borrowed for the call; the code keeps the registers that the ABI wants kept, and the
    // caller promises the rest.
    unsafe { test_native_run(state) };
    state.flags &= FLAGS;
}
