//! Into the guest and out.

use abi::{GPR_RAX, GPR_RBP, GPR_RBX, GPR_RCX, GPR_RDI, GPR_RDX, GPR_RSI, VcpuPage};
use core::arch::asm;
use core::mem::offset_of;
use spec::vmx::field;

/// Offset of a general register in the page.
const fn gpr(index: usize) -> usize {
    offset_of!(VcpuPage, gpr) + 8 * index
}

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
/// Host interrupts end the guest; they still wait when this returns. No register holds a value of the guest's then.
///
/// # Safety
/// The current structure's controls, map and EPT keep the guest away from the host, and its host state is this processor's.
// tidy: table
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
            "mov rax, [rdi + {rax}]",
            "mov rcx, [rdi + {rcx}]",
            "mov rdx, [rdi + {rdx}]",
            "mov rbx, [rdi + {rbx}]",
            "mov rbp, [rdi + {rbp}]",
            "mov rsi, [rdi + {rsi}]",
            "mov r8, [rdi + {r8}]",
            "mov r9, [rdi + {r9}]",
            "mov r10, [rdi + {r10}]",
            "mov r11, [rdi + {r11}]",
            "mov r12, [rdi + {r12}]",
            "mov r13, [rdi + {r13}]",
            "mov r14, [rdi + {r14}]",
            "mov r15, [rdi + {r15}]",
            "mov rdi, [rdi + {rdi}]",
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
            "mov [rdi + {rax}], rax",
            "mov [rdi + {rcx}], rcx",
            "mov [rdi + {rdx}], rdx",
            "mov [rdi + {rbx}], rbx",
            "mov [rdi + {rbp}], rbp",
            "mov [rdi + {rsi}], rsi",
            "mov [rdi + {r8}], r8",
            "mov [rdi + {r9}], r9",
            "mov [rdi + {r10}], r10",
            "mov [rdi + {r11}], r11",
            "mov [rdi + {r12}], r12",
            "mov [rdi + {r13}], r13",
            "mov [rdi + {r14}], r14",
            "mov [rdi + {r15}], r15",
            "pop qword ptr [rdi + {rdi}]",
            "pop rax",
            "pop rax",
            // What the guest left in registers is no address that ring 0 may speculate with.
            "xor ecx, ecx",
            "xor edx, edx",
            "xor esi, esi",
            "xor r8d, r8d",
            "xor r9d, r9d",
            "xor r10d, r10d",
            "xor r11d, r11d",
            "xor r12d, r12d",
            "xor r13d, r13d",
            "xor r14d, r14d",
            "xor r15d, r15d",
            "pop rbp",
            "pop rbx",
            host_rsp = const field::HOST_RSP,
            host_rip = const field::HOST_RIP,
            rax = const gpr(GPR_RAX),
            rcx = const gpr(GPR_RCX),
            rdx = const gpr(GPR_RDX),
            rbx = const gpr(GPR_RBX),
            rbp = const gpr(GPR_RBP),
            rsi = const gpr(GPR_RSI),
            rdi = const gpr(GPR_RDI),
            r8 = const gpr(8),
            r9 = const gpr(9),
            r10 = const gpr(10),
            r11 = const gpr(11),
            r12 = const gpr(12),
            r13 = const gpr(13),
            r14 = const gpr(14),
            r15 = const gpr(15),
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
