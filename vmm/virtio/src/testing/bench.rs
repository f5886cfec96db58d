//! A device behind its transport, with memory and a driver.

use super::queue_driver::{Buffer, Direction, DriverQueue};
use crate::{VirtioDevice, VirtioPci, transport::BAR};
use alloc::{vec, vec::Vec};
use base_units::{Gpa, Nanos};
use spec::virtio::{
    COMMON_CONFIG_VECTOR, COMMON_DRIVER_FEATURE, COMMON_DRIVER_FEATURE_SELECT, COMMON_QUEUE_DESCRIPTORS,
    COMMON_QUEUE_DEVICE, COMMON_QUEUE_DRIVER, COMMON_QUEUE_ENABLE, COMMON_QUEUE_SELECT, COMMON_QUEUE_SIZE,
    COMMON_QUEUE_VECTOR, COMMON_STATUS, FEATURE_VERSION_1, STATUS_ACKNOWLEDGE, STATUS_DRIVER,
    STATUS_DRIVER_OK, STATUS_FEATURES_OK,
};
use vmm_bus::{AccessSize, Context, Device, Effects, FlatMemory, GuestMemory, GuestRange, Line, Region};

/// Offset of the notification addresses in the BAR.
const NOTIFY: u64 = 0x3000;
/// Where the queues lie; buffers lie below.
const QUEUES: u64 = 0x4_0000;
/// Guest RAM.
const RAM_BYTES: usize = 0x8_0000;

/// A device, its guest's memory, and a driver that has set it up.
pub struct Bench<D> {
    /// The device behind PCI.
    pub pci: VirtioPci<D>,
    /// The guest's RAM, from address 0 on.
    pub memory: FlatMemory,
    /// What the device asked for.
    pub effects: Effects,
    /// The driver's halves of the queues.
    pub queues: Vec<DriverQueue>,
    /// The time now.
    pub now: Nanos,
    /// Where the next buffer goes.
    free: u64,
}

impl<D: VirtioDevice> Bench<D> {
    /// A device that no driver has touched.
    pub fn untouched(device: D) -> Self {
        Self {
            pci: VirtioPci::new(device, Line { pin: 16, source: 0 }),
            memory: FlatMemory::new(Gpa::new(0), RAM_BYTES),
            effects: Effects::new(),
            queues: Vec::new(),
            now: Nanos::ZERO,
            free: 0,
        }
    }

    /// A device whose driver accepted `features` (VERSION_1 is added) and uses `queues` queues.
    pub fn new(device: D, features: u64, queues: u16) -> Self {
        let mut bench = Self::untouched(device);
        bench.set_up(features | FEATURE_VERSION_1, queues);
        bench
    }

    /// Sets the device up as 3.1.1 says.
    pub fn set_up(&mut self, features: u64, queues: u16) {
        self.write(COMMON_STATUS, AccessSize::Byte, u64::from(STATUS_ACKNOWLEDGE));
        self.write(COMMON_STATUS, AccessSize::Byte, u64::from(STATUS_ACKNOWLEDGE | STATUS_DRIVER));
        for half in 0..2 {
            self.write(COMMON_DRIVER_FEATURE_SELECT, AccessSize::Dword, half);
            self.write(COMMON_DRIVER_FEATURE, AccessSize::Dword, features >> (32 * half) & 0xFFFF_FFFF);
        }
        let agreed = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK;
        self.write(COMMON_STATUS, AccessSize::Byte, u64::from(agreed));
        self.write(COMMON_CONFIG_VECTOR, AccessSize::Word, 0);
        for queue in 0..queues {
            self.set_up_queue(queue, features);
        }
        self.write(COMMON_STATUS, AccessSize::Byte, u64::from(agreed | STATUS_DRIVER_OK));
    }

    /// Writes a register of the BAR.
    pub fn write(&mut self, offset: u64, size: AccessSize, value: u64) {
        let mut context = Context { now: self.now, memory: &self.memory, effects: &mut self.effects };
        self.pci.write(Region(u16::from(BAR)), offset, size, value, &mut context);
    }

    /// Reads a register of the BAR.
    pub fn read(&mut self, offset: u64, size: AccessSize) -> u64 {
        let mut context = Context { now: self.now, memory: &self.memory, effects: &mut self.effects };
        self.pci.read(Region(u16::from(BAR)), offset, size, &mut context)
    }

    /// Runs `act` on the device as the outside does.
    pub fn act<R>(
        &mut self,
        act: impl FnOnce(&mut D, &mut crate::Guest<'_>) -> Result<R, crate::Fault>,
    ) -> Result<R, crate::Fault> {
        let mut context = Context { now: self.now, memory: &self.memory, effects: &mut self.effects };
        self.pci.with_device(&mut context, act)
    }

    /// Notifies a queue.
    pub fn notify(&mut self, queue: u16) {
        self.write(NOTIFY + u64::from(queue) * 4, AccessSize::Word, u64::from(queue));
    }

    /// Lets the device do what it put off.
    pub fn advance(&mut self) {
        let mut context = Context { now: self.now, memory: &self.memory, effects: &mut self.effects };
        self.pci.advance(&mut context);
    }

    /// A buffer in guest memory that nobody else uses.
    pub fn allocate(&mut self, bytes: u64) -> GuestRange {
        let start = Gpa::new(self.free);
        self.free += bytes;
        assert!(self.free <= QUEUES, "the bench has no memory left");
        GuestRange { start, bytes }
    }

    /// Makes a request of bytes to read and room to write available; returns where the room is.
    pub fn add(&mut self, queue: u16, sent: &[&[u8]], room: &[u64]) -> Vec<GuestRange> {
        let mut buffers = Vec::new();
        for bytes in sent {
            let range = self.allocate(bytes.len() as u64);
            assert_eq!(self.memory.write(range.start, bytes), Ok(()));
            buffers.push(Buffer { range, direction: Direction::ToDevice });
        }
        let answers: Vec<GuestRange> = room.iter().map(|bytes| self.allocate(*bytes)).collect();
        buffers
            .extend(answers.iter().map(|range| Buffer { range: *range, direction: Direction::FromDevice }));
        let driver = self.queues.get_mut(usize::from(queue));
        let added = driver.and_then(|driver| driver.add(&self.memory, &buffers));
        assert!(added.is_some(), "the queue has room");
        answers
    }

    /// Sends one request and returns what the device wrote to each part of the room, and how many
    /// bytes it says it wrote.
    pub fn request(&mut self, queue: u16, sent: &[&[u8]], room: &[u64]) -> (Vec<Vec<u8>>, u32) {
        let answers = self.add(queue, sent, room);
        self.notify(queue);
        let used = self.queues.get_mut(usize::from(queue)).and_then(|driver| driver.take_used(&self.memory));
        let Some((_, written)) = used else {
            panic!("the request was not completed: {:?}", self.pci.fault())
        };
        (answers.iter().map(|range| self.bytes(*range)).collect(), written)
    }

    /// What stands in guest memory.
    pub fn bytes(&self, range: GuestRange) -> Vec<u8> {
        let mut bytes = vec![0; range.bytes as usize];
        assert_eq!(self.memory.read(range.start, &mut bytes), Ok(()));
        bytes
    }

    fn set_up_queue(&mut self, queue: u16, features: u64) {
        self.write(COMMON_QUEUE_SELECT, AccessSize::Word, u64::from(queue));
        let size = self.read(COMMON_QUEUE_SIZE, AccessSize::Word) as u16;
        let base = Gpa::new(QUEUES + u64::from(queue) * DriverQueue::BYTES);
        let driver = DriverQueue::new(base, size, features);
        let areas = *driver.areas();
        self.write(COMMON_QUEUE_DESCRIPTORS, AccessSize::Qword, areas.descriptors.raw());
        self.write(COMMON_QUEUE_DRIVER, AccessSize::Dword, areas.driver.raw());
        self.write(COMMON_QUEUE_DRIVER + 4, AccessSize::Dword, 0);
        self.write(COMMON_QUEUE_DEVICE, AccessSize::Qword, areas.device.raw());
        self.write(COMMON_QUEUE_VECTOR, AccessSize::Word, u64::from(queue) + 1);
        self.write(COMMON_QUEUE_ENABLE, AccessSize::Word, 1);
        self.queues.push(driver);
    }
}
