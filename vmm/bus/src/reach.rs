//! What a device behind a bridge reaches by itself.

use crate::{
    bus::DEVICES_MAX,
    device::Context,
    memory::{GuestMemory, GuestRange, MemoryError},
};
use base_units::Gpa;

/// Some devices of a bus, by index.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct DeviceSet(u128);

impl DeviceSet {
    /// Adds a device.
    pub(crate) fn insert(&mut self, index: u16) {
        self.0 |= bit(index);
    }

    /// Whether a device is among them.
    #[inline]
    pub(crate) fn has(self, index: u16) -> bool {
        self.0 != 0 && self.0 & bit(index) != 0
    }
}

fn bit(index: u16) -> u128 {
    const { assert!(DEVICES_MAX <= u128::BITS as usize) };
    1 << (u32::from(index) % u128::BITS)
}

/// Lets a device act, without memory and messages if a bridge above keeps it from them: as on a board, its requests
/// are refused there.
#[inline]
pub(crate) fn reach<R>(
    is_cut_off: bool,
    context: &mut Context<'_>,
    act: impl FnOnce(&mut Context<'_>) -> R,
) -> R {
    if is_cut_off { alone(context, act) } else { act(context) }
}

#[cold]
fn alone<R>(context: &mut Context<'_>, act: impl FnOnce(&mut Context<'_>) -> R) -> R {
    let before = context.effects.count_messages();
    let mut inner = Context { now: context.now, memory: &NoMemory, effects: &mut *context.effects };
    let result = act(&mut inner);
    context.effects.forget_messages_after(before);
    result
}

/// No memory at all.
struct NoMemory;

impl GuestMemory for NoMemory {
    fn read(&self, _from: Gpa, _into: &mut [u8]) -> Result<(), MemoryError> {
        Err(MemoryError::OutOfRange)
    }

    fn write(&self, _to: Gpa, _from: &[u8]) -> Result<(), MemoryError> {
        Err(MemoryError::OutOfRange)
    }

    fn fill(&self, _range: GuestRange, _value: u8) -> Result<(), MemoryError> {
        Err(MemoryError::OutOfRange)
    }

    fn check(&self, _range: GuestRange) -> Result<(), MemoryError> {
        Err(MemoryError::OutOfRange)
    }
}
