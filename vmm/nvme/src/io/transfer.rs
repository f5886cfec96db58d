//! Data between the volume, the controller and guest memory.

use super::{read_failure, write_failure};
use crate::{
    command::{Command, End, Failure, Outcome},
    controller::Nvme,
    prp,
};
use alloc::{vec, vec::Vec};
use spec::nvme::{io, status};
use vmm_bus::{GuestMemory, GuestRange, Volume};

impl<V: Volume> Nvme<V> {
    pub(super) fn read(&mut self, command: &Command, memory: &dyn GuestMemory) -> Outcome {
        let extent = self.extent(command.first_block(), command.blocks())?;
        let mut offset = extent.offset;
        for piece in prp::pieces(memory, command.pages(), extent.bytes)? {
            self.volume.read(offset, memory, piece).map_err(read_failure)?;
            offset = offset.saturating_add(piece.bytes);
        }
        self.counters.read_bytes = self.counters.read_bytes.saturating_add(extent.bytes);
        self.counters.reads = self.counters.reads.saturating_add(1);
        Ok(End::Done(0))
    }

    pub(super) fn write(&mut self, command: &Command, memory: &dyn GuestMemory) -> Outcome {
        self.check_writable()?;
        let extent = self.extent(command.first_block(), command.blocks())?;
        let mut offset = extent.offset;
        for piece in prp::pieces(memory, command.pages(), extent.bytes)? {
            self.volume.write(offset, memory, piece).map_err(write_failure)?;
            offset = offset.saturating_add(piece.bytes);
        }
        self.counters.written_bytes = self.counters.written_bytes.saturating_add(extent.bytes);
        self.counters.writes = self.counters.writes.saturating_add(1);
        self.written(command.dword(12) & io::FORCE != 0)?;
        Ok(End::Done(0))
    }

    pub(super) fn compare(&mut self, command: &Command, memory: &dyn GuestMemory) -> Outcome {
        let extent = self.extent(command.first_block(), command.blocks())?;
        let mut offset = extent.offset;
        for piece in prp::pieces(memory, command.pages(), extent.bytes)? {
            let theirs = copy(memory, piece)?;
            let mut ours = vec![0; theirs.len()];
            self.volume.read_bytes(offset, &mut ours).map_err(read_failure)?;
            self.counters.read_bytes = self.counters.read_bytes.saturating_add(piece.bytes);
            if ours != theirs {
                return Err(Failure::lasting(status::COMPARE));
            }
            offset = offset.saturating_add(piece.bytes);
        }
        Ok(End::Done(0))
    }
}

/// Copies a command's data from the host.
pub(super) fn fetch(memory: &dyn GuestMemory, pages: (u64, u64), bytes: usize) -> Result<Vec<u8>, Failure> {
    let mut data = Vec::new();
    for piece in prp::pieces(memory, pages, bytes as u64)? {
        data.extend_from_slice(&copy(memory, piece)?);
    }
    Ok(data)
}

/// Copies a piece, which is no longer than a transfer may be.
fn copy(memory: &dyn GuestMemory, piece: GuestRange) -> Result<Vec<u8>, Failure> {
    let mut data = vec![0; usize::try_from(piece.bytes).unwrap_or(0)];
    memory.read(piece.start, &mut data).map_err(|_| Failure::lasting(status::TRANSFER))?;
    Ok(data)
}
