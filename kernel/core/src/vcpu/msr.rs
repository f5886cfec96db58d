//! Model-specific registers of the processor.

use super::attention::{ATTENTION_DELIVER, ATTENTION_NEWS, ATTENTION_TIMER};
use super::fetch::Kind;
use super::hardware::{Event, VirtualCpu};
use super::kept::is_kept_register;
use super::lapic::{Effect, Lapic, Mode};
use super::processor::Vcpu;
use super::run::Outcome;
use super::{message, validate};
use crate::machine::Machine;
use abi::{Error, ExitCounter, GPR_RAX, GPR_RCX, GPR_RDX};
use spec::apic::{X2APIC_COMMAND_MSR, X2APIC_EOI_MSR, X2APIC_FIRST_MSR, X2APIC_ID_MSR, X2APIC_LAST_MSR};
use spec::msr;

/// The answer to RDMSR.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Read {
    /// This.
    Value(u64),
    /// #GP(0).
    Fault,
    /// Ring 0 does not know the register.
    Unknown,
}

/// The answer to WRMSR.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Write {
    /// Done.
    Done,
    /// #GP(0).
    Fault,
    /// Ring 0 does not know the register.
    Unknown,
}

/// What AMD processors say of themselves: TSC at constant rate (bit 24).
const HWCR_VALUE: u64 = 1 << 24;
/// A revision that no kernel finds too old.
const PATCH_LEVEL_VALUE: u64 = 0x0100_0065 << 32;
/// LFENCE serialises.
const DE_CFG_VALUE: u64 = 1 << 1;

impl<M: Machine, V: VirtualCpu<M>> Vcpu<M, V> {
    #[inline(always)]
    pub(super) fn exit_read_msr(&mut self) -> Option<Outcome> {
        self.shared.count(ExitCounter::Msr);
        let number = self.gpr(GPR_RCX) as u32;
        if number == X2APIC_ID_MSR && self.lapic.mode() == Mode::X2apic {
            self.set_gpr(GPR_RAX, u64::from(self.lapic.id()));
            self.set_gpr(GPR_RDX, 0);
            return self.skip(Kind::ReadMsr, &[0x0f, 0x32]);
        }
        let value = match self.read_msr(number) {
            Read::Value(value) => value,
            Read::Fault => return self.fault(Event::PROTECTION),
            Read::Unknown => return Some(self.leave_for_msr(number, None)),
        };
        self.set_gpr(GPR_RAX, value & 0xffff_ffff);
        self.set_gpr(GPR_RDX, value >> 32);
        self.skip(Kind::ReadMsr, &[0x0f, 0x32])
    }

    #[inline(always)]
    pub(super) fn exit_write_msr(&mut self) -> Option<Outcome> {
        self.shared.count(ExitCounter::Msr);
        let number = self.gpr(GPR_RCX) as u32;
        if number == X2APIC_EOI_MSR {
            return self.exit_eoi();
        }
        let value = self.gpr(GPR_RDX) << 32 | self.gpr(GPR_RAX) & 0xffff_ffff;
        if (X2APIC_FIRST_MSR..=X2APIC_LAST_MSR).contains(&number) {
            return self.write_apic_msr(number, value);
        }
        match self.write_msr(number, value) {
            Write::Done => self.skip(Kind::WriteMsr, &[0x0f, 0x30]),
            Write::Fault => self.fault(Event::PROTECTION),
            Write::Unknown => Some(self.leave_for_msr(number, Some(value))),
        }
    }

    /// The end of an interrupt in x2APIC mode, the most frequent write of all. Often it ends nothing that is known
    /// here: a spurious interrupt, or one that the hardware ended.
    #[inline(always)]
    fn exit_eoi(&mut self) -> Option<Outcome> {
        if (self.gpr(GPR_RAX) | self.gpr(GPR_RDX)) as u32 != 0 || self.lapic.mode() != Mode::X2apic {
            return self.fault(Event::PROTECTION);
        }
        self.skip(Kind::EndOfInterrupt, &[0x0f, 0x30]);
        if self.offered.is_none() && !self.lapic.is_serving() && !self.is_kept {
            return None;
        }
        self.end_interrupt()
    }

    /// Ends the interrupt in service.
    #[inline(never)]
    pub(super) fn end_interrupt(&mut self) -> Option<Outcome> {
        if self.is_kept {
            self.recall();
        }
        self.sync_offer();
        let effect = self.lapic.acknowledge();
        if effect == (Effect::Acknowledged { level: None }) && self.lapic.is_quiet() {
            return None;
        }
        self.apply(effect)
    }

    /// Another write to the local APIC.
    #[inline(never)]
    fn write_apic_msr(&mut self, number: u32, value: u64) -> Option<Outcome> {
        if number == X2APIC_COMMAND_MSR
            && let Some(target) = self.lapic.command_to_another(value)
        {
            self.skip(Kind::WriteMsr, &[0x0f, 0x30]);
            if let Some(vcpu) = self.guest.vcpu(target) {
                message::post_fixed(vcpu, value as u8);
                self.attention |= ATTENTION_NEWS;
            }
            return None;
        }
        if !self.is_kept || is_kept_register(number) {
            self.sync_lapic();
        }
        if number == X2APIC_COMMAND_MSR
            && let Some(vector) = self.lapic.command_to_itself(value)
        {
            self.skip(Kind::WriteMsr, &[0x0f, 0x30]);
            self.offer_requested(vector);
            return None;
        }
        let effect = self.lapic.write_msr(number, value, || M::ticks_to_ns(M::ticks()));
        if effect == Effect::Fault {
            return self.fault(Event::PROTECTION);
        }
        self.skip(Kind::WriteMsr, &[0x0f, 0x30]);
        self.apply(effect)
    }

    /// Reads an MSR for the guest or for saving its state.
    pub(super) fn read_msr(&mut self, number: u32) -> Read {
        let value = match number {
            X2APIC_FIRST_MSR..=X2APIC_LAST_MSR => {
                if Lapic::is_live(number) {
                    self.sync_lapic();
                }
                match self.lapic.read_msr(number, || M::ticks_to_ns(M::ticks())) {
                    Some(value) => value,
                    None => return Read::Fault,
                }
            }
            msr::APIC_BASE => self.lapic.base(),
            msr::EFER => self.hardware.efer(),
            msr::TSC => self.guest_tsc(),
            msr::TSC_ADJUST => self.tsc_adjust,
            msr::TSC_DEADLINE => self.lapic.tsc_deadline(),
            msr::MCG_CAP | msr::MCG_STATUS | msr::DEBUG_CTL | msr::SYSCFG => 0,
            msr::MISC_ENABLE => 1,
            msr::HWCR => HWCR_VALUE,
            msr::PATCH_LEVEL => PATCH_LEVEL_VALUE,
            msr::DE_CFG => DE_CFG_VALUE,
            msr::VM_CR => msr::VM_CR_SVMDIS,
            msr::XSS if self.has_xsaves() => 0,
            msr::MCG_CTL | msr::VM_HSAVE_PA => return Read::Fault,
            _ => match self.hardware.msr(number).or_else(|| self.memory_types.read(number)) {
                Some(value) => value,
                None => return Read::Unknown,
            },
        };
        Read::Value(value)
    }

    /// Writes an MSR for the guest or from saved state.
    pub(super) fn write_msr(&mut self, number: u32, value: u64) -> Write {
        let is_done = match number {
            msr::APIC_BASE => return self.write_apic_base(value),
            msr::EFER => return self.write_efer(value),
            msr::TSC => self.write_tsc(value),
            msr::TSC_ADJUST => self.write_tsc_adjust(value),
            msr::TSC_DEADLINE => self.write_tsc_deadline(value),
            // What these would switch on does not exist here; kernels write back what they read.
            msr::MCG_STATUS => value == 0,
            // There are no supervisor components.
            msr::XSS if self.has_xsaves() => value == 0,
            msr::DEBUG_CTL
            | msr::MISC_ENABLE
            | msr::HWCR
            | msr::PATCH_LEVEL
            | msr::DE_CFG
            | msr::SYSCFG
            | msr::VM_CR => true,
            msr::MCG_CAP | msr::MCG_CTL | msr::VM_HSAVE_PA => false,
            _ => return self.write_held_msr(number, value),
        };
        if is_done { Write::Done } else { Write::Fault }
    }

    fn write_held_msr(&mut self, number: u32, value: u64) -> Write {
        if self.hardware.msr(number).is_some() {
            if !validate::is_msr_valid(&self.facts, number, value) {
                return Write::Fault;
            }
            return self.hardware.set_msr(number, value).map_or(Write::Unknown, |()| Write::Done);
        }
        match self.memory_types.write(number, value, self.facts.physical_bits) {
            Some(true) => Write::Done,
            Some(false) => Write::Fault,
            None => Write::Unknown,
        }
    }

    fn write_apic_base(&mut self, value: u64) -> Write {
        self.sync_lapic();
        let has_x2apic = self.cpuid.has_x2apic();
        match self.lapic.write_base(value, has_x2apic) {
            Effect::Fault => Write::Fault,
            _ => {
                self.publish_addressing();
                Write::Done
            }
        }
    }

    fn write_efer(&mut self, value: u64) -> Write {
        let old = self.hardware.efer();
        let Some(new) = validate::next_efer(self.facts.efer_valid, self.hardware.cr0(), old, value) else {
            return Write::Fault;
        };
        if new != old {
            self.hardware.set_efer(new);
            self.hardware.flush_tlb();
        }
        Write::Done
    }

    fn write_tsc(&mut self, value: u64) -> bool {
        let delta = value.wrapping_sub(self.guest_tsc());
        self.tsc_adjust = self.tsc_adjust.wrapping_add(delta);
        self.set_tsc_offset(self.tsc.offset().wrapping_add(delta));
        true
    }

    fn write_tsc_adjust(&mut self, value: u64) -> bool {
        let delta = value.wrapping_sub(self.tsc_adjust);
        self.tsc_adjust = value;
        self.set_tsc_offset(self.tsc.offset().wrapping_add(delta));
        true
    }

    fn write_tsc_deadline(&mut self, value: u64) -> bool {
        if !self.is_kept {
            self.sync_lapic();
        }
        let effect = self.lapic.write_tsc_deadline(value);
        if effect == Effect::Timer {
            self.attention |= ATTENTION_TIMER | ATTENTION_DELIVER;
        }
        true
    }

    /// Sets what is added to the host's counter at the guest's rate; a TSC deadline moves with it.
    pub(super) fn set_tsc_offset(&mut self, offset: u64) {
        self.tsc.set_offset(offset);
        self.hardware.set_tsc_offset(offset);
        self.attention |= ATTENTION_TIMER;
    }

    /// Sets the ticks per second of the guest's counter.
    pub(super) fn set_tsc_rate(&mut self, rate_hz: u64) -> Result<(), Error> {
        self.tsc.set_rate(rate_hz, M::system_info().tsc_hz)?;
        if self.facts.tsc_fraction_bits != 0 {
            self.hardware.set_tsc_multiplier(self.tsc.multiplier());
        }
        self.attention |= ATTENTION_TIMER;
        Ok(())
    }
}
