//! What ring 0 does for each exit.

use super::attention::{ATTENTION_DELIVER, ATTENTION_IDLE, ATTENTION_NEWS, Activity};
use super::decode::{Move, Register, Source};
use super::fetch::Kind;
use super::hardware::{Event, Exit, MemoryAccess, PortAccess, VirtualCpu};
use super::processor::Vcpu;
use super::returns::FAILED_NO_MEMORY;
use super::run::Outcome;
use crate::machine::Machine;
use crate::memory::{Access, FaultError};
use abi::{DoorbellKind, ExitCounter, ExitKind, GPR_RAX};
use base_units::Gpa;

impl<M: Machine, V: VirtualCpu<M>> Vcpu<M, V> {
    /// A host interrupt: the thread takes it.
    #[inline]
    pub(super) fn exit_interrupt(&mut self) -> Option<Outcome> {
        self.shared.count(ExitCounter::Interrupt);
        Some(Outcome::Interrupted)
    }

    #[inline(always)]
    pub(super) fn exit_cpuid(&mut self) -> Option<Outcome> {
        self.shared.count(ExitCounter::Cpuid);
        self.answer_cpuid();
        self.skip(Kind::Other, &[0x0f, 0xa2])
    }

    pub(super) fn exit_halt(&mut self) -> Option<Outcome> {
        self.shared.count(ExitCounter::Halt);
        self.skip(Kind::Halt, &[0xf4]);
        self.sync_offer();
        if self.can_take_offer() {
            // It halted in the interrupt shadow of STI: the interrupt on offer ends the halt at once.
            return None;
        }
        self.activity = Activity::Halted;
        self.is_halt_reported = false;
        let is_quiet = self.lapic.is_quiet() && !self.is_nmi_pending && !self.has_external();
        self.attention |= ATTENTION_IDLE | if is_quiet { 0 } else { ATTENTION_DELIVER };
        None
    }

    /// A port: a doorbell, or the VMM's business.
    #[inline(always)]
    pub(super) fn exit_port(&mut self, access: PortAccess) -> Option<Outcome> {
        if access.is_string {
            self.shared.count(ExitCounter::Port);
            return Some(self.leave_for_port(access));
        }
        if !access.is_input && self.guest.doorbells(DoorbellKind::Port).ring(u64::from(access.port)) {
            self.shared.count(ExitCounter::Doorbell);
            self.attention |= ATTENTION_NEWS;
            self.skip_to(access.next_rip);
            return None;
        }
        self.shared.count(ExitCounter::Port);
        self.skip_to(access.next_rip);
        Some(self.leave_for_port(access))
    }

    /// The VMM does a port access; RIP is past plain IN and OUT already.
    #[inline]
    fn leave_for_port(&mut self, access: PortAccess) -> Outcome {
        let flags = u64::from(access.size)
            | u64::from(access.is_input) << 8
            | u64::from(access.is_string) << 9
            | u64::from(access.is_repeated) << 10;
        let mask = u64::MAX >> (64 - 8 * u32::from(access.size.clamp(1, 4)));
        let value = if access.is_input { 0 } else { self.gpr(GPR_RAX) & mask };
        self.leave(ExitKind::Port, [u64::from(access.port), flags, value, 0])
    }

    /// A guest-physical access that the nested tables stopped.
    #[inline]
    pub(super) fn exit_memory(&mut self, gpa: Gpa, access: MemoryAccess) -> Option<Outcome> {
        if self.lapic.has_page_at(gpa.raw()) {
            return self.exit_apic_page(gpa, access);
        }
        self.resolve_fault(gpa, access)
    }

    /// A doorbell, a page to be made, or a device.
    fn resolve_fault(&mut self, gpa: Gpa, access: MemoryAccess) -> Option<Outcome> {
        if access == MemoryAccess::Write
            && self.guest.doorbells(DoorbellKind::Memory).is_listed(gpa.raw())
            && self.ring_memory_doorbell(gpa)
        {
            self.shared.count(ExitCounter::Doorbell);
            return None;
        }
        let (wanted, kind) = match access {
            MemoryAccess::Read => (Access::Read, 0),
            MemoryAccess::Write => (Access::Write, 1),
            MemoryAccess::Fetch => (Access::Execute, 2),
        };
        match self.space.fault(gpa, wanted) {
            Ok(()) => {
                self.shared.count(ExitCounter::Memory);
                None
            }
            Err(FaultError::Unmapped | FaultError::Denied) => {
                self.shared.count(ExitCounter::Mmio);
                Some(self.leave(ExitKind::Mmio, [gpa.raw(), kind, 0, 0]))
            }
            Err(FaultError::NoMemory) => {
                Some(self.leave(ExitKind::Failed, [FAILED_NO_MEMORY, gpa.raw(), 0, 0]))
            }
        }
    }

    /// Rings the doorbell at `gpa` if the instruction is a plain store; others are for the emulator.
    fn ring_memory_doorbell(&mut self, gpa: Gpa) -> bool {
        let Ok(Some(decoded)) = self.decode_move() else { return false };
        if !matches!(decoded.operation, Move::Store(_)) {
            return false;
        }
        self.guest.doorbells(DoorbellKind::Memory).ring(gpa.raw());
        self.attention |= ATTENTION_NEWS;
        let next = self.hardware.rip().wrapping_add(u64::from(decoded.length));
        self.skip_to(self.wrap_rip(next));
        true
    }

    /// Everything that is not on a hot path.
    #[cold]
    pub(super) fn handle_rare(&mut self, exit: Exit) -> Option<Outcome> {
        let counter = match exit {
            Exit::Undefined | Exit::Refused => ExitCounter::Fault,
            Exit::InterruptWindow | Exit::NmiWindow | Exit::NmiEnded | Exit::Stepped => ExitCounter::Window,
            Exit::EndOfInterrupt { .. } => ExitCounter::Apic,
            Exit::Pause => ExitCounter::Pause,
            _ => ExitCounter::Other,
        };
        self.shared.count(counter);
        match exit {
            Exit::ReadControl { control, register } => self.read_control(control, register),
            Exit::WriteControl { control, register } => self.write_control(control, register),
            Exit::ReadDebug { debug, register } => self.read_debug(debug, register),
            Exit::WriteDebug { debug, register } => self.write_debug(debug, register),
            Exit::Xsetbv => self.write_xcr(),
            Exit::CacheFlush { opcode } => self.skip(Kind::Other, &[0x0f, opcode]),
            Exit::Undefined => self.fault(Event::UNDEFINED),
            Exit::Refused => self.fault(Event::PROTECTION),
            Exit::Pause => {
                self.skip(Kind::Other, &[0xf3, 0x90]);
                Some(Outcome::Yield)
            }
            Exit::InterruptWindow => self.open_window(),
            Exit::NmiWindow => self.end_nmi(),
            Exit::NmiEnded => self.nmi_ended(),
            Exit::Stepped => self.stepped(),
            Exit::EndOfInterrupt { vector } => self.end_kept(vector),
            Exit::Exception { vector, error_code } => self.fault(Event::exception(vector, error_code)),
            Exit::Shutdown => {
                self.shut_down();
                None
            }
            Exit::TaskSwitch { selector, cause } => Some(self.leave_for_task(selector, cause)),
            Exit::Failed { reason, qualification } => {
                Some(self.leave(ExitKind::Failed, [reason, qualification, 0, 0]))
            }
            _ => None,
        }
    }

    /// Goes on after the instruction at RIP.
    #[inline(always)]
    pub(super) fn skip(&mut self, kind: Kind, opcode: &[u8]) -> Option<Outcome> {
        let next = self.next_rip(kind, opcode);
        self.skip_to(next);
        None
    }

    /// The instruction at RIP faults.
    pub(super) fn fault(&mut self, event: Event) -> Option<Outcome> {
        self.raise(event);
        None
    }

    /// Shutdown: nothing runs until INIT or a reset. The VMM is told before the vCPU rests.
    pub(super) fn shut_down(&mut self) {
        self.is_halt_reported = false;
        self.activity = Activity::Shutdown;
        self.attention |= ATTENTION_IDLE;
    }

    /// The value of a register operand.
    pub(super) fn operand(&self, register: Register) -> u64 {
        let value = self.gpr(usize::from(register.index & 15));
        if register.is_high { value >> 8 } else { value }
    }

    /// Sets a register operand of `size` bytes: 4 clears the upper half, smaller ones keep the rest.
    pub(super) fn set_operand(&mut self, register: Register, size: u8, value: u64) {
        let index = usize::from(register.index & 15);
        let old = self.gpr(index);
        let merged = match (size, register.is_high) {
            (1, true) => old & !0xff00 | (value & 0xff) << 8,
            (1, false) => old & !0xff | value & 0xff,
            (2, _) => old & !0xffff | value & 0xffff,
            (4, _) => value & 0xffff_ffff,
            _ => value,
        };
        self.set_gpr(index, merged);
    }

    /// The value that a store writes.
    pub(super) fn source(&self, source: Source) -> u64 {
        match source {
            Source::Register(register) => self.operand(register),
            Source::Immediate(value) => value,
        }
    }
}
