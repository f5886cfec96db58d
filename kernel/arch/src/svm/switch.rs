//! Into the guest and out.

use crate::virtualization::registers::{GPR, forget_guest, load_guest, store_guest};
use abi::VcpuPage;
use base_units::Hpa;
use core::arch::asm;

/// Runs the guest of the control block at `vmcb` until it exits. General registers but RAX and RSP come from
/// `page` and go there. `host` is the area that VMSAVE filled on this processor.
///
/// Host interrupts arrive at the processor only while the guest runs, where they end the guest; they still wait when
/// this returns. No register holds a value of the guest's then.
///
/// # Safety
/// `vmcb` is a control block in a kernel frame whose intercepts, maps and nested table keep the guest away from the host;
/// SVM is on; [`shut_out`] was called.
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
            load_guest!(),
            "vmrun rax",
            "vmsave rax",
            // The guest's RDI goes where the page's address was.
            "xchg rdi, [rsp]",
            store_guest!(),
            "pop rax",
            "vmload rax",
            forget_guest!(),
            "pop rbp",
            "pop rbx",
            gpr = const GPR,
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
