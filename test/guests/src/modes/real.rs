//! Real mode and 16-bit protected mode: code that is copied below 64 KiB.
//!
//! The copy lies at [`PLACE`]: in real mode that is segment 0x0C00, in 16-bit protected mode segment 0 from the
//! entry code's table. Data segments in real mode are at [`DATA`]. The stack is below the copy.

use super::{Kind, Visit};
use core::arch::global_asm;

/// Where the copy lies.
const PLACE: u64 = 0xc000;
/// Start of the data segment.
pub(crate) const DATA: u64 = 0x1_0000;
/// No exception came.
const NOTHING: u16 = 0xffff;
/// Software interrupt that the code answers itself.
const SERVICE: usize = 0x40;
/// Vector of the interrupt that ends a halt.
pub(crate) const WAKE: usize = 0x50;

/// A function of the copy.
#[derive(Clone, Copy)]
pub(crate) struct Function(*const u8);

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident = $symbol:literal;)*) => {
        unsafe extern "C" {
            $(
                #[link_name = $symbol]
                static $name: u8;
            )*
        }
        /// The functions of the copy.
        pub(crate) mod function {
            $(
                $(#[$doc])*
                pub(crate) fn $name() -> super::Function {
                    super::Function(&raw const super::$name)
                }
            )*
        }
    };
}

functions! {
    /// EAX + EBX through memory; ECX counts calls of the software interrupt.
    compute = "real_compute";
    /// EAX, EBX, ECX, EDX = CPUID of EAX.
    cpuid = "real_cpuid";
    /// EAX = MSR of ECX; EDX too.
    read_msr = "real_read_msr";
    /// Writes AL to port DX, then ECX times from there to DATA + DI, and back from DATA + SI.
    ports = "real_ports";
    /// EAX = CR0, EBX = the machine status word.
    control = "real_control";
    /// UD2.
    undefined = "real_undefined";
    /// Divides by zero.
    divide = "real_divide";
    /// Reads a word across the end of the segment.
    beyond = "real_beyond";
    /// With 4-GiB segments: EAX = dword at EBX, then ECX is written to EDX.
    big = "real_big";
    /// Halts with interrupts on; EAX counts interrupts of vector WAKE.
    halt = "real_halt";
    /// Raises an exception without an interrupt table.
    triple = "real_triple";
    /// 16-bit protected mode: EAX + EBX through memory, ECX is a loop's count.
    protected_compute = "protected_compute";
    /// 16-bit protected mode: CPUID of EAX.
    protected_cpuid = "protected_cpuid";
    /// 16-bit protected mode: reads beyond a segment of 64 KiB.
    protected_beyond = "protected_beyond";
    /// 16-bit protected mode: EAX = dword at EBX, which may be device memory.
    protected_read = "protected_read";
}

unsafe extern "C" {
    #[link_name = "real_blob"]
    static BLOB: u8;
    #[link_name = "real_blob_end"]
    static BLOB_END: u8;
    #[link_name = "real_vector"]
    static VECTOR: u8;
    #[link_name = "real_stubs"]
    static STUBS: u8;
    #[link_name = "real_service"]
    static SERVICE_HANDLER: u8;
    #[link_name = "real_wake"]
    static WAKE_HANDLER: u8;
}

fn offset(symbol: *const u8) -> u64 {
    symbol as u64 - &raw const BLOB as u64
}

/// Where a symbol of the copy is in memory.
fn place(symbol: *const u8) -> u64 {
    PLACE + offset(symbol)
}

fn copy() {
    let bytes = offset(&raw const BLOB_END) as usize;
    unsafe { core::ptr::copy_nonoverlapping(&raw const BLOB, PLACE as *mut u8, bytes) };
}

/// A visit to a function in 16-bit protected mode.
pub(crate) fn protected(function: Function) -> Visit {
    copy();
    Visit::new(Kind::Protected16, place(function.0))
}

/// A visit to a function in real mode.
pub(crate) fn visit(function: Function) -> Visit {
    copy();
    let handler = |symbol: *const u8| 0x0c00 << 16 | offset(symbol) as u32;
    for vector in 0..32 {
        set_handler(vector, handler(&raw const STUBS) + vector as u32 * 8);
    }
    set_handler(SERVICE, handler(&raw const SERVICE_HANDLER));
    set_handler(WAKE, handler(&raw const WAKE_HANDLER));
    Visit::new(Kind::Real, offset(function.0))
}

fn set_handler(vector: usize, far_pointer: u32) {
    // Address 0 is the interrupt table's place in real mode, not a null pointer.
    let place = core::hint::black_box(vector as u64 * 4) as u32;
    unsafe {
        core::arch::asm!("mov dword ptr [{0:r}], {1:e}", in(reg) u64::from(place), in(reg) far_pointer)
    };
}

/// The exception that ended the last visit to real mode.
pub(crate) fn exception() -> Option<u16> {
    let vector = unsafe { (place(&raw const VECTOR) as *const u16).read_volatile() };
    (vector != NOTHING).then_some(vector)
}

global_asm!(
    r#"
    .section .text.real, "ax"
    .code16
    .globl real_blob, real_blob_end, real_vector, real_stubs, real_service, real_wake
real_blob:
    // 16-bit protected mode with flat data; EBP is where to go.
    push eax
    mov ax, 0x28
    mov ds, ax
    mov es, ax
    mov fs, ax
    mov gs, ax
    .byte 0x0f, 0x01, 0x1e // lidt [disp16]
    .word 0xc000 + real_interrupts - real_blob
    pop eax
    push 0x28
    pop ss
    mov esp, 0xbff0
    push eax
    mov eax, cr0
    and al, 0xfe
    mov cr0, eax
    .byte 0xea
    .word real_start - real_blob, 0x0c00
real_start:
    xor ax, ax
    mov ss, ax
    mov ax, 0x1000
    mov ds, ax
    mov es, ax
    pop eax
    call bp
real_end:
    push eax
    mov eax, cr0
    or al, 1
    mov cr0, eax
    pop eax
    .byte 0x66, 0xea
    .long mode_back
    .word 0x18
    .align 8
real_interrupts:
    .word 0x3ff
    .long 0
real_vector: .word 0xffff
real_woken: .long 0
    .set at_vector, real_vector - real_blob
    .set at_woken, real_woken - real_blob
    .align 8
real_stubs:
    .set i, 0
    .rept 32
    .align 8
    .byte 0x6a, i, 0xe9
    .word real_fault - . - 2
    .set i, i + 1
    .endr
real_fault:
    pop cx
    mov cs:[at_vector], cx
    mov sp, 0xbff0
    jmp real_end
real_service:
    inc cx
    iret
real_wake:
    inc dword ptr cs:[at_woken]
    iret

    .globl real_compute, real_cpuid, real_read_msr, real_ports, real_control
real_compute:
    xor ecx, ecx
    mov [0x10], eax
    add [0x10], ebx
    int 0x40
    mov eax, [0x10]
    int 0x40
    .byte 0xc3 // RET of 16 bits
real_cpuid:
    cpuid
    .byte 0xc3 // RET of 16 bits
real_read_msr:
    rdmsr
    .byte 0xc3 // RET of 16 bits
real_ports:
    cld
    out dx, al
    push cx
    rep insb
    pop cx
    rep outsb
    in al, dx
    .byte 0xc3 // RET of 16 bits
real_control:
    mov eax, cr0
    xor ebx, ebx
    smsw bx
    .byte 0xc3 // RET of 16 bits

    .globl real_undefined, real_divide, real_beyond, real_big, real_halt
real_undefined:
    ud2
    .byte 0xc3 // RET of 16 bits
real_divide:
    xor bx, bx
    div bx
    .byte 0xc3 // RET of 16 bits
real_beyond:
    mov bx, 0xffff
    mov ax, [bx]
    .byte 0xc3 // RET of 16 bits
real_big:
    push eax
    mov eax, cr0
    or al, 1
    mov cr0, eax
    jmp 6f
6:  push 0x10
    pop ds
    and al, 0xfe
    mov cr0, eax
    jmp 7f
7:  pop eax
    mov eax, [ebx]
    mov [edx], ecx
    push 0x1000
    pop ds
    .byte 0xc3 // RET of 16 bits
real_halt:
    mov dword ptr cs:[at_woken], 0
    sti
    hlt
    cli
    mov eax, cs:[at_woken]
    .byte 0xc3 // RET of 16 bits

    .globl real_triple
real_triple:
    .byte 0x0f, 0x01, 0x1e // lidt [disp16]
    .word 0xff00
    ud2
    .byte 0xc3 // RET of 16 bits

    .globl protected_compute, protected_cpuid, protected_beyond, protected_read
protected_compute:
    push 0x28
    pop ds
    mov [0xb000], eax
    add [0xb000], ebx
    xor eax, eax
8:  inc eax
    loop 8b
    mov ecx, eax
    mov eax, [0xb000]
    .byte 0x66
    retf
protected_cpuid:
    cpuid
    .byte 0x66
    retf
protected_beyond:
    push 0x28
    pop ds
    mov bx, 0xffff
    mov ax, [bx]
    .byte 0x66
    retf
protected_read:
    mov eax, [ebx]
    .byte 0x66
    retf
real_blob_end:
    .code64
    .text
"#
);
