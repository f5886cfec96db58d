//! Admin commands (5).

mod events;
mod features;
mod identify;
mod logs;
mod queues;

pub(crate) use events::{EVENTS_MAX, Events};
pub(crate) use features::Features;

use crate::{
    command::{Command, End, Failure, Outcome},
    controller::Nvme,
    doorbell_buffer::DoorbellBuffer,
    prp,
};
use base_units::Gpa;
use spec::nvme::{PAGE_BYTES, admin, status};
use vmm_bus::{Attention, Context, GuestMemory, GuestRange, Volume};

impl<V: Volume> Nvme<V> {
    pub(crate) fn execute_admin(&mut self, command: &Command, context: &mut Context<'_>) -> Outcome {
        match command.opcode() {
            admin::CREATE_COMPLETION => self.create_completion(command),
            admin::CREATE_SUBMISSION => self.create_submission(command, context),
            admin::DELETE_COMPLETION => self.delete_completion(command),
            admin::DELETE_SUBMISSION => self.delete_submission(command, context),
            admin::IDENTIFY => self.identify(command, context.memory),
            admin::GET_LOG => self.get_log(command, context.memory),
            admin::SET_FEATURES => self.set_features(command),
            admin::GET_FEATURES => self.get_features(command),
            admin::ABORT => self.abort(command, context),
            admin::ASYNC_EVENT => self.session.events.keep(command.id()),
            admin::DOORBELL_BUFFER => self.set_doorbell_buffer(command, context),
            _ => Err(Failure::lasting(status::INVALID_OPCODE)),
        }
    }

    /// Doorbell buffer config (5.7).
    fn set_doorbell_buffer(&mut self, command: &Command, context: &mut Context<'_>) -> Outcome {
        let (doorbells, events) = command.pages();
        for page in [doorbells, events] {
            let range = GuestRange { start: Gpa::new(page), bytes: PAGE_BYTES };
            if !page.is_multiple_of(PAGE_BYTES) || context.memory.check(range).is_err() {
                return Err(Failure::lasting(status::INVALID_FIELD));
            }
        }
        self.session.doorbell_buffer = Some(DoorbellBuffer { doorbells, events });
        context.effects.note(Attention::WINDOWS);
        Ok(End::Done(0))
    }
}

/// Gives `data` to the host, where the command's pages say.
fn give(memory: &dyn GuestMemory, command: &Command, data: &[u8]) -> Outcome {
    let mut rest = data;
    for piece in prp::pieces(memory, command.pages(), data.len() as u64)? {
        let count = usize::try_from(piece.bytes).unwrap_or(usize::MAX).min(rest.len());
        let (part, later) = rest.split_at(count);
        memory.write(piece.start, part).map_err(|_| Failure::lasting(status::TRANSFER))?;
        rest = later;
    }
    Ok(End::Done(0))
}

/// Writes a field of a structure.
fn put(data: &mut [u8], offset: usize, field: &[u8]) {
    for (to, from) in data.iter_mut().skip(offset).zip(field) {
        *to = *from;
    }
}
