//! Into the guest and out.

use crate::virtualization::registers::{GPR, forget_guest, load_guest, store_guest};
use abi::VcpuPage;
use core::arch::asm;
use spec::vmx::field;

/// What the control structure holds of the way back, so that it is written only when it changes.
#[derive(Default)]
#[repr(C)]
pub(super) struct Switch {
    stack: u64,
    place: u64,
    /// The structure was entered since it was cleared.
    pub(super) is_launched: u64,
}

/// Runs the guest of the current control structure until it exits; whether the entry failed at once (VMfail). General
/// registers but RSP come from `page` and go there.
///
/// Host interrupts end the guest; they have not arrived yet when this returns. No register holds a value of the guest's then.
///
/// # Safety
/// The current structure's controls, map and EPT keep the guest away from the host, and its host state is this processor's.
#[inline(always)]
pub(super) unsafe fn enter(switch: &mut Switch, page: &VcpuPage) -> bool {
    let failed: u64;
    // SAFETY: the caller vouches for the structure. All general registers are restored or named as changed; RSP and
    // the control and segment registers are loaded by the exit; RFLAGS is cleared by it.
    unsafe {
        asm!(
            "push rbx",
            "push rbp",
            "push 0",
            "push rdi",
            "lea rcx, [rip + 25f]",
            "cmp [rsi], rsp",
            "jne 22f",
            "cmp [rsi + 8], rcx",
            "je 23f",
            "22:",
            "mov [rsi], rsp",
            "mov [rsi + 8], rcx",
            "mov edx, {host_rsp}",
            "vmwrite rdx, rsp",
            "mov edx, {host_rip}",
            "vmwrite rdx, rcx",
            "23:",
            "cmp qword ptr [rsi + 16], 0",
            "mov rax, [rdi + {gpr}]",
            load_guest!(),
            "je 24f",
            "vmresume",
            "mov qword ptr [rsp + 8], 1",
            "jmp 25f",
            "24:",
            "vmlaunch",
            "mov qword ptr [rsp + 8], 1",
            "25:",
            "push rdi",
            "mov rdi, [rsp + 8]",
            "mov [rdi + {gpr}], rax",
            store_guest!(),
            "pop rax",
            "pop rax",
            forget_guest!(),
            "pop rbp",
            "pop rbx",
            host_rsp = const field::HOST_RSP,
            host_rip = const field::HOST_RIP,
            gpr = const GPR,
            inout("rdi") page => _,
            inout("rsi") switch => _,
            out("rax") failed,
            out("rcx") _,
            out("rdx") _,
            out("r8") _,
            out("r9") _,
            out("r10") _,
            out("r11") _,
            out("r12") _,
            out("r13") _,
            out("r14") _,
            out("r15") _,
        );
    }
    failed != 0
}
