//! Making and deleting I/O queues (5.3 to 5.6).

use crate::{
    command::{Command, End, Failure, Outcome},
    controller::{Nvme, QUEUES_MAX},
    queues::{Completion, ENTRIES_MAX, ENTRIES_MIN, Submission},
};
use spec::nvme::{CC_ENTRY_SIZES_SHIFT, PAGE_BYTES, status};
use vmm_bus::{Attention, Context, Volume};

/// Sizes of entries in the configuration: 64 and 16 bytes.
const ENTRY_SIZES: u32 = 0x46;
/// The queue lies in one piece.
const CONTIGUOUS: u32 = 1 << 0;
/// A completion queue interrupts.
const INTERRUPTS: u32 = 1 << 1;

/// Number, base and entries of a queue to be made.
struct Wanted {
    index: usize,
    base: u64,
    entries: u16,
}

impl Wanted {
    fn parse(command: &Command) -> Result<Self, Failure> {
        let (index, last) = (command.dword(10) & 0xFFFF, (command.dword(10) >> 16) as u16);
        if index == 0 || index >= u32::from(QUEUES_MAX) {
            return Err(Failure::lasting(status::INVALID_QUEUE));
        }
        let entries = last.saturating_add(1);
        if !(ENTRIES_MIN..=ENTRIES_MAX).contains(&entries) {
            return Err(Failure::lasting(status::INVALID_QUEUE_SIZE));
        }
        let (base, _) = command.pages();
        if command.dword(11) & CONTIGUOUS == 0 {
            return Err(Failure::lasting(status::INVALID_FIELD));
        }
        if !base.is_multiple_of(PAGE_BYTES) {
            return Err(Failure::lasting(status::PRP_OFFSET));
        }
        Ok(Self { index: index as usize, base, entries })
    }
}

impl<V: Volume> Nvme<V> {
    fn check_entry_sizes(&self) -> Result<(), Failure> {
        if self.registers.configuration >> CC_ENTRY_SIZES_SHIFT & 0xFF == ENTRY_SIZES {
            Ok(())
        } else {
            Err(Failure::lasting(status::INVALID_QUEUE_SIZE))
        }
    }

    pub(super) fn create_completion(&mut self, command: &Command) -> Outcome {
        let wanted = Wanted::parse(command)?;
        self.check_entry_sizes()?;
        let vector = (command.dword(11) >> 16) as u16;
        let interrupts = command.dword(11) & INTERRUPTS != 0;
        if interrupts && vector >= self.function.vectors() {
            return Err(Failure::lasting(status::INVALID_VECTOR));
        }
        match self.session.completions.get_mut(wanted.index) {
            Some(place @ None) => {
                let queue = Completion::new(wanted.base, wanted.entries);
                *place = Some(Completion { vector, interrupts, ..queue });
                Ok(End::Done(0))
            }
            _ => Err(Failure::lasting(status::INVALID_QUEUE)),
        }
    }

    pub(super) fn create_submission(&mut self, command: &Command, context: &mut Context<'_>) -> Outcome {
        let wanted = Wanted::parse(command)?;
        self.check_entry_sizes()?;
        let completion = (command.dword(11) >> 16) as u16;
        let exists = matches!(self.session.completions.get(usize::from(completion)), Some(Some(_)));
        if completion == 0 || !exists {
            return Err(Failure::lasting(status::INVALID_COMPLETION_QUEUE));
        }
        match self.session.submissions.get_mut(wanted.index) {
            Some(place @ None) => {
                *place = Some(Submission::new(wanted.base, wanted.entries, completion));
                self.note_doorbells(context);
                Ok(End::Done(0))
            }
            _ => Err(Failure::lasting(status::INVALID_QUEUE)),
        }
    }

    pub(super) fn delete_submission(&mut self, command: &Command, context: &mut Context<'_>) -> Outcome {
        let index = usize::try_from(command.dword(10) & 0xFFFF).unwrap_or(0);
        match self.session.submissions.get_mut(index) {
            // Commands that were not taken are never heard of again, which the host must expect (5.6).
            Some(place @ Some(_)) if index != 0 => *place = None,
            _ => return Err(Failure::lasting(status::INVALID_QUEUE)),
        }
        self.note_doorbells(context);
        Ok(End::Done(0))
    }

    pub(super) fn delete_completion(&mut self, command: &Command) -> Outcome {
        let index = (command.dword(10) & 0xFFFF) as u16;
        let is_used = self.session.submissions.iter().flatten().any(|queue| queue.completion == index);
        match self.session.completions.get_mut(usize::from(index)) {
            Some(Some(_)) if index != 0 && is_used => Err(Failure::lasting(status::INVALID_DELETION)),
            Some(place @ Some(_)) if index != 0 => {
                *place = None;
                Ok(End::Done(0))
            }
            _ => Err(Failure::lasting(status::INVALID_QUEUE)),
        }
    }

    /// Queues came or went: so did doorbells that a kernel may watch.
    fn note_doorbells(&self, context: &mut Context<'_>) {
        if self.session.doorbell_buffer.is_some() {
            context.effects.note(Attention::WINDOWS);
        }
    }
}
