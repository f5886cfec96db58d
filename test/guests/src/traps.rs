//! Exceptions and interrupts: counted, and skipped where a claim expects them.

use crate::descriptors::selector;
use core::arch::{asm, global_asm};
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// Interrupt vectors that claims may use; each counts.
pub(crate) const VECTORS: usize = 256;

static COUNTS: [AtomicU64; VECTORS] = [const { AtomicU64::new(0) }; VECTORS];
/// Where an expected exception goes on; 0 = none is expected.
pub(crate) static RESUME: AtomicU64 = AtomicU64::new(0);
static LAST_CODE: AtomicU64 = AtomicU64::new(0);
static LAST_ADDRESS: AtomicU64 = AtomicU64::new(0);
/// The stack to which an exception or [`USER_DONE`] in ring 3 returns.
pub(crate) static KERNEL_STACK: AtomicU64 = AtomicU64::new(0);
/// What code in ring 3 calls when it has come to its end.
pub(crate) const USER_DONE: u8 = 0x81;
/// Handlers of single vectors, instead of the common one; 0 = none.
static HANDLERS: [AtomicU64; VECTORS] = [const { AtomicU64::new(0) }; VECTORS];

/// What the processor pushed.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Frame {
    /// Where it goes on.
    pub(crate) rip: u64,
    /// Code segment.
    pub(crate) cs: u64,
    /// Flags.
    pub(crate) rflags: u64,
    /// Stack.
    pub(crate) rsp: u64,
    /// Stack segment.
    pub(crate) ss: u64,
}

/// A claim's own handler of an exception or interrupt.
pub(crate) type Handler = fn(&mut Frame);

/// Sets the handler of a vector; it still is counted.
pub(crate) fn set_handler(vector: u8, handler: Handler) {
    HANDLERS[usize::from(vector)].store(handler as *const () as u64, SeqCst);
}

/// Back to the common handler.
pub(crate) fn clear_handler(vector: u8) {
    HANDLERS[usize::from(vector)].store(0, SeqCst);
}
/// Whether interrupt handlers acknowledge at the local APIC.
pub(crate) static ACKNOWLEDGES: AtomicU64 = AtomicU64::new(1);

#[repr(C, align(16))]
struct Table([[u64; 2]; VECTORS]);

static mut TABLE: Table = Table([[0; 2]; VECTORS]);

global_asm!(
    r#"
    .altmacro
    .macro stub number
    .align 16
    .if \number == 8 || (\number >= 10 && \number <= 14) || \number == 17 || \number == 21
    .else
    push 0
    .endif
    push \number
    jmp common_stub
    .endm
    .align 16
    .globl stubs
stubs:
    .set i, 0
    .rept 256
    stub %i
    .set i, i + 1
    .endr
    .noaltmacro
common_stub:
    push rax
    push rcx
    push rdx
    push rsi
    push rdi
    push r8
    push r9
    push r10
    push r11
    mov rdi, [rsp + 72]
    mov rsi, [rsp + 80]
    lea rdx, [rsp + 88]
    cld
    call {handle}
    pop r11
    pop r10
    pop r9
    pop r8
    pop rdi
    pop rsi
    pop rdx
    pop rcx
    pop rax
    add rsp, 16
    iretq
    "#,
    handle = sym handle,
);

unsafe extern "C" {
    static stubs: u8;
}

extern "sysv64" fn handle(vector: u64, code: u64, frame: &mut Frame) {
    COUNTS[vector as usize].fetch_add(1, SeqCst);
    if vector < 32 {
        LAST_CODE.store(code, SeqCst);
        LAST_ADDRESS.store(crate::processor::cr2(), SeqCst);
    }
    let handler = HANDLERS[vector as usize].load(SeqCst);
    if handler != 0 {
        // What is not 0 was stored by `set_handler`.
        let handler: Handler = unsafe { core::mem::transmute(handler) };
        return handler(frame);
    }
    if vector == u64::from(USER_DONE) {
        return leave_user(frame);
    }
    if vector >= 32 {
        if ACKNOWLEDGES.load(SeqCst) == 1 {
            crate::apic::end_of_interrupt();
        }
        return;
    }
    if vector == 2 {
        return;
    }
    if frame.cs & 3 == 3 {
        return leave_user(frame);
    }
    let resume = RESUME.swap(0, SeqCst);
    let rip = frame.rip;
    assert!(resume != 0, "exception {vector} (code {code:#x}) at {rip:#x}");
    frame.rip = resume;
}

/// Back to ring 0.
fn leave_user(frame: &mut Frame) {
    *frame = Frame {
        rip: RESUME.swap(0, SeqCst),
        cs: u64::from(selector::CODE_64),
        rflags: 2,
        rsp: KERNEL_STACK.load(SeqCst),
        ss: u64::from(selector::DATA),
    };
}

/// Loads the interrupt table, on any processor.
pub(crate) fn install() {
    let first = &raw const stubs as u64;
    let table = &raw mut TABLE;
    for vector in 0..VECTORS {
        let address = first + vector as u64 * 16;
        let privilege = if vector == usize::from(USER_DONE) { 3 << 45 } else { 0 };
        let low = address & 0xffff | 8 << 16 | 0x8e00 << 32 | privilege | (address >> 16 & 0xffff) << 48;
        unsafe { (*table).0[vector] = [low, address >> 32] };
    }
    load();
}

/// Loads the table that [`install`] made.
pub(crate) fn load() {
    let pointer = [(VECTORS as u64 * 16 - 1) << 48, &raw const TABLE as u64];
    unsafe { asm!("lidt [{}]", in(reg) (&raw const pointer as u64) + 6) };
}

/// Makes the gate of a vector present or not.
pub(crate) fn set_present(vector: u8, is_present: bool) {
    let table = &raw mut TABLE;
    unsafe {
        let entry = &raw mut (*table).0[usize::from(vector)][0];
        let without = entry.read_volatile() & !(1 << 47);
        entry.write_volatile(without | u64::from(is_present) << 47);
    }
}

/// CR2 when the last exception came.
pub(crate) fn last_address() -> u64 {
    LAST_ADDRESS.load(SeqCst)
}

/// How often a vector came.
pub(crate) fn count(vector: u8) -> u64 {
    COUNTS[usize::from(vector)].load(SeqCst)
}

/// Runs `attempt`; returns the exception that it raised, with its error code. Only the instruction
/// that raises it is skipped over: `attempt` must end right behind it.
#[macro_export]
macro_rules! exception_of {
    ($($assembly:tt)*) => {{
        $crate::traps::arm();
        unsafe {
            core::arch::asm!(
                "lea {resume}, [rip + 77f]",
                "mov [rip + {place}], {resume}",
                concat!($($assembly)*),
                "77:",
                resume = out(reg) _,
                place = sym $crate::traps::RESUME,
                out("rax") _, out("rcx") _, out("rdx") _, out("rdi") _, out("rsi") _,
            );
        }
        $crate::traps::disarm()
    }};
}

/// Runs `attempt` in ring 3 with these flags; returns the exception that it raised, with its error code. It must leave
/// RBX and RBP alone.
#[macro_export]
macro_rules! exception_in_user {
    ($flags:expr, $($assembly:tt)*) => {{
        $crate::traps::arm();
        let flags: u64 = $flags;
        unsafe {
            core::arch::asm!(
                "lea {scratch}, [rip + 77f]",
                "mov [rip + {place}], {scratch}",
                "mov [rip + {stack}], rsp",
                "lea {scratch}, [rsp - 1024]",
                "push 0x3b",
                "push {scratch}",
                "push {flags}",
                "push 0x33",
                "lea {scratch}, [rip + 66f]",
                "push {scratch}",
                "iretq",
                "66:",
                concat!($($assembly)*),
                "int 0x81",
                "77:",
                scratch = out(reg) _,
                flags = in(reg) flags,
                place = sym $crate::traps::RESUME,
                stack = sym $crate::traps::KERNEL_STACK,
                out("rax") _, out("rcx") _, out("rdx") _, out("rdi") _, out("rsi") _,
            );
        }
        $crate::traps::disarm()
    }};
}

static BEFORE: [AtomicU64; 32] = [const { AtomicU64::new(0) }; 32];

/// Notes the counts before an attempt.
pub(crate) fn arm() {
    for (before, now) in BEFORE.iter().zip(&COUNTS) {
        before.store(now.load(SeqCst), SeqCst);
    }
}

/// The exception that came since [`arm`], with its error code.
pub(crate) fn disarm() -> Option<(u8, u64)> {
    RESUME.store(0, SeqCst);
    let came =
        BEFORE.iter().zip(&COUNTS).position(|(before, now)| before.load(SeqCst) != now.load(SeqCst))?;
    Some((came as u8, LAST_CODE.load(SeqCst)))
}
