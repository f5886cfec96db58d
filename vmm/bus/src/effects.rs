//! What the outside must do after a device was touched.

use crate::{
    interrupt::{Level, Line, Msi},
    memory::GuestRange,
};
use alloc::vec::{Drain, Vec};
use bitflags::bitflags;

/// Room that the queues are born with, so that the usual access allocates nothing.
const QUEUE_ROOM: usize = 16;
/// Ranges of pages that one access may give back at the most.
pub const RETURNED_RANGES_MAX: usize = 512;

bitflags! {
    /// Which kinds of effects wait. Empty after most accesses: one comparison tells.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct Attention: u32 {
        /// Interrupt lines changed: the bus itself delivers them to the controller.
        const LINES = 1 << 0;
        /// Interrupt messages wait in [`Effects::drain_messages`].
        const MESSAGES = 1 << 1;
        /// A console device has bytes to transmit, or room for input that it had not before.
        const CONSOLE = 1 << 2;
        /// A device's deadline changed: ask [`crate::Bus::deadline`] again.
        const DEADLINE = 1 << 3;
        /// A PCI window moved: the bus itself maps it; ask [`crate::Bus::doorbells`] again.
        const WINDOWS = 1 << 4;
        /// The machine asks to be turned off or reset: [`Effects::take_power`].
        const POWER = 1 << 5;
        /// The guest gave pages back: [`Effects::drain_returned`].
        const RETURNED = 1 << 6;
        /// Memory of a device appeared or went away: ask [`crate::Bus::direct_ranges`] again.
        const DIRECT = 1 << 7;
        /// The output of the PC's interrupt controller changed: ask [`crate::Bus::wants_acknowledge`].
        const PIC_OUTPUT = 1 << 8;
    }
}

/// What a guest asked of its machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PowerRequest {
    /// Turn off (ACPI S5).
    Off,
    /// Reset.
    Reset,
}

/// What happened to a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LineEvent {
    /// The device drives it.
    Level(Level),
    /// The chipset cuts it off, or connects it again.
    Mute(bool),
}

/// A line and what happened to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LineChange {
    pub(crate) line: Line,
    pub(crate) event: LineEvent,
}

/// A pin of the I/O APIC that the chipset wires to an input of the PC's old controller too, or to none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct PinRoute {
    pub(crate) pin: u8,
    pub(crate) input: Option<u8>,
}

/// Collects effects. One value serves many accesses: its queues keep their memory.
#[derive(Debug)]
pub struct Effects {
    attention: Attention,
    lines: Vec<LineChange>,
    messages: Vec<Msi>,
    routes: Vec<PinRoute>,
    returned: Vec<GuestRange>,
    power: Option<PowerRequest>,
}

impl Default for Effects {
    fn default() -> Self {
        Self::new()
    }
}

impl Effects {
    /// Nothing to do.
    pub fn new() -> Self {
        Self {
            attention: Attention::empty(),
            lines: Vec::with_capacity(QUEUE_ROOM),
            messages: Vec::with_capacity(QUEUE_ROOM),
            routes: Vec::new(),
            returned: Vec::new(),
            power: None,
        }
    }

    /// Which kinds of effects wait.
    #[inline]
    pub fn attention(&self) -> Attention {
        self.attention
    }

    /// Which kinds of effects wait; forgets that they do, not the effects themselves.
    #[inline]
    pub fn take_attention(&mut self) -> Attention {
        core::mem::take(&mut self.attention)
    }

    /// Drives an interrupt line. Devices call it when the level may have changed.
    pub fn set_line(&mut self, line: Line, level: Level) {
        self.lines.push(LineChange { line, event: LineEvent::Level(level) });
        self.attention |= Attention::LINES;
    }

    /// Cuts a device's line off from its pin, or connects it again: another device of the chipset takes the pin
    /// over. The bus itself does it.
    pub fn mute_line(&mut self, line: Line, is_muted: bool) {
        self.lines.push(LineChange { line, event: LineEvent::Mute(is_muted) });
        self.attention |= Attention::LINES;
    }

    /// Wires a pin above 15 to an input of the PC's old controller (a PIRQ route), or to none. The bus itself does it.
    pub fn route_pin(&mut self, pin: u8, input: Option<u8>) {
        self.routes.push(PinRoute { pin, input });
        self.attention |= Attention::LINES;
    }

    /// Sends an interrupt message.
    pub fn send(&mut self, message: Msi) {
        self.messages.push(message);
        self.attention |= Attention::MESSAGES;
    }

    /// Notes something that has no data of its own: CONSOLE, DEADLINE, WINDOWS, DIRECT or PIC_OUTPUT.
    pub fn note(&mut self, what: Attention) {
        self.attention |= what;
    }

    /// Asks for the machine to be turned off or reset. The first request counts.
    pub fn request_power(&mut self, request: PowerRequest) {
        self.power.get_or_insert(request);
        self.attention |= Attention::POWER;
    }

    /// Gives guest pages back. `false` if too many ranges wait already: try again later.
    #[must_use]
    pub fn return_pages(&mut self, range: GuestRange) -> bool {
        if let Some(last) = self.returned.last_mut()
            && last.start.checked_add(last.bytes) == Some(range.start)
            && let Some(bytes) = last.bytes.checked_add(range.bytes)
        {
            last.bytes = bytes;
            return true;
        }
        if self.returned.len() >= RETURNED_RANGES_MAX {
            return false;
        }
        self.returned.push(range);
        self.attention |= Attention::RETURNED;
        true
    }

    /// The interrupt messages to send, in order.
    pub fn drain_messages(&mut self) -> Drain<'_, Msi> {
        self.attention.remove(Attention::MESSAGES);
        self.messages.drain(..)
    }

    /// The guest memory to give back. It reads as zero from now on.
    pub fn drain_returned(&mut self) -> Drain<'_, GuestRange> {
        self.attention.remove(Attention::RETURNED);
        self.returned.drain(..)
    }

    /// The power request, if there is one.
    pub fn take_power(&mut self) -> Option<PowerRequest> {
        self.attention.remove(Attention::POWER);
        self.power.take()
    }

    /// Takes the line change that was made first after those taken before, by index.
    pub(crate) fn line_at(&self, index: usize) -> Option<LineChange> {
        self.lines.get(index).copied()
    }

    /// The wires that changed, first to last.
    pub(crate) fn take_routes(&mut self) -> Vec<PinRoute> {
        core::mem::take(&mut self.routes)
    }

    /// How many messages wait.
    pub(crate) fn count_messages(&self) -> usize {
        self.messages.len()
    }

    /// Forgets messages beyond the first `count`: they never reached the bus.
    pub(crate) fn forget_messages_after(&mut self, count: usize) {
        self.messages.truncate(count);
        self.attention.set(Attention::MESSAGES, !self.messages.is_empty());
    }

    /// Forgets interrupts that were not delivered: the machine is being reset.
    pub(crate) fn forget_interrupts(&mut self) {
        self.clear_lines();
        self.messages.clear();
        self.attention.remove(Attention::MESSAGES);
    }

    /// Forgets the line changes.
    pub(crate) fn clear_lines(&mut self) {
        self.lines.clear();
        self.attention.remove(Attention::LINES);
    }
}
