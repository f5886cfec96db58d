//! The assembler between the processor and Rust.
// tidy: table

use super::INTERRUPT_STACK_BYTES;
use crate::cpu::local::{KERNEL_STACK, SCRATCH, USER_REGISTERS};
use crate::cpu::{USER_CODE, USER_DATA, msr};
use core::arch::global_asm;
use core::mem::offset_of;
use kernel_core::UserRegisters;

/// Bytes between two stubs.
const STUB_BYTES: u64 = 16;
/// What `corten_enter_user` returns for SYSCALL; below it are vectors.
pub(super) const LEFT_BY_SYSCALL: u64 = 0x100;

/// What ended a stay in ring 3, as the assembler reports it.
#[repr(C)]
pub(super) struct Left {
    /// Vector or [`LEFT_BY_SYSCALL`] in the lower half, error code in the upper.
    pub(super) cause: u64,
    /// CR2 if the vector is that of a page fault.
    pub(super) address: u64,
}

unsafe extern "sysv64" {
    /// Runs ring 3 until something happens.
    pub(super) fn corten_enter_user(registers: *mut UserRegisters) -> Left;
    static corten_stubs: u8;
    static corten_syscall: u8;
    static corten_stray_step: u8;
}

/// Where the stub of `vector` lies.
pub(crate) fn stub(vector: u8) -> u64 {
    &raw const corten_stubs as u64 + u64::from(vector) * STUB_BYTES
}

/// Where the handler of debug exceptions lies that touches nothing of ring 0's (`cpu::descriptors::expect_stray_steps`).
pub(crate) fn stray_step_stub() -> u64 {
    &raw const corten_stray_step as u64
}

/// Where SYSCALL goes.
pub(crate) fn syscall_entry() -> u64 {
    &raw const corten_syscall as u64
}

// One stub a vector: error code (0 where the processor pushes none), vector, and on to the common part.
global_asm!(
    r#"
.text
.balign 16
.global corten_stubs
corten_stubs:
.set vector, 0
.rept 256
    .balign 16
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
        push 0
    .endif
    push vector
    .if vector == 1 || vector == 2 || vector == 8 || vector == 18
        jmp trap_on_own_stack
    .else
        jmp trap_on_kernel_stack
    .endif
    .set vector, vector + 1
.endr
"#
);

// From here on the stack holds: vector, error code, RIP, CS, RFLAGS, RSP, SS.
global_asm!(r#"
trap_on_kernel_stack:
    test byte ptr [rsp + 24], 3
    jz trap_in_kernel
trap_in_user:
    swapgs
    lfence
    push rax
    mov rax, gs:[{user_registers}]
    mov [rax + 1 * 8], rcx
    mov [rax + 2 * 8], rdx
    mov [rax + 3 * 8], rbx
    mov [rax + 5 * 8], rbp
    mov [rax + 6 * 8], rsi
    mov [rax + 7 * 8], rdi
    mov [rax + 8 * 8], r8
    mov [rax + 9 * 8], r9
    mov [rax + 10 * 8], r10
    mov [rax + 11 * 8], r11
    mov [rax + 12 * 8], r12
    mov [rax + 13 * 8], r13
    mov [rax + 14 * 8], r14
    mov [rax + 15 * 8], r15
    mov rdi, rax
    pop [rdi]
    pop rax
    pop rcx
    pop [rdi + {rip}]
    pop rdx
    pop [rdi + {rflags}]
    pop [rdi + 4 * 8]
    mov qword ptr [rdi + {full}], 1
    // AC is still as ring 3 had it; with it set SMAP would sleep.
    push 2
    popfq
    cmp eax, 14
    jne 1f
    mov rdx, cr2
1:  shl rcx, 32
    or rax, rcx
    mov rsp, gs:[{kernel_stack}]
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbx
    pop rbp
    ret

.balign 16
.global corten_enter_user
corten_enter_user:
    push rbp
    push rbx
    push r12
    push r13
    push r14
    push r15
    mov gs:[{kernel_stack}], rsp
    mov gs:[{user_registers}], rdi
    mov rax, [rdi]
    mov rdx, [rdi + 2 * 8]
    mov rbx, [rdi + 3 * 8]
    mov rbp, [rdi + 5 * 8]
    mov rsi, [rdi + 6 * 8]
    mov r8, [rdi + 8 * 8]
    mov r9, [rdi + 9 * 8]
    mov r10, [rdi + 10 * 8]
    mov r12, [rdi + 12 * 8]
    mov r13, [rdi + 13 * 8]
    mov r14, [rdi + 14 * 8]
    mov r15, [rdi + 15 * 8]
    cmp dword ptr [rdi + {full}], 0
    jne 2f
    mov rcx, [rdi + {rip}]
    mov r11, [rdi + {rflags}]
    mov rsp, [rdi + 4 * 8]
    mov rdi, [rdi + 7 * 8]
    swapgs
    sysretq
2:  push {user_data}
    push [rdi + 4 * 8]
    push [rdi + {rflags}]
    push {user_code}
    push [rdi + {rip}]
    mov rcx, [rdi + 1 * 8]
    mov r11, [rdi + 11 * 8]
    mov rdi, [rdi + 7 * 8]
    swapgs
    iretq

.balign 16
.global corten_syscall
corten_syscall:
    swapgs
    // RSP is ring 3's; there is no need for a stack until it is saved.
    mov gs:[{scratch}], rdi
    mov rdi, gs:[{user_registers}]
    mov [rdi + 4 * 8], rsp
    mov rsp, gs:[{kernel_stack}]
    mov [rdi], rax
    mov [rdi + 2 * 8], rdx
    mov [rdi + 3 * 8], rbx
    mov [rdi + 5 * 8], rbp
    mov [rdi + 6 * 8], rsi
    mov rax, gs:[{scratch}]
    mov [rdi + 7 * 8], rax
    mov [rdi + 8 * 8], r8
    mov [rdi + 9 * 8], r9
    mov [rdi + 10 * 8], r10
    mov [rdi + 12 * 8], r12
    mov [rdi + 13 * 8], r13
    mov [rdi + 14 * 8], r14
    mov [rdi + 15 * 8], r15
    mov [rdi + {rip}], rcx
    mov [rdi + {rflags}], r11
    mov qword ptr [rdi + {full}], 0
    mov eax, {left_by_syscall}
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbx
    pop rbp
    ret
"#,
    user_registers = const USER_REGISTERS,
    scratch = const SCRATCH,
    kernel_stack = const KERNEL_STACK,
    rip = const offset_of!(UserRegisters, rip),
    rflags = const offset_of!(UserRegisters, rflags),
    full = const offset_of!(UserRegisters, full_restore),
    user_code = const USER_CODE,
    user_data = const USER_DATA,
    left_by_syscall = const LEFT_BY_SYSCALL,
);

// Ring 0 was interrupted. `kernel::Frame` names what is pushed.
global_asm!(r#"
.macro push_all
    push rax
    push rcx
    push rdx
    push rbx
    push rbp
    push rsi
    push rdi
    push r8
    push r9
    push r10
    push r11
    push r12
    push r13
    push r14
    push r15
.endm
.macro pop_all
    pop r15
    pop r14
    pop r13
    pop r12
    pop r11
    pop r10
    pop r9
    pop r8
    pop rdi
    pop rsi
    pop rbp
    pop rbx
    pop rdx
    pop rcx
    pop rax
.endm

trap_in_kernel:
    push_all
    cld
    mov rdi, rsp
    mov rbp, rsp
    and rsp, -16
    call {trapped}
    mov rsp, rbp
    pop_all
    add rsp, 16
    iretq

    // A debug exception that a guest left to the host, whose GS may be the guest's.
.balign 16
.global corten_stray_step
corten_stray_step:
    test byte ptr [rsp + 8], 3
    jnz 4f
    and dword ptr [rsp + 16], ~0x100
    iretq
4:  push 0
    push 1
    jmp trap_in_user

trap_on_own_stack:
    // A debug exception of ring 3 is an exception like any other.
    cmp qword ptr [rsp], 1
    jne 3f
    test byte ptr [rsp + 24], 3
    jnz trap_in_user
3:  push_all
    cld
    mov ecx, {gs_base}
    rdmsr
    mov r12d, eax
    mov r13d, edx
    mov rax, rsp
    or rax, {stack_bytes} - 1
    mov rax, [rax - 7]
    mov rdx, rax
    shr rdx, 32
    wrmsr
    mov rdi, rsp
    mov rbp, rsp
    and rsp, -16
    call {trapped}
    mov rsp, rbp
    mov ecx, {gs_base}
    mov eax, r12d
    mov edx, r13d
    wrmsr
    pop_all
    add rsp, 16
    iretq
"#,
    trapped = sym super::kernel::trapped,
    gs_base = const msr::GS_BASE,
    stack_bytes = const INTERRUPT_STACK_BYTES,
);
