//! What a device adds to the queues and the transport.

use crate::{
    fault::Fault,
    queue::{Chain, Queue, Token},
};
use base_units::Nanos;
use vmm_bus::{AccessSize, Attention, Effects, GuestMemory, GuestRange, Inspector};
use vmm_snapshot::{RestoreError, Saved, SavedState};

/// Queues of one device at the most.
pub const QUEUES_MAX: usize = 64;
/// Requests that one call of [`VirtioDevice::process`] should handle at the most: the others wait, so
/// that one guest's queue does not hold up the machine's other devices.
pub const REQUESTS_MAX: usize = 256;

/// How far [`VirtioDevice::process`] came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// The queue is empty: the driver notifies the device of the next request.
    Idle,
    /// The queue is not looked at until the device calls [`Guest::look_again`]: what is in it, or comes,
    /// waits for the outside. The driver need not notify it meanwhile.
    Waiting,
    /// There is more to do at once.
    More,
}

/// A virtio device without its transport: configuration, features and what it does with requests.
pub trait VirtioDevice: Send + 'static {
    /// The name that its saved state and `inspect` carry.
    fn name(&self) -> &'static str;

    /// The device type (5).
    fn kind(&self) -> u16;

    /// The PCI class: 0xCCSSPP.
    fn class(&self) -> u32;

    /// Feature bits of its own: the transport adds those of the rings.
    fn features(&self) -> u64;

    /// Size of each queue, a power of two; [`QUEUES_MAX`] queues at the most.
    fn queues(&self) -> &[u16];

    /// Reads device-specific configuration (2.5).
    fn config_read(&self, offset: u64, size: AccessSize) -> u64;

    /// Writes device-specific configuration.
    fn config_write(&mut self, _offset: u64, _size: AccessSize, _value: u64) {}

    /// The driver is ready and has accepted these features.
    fn activate(&mut self, features: u64);

    /// Forgets the driver.
    fn reset(&mut self);

    /// Handles requests of one queue, at most about [`REQUESTS_MAX`].
    fn process(&mut self, queue: u16, guest: &mut Guest<'_>) -> Result<Progress, Fault>;

    /// The state of the device itself with its version.
    fn save(&self) -> SavedState;

    /// Takes over a saved state.
    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError>;

    /// Reports live state.
    fn inspect(&self, inspector: &mut dyn Inspector);
}

/// The guest as a device sees it while it works: memory, queues, and what it may ask of the outside.
/// Queues look empty unless the driver is ready.
pub struct Guest<'a> {
    /// The guest's RAM.
    pub memory: &'a dyn GuestMemory,
    /// The time now.
    pub now: Nanos,
    pub(crate) queues: &'a mut [Queue],
    pub(crate) effects: &'a mut Effects,
    /// The driver is ready and the device is not broken.
    pub(crate) is_ready: bool,
    /// The queues that got something completed, one bit each.
    pub(crate) completed: u64,
    /// The queues that [`Guest::look_again`] named, one bit each.
    pub(crate) work: u64,
    /// The device's configuration changed.
    pub(crate) config_changed: bool,
}

impl Guest<'_> {
    /// Whether the driver is ready.
    pub fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// Takes the next request of a queue into `chain`; `false` if there is none.
    pub fn pop(&mut self, queue: u16, chain: &mut Chain) -> Result<bool, Fault> {
        if !self.is_ready {
            return Ok(false);
        }
        match self.queues.get_mut(usize::from(queue)) {
            Some(queue) => queue.pop(self.memory, chain),
            None => Ok(false),
        }
    }

    /// Gives a request back; the device wrote the first `written` bytes of its writable part.
    pub fn complete(&mut self, queue: u16, token: Token, written: u32) -> Result<(), Fault> {
        let Some(state) = self.queues.get_mut(usize::from(queue)) else { return Ok(()) };
        state.complete(self.memory, token, written)?;
        self.completed |= 1u64.checked_shl(u32::from(queue)).unwrap_or(0);
        Ok(())
    }

    /// Asks for [`VirtioDevice::process`] to be called for a queue soon, without a notification: something
    /// that its requests waited for has come.
    pub fn look_again(&mut self, queue: u16) {
        self.work |= 1u64.checked_shl(u32::from(queue)).unwrap_or(0);
    }

    /// Tells the driver that the device's configuration changed.
    pub fn announce_config(&mut self) {
        self.config_changed = true;
    }

    /// Tells the owner of the machine that a console has bytes, or room for bytes.
    pub fn note_console(&mut self) {
        self.effects.note(Attention::CONSOLE);
    }

    /// Gives guest pages back. `false` if too many wait already: do it later.
    #[must_use]
    pub fn return_pages(&mut self, range: GuestRange) -> bool {
        self.effects.return_pages(range)
    }
}
