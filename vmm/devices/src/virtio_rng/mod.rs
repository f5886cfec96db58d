//! An entropy device (5.4): fills buffers with random bytes.

use serde::{Deserialize, Serialize};
use spec::virtio::TYPE_ENTROPY;
use vmm_bus::{AccessSize, Inspector};
use vmm_snapshot::{RestoreError, Saved, SavedState};
use vmm_virtio::{Chain, Fault, Guest, Progress, VirtioDevice, device::REQUESTS_MAX};

#[cfg(test)]
mod tests;

const VERSION: u16 = 1;
/// PCI class: none of the others.
const CLASS: u32 = 0x00_FF_00;
/// The one queue.
const QUEUES: [u16; 1] = [64];
/// Bytes given for one request at the most; 5.4.6.1 allows fewer than asked for.
pub const REQUEST_BYTES_MAX: u64 = 4096;
/// Bytes asked of the source in one step.
const STEP_BYTES: usize = 64;

/// Where random bytes come from.
pub trait Entropy {
    /// Fills all of `bytes` with bytes that nobody can predict.
    fn fill(&mut self, bytes: &mut [u8]);
}

#[derive(Serialize, Deserialize)]
struct State;

/// An entropy device.
pub struct Rng<E> {
    source: E,
    given: u64,
    chain: Chain,
}

impl<E: Entropy> Rng<E> {
    /// A device that gives what `source` gives.
    pub fn new(source: E) -> Self {
        Self { source, given: 0, chain: Chain::new() }
    }

    /// Fills the request at hand; returns how many bytes it got.
    fn fill(&mut self, guest: &Guest<'_>) -> Result<u32, Fault> {
        let wanted = self.chain.writable().len().min(REQUEST_BYTES_MAX);
        let mut step = [0; STEP_BYTES];
        let mut filled: u64 = 0;
        while filled < wanted {
            let count = wanted.saturating_sub(filled).min(STEP_BYTES as u64);
            let part = step.get_mut(..count as usize).unwrap_or_default();
            self.source.fill(part);
            self.chain.writable().write(guest.memory, filled, part)?;
            filled = filled.saturating_add(count);
        }
        self.given = self.given.wrapping_add(filled);
        Ok(filled as u32)
    }
}

impl<E: Entropy + Send + 'static> VirtioDevice for Rng<E> {
    fn name(&self) -> &'static str {
        "virtio rng"
    }

    fn kind(&self) -> u16 {
        TYPE_ENTROPY
    }

    fn class(&self) -> u32 {
        CLASS
    }

    fn features(&self) -> u64 {
        0
    }

    fn queues(&self) -> &[u16] {
        &QUEUES
    }

    fn config_read(&self, _offset: u64, _size: AccessSize) -> u64 {
        0
    }

    fn activate(&mut self, _features: u64) {}

    fn reset(&mut self) {}

    fn process(&mut self, queue: u16, guest: &mut Guest<'_>) -> Result<Progress, Fault> {
        for _ in 0..REQUESTS_MAX {
            if !guest.pop(queue, &mut self.chain)? {
                return Ok(Progress::Idle);
            }
            let written = self.fill(guest)?;
            guest.complete(queue, self.chain.token(), written)?;
        }
        Ok(Progress::More)
    }

    fn save(&self) -> SavedState {
        SavedState::encode(VERSION, &State)
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        let State = saved.decode(VERSION)?;
        Ok(())
    }

    fn inspect(&self, inspector: &mut dyn Inspector) {
        inspector.number("bytes given", self.given);
    }
}
