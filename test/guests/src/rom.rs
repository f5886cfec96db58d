//! The same kernel as the firmware of a PC.
//!
//! What the loader would load, the section below included, is a ROM that ends at 4 GiB. The processor starts at its last
//! 16 bytes; the code here copies the ROM to where it was linked to and enters it as a PVH loader does.

use core::arch::global_asm;

global_asm!(
    r#"
    .section .rom, "ax"
    .code32
rom_base:
rom_start_info:
    // Magic, version, flags, modules; list of modules, command line, RSDP, memory map (Xen's start_info.h).
    .long 0x336ec578, 1, 0, 0
    .quad 0, rom_command_line, 0, 0, 0
rom_command_line:
    .asciz "claim=random-instructions-do-the-same-on-device-memory"
    .align 8
rom_table:
    .quad 0, 0, 0x00cf93000000ffff, 0x00cf9b000000ffff
rom_table_pointer:
    .word 31
    .long rom_table - rom_limit
rom_32:
    mov ax, 0x10
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov ecx, offset rom_end
    sub ecx, 0x100000
    xor esi, esi
    sub esi, ecx
    mov edi, 0x100000
    shr ecx, 2
    cld
    rep movsd
    mov ecx, offset end_of_image
    sub ecx, edi
    xor eax, eax
    rep stosb
    mov ebx, offset rom_start_info
    mov eax, offset pvh_start
    jmp eax

    .code16
rom_16:
    cli
    .byte 0x2e, 0x66, 0x0f, 0x01, 0x16 // lgdt cs:[disp16] with a base of 32 bits
    .word 0xf000 + rom_table_pointer - rom_base
    mov eax, cr0
    or al, 1
    mov cr0, eax
    .byte 0x66, 0xea
    .long rom_32 - rom_limit
    .word 0x18
    .org 0xff0
    .byte 0xe9
    .word rom_16 - . - 2
    .org 0x1000
rom_limit:
    .code64
    .text
"#,
);
