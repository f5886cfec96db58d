//! A disk: the general feature set of ATA8-ACS without packets.

mod extent;
mod features;
mod identify;
mod logs;
mod read_write;
mod saved;
mod shape;

pub(crate) use features::{MODE_MULTIWORD, MODE_ULTRA_DMA, MULTIWORD_MAX, ULTRA_DMA_MAX, is_transfer_mode};
pub(crate) use saved::DiskState;

use crate::{
    drive::{Content, Direction, Interface, Mode, Outcome, Reply, Transfer},
    registers::Registers,
};
use alloc::{vec, vec::Vec};
use extent::{Extent, Width};
use logs::QueueError;
use shape::Shape;
use spec::ata::{
    ERROR_ABORT, ERROR_ID_NOT_FOUND, ERROR_WRITE_PROTECTED, LBA28_SECTORS, LBA48_SECTORS, SECTOR_BYTES,
    command,
};
use vmm_bus::{Inspector, Volume, volume::Access};

/// Bytes of a disk's serial number.
pub const SERIAL_BYTES: usize = 20;
/// Blocks of ranges that one DATA SET MANAGEMENT takes: 64 ranges each.
pub(crate) const TRIM_BLOCKS_MAX: u16 = 8;

/// What a disk is made with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DiskConfig {
    /// Whether the guest may write.
    pub access: Access,
    /// What the guest sees as serial number: text, padded with spaces.
    pub serial: [u8; SERIAL_BYTES],
}

/// What software changes about a disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
struct Settings {
    shape: Shape,
    /// Sectors of a block of READ MULTIPLE; 0 = the command is off.
    multiple: u8,
    /// The transfer mode, as SET FEATURES names it.
    mode: u8,
    write_cache: bool,
    look_ahead: bool,
    smart: bool,
    queue_error: Option<QueueError>,
}

/// A disk behind an interface.
pub(crate) struct Disk<V> {
    config: DiskConfig,
    sectors: u64,
    volume: V,
    settings: Settings,
}

impl<V: Volume> Disk<V> {
    pub(crate) fn new(config: DiskConfig, volume: V) -> Self {
        let sectors = (volume.bytes() / SECTOR_BYTES).min(LBA48_SECTORS);
        Self { config, sectors, volume, settings: Settings::new(sectors) }
    }

    pub(crate) fn volume(&self) -> &V {
        &self.volume
    }

    pub(crate) fn volume_mut(&mut self) -> &mut V {
        &mut self.volume
    }

    pub(crate) fn reset(&mut self) {
        self.settings = Settings::new(self.sectors);
    }

    /// Starts a command.
    // tidy: table
    pub(crate) fn execute(
        &mut self,
        registers: &mut Registers,
        answer: &mut Vec<u8>,
        interface: Interface,
    ) -> Outcome {
        match registers.command {
            command::IDENTIFY => {
                *answer = self.identify(interface);
                Ok(Reply::Data(answer_to_host(answer, Mode::Pio)))
            }
            code if read_write::is_data_command(code) => self.read_write(registers, interface),
            command::READ_VERIFY | command::READ_VERIFY_ONCE => self.verify(registers, Width::Short),
            command::READ_VERIFY_EXT => self.verify(registers, Width::Long),
            command::FLUSH | command::FLUSH_EXT => self.flush().map(|()| Reply::Done),
            command::SET_FEATURES => self.set_features(registers),
            command::SET_MULTIPLE => self.set_multiple(registers),
            command::INITIALIZE_PARAMETERS => self.initialize_parameters(registers),
            command::READ_NATIVE_MAX => self.native_max(registers, LBA28_SECTORS),
            command::READ_NATIVE_MAX_EXT => self.native_max(registers, LBA48_SECTORS),
            command::DATA_SET_MANAGEMENT => self.begin_trim(registers, answer),
            command::SMART => self.smart(registers, answer),
            command::READ_LOG_EXT => self.read_log(registers, answer, Mode::Pio),
            command::READ_LOG_DMA_EXT => self.read_log(registers, answer, Mode::Dma),
            command::CHECK_POWER_MODE | command::OLD_CHECK_POWER => {
                // Active, whatever was asked before: nothing spins.
                registers.count = 0xFF;
                Ok(Reply::Done)
            }
            command::STANDBY_IMMEDIATE..=command::IDLE | command::SLEEP => Ok(Reply::Done),
            command::OLD_POWER_FIRST..=command::OLD_POWER_LAST => Ok(Reply::Done),
            code if code & 0xF0 == command::RECALIBRATE => Ok(Reply::Done),
            code if code & 0xF0 == command::SEEK => self.seek(registers),
            _ => Err(ERROR_ABORT),
        }
    }

    /// Data to the drive has arrived as a whole.
    pub(crate) fn take(
        &mut self,
        registers: &Registers,
        content: Content,
        argument: &[u8],
    ) -> Result<(), u8> {
        match content {
            Content::Volume(_) => self.written(registers),
            Content::Answer(_) => self.trim(argument),
        }
    }

    fn verify(&mut self, registers: &Registers, width: Width) -> Outcome {
        self.extent(registers, width).map(|_| Reply::Done)
    }

    fn seek(&mut self, registers: &Registers) -> Outcome {
        let one = Registers { count: 1, ..*registers };
        self.extent(&one, Width::Short).map(|_| Reply::Done)
    }

    fn extent(&self, registers: &Registers, width: Width) -> Result<Extent, u8> {
        Extent::parse(registers, width, &self.settings.shape, self.sectors).ok_or(ERROR_ID_NOT_FOUND)
    }

    fn flush(&mut self) -> Result<(), u8> {
        self.volume.flush().map_err(|_| ERROR_ABORT)
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.config.access == Access::ReadOnly
    }

    fn check_writable(&self) -> Result<(), u8> {
        if self.is_read_only() { Err(ERROR_ABORT | ERROR_WRITE_PROTECTED) } else { Ok(()) }
    }

    /// Shows the last address that exists, in the registers that hold addresses.
    fn native_max(&self, registers: &mut Registers, reach: u64) -> Outcome {
        let last = self.sectors.min(reach).saturating_sub(1);
        if reach == LBA28_SECTORS {
            registers.set_lba(last & 0xFF_FFFF);
            registers.device = registers.device & 0xF0 | (last >> 24) as u8 & 0xF;
        } else {
            registers.set_lba(last);
        }
        Ok(Reply::Done)
    }

    fn begin_trim(&mut self, registers: &Registers, answer: &mut Vec<u8>) -> Outcome {
        self.check_writable()?;
        let is_trim = registers.feature & 0xFF == 1;
        if !is_trim || !(1..=TRIM_BLOCKS_MAX).contains(&registers.count) {
            return Err(ERROR_ABORT);
        }
        *answer = vec![0; usize::from(registers.count).saturating_mul(SECTOR_BYTES as usize)];
        Ok(Reply::Data(Transfer {
            direction: Direction::ToDrive,
            mode: Mode::Dma,
            content: Content::Answer(0),
            left: answer.len() as u64,
            block: SECTOR_BYTES as u32,
        }))
    }

    fn trim(&mut self, argument: &[u8]) -> Result<(), u8> {
        for raw in argument.chunks_exact(8).filter_map(|raw| raw.try_into().ok()).map(u64::from_le_bytes) {
            let extent = Extent::parse_range(raw, self.sectors).ok_or(ERROR_ABORT | ERROR_ID_NOT_FOUND)?;
            if extent.bytes() > 0 {
                self.volume.discard(extent.offset(), extent.bytes()).map_err(|_| ERROR_ABORT)?;
            }
        }
        Ok(())
    }

    pub(crate) fn inspect(&self, inspector: &mut dyn Inspector) {
        inspector.number("sectors", self.sectors);
        inspector.flag("read-only", self.is_read_only());
        inspector.flag("write cache", self.settings.write_cache);
        inspector.number("transfer mode", u64::from(self.settings.mode));
    }
}

/// A transfer of the whole answer to the host.
fn answer_to_host(answer: &[u8], mode: Mode) -> Transfer {
    Transfer {
        direction: Direction::ToHost,
        mode,
        content: Content::Answer(0),
        left: answer.len() as u64,
        block: SECTOR_BYTES as u32,
    }
}
