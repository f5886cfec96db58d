//! Control and debug registers that the guest reads or writes with an exit.

use super::attention::ATTENTION_DELIVER;
use super::decode::{self, Register, SystemForm, SystemMove, Width};
use super::fetch::Kind;
use super::hardware::{Event, Segment, VirtualCpu};
use super::processor::Vcpu;
use super::run::Outcome;
use super::validate::{self, ControlState};
use crate::machine::{ExtendedState, Machine};
use abi::{ExitKind, GPR_RAX, GPR_RCX, GPR_RDX};
use spec::control::{
    CR0_TS, CR4_DE, CR4_OSXSAVE, DR6_BD, DR6_FIXED, DR6_WRITABLE, DR7_FIXED, DR7_GD, DR7_WRITABLE,
};

/// A register operand and where the next instruction is.
struct Operand {
    register: usize,
    form: SystemForm,
    next_rip: u64,
}

impl<M: Machine, V: VirtualCpu<M>> Vcpu<M, V> {
    pub(super) fn read_control(&mut self, control: u8, register: Option<u8>) -> Option<Outcome> {
        let Some(operand) = self.system_operand(register) else {
            return Some(self.emulate(u64::from(control)));
        };
        let value = match control {
            0 => self.hardware.cr0(),
            2 => self.hardware.cr2(),
            3 => self.hardware.cr3(),
            4 => self.hardware.cr4(),
            8 => u64::from(self.hardware.cr8()),
            _ => return self.fault(Event::UNDEFINED),
        };
        if let SystemForm::StoreStatusWord(size) = operand.form {
            let register = Register { index: operand.register as u8, is_high: false };
            self.set_operand(register, size, value);
        } else {
            let mask = if self.width() == Width::Bits64 { u64::MAX } else { 0xffff_ffff };
            self.set_gpr(operand.register, value & mask);
        }
        self.skip_to(operand.next_rip);
        None
    }

    pub(super) fn write_control(&mut self, control: u8, register: Option<u8>) -> Option<Outcome> {
        let Some(operand) = self.system_operand(register) else {
            return Some(self.emulate(0x10 | u64::from(control)));
        };
        let mask = if self.width() == Width::Bits64 { u64::MAX } else { 0xffff_ffff };
        let mut value = self.gpr(operand.register) & mask;
        let old = self.hardware.cr0();
        match operand.form {
            // LMSW changes PE, MP, EM and TS, and cannot clear PE (AMD APM vol. 3, LMSW).
            SystemForm::LoadStatusWord => value = old & !0xe | value & 0xf,
            SystemForm::ClearTaskSwitched => value = old & !CR0_TS,
            SystemForm::Whole | SystemForm::StoreStatusWord(_) => {}
        }
        let is_done = match control {
            0 => self.write_cr0(value),
            4 => self.write_cr4(value),
            8 => self.write_cr8(value),
            _ => return self.fault(Event::UNDEFINED),
        };
        if !is_done {
            return self.fault(Event::PROTECTION);
        }
        self.skip_to(operand.next_rip);
        None
    }

    fn write_cr0(&mut self, value: u64) -> bool {
        let state = self.control_state();
        let Some((cr0, efer)) = validate::next_cr0(state, value) else { return false };
        self.hardware.set_cr0(cr0);
        if efer != state.efer {
            self.hardware.set_efer(efer);
        }
        // AMD APM vol. 2, 15.16: translations made under the old paging mode must not live on.
        self.hardware.flush_tlb();
        true
    }

    fn write_cr4(&mut self, value: u64) -> bool {
        if !validate::is_cr4_valid(self.facts.cr4_valid, self.control_state(), value) {
            return false;
        }
        self.hardware.set_cr4(value);
        self.hardware.flush_tlb();
        true
    }

    fn write_cr8(&mut self, value: u64) -> bool {
        if value > 15 {
            return false;
        }
        // Both copies change, so that what the guest takes until the next exit fits both.
        self.hardware.set_cr8(value as u8);
        self.attention |= ATTENTION_DELIVER;
        true
    }

    /// The registers that the rules for control registers look at.
    pub(super) fn control_state(&self) -> ControlState {
        ControlState {
            cr0: self.hardware.cr0(),
            cr3: self.hardware.cr3(),
            cr4: self.hardware.cr4(),
            efer: self.hardware.efer(),
            code_attributes: self.hardware.segment(Segment::Cs).attributes,
        }
    }

    pub(super) fn read_debug(&mut self, debug: u8, register: Option<u8>) -> Option<Outcome> {
        let Some(debug) = self.debug_index(debug) else { return self.fault(Event::UNDEFINED) };
        if self.detects_debug_access() {
            return None;
        }
        let Some(operand) = self.system_operand(register) else {
            return Some(self.emulate(0x20 | u64::from(debug)));
        };
        let value = self.hardware.debug(debug);
        self.set_gpr(operand.register, value);
        self.skip_to(operand.next_rip);
        None
    }

    pub(super) fn write_debug(&mut self, debug: u8, register: Option<u8>) -> Option<Outcome> {
        let Some(debug) = self.debug_index(debug) else { return self.fault(Event::UNDEFINED) };
        if self.detects_debug_access() {
            return None;
        }
        let Some(operand) = self.system_operand(register) else {
            return Some(self.emulate(0x30 | u64::from(debug)));
        };
        let mask = if self.width() == Width::Bits64 { u64::MAX } else { 0xffff_ffff };
        let value = self.gpr(operand.register) & mask;
        if debug >= 6 && value >> 32 != 0 {
            return self.fault(Event::PROTECTION);
        }
        self.hardware.set_debug(debug, fixed_debug(debug, value));
        self.skip_to(operand.next_rip);
        None
    }

    /// With DR7.GD, which the exit comes before: #DB instead of the access (Intel SDM vol. 3, 18.2.4).
    fn detects_debug_access(&mut self) -> bool {
        let control = self.hardware.debug(7);
        if control & DR7_GD == 0 {
            return false;
        }
        let status = self.hardware.debug(6) | DR6_BD;
        self.hardware.set_debug(6, status);
        self.hardware.set_debug(7, control & !DR7_GD);
        self.raise(Event::exception(1, None));
        true
    }

    /// DR4 and DR5 are DR6 and DR7, or do not exist with CR4.DE.
    fn debug_index(&self, debug: u8) -> Option<u8> {
        match debug {
            4 | 5 if self.hardware.cr4() & CR4_DE != 0 => None,
            4 | 5 => Some(debug + 2),
            0..=7 => Some(debug),
            _ => None,
        }
    }

    /// XSETBV.
    pub(super) fn write_xcr(&mut self) -> Option<Outcome> {
        if self.hardware.cr4() & CR4_OSXSAVE == 0 {
            return self.fault(Event::UNDEFINED);
        }
        let value = self.gpr(GPR_RDX) << 32 | self.gpr(GPR_RAX) & 0xffff_ffff;
        let valid = self.facts.xcr0_valid & self.cpuid.xcr0();
        let is_named = self.gpr(GPR_RCX) as u32 == 0;
        if self.hardware.cpl() != 0 || !is_named || !validate::is_xcr0_valid(valid, value) {
            return self.fault(Event::PROTECTION);
        }
        // The guest's state is on the processor: it is taken off under the old mask and put back under the new.
        self.extended.save();
        self.extended.set_xcr0(value);
        self.extended.load();
        self.cpuid.set_xcr0(value);
        self.skip(Kind::Other, &[0x0f, 0x01, 0xd1])
    }

    /// The operand of the instruction at RIP. With `register` from the hardware only the length is
    /// missing, which the hardware then gives too. `None`: it has none, or cannot be read.
    fn system_operand(&mut self, register: Option<u8>) -> Option<Operand> {
        if let (Some(register), Some(next_rip)) = (register, self.hardware.next_rip()) {
            return Some(Operand { register: usize::from(register & 15), form: SystemForm::Whole, next_rip });
        }
        let fetched = self.fetch();
        let SystemMove { register, form, length } = decode::system_move(fetched.bytes(), self.width())?;
        let next_rip = self.wrap_rip(self.hardware.rip().wrapping_add(u64::from(length)));
        Some(Operand { register: usize::from(register & 15), form, next_rip })
    }

    /// The emulator has to do it.
    fn emulate(&mut self, reason: u64) -> Outcome {
        self.leave(ExitKind::Emulate, [reason, 0, 0, 0])
    }
}

/// The value that a debug register takes when `value` is written to it.
pub(super) fn fixed_debug(index: u8, value: u64) -> u64 {
    match index {
        6 => value & DR6_WRITABLE | DR6_FIXED,
        7 => value & DR7_WRITABLE | DR7_FIXED,
        _ => value,
    }
}
