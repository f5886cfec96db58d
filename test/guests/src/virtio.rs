//! A small virtio driver that can do everything wrong.

use crate::modes::tables::fresh_pages;
use crate::pci::Function;
use crate::processor::{read_memory, ticks, write_memory};

/// Types of devices.
pub(crate) mod kind {
    /// Block device.
    pub(crate) const BLOCK: u32 = 2;
    /// Console.
    pub(crate) const CONSOLE: u32 = 3;
    /// Entropy.
    pub(crate) const ENTROPY: u32 = 4;
}

/// Offsets of the common registers (virtio 1.2, 4.1.4.3).
pub(crate) mod common {
    /// Which half of the device's features shows.
    pub(crate) const DEVICE_FEATURE_SELECT: u64 = 0;
    /// Which half of the driver's features is written.
    pub(crate) const DRIVER_FEATURE_SELECT: u64 = 8;
    /// The driver's features.
    pub(crate) const DRIVER_FEATURE: u64 = 12;
    /// Device status.
    pub(crate) const STATUS: u64 = 20;
    /// Which queue the others mean.
    pub(crate) const QUEUE_SELECT: u64 = 22;
    /// Entries.
    pub(crate) const QUEUE_SIZE: u64 = 24;
    /// MSI-X vector.
    pub(crate) const QUEUE_VECTOR: u64 = 26;
    /// The queue works.
    pub(crate) const QUEUE_ENABLE: u64 = 28;
    /// Where its notifications go.
    pub(crate) const QUEUE_NOTIFY: u64 = 30;
    /// Address of the descriptors.
    pub(crate) const DESCRIPTORS: u64 = 32;
    /// Address of the available ring.
    pub(crate) const AVAILABLE: u64 = 40;
    /// Address of the used ring.
    pub(crate) const USED: u64 = 48;
    /// Bytes of all.
    pub(crate) const BYTES: u64 = 56;
}

/// Descriptor flags.
pub(crate) mod flag {
    /// Another follows.
    pub(crate) const NEXT: u16 = 1;
    /// The device writes.
    pub(crate) const WRITE: u16 = 2;
    /// A table of descriptors.
    pub(crate) const INDIRECT: u16 = 4;
}

/// Status bits: acknowledged, driver, features, running.
pub(crate) const ACKNOWLEDGED: u8 = 1;
/// A driver is there.
pub(crate) const DRIVER: u8 = 2;
/// The driver runs.
pub(crate) const DRIVER_OK: u8 = 4;
/// Features are agreed on.
pub(crate) const FEATURES_OK: u8 = 8;
/// Descriptors of our queues.
pub(crate) const SIZE: u16 = 8;
/// Ticks in which a device has answered.
const ANSWER_TICKS: u64 = 20_000_000_000;

/// A device and one of its queues.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Driver {
    /// The device.
    pub(crate) function: Function,
    /// Common registers.
    pub(crate) common: u64,
    notify: u64,
    notify_stride: u64,
    /// The queue.
    pub(crate) queue: u16,
    /// Descriptors; the rings are behind them, each in a page.
    pub(crate) descriptors: u64,
    /// A page for requests.
    pub(crate) buffer: u64,
}

fn read_16(address: u64) -> u16 {
    unsafe { (address as *const u16).read_volatile() }
}

/// Writes a word.
pub(crate) fn write_16(address: u64, value: u16) {
    unsafe { (address as *mut u16).write_volatile(value) };
}

fn read_8(address: u64) -> u8 {
    unsafe { (address as *const u8).read_volatile() }
}

fn write_8(address: u64, value: u8) {
    unsafe { (address as *mut u8).write_volatile(value) };
}

/// Writes an address register.
pub(crate) fn write_64(address: u64, value: u64) {
    write_memory(address, value as u32);
    write_memory(address + 4, (value >> 32) as u32);
}

impl Driver {
    /// Finds the parts of a device.
    pub(crate) fn find(function: Function, queue: u16) -> Option<Self> {
        function.enable();
        let common = function.virtio_part(1)?;
        let notify = function.virtio_part(2)?;
        let pages = fresh_pages(4, 4096);
        Some(Self {
            function,
            common,
            notify,
            notify_stride: 4,
            queue,
            descriptors: pages,
            buffer: pages + 3 * 4096,
        })
    }

    /// The available ring.
    pub(crate) fn available(&self) -> u64 {
        self.descriptors + 4096
    }

    /// The used ring.
    pub(crate) fn used(&self) -> u64 {
        self.descriptors + 2 * 4096
    }

    /// Device status.
    pub(crate) fn status(&self) -> u8 {
        read_8(self.common + common::STATUS)
    }

    /// Sets the device status.
    pub(crate) fn set_status(&self, status: u8) {
        write_8(self.common + common::STATUS, status);
    }

    /// Resets the device; whether it did.
    pub(crate) fn reset(&self) -> bool {
        self.set_status(0);
        let end = ticks() + ANSWER_TICKS;
        while self.status() != 0 {
            if ticks() > end {
                return false;
            }
        }
        true
    }

    /// Agrees on nothing but version 1, sets up the queue, and starts.
    pub(crate) fn start(&self) -> bool {
        if !self.reset() {
            return false;
        }
        unsafe { core::ptr::write_bytes(self.descriptors as *mut u8, 0, 4 * 4096) };
        self.negotiate();
        if self.status() & FEATURES_OK == 0 {
            return false;
        }
        self.set_queue(SIZE, self.descriptors, self.available(), self.used());
        self.set_status(ACKNOWLEDGED | DRIVER | FEATURES_OK | DRIVER_OK);
        true
    }

    /// Up to the agreement on features.
    pub(crate) fn negotiate(&self) {
        self.set_status(ACKNOWLEDGED);
        self.set_status(ACKNOWLEDGED | DRIVER);
        write_memory(self.common + common::DRIVER_FEATURE_SELECT, 0);
        write_memory(self.common + common::DRIVER_FEATURE, 0);
        write_memory(self.common + common::DRIVER_FEATURE_SELECT, 1);
        write_memory(self.common + common::DRIVER_FEATURE, 1);
        self.set_status(ACKNOWLEDGED | DRIVER | FEATURES_OK);
    }

    /// Tells the device where the queue is.
    pub(crate) fn set_queue(&self, size: u16, descriptors: u64, available: u64, used: u64) {
        write_16(self.common + common::QUEUE_SELECT, self.queue);
        write_16(self.common + common::QUEUE_SIZE, size);
        write_64(self.common + common::DESCRIPTORS, descriptors);
        write_64(self.common + common::AVAILABLE, available);
        write_64(self.common + common::USED, used);
        write_16(self.common + common::QUEUE_ENABLE, 1);
    }

    /// Writes a descriptor.
    pub(crate) fn describe(&self, index: u16, address: u64, bytes: u32, flags: u16, next: u16) {
        write_descriptor(self.descriptors + 16 * u64::from(index), address, bytes, flags, next);
    }

    /// Makes a chain available without telling.
    pub(crate) fn offer(&self, head: u16) {
        let index = read_16(self.available() + 2);
        write_16(self.available() + 4 + 2 * u64::from(index % SIZE), head);
        write_16(self.available() + 2, index.wrapping_add(1));
    }

    /// Sets the available index.
    pub(crate) fn set_index(&self, index: u16) {
        write_16(self.available() + 2, index);
    }

    /// Notifies the device of this queue.
    pub(crate) fn notify(&self) {
        write_16(self.common + common::QUEUE_SELECT, self.queue);
        let offset = u64::from(read_16(self.common + common::QUEUE_NOTIFY)) * self.notify_stride;
        write_16(self.notify + offset, self.queue);
    }

    /// Writes anything to any notification address.
    pub(crate) fn notify_at(&self, offset: u64, value: u16) {
        write_16(self.notify + offset, value);
    }

    /// Waits until the device has used so many chains.
    pub(crate) fn wait_for_used(&self, count: u16) -> bool {
        let end = ticks() + ANSWER_TICKS;
        while read_16(self.used() + 2) != count {
            if ticks() > end {
                return false;
            }
            core::hint::spin_loop();
        }
        true
    }

    /// Bytes that the device says it wrote for the first chain.
    pub(crate) fn written(&self) -> u32 {
        read_memory(self.used() + 8)
    }
}

/// Writes a descriptor anywhere.
pub(crate) fn write_descriptor(place: u64, address: u64, bytes: u32, flags: u16, next: u16) {
    write_64(place, address);
    write_memory(place + 8, bytes);
    write_16(place + 12, flags);
    write_16(place + 14, next);
}
