//! Claims about task switches by hardware, in 32-bit protected mode.

use crate::descriptors::{self, selector};
use crate::modes::tables::fresh_page;
use crate::modes::{Kind, Visit};
use crate::{Verdict, expect, require};
use core::arch::global_asm;

global_asm!(
    r#"
    .text
    .code32
    .globl task_jump, task_call, task_interrupt, task_return, task_new_jump, task_new_return
    // EAX = 1 if the other task was there and came back with our registers.
task_jump:
    mov cx, 0x58
    ltr cx
    mov ecx, 0x1234
    xor eax, eax
    .byte 0xea
    .long 0
    .word 0x60
    jmp task_check
task_call:
    mov cx, 0x58
    ltr cx
    mov ecx, 0x1234
    xor eax, eax
    .byte 0x9a
    .long 0
    .word 0x60
    jmp task_check
task_interrupt:
    mov cx, 0x58
    ltr cx
    mov ecx, 0x1234
    xor eax, eax
    int 31
    jmp task_check
task_return:
    mov cx, 0x58
    ltr cx
    pushfd
    or dword ptr [esp], 0x4000
    popfd
    iretd
task_check:
    mov eax, [task_mark]
    cmp ecx, 0x1234
    je 2f
    xor eax, eax
2:  ret
task_new_jump:
    mov dword ptr [task_mark], 1
    mov ecx, 0x9999
    .byte 0xea
    .long 0
    .word 0x58
    ud2
task_new_return:
    mov dword ptr [task_mark], 1
    mov ecx, 0x9999
    iretd
    ud2
    .code64
    .bss
    .align 4
    .globl task_mark
task_mark: .skip 4
    .text
"#
);

unsafe extern "C" {
    static task_jump: u8;
    static task_call: u8;
    static task_interrupt: u8;
    static task_return: u8;
    static task_new_jump: u8;
    static task_new_return: u8;
    static mut task_mark: u32;
    static mut idt32: [u64; 32];
}

/// Makes two task states; the new one starts at `entry`.
fn prepare(entry: *const u8) {
    let (old, new) = (fresh_page(), fresh_page());
    descriptors::set_task(selector::TASK_OLD, old);
    descriptors::set_task(selector::TASK_NEW, new);
    let stack = fresh_page() + 4096;
    let put = |offset: u64, value: u32| unsafe { ((new + offset) as *mut u32).write_volatile(value) };
    put(32, entry as u32);
    put(36, 2);
    put(56, stack as u32);
    for offset in [72, 80, 84, 88, 92] {
        put(offset, u32::from(selector::DATA));
    }
    put(76, u32::from(selector::CODE_32));
    put(100, 104 << 16);
    unsafe { task_mark = 0 };
}

fn switch(entry: *const u8, code: *const u8) -> (Option<(u8, u32)>, u32) {
    prepare(entry);
    crate::modes::fill_handlers();
    // A task gate at vector 31.
    unsafe { idt32[31] = u64::from(selector::TASK_NEW) << 16 | 0x8500 << 32 };
    let mut visit = Visit::new(Kind::Protected32, code as u64);
    visit.keeps_handlers = 1;
    let came = visit.go();
    descriptors::reload_task();
    (came, visit.eax)
}

/// The switch and the way back raised nothing, and the registers came back.
fn is_done(what: &'static str, (came, eax): (Option<(u8, u32)>, u32)) -> Verdict {
    require(what, came.is_none())?;
    expect(what, u64::from(eax), 1)
}

pub(super) fn task_switches_work() -> Verdict {
    let (jumped, returned) = (&raw const task_new_jump, &raw const task_new_return);
    is_done("a jump to a task", switch(jumped, &raw const task_jump))?;
    is_done("a call of a task", switch(returned, &raw const task_call))?;
    is_done("a task gate", switch(returned, &raw const task_interrupt))
}

pub(super) fn bad_task_switches_do_no_harm() -> Verdict {
    // IRET with NT and a link to no task.
    let (came, _) = switch(&raw const task_new_jump, &raw const task_return);
    require("IRET without a task to return to faults", came.is_some())?;
    // A task state that is not one.
    prepare(&raw const task_new_jump);
    descriptors::set(selector::TASK_NEW, 0);
    let (came, _) = visit(&raw const task_jump);
    require("a jump to nothing faults", came.is_some())?;
    // One that is too small.
    prepare(&raw const task_new_jump);
    descriptors::set(selector::TASK_NEW, descriptors::get(selector::TASK_NEW) & !0xffff | 20);
    let (came, _) = visit(&raw const task_jump);
    require("a small task state faults", came.is_some())?;
    // One in memory that does not exist.
    prepare(&raw const task_new_jump);
    descriptors::set_task(selector::TASK_NEW, 0xd000_0000);
    let (came, _) = visit(&raw const task_jump);
    require("a task state of ones faults", came.is_some())
}

fn visit(code: *const u8) -> (Option<(u8, u32)>, u32) {
    let mut visit = Visit::new(Kind::Protected32, code as u64);
    let came = visit.go();
    descriptors::reload_task();
    (came, visit.eax)
}
