//! The `syscall` instruction: one function for each number of arguments.
//!
//! Registers are those of the contract in crate `abi`: number in RAX, arguments in RDI, RSI, RDX,
//! R10, R8, R9; answers in RAX and RDX; RCX and R11 are lost, everything else is kept.

use abi::{Error, Syscall};
use core::arch::asm;

/// What a call answers: RAX and RDX.
pub(crate) type Answer = Result<(u64, u64), Error>;

/// Turns the two answer registers into a result.
#[inline(always)]
fn answer(rax: i64, rdx: u64) -> Answer {
    if rax >= 0 { Ok((rax as u64, rdx)) } else { Err(refusal(rax)) }
}

/// The refusal that a negative RAX stands for. A number that this program does not know comes from a
/// newer kernel: the call cannot be used by us, which is what `Unsupported` says.
#[cold]
fn refusal(rax: i64) -> Error {
    rax.checked_neg()
        .and_then(|number| i32::try_from(number).ok())
        .and_then(Error::from_raw)
        .unwrap_or(Error::Unsupported)
}

macro_rules! call {
    ($(#[$doc:meta])* $name:ident $(, $argument:ident = $register:tt)*) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// Each pointer argument must be valid for the access that the call documents, and the call must
        /// not unmap or change memory that Rust code still uses.
        #[inline(always)]
        pub(crate) unsafe fn $name(call: Syscall $(, $argument: u64)*) -> Answer {
            let rax: i64;
            let rdx: u64;
            // SAFETY: the instruction keeps every register but those named here, and touches only memory
            // that the arguments allow, for which the caller vouches.
            unsafe {
                asm!(
                    "syscall",
                    inlateout("rax") call as u64 => rax,
                    $(in($register) $argument,)*
                    lateout("rdx") rdx,
                    lateout("rcx") _,
                    lateout("r11") _,
                    options(nostack),
                );
            }
            answer(rax, rdx)
        }
    };
}

call! {
    /// Calls without arguments.
    call0
}
call! {
    /// Calls with one argument.
    call1, first = "rdi"
}
call! {
    /// Calls with two arguments.
    call2, first = "rdi", second = "rsi"
}
call! {
    /// Calls with three arguments.
    call3, first = "rdi", second = "rsi", third = "rdx"
}
call! {
    /// Calls with four arguments.
    call4, first = "rdi", second = "rsi", third = "rdx", fourth = "r10"
}
call! {
    /// Calls with five arguments.
    call5, first = "rdi", second = "rsi", third = "rdx", fourth = "r10", fifth = "r8"
}
call! {
    /// Calls with six arguments.
    call6, first = "rdi", second = "rsi", third = "rdx", fourth = "r10", fifth = "r8", sixth = "r9"
}

/// `vcpu_run`: like [`call0`], but the guest's vector registers are in the processor afterwards.
///
/// # Safety
/// The calling thread's vCPU must have been made by this process; the guest can then change only memory
/// that was mapped into it.
#[inline(always)]
pub(crate) unsafe fn vcpu_run() -> Answer {
    let rax: i64;
    // SAFETY: all registers that the call loses are declared; the rest is the caller's promise.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") Syscall::VcpuRun as u64 => rax,
            lateout("rdx") _, lateout("rcx") _, lateout("r11") _,
            out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
            out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
            out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
            out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
            out("mm0") _, out("mm1") _, out("mm2") _, out("mm3") _,
            out("mm4") _, out("mm5") _, out("mm6") _, out("mm7") _,
            out("st(0)") _, out("st(1)") _, out("st(2)") _, out("st(3)") _,
            out("st(4)") _, out("st(5)") _, out("st(6)") _, out("st(7)") _,
            out("k1") _, out("k2") _, out("k3") _, out("k4") _,
            out("k5") _, out("k6") _, out("k7") _,
            options(nostack),
        );
    }
    answer(rax, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_answers_are_errors_and_unknown_ones_do_not_panic() {
        assert_eq!(answer(7, 9), Ok((7, 9)));
        assert_eq!(answer(-8, 0), Err(Error::WouldBlock));
        assert_eq!(answer(-4000, 0), Err(Error::Unsupported));
        assert_eq!(answer(i64::MIN, 0), Err(Error::Unsupported));
    }
}
