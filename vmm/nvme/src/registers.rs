//! The controller's registers (3.1).

use crate::{
    controller::{Nvme, QUEUES_MAX, Session},
    queues::{Completion, ENTRIES_MAX, ENTRIES_MIN, Submission},
};
use alloc::vec;
use spec::nvme::{
    ACQ, AQA, ASQ, CAP, CAP_CONTIGUOUS, CAP_NVM, CAP_TIMEOUT_SHIFT, CC, CC_CHOICES, CC_ENABLE,
    CC_SHUTDOWN_SHIFT, CSTS, CSTS_READY, CSTS_SHUTDOWN_DONE, DOORBELL_STRIDE, DOORBELLS, INTMC, INTMS,
    PAGE_BYTES, VERSION_1_4, VS,
};
use vmm_bus::{Attention, Context, Volume};

/// What the controller can do: any number of commands within 10 seconds, which it never needs.
const CAPABILITIES: u64 = (ENTRIES_MAX as u64 - 1) | CAP_CONTIGUOUS | 20 << CAP_TIMEOUT_SHIFT | CAP_NVM;
/// Bits of the sizes of the admin queues.
const ADMIN_SIZES_MASK: u32 = 0x0FFF_0FFF;
/// Configuration: bits that exist.
const CONFIGURATION_MASK: u32 = 0x00FF_FFF1;

impl<V: Volume> Nvme<V> {
    /// Reads the register at an aligned offset.
    pub(crate) fn read_register(&self, offset: u64) -> u32 {
        let registers = &self.registers;
        match offset {
            CAP => CAPABILITIES as u32,
            4 => (CAPABILITIES >> 32) as u32,
            VS => VERSION_1_4,
            INTMS | INTMC => registers.interrupt_mask,
            CC => registers.configuration,
            CSTS => registers.status,
            AQA => registers.admin_sizes,
            ASQ => registers.admin_submission as u32,
            ASQ_HIGH => (registers.admin_submission >> 32) as u32,
            ACQ => registers.admin_completion as u32,
            ACQ_HIGH => (registers.admin_completion >> 32) as u32,
            _ => 0,
        }
    }

    /// Writes the register at an aligned offset.
    pub(crate) fn write_register(&mut self, offset: u64, value: u32, context: &mut Context<'_>) {
        let registers = &mut self.registers;
        let low = |address: u64| address & !0xFFFF_FFFF | u64::from(value) & !(PAGE_BYTES - 1);
        let high = |address: u64| address & 0xFFFF_FFFF | u64::from(value) << 32;
        match offset {
            INTMS => registers.interrupt_mask |= value,
            INTMC => registers.interrupt_mask &= !value,
            CC => self.write_configuration(value, context),
            AQA => registers.admin_sizes = value & ADMIN_SIZES_MASK,
            ASQ => registers.admin_submission = low(registers.admin_submission),
            ASQ_HIGH => registers.admin_submission = high(registers.admin_submission),
            ACQ => registers.admin_completion = low(registers.admin_completion),
            ACQ_HIGH => registers.admin_completion = high(registers.admin_completion),
            DOORBELLS.. => {
                self.ring(offset.wrapping_sub(DOORBELLS), value);
                self.run(context);
            }
            _ => {}
        }
        self.update_level(context.effects);
    }

    fn write_configuration(&mut self, value: u32, context: &mut Context<'_>) {
        let before = self.registers.configuration;
        self.registers.configuration = value & CONFIGURATION_MASK;
        let shutdown = |configuration: u32| configuration >> CC_SHUTDOWN_SHIFT & 3;
        if shutdown(value) != 0 && shutdown(before) == 0 {
            // All that was written lasts from now on, if the volume can do that at all.
            let _ = self.volume.flush();
            self.registers.status |= CSTS_SHUTDOWN_DONE;
        } else if shutdown(value) == 0 {
            self.registers.status &= !CSTS_SHUTDOWN_DONE;
        }
        if value & !before & CC_ENABLE != 0 {
            self.enable();
        } else if !value & before & CC_ENABLE != 0 {
            self.forget_driver();
            // Its doorbells are no longer in memory.
            context.effects.note(Attention::WINDOWS | Attention::DEADLINE);
        }
    }

    /// The driver is there: makes the admin queues.
    fn enable(&mut self) {
        let sizes = self.registers.admin_sizes;
        let entries = |raw: u32| (raw & 0xFFF) as u16 + 1;
        let (submission, completion) = (entries(sizes), entries(sizes >> 16));
        let is_possible = self.registers.configuration & CC_CHOICES == 0
            && submission >= ENTRIES_MIN
            && completion >= ENTRIES_MIN;
        if !is_possible {
            self.fail();
            return;
        }
        let mut session = Session {
            submissions: vec![None; usize::from(QUEUES_MAX)],
            completions: vec![None; usize::from(QUEUES_MAX)],
            ..Session::default()
        };
        if let Some(queue) = session.submissions.first_mut() {
            *queue = Some(Submission::new(self.registers.admin_submission, submission, 0));
        }
        if let Some(queue) = session.completions.first_mut() {
            *queue = Some(Completion::new(self.registers.admin_completion, completion));
        }
        self.session = session;
        self.registers.status |= CSTS_READY;
    }

    /// Forgets what a driver has set up (7.3.2): the admin queues' places stay.
    pub(crate) fn forget_driver(&mut self) {
        self.session = Session::default();
        self.registers.status = 0;
        self.registers.interrupt_mask = 0;
    }

    /// A doorbell of the window was written.
    fn ring(&mut self, offset: u64, value: u32) {
        if !self.is_ready() || !offset.is_multiple_of(4) {
            return;
        }
        let index = u16::try_from(offset / DOORBELL_STRIDE).unwrap_or(u16::MAX);
        let is_completion = !offset.is_multiple_of(DOORBELL_STRIDE);
        let has_buffer = self.session.doorbell_buffer.is_some() && index != 0;
        let place = usize::from(index);
        let (entries, position) = if is_completion {
            let Some(Some(queue)) = self.session.completions.get_mut(place) else {
                return self.session.events.note_bad_doorbell();
            };
            (queue.entries, &mut queue.head)
        } else {
            let Some(Some(queue)) = self.session.submissions.get_mut(place) else {
                return self.session.events.note_bad_doorbell();
            };
            (queue.entries, &mut queue.tail)
        };
        match u16::try_from(value).ok().filter(|value| *value < entries) {
            // What stands in memory is at least as new.
            Some(_) if has_buffer && !is_completion => {}
            Some(value) => *position = value,
            None => self.session.events.note_bad_value(),
        }
    }
}

/// The high halves of the admin queues' addresses.
const ASQ_HIGH: u64 = ASQ + 4;
const ACQ_HIGH: u64 = ACQ + 4;
