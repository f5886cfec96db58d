//! Data through the data register, a block at a time (ATA8-APT 11.6 to 11.8).

use super::{Content, Direction, Drive, Kind, Mode, Phase, Transfer};
use alloc::vec;
use spec::ata::{PACKET_BYTES, REASON_TO_HOST, STATUS_DATA_REQUEST, STATUS_READY, STATUS_SEEK};
use vmm_bus::{Volume, VolumeError};

/// Bytes of a block at the most: what the byte count of PACKET can say.
pub(super) const BLOCK_BYTES_MAX: usize = 0x1_0000;

impl<V: Volume> Drive<V> {
    /// Reads `bytes` bytes (1, 2 or 4) of the block at hand; zeros if the drive gives none.
    pub(crate) fn data_read(&mut self, bytes: usize) -> u32 {
        let Some(transfer) = self.transfer_in_register(Direction::ToHost) else { return 0 };
        let mut value = [0; 4];
        let end = self.position.saturating_add(bytes);
        let part = self.block.get(self.position..end.min(self.block.len())).unwrap_or_default();
        for (to, from) in value.iter_mut().zip(part) {
            *to = *from;
        }
        self.position = end;
        if end >= self.block.len() {
            self.close_block(transfer);
        }
        u32::from_le_bytes(value)
    }

    /// Reads the whole of `into` from the block at hand, if that has as much: the bytes that were read, all or none.
    pub(crate) fn data_read_string(&mut self, into: &mut [u8]) -> usize {
        let Some(transfer) = self.transfer_in_register(Direction::ToHost) else { return 0 };
        let end = self.position.saturating_add(into.len());
        let Some(part) = self.block.get(self.position..end) else { return 0 };
        into.copy_from_slice(part);
        self.position = end;
        if end >= self.block.len() {
            self.close_block(transfer);
        }
        into.len()
    }

    /// Writes `bytes` bytes (1, 2 or 4) of the block or packet at hand.
    pub(crate) fn data_write(&mut self, value: u32, bytes: usize) {
        let transfer = self.transfer_in_register(Direction::ToDrive);
        if transfer.is_none() && !self.wants_packet() {
            return;
        }
        let end = self.position.saturating_add(bytes).min(self.block.len());
        let part = self.block.get_mut(self.position..end).unwrap_or_default();
        for (to, from) in part.iter_mut().zip(value.to_le_bytes()) {
            *to = from;
        }
        self.position = end;
        if end < self.block.len() {
            return;
        }
        match transfer {
            Some(transfer) => self.close_block(transfer),
            None => self.close_packet(),
        }
    }

    /// The transfer if it goes this way through the data register.
    fn transfer_in_register(&self, direction: Direction) -> Option<Transfer> {
        self.transfer()
            .filter(|transfer| transfer.mode == Mode::Pio && transfer.direction == direction)
            .filter(|_| !self.block.is_empty())
    }

    /// Gets ready for the twelve bytes of a packet.
    pub(super) fn open_packet_block(&mut self) {
        self.block = vec![0; PACKET_BYTES];
        self.position = 0;
    }

    fn close_packet(&mut self) {
        let mut packet = [0; PACKET_BYTES];
        for (to, from) in packet.iter_mut().zip(&self.block) {
            *to = *from;
        }
        self.packet(packet);
    }

    /// Makes the next block ready. The first one to the drive is asked for without an interrupt.
    pub(super) fn open_block(&mut self, transfer: Transfer) {
        let is_first = self.block.is_empty();
        let bytes = transfer.left.min(u64::from(transfer.block)).min(BLOCK_BYTES_MAX as u64);
        self.block = vec![0; usize::try_from(bytes).unwrap_or(BLOCK_BYTES_MAX)];
        self.position = 0;
        if transfer.direction == Direction::ToHost {
            let mut block = core::mem::take(&mut self.block);
            let filled = self.fill(transfer, &mut block);
            self.block = block;
            if filled.is_err() {
                self.fail_medium(transfer);
                return;
            }
        }
        self.registers.status = STATUS_READY | STATUS_SEEK | STATUS_DATA_REQUEST;
        let is_optical = matches!(self.kind, Kind::Optical(_));
        if is_optical {
            let reason = if transfer.direction == Direction::ToHost { REASON_TO_HOST } else { 0 };
            self.registers.count = self.registers.count & !0x7 | reason;
            self.registers.set_byte_count(u16::try_from(bytes).unwrap_or(u16::MAX));
        }
        self.interrupt = !is_first || transfer.direction == Direction::ToHost || is_optical;
    }

    /// The host has moved the whole block.
    fn close_block(&mut self, transfer: Transfer) {
        let mut block = core::mem::take(&mut self.block);
        let bytes = block.len() as u64;
        if transfer.direction == Direction::ToDrive && self.store(transfer, &mut block).is_err() {
            self.fail_medium(transfer);
            return;
        }
        self.moved(bytes);
        if let Phase::Data(transfer) = self.phase {
            // Says that this is not the first block.
            self.block = block;
            self.open_block(transfer);
        }
    }

    fn fill(&mut self, transfer: Transfer, block: &mut [u8]) -> Result<(), VolumeError> {
        match transfer.content {
            Content::Volume(offset) => {
                self.volume_mut().ok_or(VolumeError::Failed)?.read_bytes(offset, block)
            }
            Content::Answer(position) => {
                let part = self.answer_part(position, block.len() as u64).ok_or(VolumeError::Failed)?;
                block.copy_from_slice(part);
                Ok(())
            }
        }
    }

    fn store(&mut self, transfer: Transfer, block: &mut [u8]) -> Result<(), VolumeError> {
        match transfer.content {
            Content::Volume(offset) => {
                self.volume_mut().ok_or(VolumeError::Failed)?.write_bytes(offset, block)
            }
            Content::Answer(position) => {
                let part = self.answer_part(position, block.len() as u64).ok_or(VolumeError::Failed)?;
                part.copy_from_slice(block);
                Ok(())
            }
        }
    }
}
