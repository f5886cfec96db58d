//! A guest's general registers on their way into the processor and out, as pieces of both vendors' assembly.
//!
//! In each piece RDI is the address of the page, and the operand `gpr` is [`GPR`]. RAX is left to the vendor, and
//! RSP is in the control block.

use abi::{GPR_RAX, GPR_RBP, GPR_RBX, GPR_RCX, GPR_RDI, GPR_RDX, GPR_RSI, VcpuPage};
use core::mem::offset_of;

/// Where the registers are in the page, eight bytes each: RAX first.
pub(crate) const GPR: usize = offset_of!(VcpuPage, gpr);

// The order that the pieces rely on.
const _: () = assert!(GPR_RAX == 0 && GPR_RCX == 1 && GPR_RDX == 2 && GPR_RBX == 3);
const _: () = assert!(GPR_RBP == 5 && GPR_RSI == 6 && GPR_RDI == 7);

/// Loads the guest's registers, RDI last. Flags stay.
macro_rules! load_guest {
    () => {
        "mov rcx, [rdi + {gpr} + 8]
         mov rdx, [rdi + {gpr} + 16]
         mov rbx, [rdi + {gpr} + 24]
         mov rbp, [rdi + {gpr} + 40]
         mov rsi, [rdi + {gpr} + 48]
         mov r8, [rdi + {gpr} + 64]
         mov r9, [rdi + {gpr} + 72]
         mov r10, [rdi + {gpr} + 80]
         mov r11, [rdi + {gpr} + 88]
         mov r12, [rdi + {gpr} + 96]
         mov r13, [rdi + {gpr} + 104]
         mov r14, [rdi + {gpr} + 112]
         mov r15, [rdi + {gpr} + 120]
         mov rdi, [rdi + {gpr} + 56]"
    };
}

/// Stores the guest's registers; its RDI is popped from the stack.
macro_rules! store_guest {
    () => {
        "mov [rdi + {gpr} + 8], rcx
         mov [rdi + {gpr} + 16], rdx
         mov [rdi + {gpr} + 24], rbx
         mov [rdi + {gpr} + 40], rbp
         mov [rdi + {gpr} + 48], rsi
         mov [rdi + {gpr} + 64], r8
         mov [rdi + {gpr} + 72], r9
         mov [rdi + {gpr} + 80], r10
         mov [rdi + {gpr} + 88], r11
         mov [rdi + {gpr} + 96], r12
         mov [rdi + {gpr} + 104], r13
         mov [rdi + {gpr} + 112], r14
         mov [rdi + {gpr} + 120], r15
         pop qword ptr [rdi + {gpr} + 56]"
    };
}

/// Clears what the guest left in registers, but for RAX, RDI, and RBX and RBP, which are about to be restored: it is no
/// address that ring 0 may speculate with.
macro_rules! forget_guest {
    () => {
        "xor ecx, ecx
         xor edx, edx
         xor esi, esi
         xor r8d, r8d
         xor r9d, r9d
         xor r10d, r10d
         xor r11d, r11d
         xor r12d, r12d
         xor r13d, r13d
         xor r14d, r14d
         xor r15d, r15d"
    };
}

pub(crate) use {forget_guest, load_guest, store_guest};
