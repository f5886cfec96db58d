//! IDENTIFY DEVICE (ACS 7.16).

use super::{
    Disk, TRIM_BLOCKS_MAX,
    features::{MODE_MULTIWORD, MODE_ULTRA_DMA, MULTIPLE_MAX, MULTIWORD_MAX, ULTRA_DMA_MAX},
    shape::Shape,
};
use crate::{drive::Interface, identification::Identification};
use alloc::vec::Vec;
use spec::ata::{LBA28_SECTORS, identify as word};
use vmm_bus::Volume;

/// What the guest sees as model.
const MODEL: &[u8] = b"Corten disk";

impl<V: Volume> Disk<V> {
    pub(super) fn identify(&self, interface: Interface) -> Vec<u8> {
        let mut data = Identification::default();
        // Fixed device.
        data.set(word::CONFIGURATION, 0x0040);
        data.text(word::SERIAL, 10, &self.config.serial);
        data.text(word::FIRMWARE, 4, crate::identification::FIRMWARE);
        data.text(word::MODEL, 20, MODEL);
        self.identify_shape(&mut data);
        self.identify_transfers(&mut data);
        self.identify_sets(&mut data);
        data.double(word::SECTORS_28, self.sectors.min(LBA28_SECTORS.saturating_sub(1)) as u32);
        data.double(word::SECTORS_48, self.sectors as u32);
        data.double(word::SECTORS_48.saturating_add(2), (self.sectors >> 32) as u32);
        data.set(word::SECTOR_SIZES, 1 << 14);
        // Does not rotate.
        data.set(word::ROTATION, 1);
        data.plug(interface, true);
        data.finish()
    }

    fn identify_shape(&self, data: &mut Identification) {
        let initial = Shape::of(self.sectors);
        data.set(word::CYLINDERS, initial.cylinders);
        data.set(word::HEADS, u16::from(initial.heads));
        data.set(word::TRACK_SECTORS, u16::from(initial.track_sectors));
        let current = &self.settings.shape;
        for (place, value) in
            [current.cylinders, u16::from(current.heads), u16::from(current.track_sectors)].iter().enumerate()
        {
            data.set(word::CURRENT_SHAPE.saturating_add(place), *value);
        }
        data.double(word::CURRENT_SECTORS, current.sectors());
    }

    fn identify_transfers(&self, data: &mut Identification) {
        data.set(word::MULTIPLE_MAX, 0x8000 | u16::from(MULTIPLE_MAX));
        data.set(word::MULTIPLE, 0x0100 | u16::from(self.settings.multiple));
        // IORDY may be disabled, is supported; LBA and DMA are.
        data.set(word::CAPABILITIES, 0x0F00);
        data.set(word::CAPABILITIES_2, 0x4000);
        data.set(word::OLD_PIO, 0x0200);
        data.set(word::VALID, 0x0007);
        data.modes(word::MULTIWORD_DMA, MODE_MULTIWORD, MULTIWORD_MAX, self.settings.mode);
        data.modes(word::ULTRA_DMA, MODE_ULTRA_DMA, ULTRA_DMA_MAX, self.settings.mode);
        data.pio_timing();
    }

    fn identify_sets(&self, data: &mut Identification) {
        // ATA-4 to ATA8-ACS.
        data.set(word::MAJOR_VERSION, 0x01F0);
        let smart = 1;
        let power_management = 1 << 3;
        let (write_cache, look_ahead) = (1 << 5, 1 << 6);
        let supported = smart | power_management | write_cache | look_ahead;
        // FLUSH CACHE and its EXT, 48-bit addresses.
        let second = 1 << 14 | 1 << 13 | 1 << 12 | 1 << 10;
        // Forced writes and general purpose logs.
        let third = 1 << 14 | 1 << 6 | 1 << 5;
        let off = |is_on: bool, bit: u16| if is_on { 0 } else { bit };
        let disabled = off(self.settings.smart, smart)
            | off(self.settings.write_cache, write_cache)
            | off(self.settings.look_ahead, look_ahead);
        for (place, value) in [supported, second, third].into_iter().enumerate() {
            data.set(word::SETS_SUPPORTED.saturating_add(place), value);
        }
        for (place, value) in [supported & !disabled, second & !(1 << 14), third].into_iter().enumerate() {
            data.set(word::SETS_ENABLED.saturating_add(place), value);
        }
        if !self.is_read_only() {
            data.set(word::TRIM_BLOCKS, TRIM_BLOCKS_MAX);
            data.set(word::TRIM, 1);
        }
    }
}
