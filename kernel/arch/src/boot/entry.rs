//! The first instructions: from what a loader leaves to 64-bit mode in the upper half.
//!
//! PVH and multiboot2 enter in 32-bit protected mode without paging; both go through the same
//! code, which maps the first 4 GiB one to one and the image at its place in the upper half. The
//! UEFI loader has done that already and enters at `corten_entry_64`.
// tidy: table

use core::arch::global_asm;

/// Distance between the image's virtual and (when loaded by PVH or multiboot2) physical addresses.
const IMAGE_OFFSET: u64 = 0xffff_ffff_8000_0000;
/// Bytes of the stack on which the boot processor starts. Large, because the state of the whole kernel is put together on it;
/// it becomes heap when the processor moves to its own.
const BOOT_STACK_BYTES: usize = 384 * 1024;

/// EAX of a multiboot2 loader (Multiboot2 1.6, 3.2).
const MULTIBOOT2_MAGIC: u32 = 0x36d7_6289;

// Multiboot2 1.6, 3.1. Tags: entry address (3), framebuffer wish (5: any size, 32 bits), module alignment (6), end.
global_asm!(r#"
.section .boot.header, "a"
.balign 8
multiboot2_header:
    .long 0xe85250d6, 0, multiboot2_header_end - multiboot2_header
    .long 0x100000000 - (0xe85250d6 + (multiboot2_header_end - multiboot2_header))
.balign 8
    .short 3, 0
    .long 12, corten_entry_multiboot2 - {offset}
.balign 8
    .short 5, 1
    .long 20, 0, 0, 32
.balign 8
    .short 6, 0
    .long 8
.balign 8
    .short 0, 0
    .long 8
multiboot2_header_end:

// The ELF note of Xen's PVH boot protocol: XEN_ELFNOTE_PHYS32_ENTRY.
.section .note.Xen, "a", @note
.balign 4
    .long 4, 8, 18
    .asciz "Xen"
    .quad corten_entry_pvh - {offset}
"#, offset = const IMAGE_OFFSET);

// EDI: how we came (abi::BootSource); ESI: the loader's structure. Interrupts stay off throughout.
global_asm!(r#"
.section .boot.text, "ax"
.code32
corten_entry_multiboot2:
    mov edi, 2
    cmp eax, {magic}
    je 2f
    mov esi, offset text_no_multiboot2 - {offset}
    jmp refuse_32
corten_entry_pvh:
    mov edi, 3
2:  cli
    cld
    mov esi, ebx
    mov esp, offset boot_stack_end - {offset}

    rdtsc
    mov [boot_entry_tsc - {offset}], eax
    mov [boot_entry_tsc - {offset} + 4], edx

    // AMD APM vol. 3, CPUID 8000_0001h EDX: bit 29 long mode, bit 20 no-execute.
    mov ebp, esi
    mov esi, offset text_no_long_mode - {offset}
    mov eax, 0x80000000
    cpuid
    cmp eax, 0x80000001
    jb refuse_32
    mov eax, 0x80000001
    cpuid
    bt edx, 29
    jnc refuse_32
    mov esi, offset text_no_nx - {offset}
    bt edx, 20
    jnc refuse_32
    mov esi, ebp

    // Four page directories of 2 MiB pages: 4 GiB, one to one.
    mov ebx, offset boot_directories - {offset}
    mov eax, 0x83
    mov ecx, 2048
3:  mov [ebx], eax
    mov dword ptr [ebx + 4], 0
    add eax, 0x200000
    add ebx, 8
    dec ecx
    jnz 3b
    // They hang in the first four slots of the lower half; the first also at -2 GiB.
    mov eax, offset boot_directories - {offset} + 3
    mov [boot_pointers_high - {offset} + 510 * 8], eax
    mov ebx, offset boot_pointers_low - {offset}
    mov ecx, 4
4:  mov [ebx], eax
    add eax, 4096
    add ebx, 8
    dec ecx
    jnz 4b
    mov dword ptr [boot_root - {offset}], offset boot_pointers_low - {offset} + 3
    mov dword ptr [boot_root - {offset} + 511 * 8], offset boot_pointers_high - {offset} + 3

    mov eax, offset boot_root - {offset}
    mov cr3, eax
    mov eax, 0x20
    mov cr4, eax
    mov ecx, 0xc0000080
    rdmsr
    or eax, 0x900
    wrmsr
    mov eax, 0x80010033
    mov cr0, eax
    lgdt [boot_gdt_pointer - {offset}]
    push 8
    mov eax, offset entry_long - {offset}
    push eax
    retf

// Writes the sentence at ESI to COM1 and the VGA text screen, then stops for good.
refuse_32:
    mov ebx, 0xb8000
5:  lodsb
    test al, al
    jz 8f
    mov ah, 0x4f
    cmp al, 10
    je 6f
    mov [ebx], ax
    add ebx, 2
6:  mov ecx, 100000
    mov ah, al
7:  mov edx, 0x3fd
    in al, dx
    test al, 0x20
    loopz 7b
    mov al, ah
    mov edx, 0x3f8
    out dx, al
    jmp 5b
8:  cli
    hlt
    jmp 8b

.code64
entry_long:
    mov rax, offset entry_high
    jmp rax
entry_high:
    xor eax, eax
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov fs, eax
    mov gs, eax
    lea rsp, [rip + boot_stack_end]
    xor ebp, ebp
    call {start_32}
    ud2

// From the UEFI loader: RDI = BootInfo (mapped), interrupts off, image mapped at its place.
.global corten_entry_64
corten_entry_64:
    cli
    cld
    lea rsp, [rip + boot_stack_end]
    xor ebp, ebp
    call {start_64}
    ud2

.balign 8
boot_gdt:
    .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
boot_gdt_pointer:
    .short 23
    .long boot_gdt - {offset}
text_no_multiboot2:
    .asciz "corten: the loader does not speak multiboot2; this file wants multiboot2, PVH or corten.efi\n"
text_no_long_mode:
    .asciz "corten: this processor has no 64-bit mode; Corten cannot run here\n"
text_no_nx:
    .asciz "corten: this processor has no no-execute protection (or the firmware hides it); Corten cannot run here\n"

.section .bss.boot, "aw", @nobits
.balign 4096
.global boot_root
boot_root: .skip 4096
boot_pointers_low: .skip 4096
boot_pointers_high: .skip 4096
boot_directories: .skip 4 * 4096
boot_stack: .skip {stack_bytes}
.global boot_stack_end
boot_stack_end:
.global boot_entry_tsc
boot_entry_tsc: .skip 8
"#,
    offset = const IMAGE_OFFSET,
    magic = const MULTIBOOT2_MAGIC,
    stack_bytes = const BOOT_STACK_BYTES,
    start_32 = sym super::start_from_32_bit,
    start_64 = sym super::start_from_uefi,
);
