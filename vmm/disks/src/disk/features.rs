//! What software sets.

use super::{Disk, Settings, shape::Shape};
use crate::{
    drive::{Outcome, Reply},
    registers::Registers,
};
use spec::ata::{ERROR_ABORT, feature};
use vmm_bus::Volume;

/// Sectors of a block of READ MULTIPLE at the most.
pub(super) const MULTIPLE_MAX: u8 = 16;
/// Transfer mode after power-on: Ultra DMA 5, as IDENTIFY says.
const MODE_INITIAL: u8 = MODE_ULTRA_DMA | 5;
/// Transfer modes (ACS 7.47.5): PIO, then the others with the number of the mode.
const MODE_PIO_DEFAULT_LAST: u8 = 0x01;
const MODE_PIO_FIRST: u8 = 0x08;
const MODE_PIO_LAST: u8 = 0x0C;
pub(crate) const MODE_MULTIWORD: u8 = 0x20;
pub(crate) const MODE_ULTRA_DMA: u8 = 0x40;
/// Highest multiword DMA mode.
pub(crate) const MULTIWORD_MAX: u8 = 2;
/// Highest Ultra DMA mode.
pub(crate) const ULTRA_DMA_MAX: u8 = 5;

impl Settings {
    /// The settings of a disk of `sectors` after power-on.
    pub(super) fn new(sectors: u64) -> Self {
        Self {
            shape: Shape::of(sectors),
            multiple: MULTIPLE_MAX,
            mode: MODE_INITIAL,
            write_cache: true,
            look_ahead: true,
            smart: true,
            queue_error: None,
        }
    }
}

/// Whether a drive of ours has a transfer mode.
pub(crate) fn is_transfer_mode(mode: u8) -> bool {
    matches!(mode, 0..=MODE_PIO_DEFAULT_LAST | MODE_PIO_FIRST..=MODE_PIO_LAST)
        || (MODE_MULTIWORD..=MODE_MULTIWORD | MULTIWORD_MAX).contains(&mode)
        || (MODE_ULTRA_DMA..=MODE_ULTRA_DMA | ULTRA_DMA_MAX).contains(&mode)
}

impl<V: Volume> Disk<V> {
    pub(super) fn set_features(&mut self, registers: &Registers) -> Outcome {
        let settings = &mut self.settings;
        match registers.feature as u8 {
            feature::WRITE_CACHE_ON => settings.write_cache = true,
            feature::WRITE_CACHE_OFF => {
                settings.write_cache = false;
                self.flush()?;
            }
            feature::LOOK_AHEAD_ON => settings.look_ahead = true,
            feature::LOOK_AHEAD_OFF => settings.look_ahead = false,
            feature::TRANSFER_MODE => {
                let mode = registers.count as u8;
                if !is_transfer_mode(mode) {
                    return Err(ERROR_ABORT);
                }
                settings.mode = mode;
            }
            feature::POWER_MANAGEMENT_ON
            | feature::POWER_MANAGEMENT_OFF
            | feature::KEEP_SETTINGS
            | feature::FORGET_SETTINGS => {}
            _ => return Err(ERROR_ABORT),
        }
        Ok(Reply::Done)
    }

    pub(super) fn set_multiple(&mut self, registers: &Registers) -> Outcome {
        let sectors = registers.count as u8;
        if sectors > MULTIPLE_MAX || sectors != 0 && !sectors.is_power_of_two() {
            return Err(ERROR_ABORT);
        }
        self.settings.multiple = sectors;
        Ok(Reply::Done)
    }

    /// INITIALIZE DEVICE PARAMETERS: sectors per track in the count, the last head in the device register.
    pub(super) fn initialize_parameters(&mut self, registers: &Registers) -> Outcome {
        let heads = (registers.device & 0xF).saturating_add(1);
        self.settings.shape = Shape::new(self.sectors, heads, registers.count as u8).ok_or(ERROR_ABORT)?;
        Ok(Reply::Done)
    }
}
