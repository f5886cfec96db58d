//! Into the guest and out.

use abi::{GPR_RBP, GPR_RBX, GPR_RCX, GPR_RDI, GPR_RDX, GPR_RSI, VcpuPage};
use base_units::Hpa;
use core::arch::asm;
use core::mem::offset_of;

/// Offset of a general register in the page.
const fn gpr(index: usize) -> usize {
    offset_of!(VcpuPage, gpr) + 8 * index
}

/// Runs the guest of the control block at `vmcb` until it exits. General registers but RAX and RSP come from
/// `page` and go there. `host` is the area that VMSAVE filled on this processor.
///
/// Host interrupts arrive at the processor only while the guest runs, where they end the guest; they still wait when
/// this returns. No register holds a value of the guest's then.
///
/// # Safety
/// `vmcb` is a control block in a kernel frame whose intercepts, maps and nested table keep the guest away from the host;
/// SVM is on; [`shut_out`] was called.
// tidy: table
#[inline(always)]
pub(super) unsafe fn enter(vmcb: Hpa, page: &VcpuPage, host: Hpa) {
    // SAFETY: the caller vouches for the blocks. All general registers are restored or named as changed; RSP, RFLAGS
    // and the control registers are restored by VMRUN's exit, the hidden parts of FS, GS, TR, LDTR and the SYSCALL registers by
    // VMLOAD.
    unsafe {
        asm!(
            "push rbx",
            "push rbp",
            "push rsi",
            "push rdi",
            "vmload rax",
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
            "vmrun rax",
            "vmsave rax",
            // The guest's RDI goes where the page's address was.
            "xchg rdi, [rsp]",
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
            "vmload rax",
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
            inout("rax") vmcb.raw() => _,
            inout("rdi") page => _,
            inout("rsi") host.raw() => _,
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
}

/// From now on interrupts arrive in guests only (GIF is 0; IF is 1 because the guest's exits on interrupts depend on
/// the IF at VMRUN). Not even NMIs come in ring 0 until [`let_in`]: the run loop is short.
#[inline(always)]
pub(super) fn shut_out() {
    // SAFETY: SVM is on. No interrupt can come after CLGI.
    unsafe { asm!("clgi", "sti", options(nomem, nostack)) };
}

/// Back to how ring 0 runs: interrupts off, NMIs and machine checks on; those that waited come now.
#[inline(always)]
pub(super) fn let_in() {
    // SAFETY: SVM is on. Handlers of NMIs and machine checks may run at any time elsewhere too.
    unsafe { asm!("cli", "stgi", options(nostack)) };
}

/// Lets NMIs and what else ended the guest in, inside of the run loop: it would end the guest again for ever.
#[cold]
pub(super) fn let_host_events_in() {
    let_in();
    shut_out();
}
