//! The simplest device.

use crate::{Chain, Fault, Guest, Progress, VirtioDevice, device::REQUESTS_MAX};
use alloc::vec;
use vmm_bus::{AccessSize, Inspector};
use vmm_snapshot::{RestoreError, Saved, SavedState};

/// Bytes of one request that are echoed at the most.
const BYTES_MAX: u64 = 4096;

/// Writes to each request what it read from it.
#[derive(Default)]
pub struct Echo {
    chain: Chain,
    /// Requests answered.
    pub answered: u64,
}

impl VirtioDevice for Echo {
    fn name(&self) -> &'static str {
        "virtio echo"
    }

    fn kind(&self) -> u16 {
        // Reserved for nobody: device types end far below.
        63
    }

    fn class(&self) -> u32 {
        0x00_FF_00
    }

    fn features(&self) -> u64 {
        1
    }

    fn queues(&self) -> &[u16] {
        &[16, 64]
    }

    fn config_read(&self, offset: u64, _size: AccessSize) -> u64 {
        offset
    }

    fn activate(&mut self, _features: u64) {}

    fn reset(&mut self) {}

    fn process(&mut self, queue: u16, guest: &mut Guest<'_>) -> Result<Progress, Fault> {
        for _ in 0..REQUESTS_MAX {
            if !guest.pop(queue, &mut self.chain)? {
                return Ok(Progress::Idle);
            }
            let count = self.chain.readable().len().min(self.chain.writable().len()).min(BYTES_MAX);
            let mut bytes = vec![0; count as usize];
            self.chain.readable().read(guest.memory, 0, &mut bytes)?;
            self.chain.writable().write(guest.memory, 0, &bytes)?;
            self.answered = self.answered.wrapping_add(1);
            guest.complete(queue, self.chain.token(), count as u32)?;
        }
        Ok(Progress::More)
    }

    fn save(&self) -> SavedState {
        SavedState::encode(1, &self.answered)
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        self.answered = saved.decode(1)?;
        Ok(())
    }

    fn inspect(&self, inspector: &mut dyn Inspector) {
        inspector.number("answered", self.answered);
    }
}
