//! The GPU behind the transport, saved and shown.

use super::{
    backing::PIECES_MAX,
    resource::{RESOURCE_BYTES_MAX, RESOURCES_MAX, Resource, ResourceState},
    state::{CURSOR_SIDE_MAX, Cursor, Gpu, Scanout, is_showable},
};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use spec::virtio_gpu::{CONFIG_BYTES, FEATURE_EDID, TYPE_GPU};
use vmm_bus::{AccessSize, Inspector, access::read_bytes};
use vmm_snapshot::{RestoreError, Saved, SavedState};
use vmm_virtio::{Fault, Guest, Progress, VirtioDevice, device::REQUESTS_MAX};

const VERSION: u16 = 1;
/// PCI class: display, other.
const CLASS: u32 = 0x03_80_00;
/// Queues: commands, cursor.
const QUEUES: [u16; 2] = [64, 16];
/// Bytes copied from the guest in one go, about; then others get their turn.
const COPIED_MAX: u64 = 16 << 20;

#[derive(Serialize, Deserialize)]
struct State {
    resources: Vec<ResourceState>,
    scanout: Option<Scanout>,
    cursor: Cursor,
}

impl VirtioDevice for Gpu {
    fn name(&self) -> &'static str {
        "virtio gpu"
    }

    fn kind(&self) -> u16 {
        TYPE_GPU
    }

    fn class(&self) -> u32 {
        CLASS
    }

    fn features(&self) -> u64 {
        FEATURE_EDID
    }

    fn queues(&self) -> &[u16] {
        &QUEUES
    }

    fn config_read(&self, offset: u64, size: AccessSize) -> u64 {
        let mut bytes = [0; CONFIG_BYTES];
        // One scanout; no events, no capability sets.
        bytes[8] = 1;
        read_bytes(&bytes, offset, size)
    }

    fn activate(&mut self, _features: u64) {}

    fn reset(&mut self) {
        *self = Self::new(self.native);
    }

    fn process(&mut self, queue: u16, guest: &mut Guest<'_>) -> Result<Progress, Fault> {
        self.copied = 0;
        let mut chain = core::mem::take(&mut self.chain);
        let progress = self.process_chains(queue, &mut chain, guest);
        self.chain = chain;
        progress
    }

    fn save(&self) -> SavedState {
        let resources = self.resources.iter().map(Resource::save).collect();
        SavedState::encode(VERSION, &State { resources, scanout: self.scanout, cursor: self.cursor })
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        let state: State = saved.decode(VERSION)?;
        let mut gpu = Self::new(self.native);
        for saved in &state.resources {
            let resource = Resource::restore(saved)?;
            if gpu.find(resource.id).is_some() {
                return Err(RestoreError::Impossible("two pictures have the same number"));
            }
            gpu.resources.push(resource);
            gpu.check_limits()?;
        }
        gpu.scanout = state.scanout;
        gpu.cursor = state.cursor;
        gpu.check_links()?;
        *self = gpu;
        Ok(())
    }

    fn inspect(&self, inspector: &mut dyn Inspector) {
        inspector.number("pictures", self.resources.len() as u64);
        inspector.number("bytes of pictures", self.resources.iter().map(Resource::bytes).sum());
        inspector.flag("cursor", self.cursor.id != 0);
        if let Some(scanout) = self.scanout {
            inspector.number("width", u64::from(scanout.rectangle.width));
            inspector.number("height", u64::from(scanout.rectangle.height));
        }
    }
}

impl Gpu {
    fn process_chains(
        &mut self,
        queue: u16,
        chain: &mut vmm_virtio::Chain,
        guest: &mut Guest<'_>,
    ) -> Result<Progress, Fault> {
        for _ in 0..REQUESTS_MAX {
            if self.copied >= COPIED_MAX {
                break;
            }
            if !guest.pop(queue, chain)? {
                return Ok(Progress::Idle);
            }
            let answer = self.handle(chain, guest.memory)?;
            let room = chain.writable();
            // The cursor's commands come without room for an answer.
            let count = answer.len().min(usize::try_from(room.len()).unwrap_or(usize::MAX));
            room.write(guest.memory, 0, answer.get(..count).unwrap_or_default())?;
            guest.complete(queue, chain.token(), u32::try_from(count).unwrap_or(u32::MAX))?;
        }
        Ok(Progress::More)
    }

    fn check_limits(&self) -> Result<(), RestoreError> {
        let bytes: u64 = self.resources.iter().map(Resource::bytes).sum();
        let pieces: usize = self.resources.iter().map(|resource| resource.backing.len()).sum();
        let is_within =
            self.resources.len() <= RESOURCES_MAX && bytes <= RESOURCE_BYTES_MAX && pieces <= PIECES_MAX;
        if is_within { Ok(()) } else { Err(RestoreError::Impossible("there are too many pictures")) }
    }

    /// What is shown must be there.
    fn check_links(&self) -> Result<(), RestoreError> {
        let shows_picture = self.scanout.is_none_or(|scanout| {
            self.find(scanout.id).is_some_and(|resource| is_showable(scanout.rectangle, resource.size))
        });
        let has_cursor = self.cursor.id == 0
            || self.find(self.cursor.id).is_some_and(|resource| {
                resource.size.width <= CURSOR_SIDE_MAX && resource.size.height <= CURSOR_SIDE_MAX
            });
        if shows_picture && has_cursor {
            Ok(())
        } else {
            Err(RestoreError::Impossible("a picture is shown that does not exist"))
        }
    }
}
