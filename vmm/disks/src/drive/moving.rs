//! Data between drive and guest memory, without the data register.

use super::{Content, Direction, Drive, Kind, Phase, Transfer};
use spec::ata::{ERROR_ABORT, ERROR_UNCORRECTABLE};
use vmm_bus::{GuestMemory, GuestRange, MemoryError, Volume, VolumeError};

impl<V: Volume> Drive<V> {
    /// Moves the next bytes of the transfer from or to `piece`, which is no longer than what is left. After the
    /// last one, or if the medium fails, the command is over. An error is the guest's: there is no such memory.
    pub(crate) fn move_piece(
        &mut self,
        memory: &dyn GuestMemory,
        piece: GuestRange,
    ) -> Result<(), MemoryError> {
        let Phase::Data(transfer) = self.phase else { return Ok(()) };
        match self.move_content(transfer, memory, piece) {
            Ok(()) => self.moved(piece.bytes),
            Err(VolumeError::BadBuffer) => return Err(MemoryError::OutOfRange),
            Err(VolumeError::OutOfRange | VolumeError::Failed) => self.fail_medium(transfer),
        }
        Ok(())
    }

    fn move_content(
        &mut self,
        transfer: Transfer,
        memory: &dyn GuestMemory,
        piece: GuestRange,
    ) -> Result<(), VolumeError> {
        match (transfer.content, transfer.direction) {
            (Content::Volume(offset), Direction::ToHost) => {
                self.volume_mut().ok_or(VolumeError::Failed)?.read(offset, memory, piece)
            }
            (Content::Volume(offset), Direction::ToDrive) => {
                self.volume_mut().ok_or(VolumeError::Failed)?.write(offset, memory, piece)
            }
            (Content::Answer(position), direction) => {
                let part = self.answer_part(position, piece.bytes).ok_or(VolumeError::Failed)?;
                match direction {
                    Direction::ToHost => memory.write(piece.start, part)?,
                    Direction::ToDrive => memory.read(piece.start, part)?,
                }
                Ok(())
            }
        }
    }

    /// Part of the answer. The answer has its whole length from the start, whichever way it moves.
    pub(super) fn answer_part(&mut self, position: u32, bytes: u64) -> Option<&mut [u8]> {
        let first = usize::try_from(position).ok()?;
        let end = first.checked_add(usize::try_from(bytes).ok()?)?;
        self.answer.get_mut(first..end)
    }

    /// Notes that bytes were moved; ends the command with the last one.
    pub(super) fn moved(&mut self, bytes: u64) {
        let Phase::Data(mut transfer) = self.phase else { return };
        transfer.advance(bytes);
        self.phase = Phase::Data(transfer);
        if transfer.left == 0 {
            self.end_data(transfer);
        }
    }

    /// The volume failed: ends the command with what the registers say then.
    pub(super) fn fail_medium(&mut self, transfer: Transfer) {
        let error = match (&mut self.kind, transfer.direction) {
            (Kind::Optical(optical), _) => optical.fail_medium(),
            (Kind::Disk(_), Direction::ToHost) => ERROR_UNCORRECTABLE,
            (Kind::Disk(_), Direction::ToDrive) => ERROR_ABORT,
        };
        self.finish(Err(error));
    }
}
