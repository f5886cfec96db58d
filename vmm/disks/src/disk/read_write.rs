//! Commands that move sectors.

use super::{Disk, extent::Width};
use crate::{
    drive::{Content, Direction, Interface, Mode, Outcome, Reply, Transfer},
    registers::Registers,
};
use spec::ata::{ERROR_ABORT, SECTOR_BYTES, command};
use vmm_bus::Volume;

/// Device register of queued writes: data must last before the command is done.
const DEVICE_FORCE: u8 = 1 << 7;

/// A command that moves sectors.
struct DataCommand {
    direction: Direction,
    width: Width,
    how: How,
}

enum How {
    /// A sector at a time.
    Sectors,
    /// A block of sectors at a time.
    Multiple,
    Dma,
    Queued,
}

impl DataCommand {
    // tidy: table
    fn parse(code: u8) -> Option<Self> {
        use Direction::{ToDrive, ToHost};
        let (direction, width, how) = match code {
            command::READ_SECTORS | command::READ_SECTORS_ONCE => (ToHost, Width::Short, How::Sectors),
            command::READ_SECTORS_EXT => (ToHost, Width::Long, How::Sectors),
            command::READ_MULTIPLE => (ToHost, Width::Short, How::Multiple),
            command::READ_MULTIPLE_EXT => (ToHost, Width::Long, How::Multiple),
            command::READ_DMA | command::READ_DMA_ONCE => (ToHost, Width::Short, How::Dma),
            command::READ_DMA_EXT => (ToHost, Width::Long, How::Dma),
            command::READ_QUEUED => (ToHost, Width::Queued, How::Queued),
            command::WRITE_SECTORS | command::WRITE_SECTORS_ONCE => (ToDrive, Width::Short, How::Sectors),
            command::WRITE_SECTORS_EXT => (ToDrive, Width::Long, How::Sectors),
            command::WRITE_MULTIPLE => (ToDrive, Width::Short, How::Multiple),
            command::WRITE_MULTIPLE_EXT | command::WRITE_MULTIPLE_FUA_EXT => {
                (ToDrive, Width::Long, How::Multiple)
            }
            command::WRITE_DMA | command::WRITE_DMA_ONCE => (ToDrive, Width::Short, How::Dma),
            command::WRITE_DMA_EXT | command::WRITE_DMA_FUA_EXT => (ToDrive, Width::Long, How::Dma),
            command::WRITE_QUEUED => (ToDrive, Width::Queued, How::Queued),
            _ => return None,
        };
        Some(Self { direction, width, how })
    }
}

/// Whether a command moves sectors.
pub(super) fn is_data_command(code: u8) -> bool {
    DataCommand::parse(code).is_some()
}

impl<V: Volume> Disk<V> {
    pub(super) fn read_write(&mut self, registers: &Registers, interface: Interface) -> Outcome {
        let data = DataCommand::parse(registers.command).ok_or(ERROR_ABORT)?;
        let sector = SECTOR_BYTES as u32;
        let (mode, block) = match data.how {
            How::Sectors => (Mode::Pio, sector),
            How::Multiple if self.settings.multiple == 0 => return Err(ERROR_ABORT),
            How::Multiple => (Mode::Pio, sector.saturating_mul(u32::from(self.settings.multiple))),
            How::Dma => (Mode::Dma, sector),
            How::Queued if interface == Interface::Parallel => return Err(ERROR_ABORT),
            How::Queued => (Mode::Queued(registers.queue_tag()), sector),
        };
        if data.direction == Direction::ToDrive {
            self.check_writable()?;
        }
        let extent = self.extent(registers, data.width)?;
        Ok(Reply::Data(Transfer {
            direction: data.direction,
            mode,
            content: Content::Volume(extent.offset()),
            left: extent.bytes(),
            block,
        }))
    }

    /// All sectors of a write have arrived.
    pub(super) fn written(&mut self, registers: &Registers) -> Result<(), u8> {
        let is_forced = match registers.command {
            command::WRITE_DMA_FUA_EXT | command::WRITE_MULTIPLE_FUA_EXT => true,
            command::WRITE_QUEUED => registers.device & DEVICE_FORCE != 0,
            _ => false,
        };
        if is_forced || !self.settings.write_cache { self.flush() } else { Ok(()) }
    }
}
