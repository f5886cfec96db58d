//! The way to another mode and back.
//!
//! From 64-bit mode through compatibility mode to 32-bit protected mode without paging, and from there to
//! where the visit goes. An exception there ends the visit. The way back restores CR0, CR3, CR4 and EFER.

use super::CURRENT;
use core::arch::global_asm;

unsafe extern "sysv64" {
    /// Makes the visit at `CURRENT`.
    #[link_name = "mode_visit"]
    pub(super) fn visit();
    /// Fills the table of handlers.
    #[link_name = "fill_idt32"]
    pub(super) fn fill_handlers();
}

/// Vectors for which the processor pushes an error code.
macro_rules! stubs {
    () => {
        r#"
    .altmacro
    .macro stub32 number
    .align 16
    .if \number == 8 || (\number >= 10 && \number <= 14) || \number == 17 || \number == 21
    .else
    push 0
    .endif
    push \number
    jmp stub32_common
    .endm
    .align 16
stubs32:
    .set i, 0
    .rept 32
    stub32 %i
    .set i, i + 1
    .endr
    .noaltmacro
"#
    };
}

global_asm!(
    r#"
    .text
    .code64
    .globl mode_visit, fill_idt32
mode_visit:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    pushfq
    cli
    mov [rip + saved_stack], rsp
    mov rax, cr3
    mov [rip + saved_cr3], rax
    mov rax, cr4
    mov [rip + saved_cr4], rax
    mov rax, cr0
    mov [rip + saved_cr0], rax
    sidt [rip + saved_idt]
    mov ecx, 0xc0000080
    rdmsr
    mov [rip + saved_efer], eax
    mov rax, [rip + {current}]
    cmp dword ptr [rax + 64], 0
    jne 6f
    call fill_idt32
6:
    push 0x18
    lea rax, [rip + 2f]
    push rax
    retfq
    .code32
2:  mov ax, 0x10
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov esp, offset mode_stack_end
    mov ebx, [{current}]
    mov eax, cr0
    btr eax, 31
    mov cr0, eax
    mov ecx, 0xc0000080
    rdmsr
    mov eax, [ebx + 16]
    wrmsr
    mov eax, [ebx + 12]
    mov cr4, eax
    mov eax, [ebx + 8]
    mov cr3, eax
    lidt [idt32_pointer]
    mov eax, [ebx + 20]
    mov cr0, eax
    mov eax, [ebx + 4]
    cmp eax, 2
    je visit_long
    cmp eax, 3
    je visit_real
    push dword ptr [ebx + 4]
    call load_registers
    cmp dword ptr [esp], 1
    je visit_16
    mov ebp, [{current}]
    call [ebp]
    jmp mode_back

visit_16:
    mov ebp, [{current}]
    push 0x18
    .byte 0x68 // push imm32
    .long mode_back
    push 0x20
    push dword ptr [ebp]
    retf

visit_long:
    lidt [saved_idt]
    push 8
    .byte 0x68 // push imm32
    .long mode_long
    retf
    .code64
mode_long:
    mov eax, [rip + {current}]
    mov eax, [rax]
    and rsp, -16
    call rax
    push 0x18
    lea rax, [rip + mode_back]
    push rax
    retfq
    .code32

visit_real:
    call load_registers
    mov ebp, [ebp]
    push 0x20
    push 0xc000
    retf

    // In protected mode, 32 bits, with any segments but CS and with any stack.
    .globl mode_back
mode_back:
    push eax
    mov ax, 0x10
    mov ds, ax
    pop eax
    mov [tmp_eax], eax
    mov [tmp_ebx], ebx
    mov ebx, [{current}]
    mov [ebx + 32], ecx
    mov [ebx + 36], edx
    mov [ebx + 40], esi
    mov [ebx + 44], edi
    mov eax, [tmp_eax]
    mov [ebx + 24], eax
    mov eax, [tmp_ebx]
    mov [ebx + 28], eax
mode_leave:
    cld
    mov ax, 0x10
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov esp, offset mode_stack_end
    mov eax, cr0
    btr eax, 31
    mov cr0, eax
    mov eax, [saved_cr4]
    mov cr4, eax
    mov eax, [saved_cr3]
    mov cr3, eax
    mov ecx, 0xc0000080
    rdmsr
    mov eax, [saved_efer]
    btr eax, 10
    wrmsr
    mov eax, [saved_cr0]
    mov cr0, eax
    push 8
    .byte 0x68 // push imm32
    .long mode_home
    retf
    .code64
mode_home:
    lidt [rip + saved_idt]
    mov rsp, [rip + saved_stack]
    popfq
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret

    .code32
load_registers:
    mov ebp, [{current}]
    mov eax, [ebp + 24]
    mov ebx, [ebp + 28]
    mov ecx, [ebp + 32]
    mov edx, [ebp + 36]
    mov esi, [ebp + 40]
    mov edi, [ebp + 44]
    ret
"#,
    stubs!(),
    r#"
stub32_common:
    pushad
    mov ax, 0x10
    mov ds, ax
    mov ebx, [{current}]
    mov eax, [esp + 32]
    mov [ebx + 48], eax
    mov eax, [esp + 36]
    mov [ebx + 52], eax
    mov eax, cr2
    mov [ebx + 56], eax
    mov eax, [esp + 40]
    mov [ebx + 60], eax
    mov eax, [esp + 28]
    mov [ebx + 24], eax
    mov eax, [esp + 16]
    mov [ebx + 28], eax
    mov eax, [esp + 24]
    mov [ebx + 32], eax
    mov eax, [esp + 20]
    mov [ebx + 36], eax
    mov eax, [esp + 4]
    mov [ebx + 40], eax
    mov eax, [esp]
    mov [ebx + 44], eax
    jmp mode_leave

    .code64
fill_idt32:
    lea rdi, [rip + idt32]
    lea rax, [rip + stubs32]
    mov ecx, 32
5:  mov [rdi], ax
    mov word ptr [rdi + 2], 0x18
    mov word ptr [rdi + 4], 0x8e00
    mov edx, eax
    shr edx, 16
    mov [rdi + 6], dx
    add rax, 16
    add rdi, 8
    dec ecx
    jnz 5b
    ret

    .data
    .align 8
    .globl idt32_pointer
idt32_pointer:
    .word 32 * 8 - 1
    .long idt32
    .align 8
saved_idt: .skip 16

    .bss
    .align 16
saved_stack: .skip 8
saved_cr3: .skip 8
saved_cr4: .skip 8
saved_cr0: .skip 8
saved_efer: .skip 8
tmp_eax: .skip 8
tmp_ebx: .skip 8
    .globl idt32
idt32: .skip 32 * 8
    .align 4096
    .skip 16384
mode_stack_end:
    .text
"#,
    current = sym CURRENT,
);
