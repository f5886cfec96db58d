//! The transport, saved: one format for all virtio devices, with the device's own state inside.

use super::state::{Common, VirtioPci};
use crate::{device::VirtioDevice, queue::QueueState};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use spec::virtio::{STATUS_DRIVER_OK, STATUS_FEATURES_OK};
use vmm_bus::pci::FunctionState;
use vmm_snapshot::{RestoreError, Saved, SavedState};

const VERSION: u16 = 2;

#[derive(Serialize, Deserialize)]
struct State {
    function: FunctionState,
    queues: Vec<QueueState>,
    vectors: Vec<u16>,
    device_feature_select: u32,
    driver_feature_select: u32,
    driver_features: u64,
    config_vector: u16,
    status: u8,
    generation: u8,
    queue_select: u16,
    isr: u8,
    work: u64,
    device: SavedState,
}

impl<D: VirtioDevice> VirtioPci<D> {
    pub(super) fn save_all(&self) -> SavedState {
        let common = &self.common;
        let state = State {
            function: self.function.save(),
            queues: self.queues.iter().map(|queue| queue.save()).collect(),
            vectors: self.vectors.clone(),
            device_feature_select: common.device_feature_select,
            driver_feature_select: common.driver_feature_select,
            driver_features: common.driver_features,
            config_vector: common.config_vector,
            status: common.status,
            generation: common.generation,
            queue_select: common.queue_select,
            isr: self.isr,
            work: self.work,
            device: self.device.save(),
        };
        SavedState::encode(VERSION, &state)
    }

    pub(super) fn restore_all(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        let state: State = saved.decode(VERSION)?;
        let has_queues = state.queues.len() == self.queues.len() && state.vectors.len() == self.vectors.len();
        if !has_queues {
            return Err(RestoreError::Impossible("the number of queues differs"));
        }
        let is_agreed = state.status & STATUS_FEATURES_OK != 0;
        if is_agreed && state.driver_features & !self.offered() != 0 {
            return Err(RestoreError::Impossible("the guest uses a feature that this device does not have"));
        }
        self.function.restore(state.function)?;
        for (queue, saved) in self.queues.iter_mut().zip(&state.queues) {
            queue.restore(saved)?;
        }
        self.common = Common {
            device_feature_select: state.device_feature_select,
            driver_feature_select: state.driver_feature_select,
            driver_features: state.driver_features,
            config_vector: state.config_vector,
            status: state.status,
            generation: state.generation,
            queue_select: state.queue_select,
        };
        self.vectors = state.vectors;
        self.isr = state.isr;
        self.work = state.work;
        self.fault = None;
        if state.status & STATUS_DRIVER_OK != 0 {
            self.device.activate(state.driver_features);
        }
        self.device.restore(state.device.as_saved())
    }
}
