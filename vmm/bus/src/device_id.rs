//! Which device of a bus is meant.

use core::marker::PhantomData;

/// Names a device of one bus and its type.
pub struct DeviceId<T: ?Sized> {
    index: u16,
    device: PhantomData<fn(&T)>,
}

impl<T: ?Sized> Clone for DeviceId<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for DeviceId<T> {}

impl<T: ?Sized> core::fmt::Debug for DeviceId<T> {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(out, "DeviceId({})", self.index)
    }
}

impl<T: ?Sized> DeviceId<T> {
    pub(crate) fn new(index: u16) -> Self {
        Self { index, device: PhantomData }
    }

    /// The device's number, for [`crate::Bus::notify`]: a key for events.
    pub fn index(self) -> u16 {
        self.index
    }
}
