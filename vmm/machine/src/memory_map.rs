//! Where RAM is, and the memory map that the firmware would report.

use crate::{error::PlanError, layout, pc};
use alloc::vec::Vec;
use base_units::{Gpa, PAGE_BYTES};

/// The least RAM of a machine, bytes: the first MiB and as much again for something to run.
pub(crate) const MEMORY_BYTES_MIN: u64 = 2 << 20;

/// What a range of the firmware's memory map is. The numbers are those of the E820 interface
/// (ACPI 6.5, 15.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum MemoryKind {
    /// RAM that the operating system may use.
    Usable = 1,
    /// Not for the operating system.
    Reserved = 2,
    /// ACPI tables: RAM once they have been read.
    AcpiTables = 3,
}

/// One line of the firmware's memory map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemoryRange {
    /// First byte.
    pub start: Gpa,
    /// Bytes.
    pub bytes: u64,
    /// What it is.
    pub kind: MemoryKind,
}

/// A run of guest RAM and the place of its pages in the VM's memory object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RamRegion {
    /// First byte as the guest sees it.
    pub start: Gpa,
    /// Bytes.
    pub bytes: u64,
    /// Offset in the memory object.
    pub offset: u64,
}

/// Which addresses are RAM.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Platform {
    /// [`crate::layout`].
    Micro,
    /// [`crate::pc::layout`].
    Pc,
}

/// All RAM of a machine, split around the hole below 4 GiB.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemoryMap {
    platform: Platform,
    low_bytes: u64,
    high_bytes: u64,
}

impl MemoryMap {
    /// Lays out `bytes` of RAM of a micro machine for guest-physical addresses of `address_bits` bits.
    pub fn new(bytes: u64, address_bits: u32) -> Result<Self, PlanError> {
        Self::with(Platform::Micro, bytes, layout::LOW_RAM_END_MAX.raw(), address_bits)
    }

    /// Lays out `bytes` of RAM of a PC for guest-physical addresses of `address_bits` bits.
    pub fn new_pc(bytes: u64, address_bits: u32) -> Result<Self, PlanError> {
        let low_bytes_max = if bytes >= pc::layout::LOW_RAM_BYTES_MAX {
            pc::layout::LOW_RAM_BYTES_SPLIT
        } else {
            pc::layout::LOW_RAM_BYTES_MAX
        };
        Self::with(Platform::Pc, bytes, low_bytes_max, address_bits)
    }

    fn with(
        platform: Platform,
        bytes: u64,
        low_bytes_max: u64,
        address_bits: u32,
    ) -> Result<Self, PlanError> {
        if !bytes.is_multiple_of(PAGE_BYTES) {
            return Err(PlanError::MemoryNotPages(bytes));
        }
        if bytes < MEMORY_BYTES_MIN {
            return Err(PlanError::MemoryTooSmall(bytes));
        }
        let low_bytes = bytes.min(low_bytes_max);
        let high_bytes = bytes - low_bytes;
        let end = layout::RAM_ABOVE_4G.checked_add(high_bytes).ok_or(PlanError::MemoryTooLarge(bytes))?;
        let limit = 1u64.checked_shl(address_bits).unwrap_or(u64::MAX);
        if high_bytes > 0 && end.raw() > limit {
            return Err(PlanError::MemoryTooLarge(bytes));
        }
        Ok(Self { platform, low_bytes, high_bytes })
    }

    /// Bytes of RAM.
    pub fn ram_bytes(&self) -> u64 {
        self.low_bytes + self.high_bytes
    }

    /// The first address after RAM below 4 GiB.
    pub fn low_end(&self) -> Gpa {
        Gpa::new(self.low_bytes)
    }

    /// The first address after all RAM.
    pub fn end(&self) -> Gpa {
        if self.high_bytes == 0 {
            return self.low_end();
        }
        Gpa::new(layout::RAM_ABOVE_4G.raw() + self.high_bytes)
    }

    /// The runs of RAM in ascending order: one, or two for machines that have some above 4 GiB. A PC's first run is
    /// interrupted by the window of VGA memory.
    pub fn regions(&self) -> impl Iterator<Item = RamRegion> + use<> {
        self.regions_around(pc::layout::VIDEO_END)
    }

    /// What of [`MemoryMap::regions`] the guest sees whatever the chipset's attributes say.
    pub fn fixed_regions(&self) -> impl Iterator<Item = RamRegion> + use<> {
        self.regions_around(pc::layout::BIOS_SHADOW_END)
    }

    /// All RAM but, in a PC, what lies from the window of VGA memory to `hole_end`.
    fn regions_around(&self, hole_end: Gpa) -> impl Iterator<Item = RamRegion> + use<> {
        let hole = match self.platform {
            Platform::Micro => (self.low_bytes, self.low_bytes),
            Platform::Pc => (pc::layout::VIDEO_START.raw(), hole_end.raw()),
        };
        let base = RamRegion { start: layout::RAM_START, bytes: hole.0, offset: 0 };
        // What the hole hides keeps its place, so that offset and address are the same.
        let low = RamRegion { start: Gpa::new(hole.1), bytes: self.low_bytes - hole.1, offset: hole.1 };
        let high = RamRegion { start: layout::RAM_ABOVE_4G, bytes: self.high_bytes, offset: self.low_bytes };
        [base, low, high].into_iter().filter(|region| region.bytes > 0)
    }

    /// The firmware's memory map, sorted, without overlaps. A PC's firmware makes its own of it: there it says only
    /// where RAM is, the holes in the first MiB not taken out.
    pub fn firmware_map(&self) -> Vec<MemoryRange> {
        let low = match self.platform {
            Platform::Micro => self.micro_low_map(),
            Platform::Pc => alloc::vec![MemoryRange {
                start: layout::RAM_START,
                bytes: self.low_bytes,
                kind: MemoryKind::Usable,
            }],
        };
        let high =
            MemoryRange { start: layout::RAM_ABOVE_4G, bytes: self.high_bytes, kind: MemoryKind::Usable };
        low.into_iter().chain([high]).filter(|range| range.bytes > 0).collect()
    }

    /// The memory map below 4 GiB of a machine whose firmware is this program.
    fn micro_low_map(&self) -> Vec<MemoryRange> {
        let range = |start: Gpa, end: Gpa, kind| MemoryRange {
            start,
            bytes: end.offset_from(start).unwrap_or(0),
            kind,
        };
        alloc::vec![
            range(layout::RAM_START, layout::CONVENTIONAL_END, MemoryKind::Usable),
            range(layout::TABLES_START, layout::TABLES_END, MemoryKind::AcpiTables),
            range(layout::HIGH_MEMORY_START, self.low_end(), MemoryKind::Usable),
            MemoryRange {
                start: layout::ECAM_START,
                bytes: layout::ECAM_BYTES,
                // Linux uses ECAM only where the memory map or ACPI says that nobody else may.
                kind: MemoryKind::Reserved,
            },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_small_machine_has_one_run_of_ram() {
        let map = MemoryMap::new(256 << 20, 40).unwrap();

        let regions: Vec<_> = map.regions().collect();

        assert_eq!(regions, [RamRegion { start: Gpa::new(0), bytes: 256 << 20, offset: 0 }]);
    }

    #[test]
    fn ram_continues_above_the_hole() {
        let map = MemoryMap::new(5 << 30, 40).unwrap();

        let high = map.regions().nth(1).unwrap();

        assert_eq!(high, RamRegion { start: Gpa::new(4 << 30), bytes: 2 << 30, offset: 3 << 30 });
    }

    #[test]
    fn impossible_sizes_are_refused() {
        assert_eq!(MemoryMap::new(4097 << 10 | 1, 40), Err(PlanError::MemoryNotPages(4097 << 10 | 1)));
        assert_eq!(MemoryMap::new(4096, 40), Err(PlanError::MemoryTooSmall(4096)));
        assert_eq!(MemoryMap::new(1 << 40, 40), Err(PlanError::MemoryTooLarge(1 << 40)));
        let largest = u64::MAX - 4095;
        assert_eq!(MemoryMap::new(largest, 64), Err(PlanError::MemoryTooLarge(largest)));
    }

    proptest! {
        #[test]
        fn the_map_is_sorted_without_overlaps_and_loses_no_ram(pages in 512u64..(1 << 26)) {
            let map = MemoryMap::new(pages * PAGE_BYTES, 48).unwrap();

            let ranges = map.firmware_map();

            for pair in ranges.windows(2) {
                prop_assert!(pair[0].start.raw() + pair[0].bytes <= pair[1].start.raw());
            }
            let usable: u64 =
                ranges.iter().filter(|r| r.kind == MemoryKind::Usable).map(|r| r.bytes).sum();
            let legacy_hole = layout::HIGH_MEMORY_START.raw() - layout::CONVENTIONAL_END.raw();
            prop_assert_eq!(usable + legacy_hole, map.ram_bytes());
            let placed: u64 = map.regions().map(|r| r.bytes).sum();
            prop_assert_eq!(placed, map.ram_bytes());
        }
    }
}
