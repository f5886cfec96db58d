//! The disk behind the transport, saved and shown.

use super::{
    registers::{
        BLOCK_SIZE, CAPACITY, CONFIG_BYTES, DISCARD_ALIGNMENT, DISCARD_RANGES, DISCARD_SECTORS,
        FEATURE_BLOCK_SIZE, FEATURE_DISCARD, FEATURE_FLUSH, FEATURE_QUEUES, FEATURE_READ_ONLY,
        FEATURE_SEGMENTS, FEATURE_WRITE_ZEROES, QUEUES, SECTOR_BYTES, SEGMENTS, ZERO_MAY_UNMAP, ZERO_RANGES,
        ZERO_SECTORS,
    },
    state::{Block, QUEUE_SIZE, RANGE_SECTORS_MAX, RANGES_MAX},
};
use serde::{Deserialize, Serialize};
use spec::virtio::TYPE_BLOCK;
use vmm_bus::{AccessSize, Inspector, Volume, access::read_bytes, volume::Access};
use vmm_snapshot::{RestoreError, Saved, SavedState};
use vmm_virtio::{Fault, Guest, Progress, VirtioDevice, device::REQUESTS_MAX};

const VERSION: u16 = 1;
/// PCI class: mass storage, SCSI; what drivers expect of virtio disks.
const CLASS: u32 = 0x01_00_00;

/// The disk has no state of its own between requests; what must not change is kept for comparison.
#[derive(Serialize, Deserialize)]
struct State {
    capacity: u64,
    is_read_only: bool,
}

impl<V: Volume> Block<V> {
    fn is_read_only(&self) -> bool {
        self.config.access == Access::ReadOnly
    }

    /// The configuration as 5.2.4 lays it out.
    fn configuration(&self) -> [u8; CONFIG_BYTES] {
        let mut bytes = [0; CONFIG_BYTES];
        let mut put = |offset: usize, field: &[u8]| {
            for (to, from) in bytes.iter_mut().skip(offset).zip(field) {
                *to = *from;
            }
        };
        put(CAPACITY, &(self.capacity() / SECTOR_BYTES).to_le_bytes());
        // Header and status take a descriptor each.
        put(SEGMENTS, &u32::from(QUEUE_SIZE - 2).to_le_bytes());
        put(BLOCK_SIZE, &(SECTOR_BYTES as u32).to_le_bytes());
        put(QUEUES, &self.config.queues.to_le_bytes());
        put(DISCARD_SECTORS, &RANGE_SECTORS_MAX.to_le_bytes());
        put(DISCARD_RANGES, &(RANGES_MAX as u32).to_le_bytes());
        put(DISCARD_ALIGNMENT, &1u32.to_le_bytes());
        put(ZERO_SECTORS, &RANGE_SECTORS_MAX.to_le_bytes());
        put(ZERO_RANGES, &(RANGES_MAX as u32).to_le_bytes());
        put(ZERO_MAY_UNMAP, &[1]);
        bytes
    }
}

impl<V: Volume + Send + 'static> VirtioDevice for Block<V> {
    fn name(&self) -> &'static str {
        "virtio blk"
    }

    fn kind(&self) -> u16 {
        TYPE_BLOCK
    }

    fn class(&self) -> u32 {
        CLASS
    }

    fn features(&self) -> u64 {
        let access =
            if self.is_read_only() { FEATURE_READ_ONLY } else { FEATURE_DISCARD | FEATURE_WRITE_ZEROES };
        let queues = if self.config.queues > 1 { FEATURE_QUEUES } else { 0 };
        FEATURE_SEGMENTS | FEATURE_BLOCK_SIZE | FEATURE_FLUSH | access | queues
    }

    fn queues(&self) -> &[u16] {
        &self.sizes
    }

    fn config_read(&self, offset: u64, size: AccessSize) -> u64 {
        read_bytes(&self.configuration(), offset, size)
    }

    fn activate(&mut self, _features: u64) {}

    fn reset(&mut self) {}

    fn process(&mut self, queue: u16, guest: &mut Guest<'_>) -> Result<Progress, Fault> {
        for _ in 0..REQUESTS_MAX {
            if !guest.pop(queue, &mut self.chain)? {
                return Ok(Progress::Idle);
            }
            let written = self.handle(guest.memory)?;
            guest.complete(queue, self.chain.token(), written)?;
        }
        Ok(Progress::More)
    }

    fn save(&self) -> SavedState {
        let state = State { capacity: self.capacity(), is_read_only: self.is_read_only() };
        SavedState::encode(VERSION, &state)
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        let state: State = saved.decode(VERSION)?;
        if state.capacity != self.capacity() || state.is_read_only != self.is_read_only() {
            return Err(RestoreError::Impossible("the disk has another size or access than the saved one"));
        }
        Ok(())
    }

    fn inspect(&self, inspector: &mut dyn Inspector) {
        inspector.number("capacity", self.capacity());
        inspector.flag("read-only", self.is_read_only());
        inspector.number("bytes read", self.counters.read_bytes);
        inspector.number("bytes written", self.counters.written_bytes);
        inspector.number("flushes", self.counters.flushes);
        inspector.number("failed requests", self.counters.failures);
    }
}
