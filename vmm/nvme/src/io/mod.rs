//! I/O commands (6).

mod transfer;

use crate::{
    command::{Command, End, Failure, Outcome},
    controller::{BLOCK_BYTES, Nvme},
};
use serde::{Deserialize, Serialize};
use spec::nvme::{NAMESPACE_ALL, io, status};
use vmm_bus::{Context, GuestMemory, MemoryError, Volume, VolumeError, volume::Access};

/// The namespace.
pub(crate) const NAMESPACE: u32 = 1;
/// Bytes that are zeroed at once.
const ZERO_BYTES_MAX: u64 = 1 << 20;
/// Bytes of a range of dataset management.
const RANGE_BYTES: usize = 16;

/// What the controller did since power-on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Counters {
    pub(crate) read_bytes: u64,
    pub(crate) written_bytes: u64,
    pub(crate) zeroed_bytes: u64,
    pub(crate) reads: u64,
    pub(crate) writes: u64,
    pub(crate) failures: u64,
}

impl Counters {
    /// Bytes moved in all: what a call is measured by.
    pub(crate) fn bytes(&self) -> u64 {
        self.read_bytes.saturating_add(self.written_bytes).saturating_add(self.zeroed_bytes)
    }
}

/// A command that zeroes more than one call may.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Zeroing {
    queue: u16,
    id: u16,
    offset: u64,
    left: u64,
    is_forced: bool,
}

/// Bytes of the volume that exist.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Extent {
    offset: u64,
    bytes: u64,
}

impl<V: Volume> Nvme<V> {
    pub(crate) fn execute_io(&mut self, queue: u16, command: &Command, memory: &dyn GuestMemory) -> Outcome {
        let opcode = command.opcode();
        let is_everywhere = opcode == io::FLUSH && command.namespace() == NAMESPACE_ALL;
        if command.namespace() != NAMESPACE && !is_everywhere {
            return Err(Failure::lasting(status::INVALID_NAMESPACE));
        }
        match opcode {
            io::FLUSH => self.flush().map(|()| End::Done(0)),
            io::READ => self.read(command, memory),
            io::WRITE => self.write(command, memory),
            io::COMPARE => self.compare(command, memory),
            io::WRITE_ZEROES => self.begin_zeroing(queue, command),
            io::DATASET_MANAGEMENT => self.manage(command, memory),
            _ => Err(Failure::lasting(status::INVALID_OPCODE)),
        }
    }

    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.volume.flush().map_err(|_| Failure(status::INTERNAL))
    }

    /// The blocks that a command names, if the namespace has them all.
    fn extent(&self, first: u64, count: u64) -> Result<Extent, Failure> {
        let end = first.checked_add(count).filter(|end| *end <= self.blocks);
        match end {
            Some(_) => Ok(Extent {
                offset: first.saturating_mul(BLOCK_BYTES),
                bytes: count.saturating_mul(BLOCK_BYTES),
            }),
            None => Err(Failure::lasting(status::OUT_OF_RANGE)),
        }
    }

    fn check_writable(&self) -> Result<(), Failure> {
        match self.config.access {
            Access::ReadWrite => Ok(()),
            Access::ReadOnly => Err(Failure::lasting(status::WRITE_PROTECTED)),
        }
    }

    /// Makes a write last if the host wants that.
    fn written(&mut self, is_forced: bool) -> Result<(), Failure> {
        if is_forced || !self.session.features.has_write_cache() { self.flush() } else { Ok(()) }
    }

    fn begin_zeroing(&mut self, queue: u16, command: &Command) -> Outcome {
        self.check_writable()?;
        let extent = self.extent(command.first_block(), command.blocks())?;
        self.session.zeroing = Some(Zeroing {
            queue,
            id: command.id(),
            offset: extent.offset,
            left: extent.bytes,
            is_forced: command.dword(12) & io::FORCE != 0,
        });
        Ok(End::Later)
    }

    /// Zeroes the next bytes, and ends the command with the last ones.
    pub(crate) fn go_on_zeroing(&mut self, context: &mut Context<'_>) -> Result<(), MemoryError> {
        let Some(mut zeroing) = self.session.zeroing.take() else { return Ok(()) };
        let bytes = zeroing.left.min(ZERO_BYTES_MAX);
        self.counters.zeroed_bytes = self.counters.zeroed_bytes.saturating_add(bytes);
        let done = self.volume.write_zeroes(zeroing.offset, bytes).map_err(write_failure);
        zeroing.offset = zeroing.offset.saturating_add(bytes);
        zeroing.left = zeroing.left.saturating_sub(bytes);
        let outcome = match done {
            Ok(()) if zeroing.left > 0 => {
                self.session.zeroing = Some(zeroing);
                return Ok(());
            }
            Ok(()) => self.written(zeroing.is_forced).map(|()| End::Done(0)),
            Err(failure) => Err(failure),
        };
        self.complete(zeroing.queue, zeroing.id, outcome, context)
    }

    /// Dataset management (6.7): only deallocation does something.
    fn manage(&mut self, command: &Command, memory: &dyn GuestMemory) -> Outcome {
        let count = usize::try_from(command.dword(10) & 0xFF).unwrap_or(0).saturating_add(1);
        if command.dword(11) & io::DEALLOCATE == 0 {
            return Ok(End::Done(0));
        }
        self.check_writable()?;
        let raw = transfer::fetch(memory, command.pages(), count.saturating_mul(RANGE_BYTES))?;
        for range in raw.chunks_exact(RANGE_BYTES) {
            let range = u128::from_le_bytes(range.try_into().unwrap_or_default());
            let (blocks, first) = ((range >> 32) as u32, (range >> 64) as u64);
            let extent = self.extent(first, u64::from(blocks))?;
            if extent.bytes > 0 {
                self.volume.discard(extent.offset, extent.bytes).map_err(write_failure)?;
            }
        }
        Ok(End::Done(0))
    }
}

fn read_failure(error: VolumeError) -> Failure {
    match error {
        VolumeError::BadBuffer => Failure::lasting(status::TRANSFER),
        VolumeError::OutOfRange | VolumeError::Failed => Failure(status::READ_ERROR),
    }
}

fn write_failure(error: VolumeError) -> Failure {
    match error {
        VolumeError::BadBuffer => Failure::lasting(status::TRANSFER),
        VolumeError::OutOfRange | VolumeError::Failed => Failure(status::WRITE_FAULT),
    }
}
