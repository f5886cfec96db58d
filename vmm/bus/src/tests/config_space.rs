//! Configuration space as software sees it.

use crate::{
    AccessSize, Effects,
    pci::{BarKind, ConfigSpace, Identity, MsixTable, capability::MsixCapability},
};
use alloc::vec::Vec;
use proptest::prelude::*;

fn space() -> ConfigSpace {
    let identity = Identity {
        vendor: 0x1AF4,
        device: 0x1042,
        subsystem_vendor: 1,
        subsystem: 2,
        class: 0x01_00_00,
        revision: 1,
    };
    let mut space = ConfigSpace::new(&identity);
    space.add_bar(0, BarKind::Memory64, 0x8000);
    space.add_bar(2, BarKind::Io, 0x40);
    space.add_bar(5, BarKind::Memory32, 0x10);
    space.add_capability(0x09, &[16, 1, 0, 0], &[]);
    let msix = MsixCapability { vectors: 3, bar: 0, table: 0x4000, pending: 0x6000 };
    space.add_capability(0x11, &msix.body(), &MsixCapability::writable());
    space.set_interrupt_pin(11);
    space
}

#[test]
fn the_header_and_capabilities_stand_where_software_looks() {
    let space = space();

    assert_eq!(space.dword(0), 0x1042_1AF4);
    assert_eq!(space.dword(8), 0x0100_0001);
    assert_eq!(space.read(0x34, AccessSize::Byte), 0x40);
    assert_eq!(space.dword(0x40), 0x0110_4809);
    assert_eq!(space.dword(0x48), 0x0002_0011);
    assert_eq!((space.dword(0x4C), space.dword(0x50)), (0x4000, 0x6000));
    assert_eq!(space.word(0x3C), 0x010B);
    assert_eq!(space.word(6) & 0x10, 0x10);
}

#[test]
fn sizes_are_found_by_writing_ones() {
    let mut space = space();
    for offset in (0x10..0x28).step_by(4) {
        space.write(offset, AccessSize::Dword, u32::MAX);
    }

    let bars: Vec<u32> = (0x10..0x28).step_by(4).map(|offset| space.dword(offset)).collect();

    assert_eq!(bars, [0xFFFF_800C, 0xFFFF_FFFF, 0xFFFF_FFC1, 0, 0, 0xFFFF_FFF0]);
}

#[test]
fn only_enable_and_mask_of_msix_can_be_written() {
    let mut space = space();

    space.write(0x48, AccessSize::Dword, u32::MAX);

    assert_eq!(space.dword(0x48), 0xC002_0011);
}

#[test]
fn a_saved_space_of_another_device_is_refused() {
    let mut other = ConfigSpace::new(&Identity {
        vendor: 1,
        device: 2,
        subsystem_vendor: 0,
        subsystem: 0,
        class: 0,
        revision: 0,
    });

    assert!(other.restore(&space().save()).is_err());
}

#[test]
fn a_pending_vector_is_sent_when_the_function_is_unmasked() {
    let mut table = MsixTable::new(2);
    let mut effects = Effects::new();
    table.write_table(0, AccessSize::Qword, 0xFEE0_0000, &mut effects);
    table.write_table(8, AccessSize::Qword, 0x41, &mut effects);
    table.signal(0, &mut effects);
    assert_eq!(effects.drain_messages().count(), 0, "MSI-X is off: dropped");

    table.set_control(0xC000, &mut effects);
    table.signal(0, &mut effects);
    assert_eq!(table.read_pending(0, AccessSize::Dword), 1);
    table.set_control(0x8000, &mut effects);

    let sent: Vec<u32> = effects.drain_messages().map(|message| message.data).collect();
    assert_eq!(sent, [0x41]);
    table.signal(2, &mut effects);
    assert_eq!(effects.drain_messages().count(), 0, "there is no vector 2");
}

proptest! {
    #[test]
    fn fixed_fields_never_change_and_what_is_saved_is_restored(
        writes in prop::collection::vec((0u16..256, 0usize..3, any::<u32>()), 0..100)
    ) {
        let mut changed = space();
        let sizes = [AccessSize::Byte, AccessSize::Word, AccessSize::Dword];
        for (offset, size, value) in writes {
            let size = sizes[size];
            changed.write(offset & !(size.bytes() as u16 - 1), size, value);
        }

        prop_assert_eq!(changed.dword(0), space().dword(0));
        prop_assert_eq!(changed.dword(0x40), space().dword(0x40));
        for window in changed.windows() {
            prop_assert!(window.start % window.bytes == 0 && window.start != 0);
        }
        let mut twin = space();
        prop_assert_eq!(twin.restore(&changed.save()), Ok(()));
        prop_assert_eq!(twin.windows(), changed.windows());
        prop_assert_eq!(twin.save(), changed.save());
    }
}
