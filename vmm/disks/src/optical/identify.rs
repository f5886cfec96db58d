//! IDENTIFY PACKET DEVICE (ACS 7.17).

use super::Optical;
use crate::{
    disk::{MODE_MULTIWORD, MODE_ULTRA_DMA, MULTIWORD_MAX, ULTRA_DMA_MAX},
    identification::{FIRMWARE, Identification},
};
use alloc::vec::Vec;
use spec::ata::identify as word;
use vmm_bus::Volume;

const MODEL: &[u8] = b"Corten CD-ROM";
const SERIAL: &[u8] = b"1";

impl<V: Volume> Optical<V> {
    pub(super) fn identify(&self) -> Vec<u8> {
        let mut data = Identification::default();
        // A packet device, a CD-ROM, removable; 12-byte packets that it wants within 50 microseconds.
        data.set(word::CONFIGURATION, 0x85C0);
        data.text(word::SERIAL, 10, SERIAL);
        data.text(word::FIRMWARE, 4, FIRMWARE);
        data.text(word::MODEL, 20, MODEL);
        // DMA, LBA, IORDY.
        data.set(word::CAPABILITIES, 0x0F00);
        data.set(word::CAPABILITIES_2, 0x4000);
        data.set(word::OLD_PIO, 0x0200);
        data.set(word::VALID, 0x0006);
        data.modes(word::MULTIWORD_DMA, MODE_MULTIWORD, MULTIWORD_MAX, self.settings.mode);
        data.modes(word::ULTRA_DMA, MODE_ULTRA_DMA, ULTRA_DMA_MAX, self.settings.mode);
        data.pio_timing();
        // ATA/ATAPI-4 to ATA8-ACS.
        data.set(word::MAJOR_VERSION, 0x01F0);
        // NOP, DEVICE RESET, PACKET, power management.
        let sets = 1 << 14 | 1 << 9 | 1 << 4 | 1 << 3;
        for (place, value) in [(0, sets), (1, 1 << 14), (2, 1 << 14)] {
            data.set(word::SETS_SUPPORTED.saturating_add(place), value);
        }
        for (place, value) in [(0, sets), (2, 1 << 14)] {
            data.set(word::SETS_ENABLED.saturating_add(place), value);
        }
        data.finish()
    }
}
