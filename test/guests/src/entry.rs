//! From PVH's 32-bit entry to Rust in long mode, and the start of further processors.

use core::arch::global_asm;

global_asm!(
    r#"
    .section .note.pvh, "a", @note
    .align 4
    .long 4, 4, 18
    .asciz "Xen"
    .long pvh_start

    .section .text.boot, "ax"
    .code32
    .globl pvh_start
pvh_start:
    cld
    cli
    mov esp, offset boot_stack_end
    mov esi, ebx
    mov edi, offset tables
    xor eax, eax
    mov ecx, 6 * 1024
    rep stosd
    mov dword ptr [tables], offset tables + 0x1000 + 7
    mov eax, offset tables + 0x2000 + 7
    mov edi, offset tables + 0x1000
    mov ecx, 4
2:  mov [edi], eax
    add eax, 0x1000
    add edi, 8
    loop 2b
    mov edi, offset tables + 0x2000
    mov eax, 0x87
    mov ecx, 2048
3:  mov [edi], eax
    add eax, 0x200000
    add edi, 8
    loop 3b
    call to_long_mode
    .code64
    mov edi, esi
    call {run}
    ud2

    .code32
to_long_mode:
    pop edx
    mov eax, cr4
    or eax, 0x620
    mov cr4, eax
    mov eax, offset tables
    mov cr3, eax
    push edx
    mov ecx, 0xc0000080
    rdmsr
    or eax, 0x900
    wrmsr
    pop edx
    mov eax, 0x80000033
    mov cr0, eax
    lgdt [boot_gdt_pointer]
    push 8
    push edx
    retf

    .align 8
    .globl boot_gdt
boot_gdt:
    .quad 0
    .quad 0x00af9b000000ffff
    .quad 0x00cf93000000ffff
    .quad 0x00cf9b000000ffff
    .quad 0x00009b000000ffff
    .quad 0x000093000000ffff
    .globl boot_gdt_pointer
boot_gdt_pointer:
    .word 47
    .long boot_gdt
    .long 0

    // Copied to 0x8000 by `apic::start_others`.
    .code16
    .globl trampoline, trampoline_end
trampoline:
    cli
    xor ax, ax
    mov ds, ax
    .byte 0x0f, 0x01, 0x16 // lgdt [disp16]
    .word 0x8000 + trampoline_gdt - trampoline
    mov eax, cr0
    or eax, 1
    mov cr0, eax
    .byte 0x66, 0xea
    .long trampoline_32
    .word 0x18
trampoline_gdt:
    .word 47
    .long boot_gdt
trampoline_end:
    .code32
trampoline_32:
    mov ax, 0x10
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov eax, 0x1000
    lock xadd [next_stack], eax
    lea esp, [eax + other_stacks + 0x1000]
    call to_long_mode
    .code64
    call {other}
    ud2

    .data
    .align 4
next_stack: .long 0

    .bss
    .align 4096
tables: .skip 6 * 4096
    .skip 32768
boot_stack_end:
    .align 4096
other_stacks: .skip 64 * 4096
    .text
    "#,
    run = sym crate_run,
    other = sym crate::apic::run_other,
);

extern "sysv64" fn crate_run(start_info: u64) -> ! {
    crate::run(start_info)
}
