//! The page of code that takes a processor from real mode to 64-bit mode.
// tidy: table

use crate::paging::{swap_u32, write_memory};
use base_units::{Hpa, PAGE_BYTES};
use core::arch::global_asm;
use kernel_core::machine::CPUS_MAX;

unsafe extern "C" {
    static corten_trampoline: u8;
    static corten_trampoline_long: u8;
    static corten_trampoline_end: u8;
}

/// Offset of the fields below in the page; the code ends before it.
const DATA: u64 = 0x100;
/// `u32`: the next processor's number.
const NEXT: u64 = DATA;
/// `u64`: root of the page tables.
const ROOT: u64 = DATA + 8;
/// Pointer to the GDT: `u16` limit, `u32` base.
const GDT_POINTER: u64 = DATA + 16;
/// Far pointer to the 64-bit part: `u32` offset, `u16` selector.
const FAR: u64 = DATA + 24;
/// The GDT: nothing, and 64-bit code.
const GDT: u64 = DATA + 32;
/// `u64` each: the processors' stacks.
const STACKS: u64 = DATA + 48;

/// A number that no processor may have: those that take it or a later one stop.
const CLOSED: u32 = 0x1000;
const _: () = assert!(CLOSED as usize > CPUS_MAX && STACKS + 8 * (CPUS_MAX as u64) < PAGE_BYTES);

// The page is entered with CS = page / 16, IP = 0; EBX holds the page's address.
global_asm!(r#"
.section .rodata
.balign 16
.global corten_trampoline
corten_trampoline:
.code16
    cli
    cld
    mov ax, cs
    mov ds, ax
    xor ebx, ebx
    mov bx, ax
    shl ebx, 4
    lgdt [{gdt_pointer}]
    mov eax, 0x20
    mov cr4, eax
    mov eax, [{root}]
    mov cr3, eax
    mov ecx, 0xc0000080
    rdmsr
    or eax, 0x900
    wrmsr
    mov eax, 0x80010033
    mov cr0, eax
    jmp fword ptr [{far}]
.code64
.global corten_trampoline_long
corten_trampoline_long:
    mov eax, 1
    lock xadd [rbx + {next}], eax
    cmp eax, {cpus_max}
    jae 9f
    mov edi, eax
    xor eax, eax
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov fs, eax
    mov gs, eax
    mov rsp, [rbx + rdi * 8 + {stacks}]
    xor ebp, ebp
    mov rax, offset {arrive}
    call rax
9:  cli
    hlt
    jmp 9b
.global corten_trampoline_end
corten_trampoline_end:
.text
"#,
    gdt_pointer = const GDT_POINTER,
    root = const ROOT,
    far = const FAR,
    next = const NEXT,
    stacks = const STACKS,
    cpus_max = const CPUS_MAX,
    arrive = sym super::arrive,
);

/// Copies the code to `page` and fills in what it needs.
pub(super) fn install(page: u64, root: u64, stacks: &[u64; CPUS_MAX]) {
    let start = &raw const corten_trampoline;
    let bytes = &raw const corten_trampoline_end as u64 - start as u64;
    assert!(bytes <= DATA, "the trampoline's code outgrew its place");
    // SAFETY: the code is a constant of the image.
    let code = unsafe { core::slice::from_raw_parts(start, bytes as usize) };
    write_memory(Hpa::new(page), code);
    let long = page + (&raw const corten_trampoline_long as u64 - start as u64);
    put(page + NEXT, &1_u32.to_le_bytes());
    put(page + ROOT, &root.to_le_bytes());
    put(page + GDT_POINTER, &15_u16.to_le_bytes());
    put(page + GDT_POINTER + 2, &((page + GDT) as u32).to_le_bytes());
    put(page + FAR, &(long as u32).to_le_bytes());
    put(page + FAR + 4, &8_u16.to_le_bytes());
    put(page + GDT, &0_u64.to_le_bytes());
    put(page + GDT + 8, &0x00af_9b00_0000_ffff_u64.to_le_bytes());
    for (index, stack) in (0..).zip(stacks) {
        put(page + STACKS + 8 * index, &stack.to_le_bytes());
    }
}

/// Keeps further processors out; how many have taken a number.
pub(super) fn close(page: u64) -> usize {
    let taken = swap_u32(Hpa::new(page + NEXT), CLOSED);
    usize::try_from(taken).unwrap_or(CPUS_MAX).min(CPUS_MAX)
}

fn put(at: u64, bytes: &[u8]) {
    write_memory(Hpa::new(at), bytes);
}
