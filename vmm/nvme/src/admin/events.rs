//! Asynchronous events and ABORT (5.1, 5.2).

use crate::{
    command::{Command, End, Failure, Outcome},
    controller::Nvme,
};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use spec::nvme::status;
use vmm_bus::{Context, MemoryError, Volume};

/// Requests for events that wait at the most.
pub(crate) const EVENTS_MAX: usize = 4;
/// The log that tells about errors; what an event refers to.
const LOG_ERRORS: u32 = 1;
/// Result of ABORT: the command was not aborted.
const NOT_ABORTED: u32 = 1;

/// Something that the host should know (5.2, error events).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Event {
    BadDoorbell,
    BadValue,
}

/// Requests for events, and what there is to tell.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Events {
    /// The commands that wait.
    waiting: Vec<u16>,
    pending: Option<Event>,
    /// An error was told, and the host has not read the log yet.
    is_masked: bool,
}

impl Events {
    /// Commands that wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// A request for an event waits.
    pub(super) fn keep(&mut self, id: u16) -> Outcome {
        if self.waiting.len() >= EVENTS_MAX {
            return Err(Failure::lasting(status::EVENTS_EXCEEDED));
        }
        self.waiting.push(id);
        Ok(End::Later)
    }

    /// A doorbell was rung that no queue has.
    pub(crate) fn note_bad_doorbell(&mut self) {
        self.note(Event::BadDoorbell);
    }

    /// A doorbell was set to what its queue cannot have.
    pub(crate) fn note_bad_value(&mut self) {
        self.note(Event::BadValue);
    }

    fn note(&mut self, event: Event) {
        if !self.is_masked {
            self.pending.get_or_insert(event);
        }
    }

    /// The host has read the log of errors.
    pub(super) fn unmask(&mut self) {
        self.is_masked = false;
    }

    /// Takes a waiting request and what to tell by it.
    fn take(&mut self) -> Option<(u16, u32)> {
        if self.waiting.is_empty() {
            return None;
        }
        let event = self.pending.take()?;
        self.is_masked = true;
        let information = match event {
            Event::BadDoorbell => 0,
            Event::BadValue => 1,
        };
        Some((self.waiting.remove(0), LOG_ERRORS << 16 | information << 8))
    }
}

impl<V: Volume> Nvme<V> {
    /// Tells an event if somebody waits for it and there is room.
    pub(crate) fn deliver_event(&mut self, context: &mut Context<'_>) -> Result<(), MemoryError> {
        let has_room =
            matches!(self.session.completions.first(), Some(Some(completion)) if !completion.is_full());
        if !has_room {
            return Ok(());
        }
        match self.session.events.take() {
            Some((id, result)) => self.complete(0, id, Ok(End::Done(result)), context),
            None => Ok(()),
        }
    }

    /// ABORT: commands are done before anybody can abort them, but for requests for events.
    pub(super) fn abort(&mut self, command: &Command, context: &mut Context<'_>) -> Outcome {
        let (queue, id) = (command.dword(10) & 0xFFFF, (command.dword(10) >> 16) as u16);
        let waiting = &mut self.session.events.waiting;
        let position = waiting.iter().position(|waiting| queue == 0 && *waiting == id);
        let Some(position) = position.filter(|_| self.has_room_for_two()) else {
            return Ok(End::Done(NOT_ABORTED));
        };
        self.session.events.waiting.remove(position);
        match self.complete(0, id, Err(Failure(status::ABORTED)), context) {
            Ok(()) => Ok(End::Done(0)),
            Err(_) => Err(Failure(status::INTERNAL)),
        }
    }

    /// Whether the admin completion queue takes the aborted command and ABORT itself.
    fn has_room_for_two(&self) -> bool {
        matches!(self.session.completions.first(), Some(Some(completion)) if completion.has_room_for_two())
    }
}
