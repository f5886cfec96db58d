//! What comes before an entry and after an exit, when there is anything.

use super::step::Stepped;
use super::vcpu::{Svm, TODO_BOCHS, TODO_CLEAN, TODO_FLUSH, TODO_STEP};
use super::{bochs, exit, switch};
use crate::cpu::control;
use crate::virtualization::{residue, tags};
use kernel_core::vcpu::{Event, EventKind, Exit, VirtualCpu};
use spec::control::CR0_PG;
use spec::msr::{EFER_LMA, EFER_LME};
use spec::svm::{self, TLB_FLUSH_ALL, TLB_FLUSH_GUEST, V_IRQ, Vmcb, clean, feature};

impl Svm {
    /// Gives the guest a fresh view of its tables at the next entry.
    #[cold]
    fn flush_now(&mut self) {
        if self.has(feature::FLUSH_BY_ASID) && self.asid.is_valid() {
            self.vmcb_mut().control.tlb_control = TLB_FLUSH_GUEST;
            return;
        }
        let (asid, has_started_over) = tags::next(self.capabilities.asids);
        self.asid = asid;
        let control = &mut self.vmcb_mut().control;
        control.asid = asid.number;
        control.tlb_control = if has_started_over { TLB_FLUSH_ALL } else { 0 };
        self.soil(clean::ASID);
    }

    /// Does what `todo` says, before an entry.
    #[cold]
    pub(super) fn prepare(&mut self) {
        if self.todo & TODO_FLUSH != 0 {
            self.flush_now();
        }
        if self.todo & TODO_STEP != 0 {
            let (mut step, forgets_shadow) = (self.step, self.capabilities.forgets_shadow);
            step.begin(self.vmcb_mut(), forgets_shadow);
            self.step = step;
        }
        if self.todo & TODO_BOCHS != 0 {
            self.inject_offer();
            control::write_cr2(self.vmcb().save.cr2);
        }
        self.done = self.todo;
        self.todo = 0;
    }

    /// Injects the interrupt on offer if the guest takes it now, for a processor that would leave it waiting.
    fn inject_offer(&mut self) {
        let Vmcb { control, save, .. } = self.vmcb_mut();
        let (has_shadow, has_event) = (control.shadow & 1 != 0, control.event != 0);
        if bochs::may_take(control.virtual_interrupt, save.rflags, has_shadow, has_event) {
            control.virtual_interrupt &= !V_IRQ;
            let vector = control.virtual_vector as u8;
            control.event = Event { kind: EventKind::External, vector, error_code: None }.pack();
        }
    }

    /// Makes DR6 and DR7 say why the guest exited for a debug exception, on a processor where they do not.
    fn correct_debug_registers(&mut self) {
        let Vmcb { control, save, .. } = self.vmcb_mut();
        if control.exit_code == svm::exit::EXCEPTION_DEBUG {
            (save.dr6, save.dr7) = bochs::debug_registers(save.dr6, save.dr7, save.rflags);
        }
    }

    /// Undoes what [`Svm::prepare`] did, after the exit. What it says replaces the exit.
    #[cold]
    pub(super) fn tidy_up(&mut self) -> Option<Exit> {
        let done = core::mem::take(&mut self.done);
        let control = &mut self.vmcb_mut().control;
        control.tlb_control = 0;
        control.event = 0;
        if done & TODO_CLEAN != 0 {
            control.clean = clean::ALL;
        }
        if done & TODO_BOCHS != 0 {
            self.todo |= TODO_BOCHS;
            self.correct_debug_registers();
        }
        if done & TODO_STEP == 0 {
            return None;
        }
        let mut step = self.step;
        let stepped = step.end(self.vmcb_mut());
        self.step = step;
        if step.is_wanted {
            self.todo |= TODO_STEP;
        }
        match stepped {
            Stepped::No => None,
            Stepped::InShadow => Some(Exit::Retry),
            Stepped::Yes => Some(Exit::Stepped),
        }
    }

    /// Exits that may come in the middle of something: the delivery of an event, an interrupt shadow. (Intercepted
    /// instructions that are carried out come after the one and end the other.)
    #[inline(never)]
    pub(super) fn exit_between(&mut self) -> Exit {
        self.settle();
        match self.vmcb().control.exit_code {
            svm::exit::CR0_SELECTIVE => self.correct_lma(),
            svm::exit::NMI | svm::exit::SMI | svm::exit::INIT => switch::let_host_events_in(),
            svm::exit::EXCEPTION_MACHINE_CHECK => residue::raise_machine_check(),
            _ => {}
        }
        exit::decode(&self.vmcb().control, self.has(feature::DECODE_ASSISTS))
    }

    /// Makes EFER.LMA fit CR0 again: Bochs saves it as the write that it asks about would leave it.
    fn correct_lma(&mut self) {
        let save = &mut self.vmcb_mut().save;
        let is_long = save.efer & EFER_LME != 0 && save.cr0 & CR0_PG != 0;
        save.efer = save.efer & !EFER_LMA | if is_long { EFER_LMA } else { 0 };
    }

    /// Takes note of what the exit came in the middle of.
    #[inline(always)]
    pub(super) fn settle(&mut self) {
        let control = &self.vmcb().control;
        let event = control.exit_event;
        if control.shadow & 1 != 0 && self.capabilities.forgets_shadow {
            self.todo |= TODO_STEP;
        }
        if event & 1 << 31 != 0 {
            self.keep_event(event);
        }
    }

    /// Delivers an event anew whose delivery the exit broke off.
    #[cold]
    fn keep_event(&mut self, raw: u64) {
        let Some(event) = exit::broken_off(raw) else { return };
        let is_offered = self.is_offering && self.vmcb().control.virtual_vector == u32::from(event.vector);
        if event.kind == EventKind::External && is_offered {
            // It was taken, even where the processor leaves the request standing.
            self.vmcb_mut().control.virtual_interrupt &= !V_IRQ;
            self.soil(clean::INTERRUPT);
        }
        self.inject(event);
    }
}
