//! The contract between a device and its machine.

use crate::{
    access::AccessSize,
    direct::DirectRange,
    effects::Effects,
    inspect::Inspector,
    interrupt::Line,
    memory::GuestMemory,
    pci::{Bridge, Space, Window},
};
use base_units::{Gpa, Nanos};
use core::any::Any;
use vmm_snapshot::{RestoreError, Saved, SavedState};

/// What a device may use while it handles an event.
pub struct Context<'a> {
    /// The time now.
    pub now: Nanos,
    /// The guest's RAM.
    pub memory: &'a dyn GuestMemory,
    /// What the outside must do afterwards.
    pub effects: &'a mut Effects,
}

/// One of a device's register ranges: the number it was mapped with, or the number of the BAR.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Region(pub u16);

/// A guest-physical address where a write means only "look at this queue". A kernel that can signal
/// an event for such a write spares the device the access.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Doorbell {
    /// The address.
    pub address: Gpa,
    /// Bytes of the write that rings it.
    pub bytes: u64,
    /// The queue, for [`Device::notify`].
    pub queue: u16,
}

impl Doorbell {
    /// The addresses of the write.
    pub(crate) fn window(&self) -> Window {
        Window { region: Region(0), space: Space::Memory, start: self.address.raw(), bytes: self.bytes }
    }
}

/// An emulated device: a value that owns its registers and queues.
///
/// No input may make a device panic: offsets, sizes and values come from the guest. An access
/// may reach past the end of a region by up to seven bytes.
pub trait Device: Any + Send {
    /// The name that its saved state and `inspect` carry. Devices of one kind share it.
    fn name(&self) -> &'static str;

    /// Handles a read of `size` bytes at `offset` of a region. The answer is cut to `size` by the bus.
    fn read(&mut self, region: Region, offset: u64, size: AccessSize, context: &mut Context<'_>) -> u64;

    /// Handles reads of `size` bytes at the same offset, one for each element of `into`: a repeated INS. Nothing else of
    /// the machine happens in between.
    fn read_string(
        &mut self,
        region: Region,
        offset: u64,
        size: AccessSize,
        into: &mut [u8],
        context: &mut Context<'_>,
    ) {
        size.fill(into, || self.read(region, offset, size, context));
    }

    /// Handles a write. `value` holds no more than `size` bytes.
    fn write(&mut self, region: Region, offset: u64, size: AccessSize, value: u64, context: &mut Context<'_>);

    /// Returns to the state after power-on. Lines are low afterwards without being told.
    fn reset(&mut self, context: &mut Context<'_>);

    /// The state with its version.
    fn save(&self) -> SavedState;

    /// Takes over a saved state. After an error the device is in no particular state: give up the machine.
    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError>;

    /// Reports live state.
    fn inspect(&self, inspector: &mut dyn Inspector);

    /// When [`Device::advance`] wants to be called; [`Nanos::MAX`] = never. A change is announced
    /// by [`crate::Attention::DEADLINE`].
    fn deadline(&self) -> Nanos {
        Nanos::MAX
    }

    /// The line that the deadline is about, if it is about nothing else: while the interrupt controller does not
    /// listen to it, nobody is woken. The device then catches up when it is next touched or listened to.
    fn deadline_line(&self) -> Option<Line> {
        None
    }

    /// The deadline passed (or something else happened: a device checks `context.now` itself).
    fn advance(&mut self, _context: &mut Context<'_>) {}

    /// A doorbell rang: the guest put something in this queue.
    fn notify(&mut self, _queue: u16, _context: &mut Context<'_>) {}

    /// Reads configuration space; only called for PCI functions. `offset` is below 4096 and aligned to
    /// `size`, which is at most four bytes.
    fn config_read(&mut self, _offset: u16, size: AccessSize, _context: &mut Context<'_>) -> u32 {
        size.ones() as u32
    }

    /// Writes configuration space, as [`Device::config_read`] reads it. The device announces moved
    /// windows by [`crate::Attention::WINDOWS`].
    fn config_write(&mut self, _offset: u16, _size: AccessSize, _value: u32, _context: &mut Context<'_>) {}

    /// The windows that its BARs or base registers decode now.
    fn windows(&self) -> &[Window] {
        &[]
    }

    /// What it lets through now, if it is a bridge. A change is announced by [`crate::Attention::WINDOWS`].
    fn bridge(&self) -> Option<Bridge> {
        None
    }

    /// Calls `visit` with each range of the device's own memory that the guest may reach without being left now.
    /// A change is announced by [`crate::Attention::DIRECT`].
    fn direct_ranges(&self, _visit: &mut dyn FnMut(DirectRange)) {}

    /// Calls `visit` with each doorbell that can ring now.
    fn doorbells(&self, _visit: &mut dyn FnMut(Doorbell)) {}
}
