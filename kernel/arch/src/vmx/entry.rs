//! What comes before an entry and after an exit, when there is anything.

use super::exit;
use super::vcpu::{
    DONE_INSTEAD, Instead, TODO_DIRECTORY, TODO_EVENT, TODO_FLUSH, TODO_MEMORY, TODO_OFFER, Vmx,
};
use super::vmcs::{invalidate_memory, invalidate_tag, read, write};
use crate::virtualization::{Tag, residue, tags};
use base_units::Gpa;
use core::arch::asm;
use kernel_core::vcpu::{Event, EventKind, Exit, MemoryAccess, VirtualCpu};
use spec::control::{CR0_PE, DR6_BS, RFLAGS_IF, RFLAGS_TF};
use spec::vmx::exit as reason;
use spec::vmx::{PENDING_STEP, capability, event, field, interruptibility, invalidate, primary, violation};

/// CS: 64-bit code.
const RIGHTS_LONG: u64 = 1 << 13;
/// DR6: breakpoints, and what else a debug exception reports: BD, BS.
const DR6_BREAKPOINTS: u64 = 0xf;
const DR6_REPORTED: u64 = 0xf | 1 << 13 | DR6_BS;
/// Shift from a priority class in the task-priority register to CR8.
const CLASS_SHIFT: u32 = 4;

impl Vmx {
    /// Does what `todo` says, before an entry. False: the guest cannot be entered now.
    #[cold]
    pub(super) fn prepare(&mut self) -> bool {
        if self.todo & TODO_DIRECTORY != 0
            && let Err(address) = self.load_directory()
        {
            self.instead = Instead::Directory(address);
            self.done = DONE_INSTEAD;
            return false;
        }
        if self.todo & TODO_MEMORY != 0 {
            self.forget_memory();
        }
        if self.todo & TODO_FLUSH != 0 {
            self.flush_now();
        }
        if self.todo & TODO_EVENT != 0 {
            self.deliver_event();
        }
        if self.todo & TODO_OFFER != 0 {
            self.deliver_offer();
        }
        self.done = self.todo & TODO_EVENT;
        self.todo = 0;
        true
    }

    /// Forgets what was translated with the guest's EPT on this processor, whichever identifier it carries.
    fn forget_memory(&self) {
        let has_single = self.capabilities.translation & capability::INVEPT_SINGLE != 0;
        invalidate_memory(if has_single { invalidate::SINGLE } else { invalidate::ALL }, self.pointer);
    }

    /// Gives the guest a fresh view of its own tables.
    fn flush_now(&mut self) {
        if self.capabilities.tags == 0 {
            // Without identifiers every entry does it.
            return;
        }
        let has_single = self.capabilities.translation & capability::INVVPID_SINGLE != 0;
        if self.tag.is_valid() && has_single {
            invalidate_tag(invalidate::SINGLE, self.tag.number);
            return;
        }
        let (tag, has_started_over) = tags::next(self.capabilities.tags);
        if has_started_over {
            invalidate_tag(invalidate::ALL, 0);
        }
        self.set_tag(tag);
    }

    fn set_tag(&mut self, tag: Tag) {
        self.tag = tag;
        write(field::VPID, u64::from(tag.number));
    }

    /// Has the entry deliver the event.
    fn deliver_event(&mut self) {
        let Some(event) = Event::unpack(self.event) else { return };
        let is_protected = read(field::GUEST_CR0) & CR0_PE != 0;
        let Some((raw, code)) = exit::delivery(event, is_protected, self.capabilities.takes_zero_length)
        else {
            self.event = 0;
            return;
        };
        if event.kind == EventKind::Nmi {
            // The entry sets the block itself and wants to find it off.
            let held = read(field::INTERRUPTIBILITY);
            write(field::INTERRUPTIBILITY, held & !interruptibility::NMI);
        }
        write(field::ENTRY_ERROR_CODE, u64::from(code));
        write(field::ENTRY_LENGTH, 0);
        write(field::ENTRY_EVENT, u64::from(raw));
    }

    /// Has the entry deliver the interrupt on offer, or an exit come when it can.
    fn deliver_offer(&mut self) {
        let Some(vector) = self.offer.filter(|_| !self.is_offer_taken) else {
            self.set_threshold(0);
            if self.is_keeping() {
                return self.arrange();
            }
            self.set_primary(primary::INTERRUPT_WINDOW, self.watches_window);
            return;
        };
        let held = read(field::INTERRUPTIBILITY) & (interruptibility::STI | interruptibility::LOAD_SS);
        let is_open = self.event == 0 && held == 0 && read(field::GUEST_RFLAGS) & RFLAGS_IF != 0;
        let class = vector >> CLASS_SHIFT;
        let is_outranked = class <= self.cr8();
        // Should the guest lower its priority below the vector's, that exits.
        self.set_threshold(if is_outranked { class } else { 0 });
        self.set_primary(primary::INTERRUPT_WINDOW, !is_open && !is_outranked);
        if is_open && !is_outranked {
            let raw = event::VALID | event::EXTERNAL << event::TYPE_SHIFT | u32::from(vector);
            write(field::ENTRY_EVENT, u64::from(raw));
            self.is_offer_taken = true;
        }
    }

    fn set_threshold(&mut self, class: u8) {
        if self.threshold != class {
            self.threshold = class;
            write(field::TPR_THRESHOLD, u64::from(class));
        }
    }

    /// After an exit that followed a [`Vmx::prepare`] with something to tidy up, or an entry that failed at once. What it says
    /// replaces the exit.
    #[cold]
    pub(super) fn tidy_up(&mut self) -> Option<Exit> {
        self.done = 0;
        match core::mem::replace(&mut self.instead, Instead::Nothing) {
            Instead::Nothing => {}
            Instead::Directory(address) => {
                return Some(Exit::Memory { gpa: Gpa::new(address), access: MemoryAccess::Read });
            }
            Instead::Error(error) => {
                return Some(Exit::Failed { reason: u64::from(reason::ENTRY_FAILURE), qualification: error });
            }
        }
        let reason = read(field::EXIT_REASON) as u32;
        if reason & reason::ENTRY_FAILURE == 0 {
            self.event = 0;
        }
        None
    }

    /// The entry failed before it began.
    #[cold]
    pub(super) fn note_error(&mut self) {
        self.instead = Instead::Error(read(field::INSTRUCTION_ERROR));
        self.done |= DONE_INSTEAD;
    }

    /// Exits that may come in the middle of something: the delivery of an event, the end of an NMI handler. (Intercepted
    /// instructions that are carried out come after the one.)
    #[inline(never)]
    pub(super) fn exit_between(&mut self) -> Exit {
        let reason = read(field::EXIT_REASON) as u32;
        let qualification = read(field::QUALIFICATION);
        if reason & reason::ENTRY_FAILURE != 0 {
            return self.repair(reason, qualification);
        }
        // A full log is found like a violation, in the middle of whatever.
        self.settle(if reason == reason::LOG_FULL { qualification } else { 0 });
        let event = match reason {
            reason::EXCEPTION | reason::INTERRUPT => read(field::EXIT_EVENT) as u32,
            _ => 0,
        };
        match reason {
            // Without the control it is invalid, and the interrupt waits for ring 0 to let it in.
            reason::INTERRUPT => self.arrived = (event & event::VALID != 0).then_some(event as u8),
            reason::EXCEPTION => self.settle_exception(event, qualification),
            reason::INTERRUPT_WINDOW => return self.window_opened(),
            reason::NMI_WINDOW => return self.nmi_window_opened(),
            reason::TPR_BELOW | reason::END_OF_INTERRUPT => self.todo |= TODO_OFFER,
            // The processor looks at the level first; an emulator may not.
            reason::DEBUG_REGISTER if self.cpl() != 0 => return Exit::Refused,
            _ => {}
        }
        exit::decode(reason, qualification, event)
    }

    /// Takes note of what the exit came in the middle of. `qualification` is that of an EPT violation.
    #[inline(always)]
    pub(super) fn settle(&mut self, qualification: u64) {
        let raw = read(field::BROKEN_EVENT) as u32;
        if raw & event::VALID != 0 {
            self.keep_event(raw);
        } else if qualification & violation::NMI_UNBLOCKED != 0 {
            self.block_nmis();
        }
    }

    /// Delivers an event anew whose delivery the exit broke off.
    #[cold]
    fn keep_event(&mut self, raw: u32) {
        let Some(event) = exit::broken_off(raw, read(field::BROKEN_ERROR_CODE) as u32) else { return };
        self.inject(event);
    }

    /// The exit broke off an IRET that had ended the block of NMIs already (Intel SDM vol. 3, 28.2.3): it runs again.
    #[cold]
    fn block_nmis(&mut self) {
        write(field::INTERRUPTIBILITY, read(field::INTERRUPTIBILITY) | interruptibility::NMI);
    }

    /// An exception, an NMI or a machine check.
    fn settle_exception(&mut self, event: u32, qualification: u64) {
        if event & event::NMI_UNBLOCKED != 0 {
            self.block_nmis();
        }
        match (event >> event::TYPE_SHIFT & 7, event as u8) {
            // SAFETY: runs the kernel's own handler of vector 2, whose IRET lets the next one come.
            (event::NMI, _) => unsafe { asm!("int 2") },
            (_, 18) => residue::raise_machine_check(),
            // INT1 is a trap that changes no DR6.
            (event::PRIVILEGED, _) => {
                let next = read(field::GUEST_RIP).wrapping_add(read(field::INSTRUCTION_LENGTH));
                self.advance(next);
            }
            // The exit came before DR6 was changed.
            (_, 1) => {
                let kept = self.debug_status & !DR6_BREAKPOINTS;
                self.debug_status = kept | qualification & DR6_REPORTED;
            }
            _ => {}
        }
    }

    fn window_opened(&mut self) -> Exit {
        self.todo |= TODO_OFFER;
        if self.watches_window { Exit::InterruptWindow } else { Exit::Retry }
    }

    fn nmi_window_opened(&mut self) -> Exit {
        if core::mem::take(&mut self.is_step_wanted) {
            self.set_primary(primary::NMI_WINDOW, self.watches_nmi);
            return Exit::Stepped;
        }
        Exit::NmiEnded
    }

    /// The processor refused the guest's state. What ring 0 leaves in a form that hardware never has, because it
    /// is cheaper to ask here than each time, is put right once; otherwise the VM ends.
    #[cold]
    fn repair(&mut self, reason: u32, qualification: u64) -> Exit {
        let is_repaired = reason & !reason::ENTRY_FAILURE == reason::BAD_GUEST_STATE
            && (self.repair_rip() | self.repair_shadow());
        if is_repaired {
            if self.event != 0 {
                self.todo |= TODO_EVENT;
            }
            return Exit::Retry;
        }
        Exit::Failed { reason: u64::from(reason), qualification }
    }

    /// Outside of 64-bit mode RIP has 32 bits: an instruction at their end was carried out.
    fn repair_rip(&self) -> bool {
        let rip = read(field::GUEST_RIP);
        let is_wide = rip >> 32 != 0 && read(field::GUEST_RIGHTS + 2) & RIGHTS_LONG == 0;
        if is_wide {
            write(field::GUEST_RIP, rip & 0xffff_ffff);
        }
        is_wide
    }

    /// STI's shadow needs IF; a shadow with TF a step that waits (Intel SDM vol. 3, 27.3.1.5).
    fn repair_shadow(&self) -> bool {
        let (old, flags) = (read(field::INTERRUPTIBILITY), read(field::GUEST_RFLAGS));
        let mut held = old;
        if held & interruptibility::STI != 0 && flags & RFLAGS_IF == 0 {
            held = held & !interruptibility::STI | interruptibility::LOAD_SS;
        }
        let is_held = held & (interruptibility::STI | interruptibility::LOAD_SS) != 0;
        let pending = read(field::PENDING_DEBUG);
        let step = if is_held && flags & RFLAGS_TF != 0 { PENDING_STEP } else { 0 };
        let wanted = pending & !PENDING_STEP | step;
        write(field::INTERRUPTIBILITY, held);
        write(field::PENDING_DEBUG, wanted);
        held != old || wanted != pending
    }
}
