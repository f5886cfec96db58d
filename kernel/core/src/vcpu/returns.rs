//! The way back to ring 3, and what the VMM changes before it comes back.

use super::attention::ATTENTION_DELIVER;
use super::fetch::Kind;
use super::hardware::{Event, Segment, VirtualCpu};
use super::processor::Vcpu;
use super::run::Outcome;
use crate::machine::Machine;
use abi::{ExitKind, Injection, TaskSwitchCause, WritebackFlags};
use core::sync::atomic::Ordering::Relaxed;
use spec::control::{RFLAGS_FIXED, RFLAGS_VALID};

/// Reason of [`ExitKind::Failed`]: no memory for the page at the guest-physical address in the qualification.
pub(super) const FAILED_NO_MEMORY: u64 = 0x434f_0001;

impl<M: Machine, V: VirtualCpu<M>> Vcpu<M, V> {
    /// Fills the page for the VMM.
    #[inline]
    pub(super) fn leave(&mut self, kind: ExitKind, detail: [u64; 4]) -> Outcome {
        self.shared.count_return();
        let (page, hardware) = (self.page, &self.hardware);
        page.exit_kind.store(kind as u32, Relaxed);
        for (word, value) in page.detail.iter().zip(detail) {
            word.store(value, Relaxed);
        }
        page.rip.store(hardware.rip(), Relaxed);
        page.rflags.store(hardware.rflags(), Relaxed);
        page.cr0.store(hardware.cr0(), Relaxed);
        page.cr3.store(hardware.cr3(), Relaxed);
        page.cr4.store(hardware.cr4(), Relaxed);
        page.efer.store(hardware.efer(), Relaxed);
        for (word, segment) in page.segment_base.iter().zip(Segment::PROGRAM) {
            word.store(hardware.segment_base(segment), Relaxed);
        }
        page.cs_attributes.store(u32::from(hardware.segment(Segment::Cs).attributes), Relaxed);
        page.cpl.store(u32::from(hardware.cpl()), Relaxed);
        self.offer_bytes(kind);
        Outcome::Return
    }

    /// Leaves for an MSR that only the VMM knows. RIP stays at the instruction.
    pub(super) fn leave_for_msr(&mut self, number: u32, written: Option<u64>) -> Outcome {
        let opcode: &[u8] = if written.is_some() { &[0x0f, 0x30] } else { &[0x0f, 0x32] };
        let next = self.next_rip(Kind::Other, opcode);
        let flags = u64::from(written.is_some());
        self.leave(ExitKind::Msr, [u64::from(number), flags, written.unwrap_or(0), next])
    }

    /// Leaves for a task switch. The event that caused it stays to be delivered: the VMM takes it from the state, or a
    /// fault in switching joins it.
    pub(super) fn leave_for_task(&mut self, selector: u16, cause: TaskSwitchCause) -> Outcome {
        let (cause, event) = match (cause, self.hardware.injection()) {
            (TaskSwitchCause::Event, None) => (TaskSwitchCause::SoftwareInterrupt, None),
            (TaskSwitchCause::Event, event) => (cause, event),
            _ => (cause, None),
        };
        let error_code = event.and_then(|event| event.error_code).map_or(0, |code| 1 << 32 | u64::from(code));
        self.leave(ExitKind::TaskSwitch, [u64::from(selector), cause as u64, error_code, 0])
    }

    #[inline]
    fn offer_bytes(&self, kind: ExitKind) {
        let bytes = if kind == ExitKind::Mmio { self.hardware.instruction_bytes() } else { None };
        let (count, words) = bytes.unwrap_or((0, [0; 2]));
        self.page.instruction_bytes.store(count, Relaxed);
        if count != 0 {
            self.page.instruction[0].store(words[0], Relaxed);
            self.page.instruction[1].store(words[1], Relaxed);
        }
    }

    /// Takes over what the VMM changed.
    #[inline(always)]
    pub(super) fn take_writeback(&mut self) {
        let flags = self.page.writeback.load(Relaxed);
        if flags != 0 {
            self.page.writeback.store(0, Relaxed);
            self.apply_writeback(WritebackFlags::from_bits_truncate(flags));
        }
    }

    #[inline(never)]
    fn apply_writeback(&mut self, flags: WritebackFlags) {
        if flags.contains(WritebackFlags::RIP) {
            // The VMM carried an instruction out.
            self.skip_to(self.page.rip.load(Relaxed));
        }
        if flags.contains(WritebackFlags::RFLAGS) {
            let rflags = self.page.rflags.load(Relaxed) & RFLAGS_VALID | RFLAGS_FIXED;
            self.hardware.set_rflags(rflags);
            self.attention |= ATTENTION_DELIVER;
        }
        if flags.contains(WritebackFlags::INJECT)
            && let Some(injection) = Injection::unpack(self.page.inject.load(Relaxed))
        {
            self.inject_for_vmm(injection);
        }
    }

    fn inject_for_vmm(&mut self, injection: Injection) {
        match injection {
            Injection::External { vector } => self.acknowledge_external(vector),
            Injection::Exception { vector: 2, .. } => {
                self.is_nmi_pending = true;
                self.attention |= ATTENTION_DELIVER;
            }
            Injection::Exception { vector, error_code } => {
                if vector == 14 {
                    self.hardware.set_cr2(self.page.inject_address.load(Relaxed));
                }
                self.raise(Event::exception(vector, error_code.map(u32::from)));
            }
        }
    }
}
