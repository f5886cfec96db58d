//! One instruction with all registers before and after it.

use crate::descriptors::{self, selector};
use crate::traps::{self, Frame};
use core::arch::global_asm;
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};
use test_instructions::{Code, FLAGS, Mode, State};

/// Where instructions are put: code segments of 16 bits reach it.
const PLACE: u64 = 0x5000;
/// Exceptions that an instruction may raise.
const CAUGHT: [u8; 8] = [0, 6, 7, 10, 11, 12, 13, 14];
const PAGE_FAULT: u8 = 14;
/// Data of 16 and 32 bits: writable, present, accessed.
const DATA: u64 = 0x93 << 40;
/// The limit counts pages, offsets have 32 bits.
const BIG: u64 = 0xc << 52;

global_asm!(
    r#"
    .text
    .globl slot_run, slot_back
slot_run:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    pushfq
    cli
    mov [rip + slot_state], rdi
    mov [rip + slot_stack], rsp
    cmp dword ptr [rip + {has_avx}], 0
    je 2f
    vmovups ymm0, [rdi + 144]
    vmovups ymm1, [rdi + 176]
    vmovups ymm2, [rdi + 208]
    vmovups ymm3, [rdi + 240]
    jmp 3f
2:  movups xmm0, [rdi + 144]
    movups xmm1, [rdi + 176]
    movups xmm2, [rdi + 208]
    movups xmm3, [rdi + 240]
3:  mov eax, [rip + {data}]
    mov ds, eax
    mov es, eax
    push qword ptr [rdi + 128]
    popfq
    mov rax, [rdi]
    mov rcx, [rdi + 8]
    mov rdx, [rdi + 16]
    mov rbx, [rdi + 24]
    mov rsp, [rdi + 32]
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
    jmp fword ptr [rip + {target}]
slot_back:
    mov [rip + slot_register], rdi
    mov rdi, [rip + slot_state]
    mov [rdi], rax
    mov [rdi + 8], rcx
    mov [rdi + 16], rdx
    mov [rdi + 24], rbx
    mov [rdi + 32], rsp
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
    mov rax, [rip + slot_register]
    mov [rdi + 56], rax
    mov rsp, [rip + slot_stack]
    pushfq
    pop qword ptr [rdi + 128]
    cld
    mov eax, 0x10
    mov ds, eax
    mov es, eax
    cmp dword ptr [rip + {has_avx}], 0
    je 2f
    vmovups [rdi + 144], ymm0
    vmovups [rdi + 176], ymm1
    vmovups [rdi + 208], ymm2
    vmovups [rdi + 240], ymm3
    jmp 3f
2:  movups [rdi + 144], xmm0
    movups [rdi + 176], xmm1
    movups [rdi + 208], xmm2
    movups [rdi + 240], xmm3
3:  popfq
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret
    .bss
    .align 8
slot_state: .skip 8
slot_stack: .skip 8
slot_register: .skip 8
    .text
"#,
    has_avx = sym HAS_AVX,
    data = sym DATA_SELECTOR,
    target = sym TARGET,
);

unsafe extern "sysv64" {
    fn slot_run(state: *mut State);
    static slot_back: u8;
}

static mut HAS_AVX: u32 = 0;
static mut DATA_SELECTOR: u32 = 0;
/// Offset and selector of the slot.
static mut TARGET: [u32; 2] = [0; 2];
static CAUGHT_AT: AtomicU64 = AtomicU64::new(0);

/// An exception.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Exception {
    pub(crate) vector: u8,
    pub(crate) code: u64,
    /// CR2 of page faults.
    pub(crate) address: u64,
    /// RIP.
    pub(crate) place: u64,
}

/// The data segment of code that is not of 64 bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    pub(crate) base: u32,
    /// Last byte: below 1 MiB, or any with `is_big`.
    pub(crate) limit: u32,
}

/// Prepares the slot. AVX is turned on already if it is to be used.
pub(crate) fn prepare(has_avx: bool) {
    unsafe { HAS_AVX = u32::from(has_avx) };
    CAUGHT.iter().for_each(|vector| traps::set_handler(*vector, caught));
}

/// Goes on behind the slot.
fn caught(frame: &mut Frame) {
    CAUGHT_AT.store(frame.rip, SeqCst);
    frame.rip = &raw const slot_back as u64;
    frame.cs = u64::from(selector::CODE_64);
    frame.rflags &= FLAGS | 2;
}

/// Sets the segment that code of 16 and 32 bits reaches data by. Limits of 1 MiB and more end with a page.
pub(crate) fn set_segment(Segment { base, limit }: Segment) {
    let (base, limit) = (u64::from(base), u64::from(limit));
    let (limit, bits) = if limit >> 20 == 0 { (limit, 0) } else { (limit >> 12, BIG) };
    let low = limit & 0xffff | (base & 0xff_ffff) << 16 | DATA;
    descriptors::set(selector::DATA_BASED, low | bits | (limit >> 16) << 48 | (base >> 24) << 56);
}

/// Puts an instruction into the slot, with the way back behind it. The jump there is all that a processor asks for between a
/// change of code and its execution.
pub(crate) fn put(code: &Code, mode: Mode) {
    let back = (&raw const slot_back as u32).to_le_bytes();
    let [low, high] = selector::CODE_64.to_le_bytes();
    let [a, b, c, d] = back;
    let (prefix, count) = match mode {
        Mode::Bits16 => ([0x66, 0xea], 2),
        Mode::Bits32 => ([0xea, 0], 1),
        // JMP to what stands behind it.
        Mode::Bits64 => ([0, 0], 0),
    };
    let far = [a, b, c, d, low, high];
    let long = [0xff, 0x25, 0, 0, 0, 0, a, b, c, d, 0, 0, 0, 0];
    let rest: &[u8] = if mode == Mode::Bits64 { &long } else { &far };
    let bytes = code.as_slice().iter().chain(&prefix[..count]).chain(rest);
    for (place, byte) in (PLACE..).zip(bytes) {
        unsafe { (place as *mut u8).write_volatile(*byte) };
    }
    let (code, data) = match mode {
        Mode::Bits16 => (selector::CODE_16, selector::DATA_BASED),
        Mode::Bits32 => (selector::CODE_32, selector::DATA_BASED),
        Mode::Bits64 => (selector::CODE_64, selector::DATA),
    };
    unsafe {
        TARGET = [PLACE as u32, u32::from(code)];
        DATA_SELECTOR = u32::from(data);
    }
}

/// Runs what is in the slot.
pub(crate) fn run(state: &mut State) -> Option<Exception> {
    state.flags = state.flags & FLAGS | 2;
    traps::arm();
    unsafe { slot_run(state) };
    let came = traps::disarm();
    state.flags &= FLAGS;
    let (vector, code) = came?;
    let address = if vector == PAGE_FAULT { traps::last_address() } else { 0 };
    Some(Exception { vector, code, address, place: CAUGHT_AT.load(SeqCst) })
}
