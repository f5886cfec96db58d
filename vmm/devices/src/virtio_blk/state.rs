//! The disk as a value.

use super::{
    registers::{HEADER_BYTES, RANGE_BYTES, STATUS_BYTES, Status},
    request::{DISCARD_FLAGS, DiskRange, RawRange, RawRequest, Request, ZERO_FLAGS},
};
use alloc::{vec, vec::Vec};
use vmm_bus::{GuestMemory, Volume, VolumeError, volume::Access};
use vmm_virtio::{Chain, Fault};

/// Descriptors of each queue.
pub const QUEUE_SIZE: u16 = 256;
/// Queues of one disk at the most.
pub const QUEUES_MAX: u16 = 16;
/// Bytes of the identification string.
pub const ID_BYTES: usize = 20;
/// Sectors of one discard or write-zeroes range at the most: 1 GiB.
pub(super) const RANGE_SECTORS_MAX: u32 = 1 << 21;
/// Ranges of one such request at the most.
pub(super) const RANGES_MAX: u64 = 32;

/// What a disk is made with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlockConfig {
    /// Whether the guest may write.
    pub access: Access,
    /// What the guest sees as serial number; zero-padded.
    pub id: [u8; ID_BYTES],
    /// Number of queues, 1 to [`QUEUES_MAX`]: one for each vCPU is best.
    pub queues: u16,
}

/// A disk.
pub struct Block<V> {
    pub(super) config: BlockConfig,
    pub(super) sizes: Vec<u16>,
    pub(super) volume: V,
    /// Requests since power-on, for `inspect`.
    pub(super) counters: Counters,
    /// The request at hand; empty between calls.
    pub(super) chain: Chain,
}

/// What the disk did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Counters {
    pub(super) read_bytes: u64,
    pub(super) written_bytes: u64,
    pub(super) flushes: u64,
    pub(super) failures: u64,
}

impl<V: Volume> Block<V> {
    /// A disk whose sectors are those of `volume`; what does not fill a sector at its end is not shown.
    pub fn new(config: BlockConfig, volume: V) -> Self {
        let queues = config.queues.clamp(1, QUEUES_MAX);
        Self {
            config: BlockConfig { queues, ..config },
            sizes: vec![QUEUE_SIZE; usize::from(queues)],
            volume,
            counters: Counters::default(),
            chain: Chain::new(),
        }
    }

    /// The volume behind the disk.
    pub fn volume(&self) -> &V {
        &self.volume
    }

    /// Handles the request of `self.chain`. Returns how many bytes were written to it.
    pub(super) fn handle(&mut self, memory: &dyn GuestMemory) -> Result<u32, Fault> {
        let chain = core::mem::take(&mut self.chain);
        let written = self.handle_chain(memory, &chain);
        // The chain keeps its memory for the next request.
        self.chain = chain;
        written
    }

    fn handle_chain(&mut self, memory: &dyn GuestMemory, chain: &Chain) -> Result<u32, Fault> {
        let mut header = [0; HEADER_BYTES];
        chain.readable().read(memory, 0, &mut header)?;
        // 5.2.6: the status is the last byte that the device writes.
        let data = chain.writable().len().checked_sub(STATUS_BYTES).ok_or(Fault::BadRequest)?;
        let outcome = self.execute(RawRequest::parse(header), memory, chain, data);
        let (status, written) = match outcome {
            Ok(written) => (Status::Ok, written),
            Err(status) => {
                self.counters.failures = self.counters.failures.wrapping_add(1);
                (status, 0)
            }
        };
        chain.writable().write(memory, data, &[status as u8])?;
        // A read that failed wrote nothing that counts, but the status always stands at the very end.
        let total = if status == Status::Ok { written.max(data) } else { data };
        let total = total.saturating_add(STATUS_BYTES);
        Ok(u32::try_from(total).unwrap_or(u32::MAX))
    }

    /// Tries the request. Returns the bytes of data that it wrote.
    fn execute(
        &mut self,
        raw: RawRequest,
        memory: &dyn GuestMemory,
        chain: &Chain,
        data: u64,
    ) -> Result<u64, Status> {
        let sent = chain.readable().len().saturating_sub(HEADER_BYTES as u64);
        let request = raw.check(self.capacity(), sent, data)?;
        let changes = matches!(request, Request::Write(_) | Request::Discard | Request::WriteZeroes);
        if changes && self.config.access == Access::ReadOnly {
            return Err(Status::Error);
        }
        match request {
            Request::Read(range) => self.read(range, memory, chain),
            Request::Write(range) => self.write(range, memory, chain),
            Request::Flush => {
                self.counters.flushes = self.counters.flushes.wrapping_add(1);
                self.volume.flush()?;
                Ok(0)
            }
            Request::GetId => {
                let room = usize::try_from(data).unwrap_or(usize::MAX).min(ID_BYTES);
                let id = self.config.id.get(..room).unwrap_or_default();
                chain.writable().write(memory, 0, id).map_err(|_| Status::Error)?;
                Ok(room as u64)
            }
            Request::Discard => self.each_range(memory, chain, sent, DISCARD_FLAGS, |volume, range| {
                volume.discard(range.offset(), range.bytes())
            }),
            Request::WriteZeroes => self.each_range(memory, chain, sent, ZERO_FLAGS, |volume, range| {
                volume.write_zeroes(range.offset(), range.bytes())
            }),
        }
    }

    fn read(&mut self, range: DiskRange, memory: &dyn GuestMemory, chain: &Chain) -> Result<u64, Status> {
        let mut offset = range.offset();
        for piece in chain.writable().pieces(0, range.bytes()) {
            self.volume.read(offset, memory, piece)?;
            offset = offset.saturating_add(piece.bytes);
        }
        self.counters.read_bytes = self.counters.read_bytes.wrapping_add(range.bytes());
        Ok(range.bytes())
    }

    fn write(&mut self, range: DiskRange, memory: &dyn GuestMemory, chain: &Chain) -> Result<u64, Status> {
        let mut offset = range.offset();
        for piece in chain.readable().pieces(HEADER_BYTES as u64, range.bytes()) {
            self.volume.write(offset, memory, piece)?;
            offset = offset.saturating_add(piece.bytes);
        }
        self.counters.written_bytes = self.counters.written_bytes.wrapping_add(range.bytes());
        Ok(0)
    }

    /// Applies `act` to each range of a discard or write-zeroes request.
    fn each_range(
        &mut self,
        memory: &dyn GuestMemory,
        chain: &Chain,
        sent: u64,
        flags_allowed: u32,
        act: impl Fn(&mut V, DiskRange) -> Result<(), VolumeError>,
    ) -> Result<u64, Status> {
        let ranges = sent / RANGE_BYTES as u64;
        if !sent.is_multiple_of(RANGE_BYTES as u64) || ranges > RANGES_MAX {
            return Err(Status::Error);
        }
        for index in 0..ranges {
            let mut raw = [0; RANGE_BYTES];
            let place = (HEADER_BYTES as u64).saturating_add(index.saturating_mul(RANGE_BYTES as u64));
            chain.readable().read(memory, place, &mut raw).map_err(|_| Status::Error)?;
            let range = RawRange::parse(raw).check(self.capacity(), flags_allowed, RANGE_SECTORS_MAX)?;
            act(&mut self.volume, range)?;
        }
        Ok(0)
    }

    /// Bytes that the guest sees.
    pub(super) fn capacity(&self) -> u64 {
        let bytes = self.volume.bytes();
        bytes.saturating_sub(bytes % super::registers::SECTOR_BYTES)
    }
}

impl From<VolumeError> for Status {
    fn from(_: VolumeError) -> Self {
        Status::Error
    }
}
