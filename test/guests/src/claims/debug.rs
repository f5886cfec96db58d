//! Claims about single steps, breakpoints, and exceptions that never end.

use crate::modes::{Kind, Visit};
use crate::processor::{cpuid, cr4, is_qemu, set_cr4, ticks};
use crate::traps::{self, Frame, count};
use crate::{Verdict, apic, expect, require};
use core::arch::{asm, global_asm};
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};

const DEBUG: u8 = 1;
/// Traps that are noted.
const NOTED: usize = 32;
/// EFLAGS.RF: the next instruction's breakpoint is passed over.
const RESUME_FLAG: u64 = 1 << 16;
/// DR6: single step, access to a debug register.
const SINGLE_STEP: u64 = 1 << 14;
const DEBUG_ACCESS: u64 = 1 << 13;
const DE: u64 = 1 << 3;

static PLACES: [AtomicU64; NOTED] = [const { AtomicU64::new(0) }; NOTED];
static STATUS: [AtomicU64; NOTED] = [const { AtomicU64::new(0) }; NOTED];
static CAME: AtomicU64 = AtomicU64::new(0);

/// Notes where the trap came and what DR6 says.
fn note(frame: &mut Frame) {
    let index = CAME.fetch_add(1, SeqCst) as usize;
    let status: u64;
    unsafe { asm!("mov {0}, dr6", "mov dr6, {1}", out(reg) status, in(reg) 0xffff_0ff0u64) };
    if let (Some(place), Some(noted)) = (PLACES.get(index), STATUS.get(index)) {
        place.store(frame.rip, SeqCst);
        noted.store(status, SeqCst);
    }
    if status & SINGLE_STEP == 0 {
        frame.rflags |= RESUME_FLAG;
    }
}

fn start() {
    CAME.store(0, SeqCst);
    traps::set_handler(DEBUG, note);
}

/// Breakpoint 0: `kind` is 0 run, 1 write, 2 port, 3 read or write; `length` is bytes - 1.
fn set_breakpoint(address: u64, kind: u64, length: u64) {
    let control = 0x400 | 0b11 | kind << 16 | length << 18;
    unsafe { asm!("mov dr0, {0}", "mov dr7, {1}", in(reg) address, in(reg) control) };
}

fn clear_breakpoints() {
    unsafe { asm!("mov dr7, {0}", in(reg) 0x400u64) };
}

global_asm!(
    r#"
    .text
    .globl step_run, step_places, step_places_end
    // Single steps through instructions that leave the guest, RDI = device memory.
step_run:
    push rbx
    pushfq
    pushfq
    or dword ptr [rsp], 0x100
    popfq
    nop
step_1: xor eax, eax
step_2: cpuid
step_3: mov ecx, 0x1b
step_4: rdmsr
step_5: in al, 0x61
step_6: mov eax, [rdi]
step_7: out 0x80, al
step_8: mov rax, cr0
step_9: mov cr0, rax
step_10: mov rax, dr7
step_11: mov ecx, 0x4b564d01
step_12: rdmsr
step_13: wbinvd
step_14: nop
step_15: popfq
step_16: pop rbx
    ret
    .section .rodata
step_places:
    .quad step_1, step_2, step_3, step_4, step_5, step_6, step_7, step_8, step_9, step_10
    .quad step_11, step_12, step_13, step_14, step_15, step_16
step_places_end:
    .text
    .globl breakpoint_run, breakpoint_first, breakpoint_second
breakpoint_run:
    push rbx
    xor eax, eax
breakpoint_first:
    cpuid
breakpoint_second:
    nop
    pop rbx
    ret
    // MOV SS holds a trap back: the step ends behind the next instruction.
    .globl shadow_run, shadow_end
shadow_run:
    push rbx
    mov cx, ss
    xor eax, eax
    pushfq
    pushfq
    or dword ptr [rsp], 0x100
    popfq
    mov ss, cx
    cpuid
shadow_end:
    popfq
    pop rbx
    ret
"#
);

unsafe extern "sysv64" {
    fn step_run(device: u64);
    fn breakpoint_run();
    fn shadow_run();
}

unsafe extern "C" {
    static step_places: [u64; 16];
    static breakpoint_first: u8;
    static breakpoint_second: u8;
    static shadow_end: u8;
}

pub(super) fn single_steps_cross_exits() -> Verdict {
    // The host bridge in configuration space.
    const DEVICE: u64 = 0xe000_0000;
    start();
    unsafe { step_run(DEVICE) };
    traps::clear_handler(DEBUG);
    let wanted = unsafe { &step_places };
    for (index, place) in wanted.iter().enumerate() {
        expect("the next step ends behind the next instruction", PLACES[index].load(SeqCst), *place)?;
        expect("DR6 says single step", STATUS[index].load(SeqCst) & 0xf00f, SINGLE_STEP)?;
    }
    expect("one trap for each instruction", CAME.load(SeqCst), wanted.len() as u64)
}

pub(super) fn mov_ss_holds_a_step_back() -> Verdict {
    start();
    unsafe { shadow_run() };
    traps::clear_handler(DEBUG);
    expect("the first trap is behind the instruction after MOV SS", PLACES[0].load(SeqCst), {
        &raw const shadow_end as u64
    })
}

static WATCHED: AtomicU64 = AtomicU64::new(0);

/// Why breakpoints cannot be tried on QEMU: VMRUN loads DR7 without making its breakpoints.
const NO_BREAKPOINTS: &str = "QEMU's guests have no breakpoints";

pub(super) fn breakpoints_on_memory_trap() -> Verdict {
    if is_qemu() {
        return crate::skip(NO_BREAKPOINTS);
    }
    start();
    let place = &raw const WATCHED as u64;
    set_breakpoint(place, 1, 3);
    let first = WATCHED.load(SeqCst);
    expect("reading does not trap", CAME.load(SeqCst), 0)?;
    WATCHED.store(first + 1, SeqCst);
    expect("writing does", CAME.load(SeqCst), 1)?;
    expect("by breakpoint 0", STATUS[0].load(SeqCst) & 0xf, 1)?;
    // An exit between: the breakpoint is still there.
    cpuid(0, 0);
    set_breakpoint(place, 3, 3);
    let _ = WATCHED.load(SeqCst);
    expect("reading traps if it is to", CAME.load(SeqCst), 2)?;
    clear_breakpoints();
    WATCHED.store(0, SeqCst);
    traps::clear_handler(DEBUG);
    expect("off is off", CAME.load(SeqCst), 2)
}

pub(super) fn breakpoints_on_instructions_that_exit_fault() -> Verdict {
    if is_qemu() {
        return crate::skip(NO_BREAKPOINTS);
    }
    start();
    let (first, second) = (&raw const breakpoint_first as u64, &raw const breakpoint_second as u64);
    unsafe { asm!("mov dr1, {0}", in(reg) second) };
    set_breakpoint(first, 0, 0);
    unsafe { asm!("mov dr7, {0}", in(reg) 0x40fu64) };
    unsafe { breakpoint_run() };
    clear_breakpoints();
    traps::clear_handler(DEBUG);
    expect("the first is at CPUID", PLACES[0].load(SeqCst), first)?;
    expect("the second behind it", PLACES[1].load(SeqCst), second)?;
    expect("and that is all", CAME.load(SeqCst), 2)
}

pub(super) fn access_to_debug_registers_can_trap() -> Verdict {
    start();
    unsafe { asm!("mov dr7, {0}", in(reg) 0x2400u64) };
    let seven: u64;
    unsafe { asm!("mov {0}, dr7", out(reg) seven) };
    traps::clear_handler(DEBUG);
    expect("once", CAME.load(SeqCst), 1)?;
    expect("DR6 says why", STATUS[0].load(SeqCst) & 0xf00f, DEBUG_ACCESS)?;
    expect("GD is off in the handler and after it", seven, 0x400)
}

/// Breakpoints on ports are the VMM's to see; that they are not seen harms nobody.
pub(super) fn breakpoints_on_ports_do_no_harm() -> Verdict {
    start();
    set_cr4(cr4() | DE);
    set_breakpoint(0x3ff, 2, 0);
    crate::processor::write_port(0x3ff, 0x12);
    let found = crate::processor::read_port(0x3ff);
    clear_breakpoints();
    set_cr4(cr4() & !DE);
    traps::clear_handler(DEBUG);
    expect("the port works", u64::from(found), 0x12)?;
    require("at most one trap for each access", CAME.load(SeqCst) <= 2)
}

pub(super) fn a_breakpoint_instruction_traps_once() -> Verdict {
    if !is_qemu() {
        start();
        unsafe { asm!(".byte 0xf1", "nop") };
        traps::clear_handler(DEBUG);
        expect("INT1 came once", CAME.load(SeqCst), 1)?;
    }
    traps::set_handler(4, |_| ());
    unsafe { asm!("int 4", "nop") };
    traps::clear_handler(4);
    expect("INT 4 came once", count(4), 1)
}

/// The stack onto which #DB is delivered has a breakpoint: each delivery raises the next (CVE-2015-8104). Where there
/// are no breakpoints, each instruction is a step.
fn endless_debug() {
    let stack: u64;
    unsafe { asm!("mov {0}, rsp", out(reg) stack) };
    traps::set_handler(DEBUG, |frame| frame.rflags |= 0x100);
    let below = (stack - 2048) & !15;
    set_breakpoint(below - 8, 3, 3);
    unsafe {
        asm!("mov rsp, {0}", "pushfq", "or dword ptr [rsp], 0x100", "popfq", "2:", "jmp 2b", in(reg) below, options(noreturn));
    }
}

pub(super) fn endless_debug_exceptions_hang_nobody() -> Verdict {
    apic::enable();
    // It never finishes, so the start is not waited for.
    apic::start_one(1, endless_debug);
    watch_for_a_while()
}

/// The other processor's exceptions must leave this one its time.
fn watch_for_a_while() -> Verdict {
    apic::write(apic::register::DIVIDER, 0b1011);
    for round in 1..=20 {
        apic::write(apic::register::TIMER, 0xf1);
        apic::write(apic::register::INITIAL_COUNT, 2_000_000);
        require("the timer fires here", apic::wait_for(0xf1, round))?;
    }
    Ok(())
}

global_asm!(
    r#"
    .text
    .code32
    .globl alignment_loop, alignment_user
    // Ring 3, whose handler of #AC is in ring 3 with an unaligned stack (CVE-2015-5307).
alignment_loop:
    mov ax, 0x3b
    mov ds, ax
    push 0x3b
    lea eax, [esp - 4095]
    push eax
    push 0x40002
    push 0x43
    .byte 0x68 // push imm32
    .long alignment_user
    iretd
alignment_user:
    push eax
    pop eax
    jmp alignment_user
    .code64
"#
);

unsafe extern "C" {
    static alignment_loop: u8;
    static alignment_user: u8;
    static mut idt32: [u64; 32];
}

fn endless_alignment() {
    let mut visit = Visit::new(Kind::Protected32, &raw const alignment_loop as u64);
    visit.cr0 |= crate::modes::cr0::AM;
    visit.keeps_handlers = 1;
    // A gate of #AC to ring 3's own code.
    crate::modes::fill_handlers();
    let target = &raw const alignment_user as u64;
    let gate = target & 0xffff | 0x43 << 16 | 0xee00 << 32 | (target >> 16 & 0xffff) << 48;
    unsafe { idt32[17] = gate };
    visit.go();
}

pub(super) fn endless_alignment_checks_hang_nobody() -> Verdict {
    apic::enable();
    apic::start_one(1, endless_alignment);
    watch_for_a_while()
}

pub(super) fn an_endless_loop_hangs_nobody() -> Verdict {
    apic::enable();
    apic::start_one(1, || unsafe { asm!("cli", "2:", "jmp 2b", options(noreturn)) });
    watch_for_a_while()?;
    let end = ticks() + 1000;
    while ticks() < end {}
    Ok(())
}
