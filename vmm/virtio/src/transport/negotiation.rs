//! Device status and features (2.1, 2.2, 3.1).

use super::state::{Common, VirtioPci};
use crate::device::VirtioDevice;
use spec::virtio::{
    FEATURE_EVENT_INDEX, FEATURE_INDIRECT, FEATURE_PACKED, FEATURE_RING_RESET, FEATURE_VERSION_1, NO_VECTOR,
    STATUS_ACKNOWLEDGE, STATUS_DRIVER, STATUS_DRIVER_OK, STATUS_FAILED, STATUS_FEATURES_OK,
    STATUS_NEEDS_RESET,
};
use vmm_bus::{Context, Effects};

/// Features of the rings and the transport.
const TRANSPORT_FEATURES: u64 =
    FEATURE_INDIRECT | FEATURE_EVENT_INDEX | FEATURE_VERSION_1 | FEATURE_PACKED | FEATURE_RING_RESET;

impl<D: VirtioDevice> VirtioPci<D> {
    /// Everything that is offered.
    pub(super) fn offered(&self) -> u64 {
        self.device.features() | TRANSPORT_FEATURES
    }

    /// Whether queues may be used: the driver is ready and the device is not broken.
    pub(super) fn is_ready(&self) -> bool {
        self.common.status & (STATUS_DRIVER_OK | STATUS_NEEDS_RESET) == STATUS_DRIVER_OK
    }

    /// Handles a write to the status: zero resets, everything else adds bits (2.1.1: the driver must not
    /// clear one).
    pub(super) fn write_status(&mut self, value: u8, context: &mut Context<'_>) {
        if value == 0 {
            self.reset_device(context.effects);
            return;
        }
        let added = value & !self.common.status;
        self.common.status |= added & (STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FAILED);
        if added & STATUS_FEATURES_OK != 0 && self.accepts_features() {
            self.common.status |= STATUS_FEATURES_OK;
        }
        let is_agreed = self.common.status & STATUS_FEATURES_OK != 0;
        if added & STATUS_DRIVER_OK != 0 && is_agreed {
            self.common.status |= STATUS_DRIVER_OK;
            self.device.activate(self.common.driver_features);
            self.process_all(context);
        }
    }

    /// Takes over a half of the driver's features, until they are agreed upon.
    pub(super) fn write_features(&mut self, value: u32) {
        if self.common.status & STATUS_FEATURES_OK != 0 {
            return;
        }
        let features = &mut self.common.driver_features;
        match self.common.driver_feature_select {
            0 => *features = *features & !0xFFFF_FFFF | u64::from(value),
            1 => *features = *features & 0xFFFF_FFFF | u64::from(value) << 32,
            _ => {}
        }
    }

    /// Forgets the driver (2.4). Configuration space and the MSI-X table stay.
    pub(super) fn reset_device(&mut self, effects: &mut Effects) {
        self.queues.iter_mut().for_each(|queue| queue.reset());
        self.vectors.fill(NO_VECTOR);
        self.common = Common::RESET;
        self.isr = 0;
        self.work = 0;
        self.fault = None;
        self.device.reset();
        self.update_line(effects);
    }

    /// 2.2: the driver takes a subset of what is offered, and this device has no legacy interface.
    fn accepts_features(&self) -> bool {
        let features = self.common.driver_features;
        features & !self.offered() == 0 && features & FEATURE_VERSION_1 != 0
    }

    /// Looks at every queue once: a driver may fill them before it says that it is ready.
    fn process_all(&mut self, context: &mut Context<'_>) {
        for queue in 0..u16::try_from(self.queues.len()).unwrap_or(0) {
            self.process(queue, context);
        }
    }
}
