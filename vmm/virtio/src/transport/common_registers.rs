//! The common configuration (4.1.4.3).

use super::state::VirtioPci;
use crate::{device::VirtioDevice, queue::QueueAreas};
use base_units::Gpa;
use spec::virtio::{
    COMMON_CONFIG_VECTOR, COMMON_DEVICE_FEATURE, COMMON_DEVICE_FEATURE_SELECT, COMMON_DRIVER_FEATURE,
    COMMON_DRIVER_FEATURE_SELECT, COMMON_GENERATION, COMMON_QUEUE_DESCRIPTORS, COMMON_QUEUE_DEVICE,
    COMMON_QUEUE_DRIVER, COMMON_QUEUE_ENABLE, COMMON_QUEUE_NOTIFY_DATA, COMMON_QUEUE_NOTIFY_OFFSET,
    COMMON_QUEUE_RESET, COMMON_QUEUE_SELECT, COMMON_QUEUE_SIZE, COMMON_QUEUE_VECTOR, COMMON_QUEUES,
    COMMON_STATUS, FEATURE_RING_RESET, NO_VECTOR, STATUS_FEATURES_OK,
};
use vmm_bus::{AccessSize, Context};

/// Offset of the upper half of a 64-bit register.
const UPPER: u64 = 4;

impl<D: VirtioDevice> VirtioPci<D> {
    /// Reads a register; drivers use the width of the register, or halves of 64-bit ones (4.1.3.1).
    pub(super) fn read_common(&self, offset: u64, size: AccessSize) -> u64 {
        // tidy: table
        let common = &self.common;
        let value = match offset {
            COMMON_DEVICE_FEATURE_SELECT => u64::from(common.device_feature_select),
            COMMON_DEVICE_FEATURE => half(self.offered(), common.device_feature_select),
            COMMON_DRIVER_FEATURE_SELECT => u64::from(common.driver_feature_select),
            COMMON_DRIVER_FEATURE => half(common.driver_features, common.driver_feature_select),
            COMMON_CONFIG_VECTOR => u64::from(common.config_vector),
            COMMON_QUEUES => self.queues.len() as u64,
            COMMON_STATUS => u64::from(common.status),
            COMMON_GENERATION => u64::from(common.generation),
            COMMON_QUEUE_SELECT => u64::from(common.queue_select),
            COMMON_QUEUE_VECTOR => u64::from(self.selected_vector().unwrap_or(NO_VECTOR)),
            _ => self.read_queue(offset),
        };
        size.cut(value)
    }

    /// Writes a register.
    pub(super) fn write_common(
        &mut self,
        offset: u64,
        size: AccessSize,
        value: u64,
        context: &mut Context<'_>,
    ) {
        // tidy: table
        match offset {
            COMMON_DEVICE_FEATURE_SELECT => self.common.device_feature_select = value as u32,
            COMMON_DRIVER_FEATURE_SELECT => self.common.driver_feature_select = value as u32,
            COMMON_DRIVER_FEATURE => self.write_features(value as u32),
            COMMON_CONFIG_VECTOR => self.common.config_vector = self.existing_vector(value as u16),
            COMMON_STATUS => self.write_status(value as u8, context),
            COMMON_QUEUE_SELECT => self.common.queue_select = value as u16,
            COMMON_QUEUE_VECTOR => self.select_vector(value as u16),
            COMMON_QUEUE_ENABLE if value == 1 => self.enable_queue(context),
            COMMON_QUEUE_RESET if value == 1 => self.reset_queue(),
            COMMON_QUEUE_SIZE => {
                if let Some(queue) = self.queues.get_mut(usize::from(self.common.queue_select)) {
                    queue.set_size(value as u16);
                }
            }
            _ => self.write_area(offset, size, value),
        }
    }

    /// Registers of the selected queue; zero where there is no such queue, which tells the driver so.
    fn read_queue(&self, offset: u64) -> u64 {
        let Some(queue) = self.queues.get(usize::from(self.common.queue_select)) else { return 0 };
        let areas = queue.areas();
        match offset {
            COMMON_QUEUE_SIZE => u64::from(areas.size),
            COMMON_QUEUE_ENABLE => u64::from(queue.is_on()),
            COMMON_QUEUE_NOTIFY_OFFSET | COMMON_QUEUE_NOTIFY_DATA => u64::from(self.common.queue_select),
            _ => area_register(offset).map_or(0, |(area, shift)| area.get(areas).raw() >> shift),
        }
    }

    fn write_area(&mut self, offset: u64, size: AccessSize, value: u64) {
        let Some((area, shift)) = area_register(offset) else { return };
        let queue = self.queues.get_mut(usize::from(self.common.queue_select));
        let Some(areas) = queue.and_then(|queue| queue.areas_mut()) else { return };
        let mask = size.ones() << shift;
        let address = area.get(areas).raw() & !mask | (value << shift) & mask;
        area.set(areas, Gpa::new(address));
    }

    /// 3.1: queues are set up after features are agreed upon.
    fn enable_queue(&mut self, context: &mut Context<'_>) {
        if self.common.status & STATUS_FEATURES_OK == 0 {
            return;
        }
        let features = self.common.driver_features;
        let Some(queue) = self.queues.get_mut(usize::from(self.common.queue_select)) else { return };
        if queue.is_on() {
            return;
        }
        if let Err(fault) = queue.turn_on(features, context.memory) {
            self.break_down(fault, context);
        }
    }

    /// 2.6.1: one queue forgets everything; the register reads as zero when that is done, which is at once.
    fn reset_queue(&mut self) {
        if self.common.driver_features & FEATURE_RING_RESET == 0 {
            return;
        }
        if let Some(queue) = self.queues.get_mut(usize::from(self.common.queue_select)) {
            queue.reset();
        }
    }

    /// 4.1.5.1.2: a vector that does not exist reads back as "none".
    fn existing_vector(&self, vector: u16) -> u16 {
        if vector < self.function.vectors() { vector } else { NO_VECTOR }
    }

    fn selected_vector(&self) -> Option<u16> {
        self.vectors.get(usize::from(self.common.queue_select)).copied()
    }

    fn select_vector(&mut self, vector: u16) {
        let vector = self.existing_vector(vector);
        if let Some(place) = self.vectors.get_mut(usize::from(self.common.queue_select)) {
            *place = vector;
        }
    }
}

/// One of a queue's three addresses.
#[derive(Clone, Copy)]
enum Area {
    Descriptors,
    Driver,
    Device,
}

impl Area {
    fn get(self, areas: &QueueAreas) -> Gpa {
        match self {
            Area::Descriptors => areas.descriptors,
            Area::Driver => areas.driver,
            Area::Device => areas.device,
        }
    }

    fn set(self, areas: &mut QueueAreas, address: Gpa) {
        match self {
            Area::Descriptors => areas.descriptors = address,
            Area::Driver => areas.driver = address,
            Area::Device => areas.device = address,
        }
    }
}

/// The address register at an offset, and by how many bits it is shifted there.
fn area_register(offset: u64) -> Option<(Area, u32)> {
    let shift = if offset & UPPER == 0 { 0 } else { 32 };
    let area = match offset & !UPPER {
        COMMON_QUEUE_DESCRIPTORS => Area::Descriptors,
        COMMON_QUEUE_DRIVER => Area::Driver,
        COMMON_QUEUE_DEVICE => Area::Device,
        _ => return None,
    };
    Some((area, shift))
}

/// The half of the feature bits that a select register names.
fn half(features: u64, select: u32) -> u64 {
    match select {
        0 => features & 0xFFFF_FFFF,
        1 => features >> 32,
        _ => 0,
    }
}
