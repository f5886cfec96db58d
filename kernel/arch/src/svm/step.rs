//! Running single instructions.
//!
//! A step sets TF for one entry and takes the #DB that follows for itself. It is needed where an
//! event must wait for exactly one instruction: an NMI for the IRET of the previous one, and, on
//! a processor that forgets the interrupt shadow of a guest when it exits, an interrupt for the
//! instruction after STI or MOV SS.

use spec::control::{DR6_BS, RFLAGS_TF};
use spec::svm::{V_IRQ, Vmcb, exit};

/// What the next entry does beyond running the guest.
#[derive(Clone, Copy, Default)]
pub(super) struct Step {
    /// The run loop wants to know when one instruction is over.
    pub(super) is_wanted: bool,
    /// The entry is for one instruction.
    is_stepping: bool,
    /// The guest was in an interrupt shadow.
    is_in_shadow: bool,
    /// The virtual interrupt was held back.
    is_holding: bool,
    /// TF as the guest has it.
    had_trap: bool,
    /// RIP at the entry.
    rip: u64,
}

/// What became of a step.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stepped {
    /// The exit has nothing to do with it.
    No,
    /// The step was only for the shadow: enter again.
    InShadow,
    /// The wanted step is over.
    Yes,
}

impl Step {
    /// Before an entry that may be a step. `forgets_shadow`: the processor does.
    pub(super) fn begin(&mut self, vmcb: &mut Vmcb, forgets_shadow: bool) {
        self.is_in_shadow = forgets_shadow && vmcb.control.shadow & 1 != 0;
        self.is_holding = self.is_in_shadow && vmcb.control.virtual_interrupt & V_IRQ != 0;
        self.is_stepping = self.is_wanted || self.is_holding;
        if !self.is_stepping {
            return;
        }
        if self.is_holding {
            vmcb.control.virtual_interrupt &= !V_IRQ;
            vmcb.control.clean = 0;
        }
        self.had_trap = vmcb.save.rflags & RFLAGS_TF != 0;
        self.rip = vmcb.save.rip;
        vmcb.save.rflags |= RFLAGS_TF;
    }

    /// After the exit.
    pub(super) fn end(&mut self, vmcb: &mut Vmcb) -> Stepped {
        if !self.is_stepping {
            return Stepped::No;
        }
        if self.is_holding {
            vmcb.control.virtual_interrupt |= V_IRQ;
            vmcb.control.clean = 0;
        }
        if !self.had_trap {
            vmcb.save.rflags &= !RFLAGS_TF;
        }
        let is_trap = vmcb.control.exit_code == exit::EXCEPTION_DEBUG && vmcb.save.dr6 & DR6_BS != 0;
        if self.is_in_shadow && !is_trap && vmcb.save.rip == self.rip {
            // The instruction has not run: its shadow still counts.
            vmcb.control.shadow |= 1;
        }
        if !is_trap || self.had_trap {
            return Stepped::No;
        }
        vmcb.save.dr6 &= !DR6_BS;
        vmcb.control.clean = 0;
        match core::mem::take(&mut self.is_wanted) {
            true => Stepped::Yes,
            false => Stepped::InShadow,
        }
    }
}
