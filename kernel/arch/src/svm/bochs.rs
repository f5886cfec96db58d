//! What Bochs' AMD-V gets wrong (seen with 2.7), and what makes up for it: pure, so that it is tested on Linux.
//!
//! - A step that is due when a guest exits is taken by the host instead, at its first instruction (`svm.cc`, `Svm_Vmexit`
//!   leaves `debug_trap` standing, which VT-x' exits clear): `trap::stubs` forgets it.
//! - An exit for a debug exception comes before DR6 and DR7 say why (`exception.cc`, after `SvmInterceptException`):
//!   [`debug_registers`].
//! - VMRUN leaves a virtual interrupt masked until the guest's IF changes (`VMRUN` sets `in_svm_guest` after the flags, and
//!   only `handleInterruptMaskChange` in a guest unmasks): [`may_take`] says when to inject it instead. In the same way host interrupts do
//!   not end a guest that is entered with IF = 0 until it sets IF; nothing makes up for that.
//! - VMRUN reads CR2 from the control block and forgets it: `entry` loads it itself.
//! - There is no exit for a shutdown: a guest's triple fault ends the emulator.

use spec::control::{DR6_BD, DR6_BS, DR7_ENABLES, DR7_GD, RFLAGS_IF, RFLAGS_TF};
use spec::svm::{V_IGNORE_PRIORITY, V_IRQ, V_PRIORITY, V_PRIORITY_SHIFT};

/// DR6 and DR7 as a debug exception would have left them, from what they were before. Which of several breakpoints it was
/// cannot be known.
pub fn debug_registers(dr6: u64, dr7: u64, rflags: u64) -> (u64, u64) {
    if dr7 & DR7_GD != 0 {
        return (dr6 | DR6_BD, dr7 & !DR7_GD);
    }
    // The step that ends TF comes with TF off.
    let is_step = rflags & RFLAGS_TF != 0 || dr7 & DR7_ENABLES == 0;
    (dr6 | if is_step { DR6_BS } else { only_breakpoint(dr7) }, dr7)
}

/// The bit in DR6 of the breakpoint that is on, if it is one alone.
fn only_breakpoint(dr7: u64) -> u64 {
    // Two bits each: local and global.
    let bits =
        (0..4).filter(|number| dr7 >> (2 * number) & 3 != 0).fold(0, |bits, number| bits | 1 << number);
    if u64::is_power_of_two(bits) { bits } else { 0 }
}

/// Whether a virtual interrupt waits that the guest takes before its next instruction.
pub fn may_take(virtual_interrupt: u32, rflags: u64, has_shadow: bool, has_event: bool) -> bool {
    let priority = (virtual_interrupt & V_PRIORITY) >> V_PRIORITY_SHIFT;
    let is_high = priority > virtual_interrupt & 0xf;
    // One that is on its way whatever its priority only watches for the window.
    let is_offer = virtual_interrupt & V_IRQ != 0 && virtual_interrupt & V_IGNORE_PRIORITY == 0;
    is_offer && is_high && rflags & RFLAGS_IF != 0 && !has_shadow && !has_event
}

#[cfg(test)]
mod tests {
    use super::*;
    use spec::control::{DR6_FIXED, DR7_FIXED};

    #[test]
    fn a_step_is_told_from_an_access_to_debug_registers() {
        let step = debug_registers(DR6_FIXED, DR7_FIXED, RFLAGS_TF);
        assert_eq!(step, (DR6_FIXED | DR6_BS, DR7_FIXED));
        assert_eq!(debug_registers(DR6_FIXED, DR7_FIXED, 0), (DR6_FIXED | DR6_BS, DR7_FIXED));
        let access = debug_registers(DR6_FIXED, DR7_FIXED | DR7_GD, 0);
        assert_eq!(access, (DR6_FIXED | DR6_BD, DR7_FIXED));
    }

    #[test]
    fn a_breakpoint_is_known_if_no_other_is_on() {
        let status = |enables| debug_registers(DR6_FIXED, DR7_FIXED | enables, 0).0;
        assert_eq!(status(0b11), DR6_FIXED | 1);
        assert_eq!(status(0b10 << 4), DR6_FIXED | 1 << 2);
        assert_eq!(status(0b1111), DR6_FIXED);
    }

    #[test]
    fn an_interrupt_is_taken_when_nothing_is_in_its_way() {
        let offered = V_IRQ | 3 << V_PRIORITY_SHIFT | 2;
        assert!(may_take(offered, RFLAGS_IF, false, false));
        assert!(!may_take(offered, 0, false, false));
        assert!(!may_take(offered, RFLAGS_IF, true, false));
        assert!(!may_take(offered, RFLAGS_IF, false, true));
        assert!(!may_take(offered & !V_IRQ, RFLAGS_IF, false, false));
        assert!(!may_take(offered | 3, RFLAGS_IF, false, false));
        assert!(!may_take(offered | V_IGNORE_PRIORITY, RFLAGS_IF, false, false));
    }
}
