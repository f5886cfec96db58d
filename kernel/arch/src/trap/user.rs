//! Ring 3 as a function call.

use super::stubs::{LEFT_BY_SYSCALL, corten_enter_user};
use crate::cpu::local::{Local, local};
use crate::cpu::{GENERAL_PROTECTION, NMI, PAGE_FAULT, msr};
use crate::interrupt;
use kernel_core::{UserExit, UserRegisters};

/// Flags that ring 3 may have: arithmetic, TF, DF, AC, ID, RF. NT would break IRET, IOPL would open the ports.
const FLAGS_ALLOWED: u64 = 0x0025_0dd5;
/// Flags that ring 3 always has: IF, and bit 1 which is always set.
const FLAGS_SET: u64 = 0x202;

/// Runs ring 3 with these registers on the active table until something happens.
#[inline]
pub(crate) fn enter_user(registers: &mut UserRegisters) -> UserExit {
    // An instruction pointer that is not in the lower half would fault in ring 0: SYSRET (on Intel) and IRETQ check
    // it there. SYSCALL as the last instruction below the hole leaves one.
    if registers.rip >> 47 != 0 {
        return UserExit::Fault { vector: GENERAL_PROTECTION, code: 0 };
    }
    registers.rflags = registers.rflags & FLAGS_ALLOWED | FLAGS_SET;
    load_fs_base(local(), registers);
    // SAFETY: the registers are for ring 3 only (selectors are fixed, the flags filtered, RIP canonical); the kernel's half of
    // the active table is the kernel's own.
    let left = unsafe { corten_enter_user(registers) };
    if left.cause == LEFT_BY_SYSCALL {
        return UserExit::Syscall;
    }
    decode(left.cause as u8, (left.cause >> 32) as u32, left.address)
}

fn decode(vector: u8, code: u32, address: u64) -> UserExit {
    match vector {
        32.. => {
            interrupt::arrived(vector);
            UserExit::Interrupt
        }
        PAGE_FAULT => UserExit::PageFault { address, code },
        NMI => UserExit::Interrupt,
        _ => UserExit::Fault { vector, code },
    }
}

/// Loads the thread's FS base. A thread that comes straight back from a system call still has it: nothing but its own
/// instructions ran since.
#[inline]
fn load_fs_base(local: &Local, registers: &UserRegisters) {
    let owner = &raw const *registers as u64;
    let is_loaded = local.fs_owner.get() == owner && local.fs_base.get() == registers.fs_base;
    if is_loaded && registers.full_restore == 0 {
        return;
    }
    local.fs_owner.set(owner);
    local.fs_base.set(registers.fs_base);
    // A base that is not canonical cannot be loaded.
    let base = if registers.fs_base >> 47 == 0 { registers.fs_base } else { 0 };
    // SAFETY: FS is ring 3's alone, and the base is canonical.
    unsafe { msr::write(msr::FS_BASE, base) };
}
