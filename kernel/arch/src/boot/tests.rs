//! What loaders say, rightly and wrongly.

use super::*;
use crate::physical::Physical;
use abi::MemoryKind;
use proptest::prelude::*;

/// Memory that starts at address 0x1000.
struct Fake(Vec<u8>);

const BASE: u64 = 0x1000;

impl Physical for Fake {
    fn read(&self, address: u64, buffer: &mut [u8]) -> bool {
        let start = address.checked_sub(BASE).map(|start| start as usize);
        let Some(from) = start.and_then(|start| self.0.get(start..start.checked_add(buffer.len())?)) else {
            return false;
        };
        buffer.copy_from_slice(from);
        true
    }
}

fn regions_of(info: &BootInfo) -> Vec<(u64, u64, MemoryKind)> {
    let regions = info.regions.iter().take(info.region_count as usize);
    regions.map(|region| (region.start, region.bytes, region.kind)).collect()
}

#[test]
fn the_more_careful_entry_wins() {
    let mut info = empty_info();
    regions::push(&mut info, 0x10_0000, 0x40_0000, MemoryKind::Usable);
    regions::push(&mut info, 0x20_0001, 0x1000, MemoryKind::Reserved);
    regions::push(&mut info, 0x0, 0x9_fc00, MemoryKind::Usable);

    regions::normalize(&mut info);

    use MemoryKind::{Reserved, Usable};
    assert_eq!(
        regions_of(&info),
        [
            (0, 0x9_f000, Usable),
            (0x10_0000, 0x10_0000, Usable),
            (0x20_0000, 0x2000, Reserved),
            (0x20_2000, 0x2f_e000, Usable)
        ]
    );
}

fn pvh_memory() -> Vec<u8> {
    let mut bytes = vec![0; 256];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, &0x336e_c578_u32.to_le_bytes());
    put(4, &1_u32.to_le_bytes());
    put(12, &1_u32.to_le_bytes());
    put(16, &(BASE + 64).to_le_bytes());
    put(32, &0xe_0000_u64.to_le_bytes());
    put(40, &(BASE + 128).to_le_bytes());
    put(48, &1_u32.to_le_bytes());
    put(64, &0x500_0000_u64.to_le_bytes());
    put(72, &0x1234_u64.to_le_bytes());
    put(128, &0x10_0000_u64.to_le_bytes());
    put(136, &0x1000_0000_u64.to_le_bytes());
    put(144, &1_u32.to_le_bytes());
    bytes
}

#[test]
fn a_pvh_loader_is_understood() {
    let mut info = empty_info();

    assert!(pvh::read(&Fake(pvh_memory()), BASE, &mut info));

    assert_eq!((info.bundle_start, info.bundle_bytes, info.rsdp), (0x500_0000, 0x1234, 0xe_0000));
    assert_eq!(regions_of(&info), [(0x10_0000, 0x1000_0000, MemoryKind::Usable)]);
}

fn multiboot_memory() -> Vec<u8> {
    let mut tags = vec![0; 8];
    let mut tag = |kind: u32, content: &[u8]| {
        tags.extend_from_slice(&kind.to_le_bytes());
        tags.extend_from_slice(&(content.len() as u32 + 8).to_le_bytes());
        tags.extend_from_slice(content);
        tags.resize(tags.len().next_multiple_of(8), 0);
    };
    tag(3, &[0, 0, 0, 5, 0, 0x20, 0, 5, b'b', 0]);
    let mut map = vec![24, 0, 0, 0, 0, 0, 0, 0];
    map.extend_from_slice(&0x10_0000_u64.to_le_bytes());
    map.extend_from_slice(&0x80_0000_u64.to_le_bytes());
    map.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0]);
    tag(6, &map);
    let mut screen = Vec::new();
    screen.extend_from_slice(&0xfd00_0000_u64.to_le_bytes());
    for word in [4096_u32, 1024, 768] {
        screen.extend_from_slice(&word.to_le_bytes());
    }
    screen.extend_from_slice(&[32, 1, 0, 0, 16, 8, 8, 8, 0, 8]);
    tag(8, &screen);
    tag(0, &[]);
    let total = tags.len() as u32;
    tags[..4].copy_from_slice(&total.to_le_bytes());
    tags
}

#[test]
fn a_multiboot_loader_is_understood() {
    let mut info = empty_info();

    assert!(multiboot2::read(&Fake(multiboot_memory()), BASE, &mut info));

    assert_eq!((info.bundle_start, info.bundle_bytes), (0x500_0000, 0x2000));
    assert_eq!(regions_of(&info), [(0x10_0000, 0x80_0000, MemoryKind::Usable)]);
    let screen = info.framebuffer;
    assert_eq!((screen.address, screen.stride, screen.width, screen.height), (0xfd00_0000, 4096, 1024, 768));
}

proptest! {
    #[test]
    fn the_map_is_sorted_and_without_overlaps(raw in prop::collection::vec((0_u64..1 << 40, 0_u64..1 << 36, 1_u32..4), 0..60)) {
        let mut info = empty_info();
        for (start, bytes, kind) in raw {
            regions::push(&mut info, start, bytes, pvh::kind_of(kind));
        }

        regions::normalize(&mut info);

        let regions = regions_of(&info);
        prop_assert!(regions.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0));
        prop_assert!(regions.iter().all(|region| region.0 % 4096 == 0 && region.1 % 4096 == 0 && region.1 > 0));
    }

    #[test]
    fn lying_loaders_do_no_harm(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)) {
        let mut pvh_bytes = pvh_memory();
        let mut multiboot_bytes = multiboot_memory();
        for (at, value) in changes {
            let first = at.index(pvh_bytes.len());
            pvh_bytes[first] = value;
            let second = at.index(multiboot_bytes.len());
            multiboot_bytes[second] = value;
        }
        let mut info = empty_info();
        let _ = pvh::read(&Fake(pvh_bytes), BASE, &mut info);
        let _ = multiboot2::read(&Fake(multiboot_bytes), BASE, &mut info);

        regions::normalize(&mut info);
    }
}
