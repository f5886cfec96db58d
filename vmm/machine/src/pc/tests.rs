//! Claims about whole PCs.

use super::*;
use crate::{HostCpuid, HostFacts, PlanError};
use alloc::{string::String, vec, vec::Vec};
use proptest::prelude::*;
use vmm_fwcfg::{Item, Key};
use vmm_protocol::{
    Boot, BootDevice, CdromConfig, ClockBase, DiskBus, DiskConfig, Display, Firmware, FirmwareBoot,
    MachineConfig, NicModel, PcDevices,
};

fn host() -> HostFacts {
    let cpuid = HostCpuid::read(|leaf, _| match leaf {
        0 => [1, 0, 0, 0],
        1 => [0x0080_0F12, 0, 0, u32::MAX],
        _ => [0; 4],
    });
    HostFacts { cpuid, tsc_khz: 2_000_000, guest_address_bits: 40, guest_xcr0: 0 }
}

fn disk(bus: DiskBus) -> DiskConfig {
    DiskConfig { bytes: 1 << 20, read_only: false, bus }
}

fn cdrom(bus: DiskBus) -> CdromConfig {
    CdromConfig { bytes: 1 << 20, bus }
}

fn devices() -> PcDevices {
    PcDevices {
        cdroms: vec![],
        floppy: None,
        display: Display::Vga,
        usb: true,
        nics: vec![],
        boot_order: vec![],
        clock: ClockBase::Utc,
    }
}

fn uefi(devices: PcDevices) -> FirmwareBoot {
    FirmwareBoot {
        firmware: Firmware::Uefi,
        code_bytes: 0x37_C000,
        variables_bytes: Some(0x8_4000),
        video_bios_bytes: None,
        kernel: None,
        devices,
    }
}

fn bios(devices: PcDevices) -> FirmwareBoot {
    FirmwareBoot {
        firmware: Firmware::Bios,
        code_bytes: 0x4_0000,
        variables_bytes: None,
        video_bios_bytes: Some(0x9E00),
        kernel: None,
        devices,
    }
}

fn plan_of(boot: &FirmwareBoot, disks: Vec<DiskConfig>, memory_bytes: u64) -> Result<PcPlan, PlanError> {
    let config = MachineConfig {
        name: "web".into(),
        vcpus: 2,
        memory_bytes,
        boot: Boot::Firmware(boot.clone()),
        disks,
    };
    PcPlan::new(&config, boot, &host())
}

fn bytes_of(item: Option<&Item>) -> Vec<u8> {
    match item {
        Some(Item::Bytes(bytes)) => bytes.clone(),
        _ => panic!("no bytes"),
    }
}

fn file(plan: &PcPlan, name: &str) -> Vec<u8> {
    bytes_of(plan.content.file(name))
}

#[test]
fn ram_is_split_as_firmware_expects() {
    for (bytes, low, high) in
        [(1 << 30, 1 << 30, 0), (0xAFFF_F000, 0xAFFF_F000, 0), (0xB000_0000, 0x8000_0000, 0x3000_0000)]
    {
        let plan = plan_of(&uefi(devices()), vec![], bytes).unwrap();

        assert_eq!(plan.memory.low_end().raw(), low);
        assert_eq!(plan.memory.ram_bytes(), bytes);
        let mut expected = vec![];
        expected.extend([0u64.to_le_bytes(), u64::to_le_bytes(low)].concat());
        expected.extend(1u32.to_le_bytes());
        if high > 0 {
            expected.extend([u64::to_le_bytes(1 << 32), u64::to_le_bytes(high)].concat());
            expected.extend(1u32.to_le_bytes());
        }
        assert_eq!(file(&plan, "etc/e820"), expected);
        let regions: Vec<_> =
            plan.memory.regions().map(|region| (region.start.raw(), region.offset)).collect();
        assert_eq!(regions[..2], [(0, 0), (0xC_0000, 0xC_0000)]);
        let fixed: Vec<_> =
            plan.memory.fixed_regions().map(|region| (region.start.raw(), region.offset)).collect();
        assert_eq!(fixed[..2], [(0, 0), (0x10_0000, 0x10_0000)]);
        assert_eq!(regions.get(2), (high > 0).then_some(&(1 << 32, low)));
    }
}

#[test]
fn firmware_ends_at_4_gib_with_its_variables_below() {
    let map = plan_of(&uefi(devices()), vec![], 1 << 30).unwrap().firmware;
    assert_eq!(map.code.start.raw(), 0xFFC8_4000);
    assert_eq!(map.variables.unwrap().start.raw(), 0xFFC0_0000);
    assert_eq!(map.shadow_bytes, 0x2_0000);

    let map = plan_of(&bios(devices()), vec![], 1 << 30).unwrap().firmware;
    assert_eq!(map.code.start.raw(), 0xFFFC_0000);
    assert_eq!(map.variables, None);
    assert_eq!(map.shadow_bytes, 0x2_0000);
}

/// Slot of bus 0, port above, slot and function.
fn place_of(function: &PcFunction) -> (u8, Option<u8>, u8, u8) {
    (function.root_slot(), function.behind, function.slot, function.function)
}

#[test]
fn express_endpoints_sit_behind_ports_of_their_own() {
    let devices = PcDevices { nics: vec![NicModel::Virtio, NicModel::E1000, NicModel::E1000e], ..devices() };

    let plan = plan_of(&uefi(devices), vec![disk(DiskBus::Nvme), disk(DiskBus::Virtio)], 1 << 30).unwrap();

    let behind: Vec<_> = plan.functions.iter().filter(|function| function.behind.is_some()).collect();
    let roles: Vec<_> = behind.iter().map(|function| function.role).collect();
    assert_eq!(roles, [PcRole::Nic { index: 2, model: NicModel::E1000e }, PcRole::Nvme { index: 0 }]);
    for function in behind {
        let port = plan.functions.iter().find(|port| Some(port.slot) == function.behind).unwrap();
        assert_eq!((port.role, port.behind), (PcRole::RootPort, None));
        assert_eq!(port.interrupt, function.interrupt, "the bridge passes INTA on");
    }
}

#[test]
fn each_disk_gets_its_place() {
    let disks = [DiskBus::Virtio, DiskBus::Ahci, DiskBus::Nvme, DiskBus::Ide, DiskBus::Ahci].map(disk);
    let devices = PcDevices {
        cdroms: vec![cdrom(DiskBus::Ide), cdrom(DiskBus::Ide), cdrom(DiskBus::Ahci)],
        nics: vec![NicModel::E1000e],
        ..devices()
    };

    let plan = plan_of(&uefi(devices), disks.to_vec(), 1 << 30).unwrap();

    let seats: Vec<_> = plan.drives.iter().map(|drive| drive.seat).collect();
    assert_eq!(
        seats,
        [
            Seat::Virtio { slot: 7 },
            Seat::Ahci { port: 0 },
            Seat::Nvme { slot: 8 },
            Seat::Ide { channel: 0, unit: 0 },
            Seat::Ahci { port: 1 },
            Seat::Ide { channel: 0, unit: 1 },
            Seat::Ide { channel: 1, unit: 0 },
            Seat::Ahci { port: 2 },
        ]
    );
    let places: Vec<_> = plan.functions.iter().map(place_of).collect();
    let root = |slot, function| (slot, None, slot, function);
    let behind = |port| (port, Some(port), 0, 0);
    let expected = (0..6).map(|slot| root(slot, 0)).chain([
        root(6, 0),
        behind(6),
        root(7, 0),
        root(8, 0),
        behind(8),
        root(31, 0),
        root(31, 1),
        root(31, 2),
    ]);
    assert_eq!(places, expected.collect::<Vec<_>>());
}

#[test]
fn interrupts_are_wired_as_on_the_board() {
    assert_eq!([1, 2, 3, 4].map(|pin| interrupt_of(1, pin)), [21, 22, 23, 20]);
    assert_eq!(interrupt_of(24, 1), 20);
    assert_eq!([1, 2, 3, 4].map(|pin| interrupt_of(25, pin)), [16, 17, 18, 19]);
    assert_eq!([1, 2, 3, 4].map(|pin| interrupt_of(30, pin)), [20, 21, 22, 23]);
    assert_eq!([1, 2, 3, 4].map(|pin| interrupt_of(31, pin)), [16, 17, 18, 19]);
}

#[test]
fn the_boot_order_names_devices_as_firmware_does() {
    let devices = PcDevices {
        cdroms: vec![cdrom(DiskBus::Ahci)],
        floppy: Some(disk(DiskBus::Virtio)),
        nics: vec![NicModel::Virtio, NicModel::E1000e],
        boot_order: vec![BootDevice::Cdrom, BootDevice::Disk, BootDevice::Floppy, BootDevice::Network],
        ..devices()
    };
    let disks = [DiskBus::Virtio, DiskBus::Ahci, DiskBus::Nvme, DiskBus::Ide].map(disk).to_vec();

    let plan = plan_of(&bios(devices), disks, 1 << 30).unwrap();

    let expected = "/pci@i0cf8/pci8086,2922@1f,2/drive@1/disk@0\n\
        /pci@i0cf8/scsi@8/disk@0,0\n\
        /pci@i0cf8/pci8086,2922@1f,2/drive@0/disk@0\n\
        /pci@i0cf8/pci-bridge@9/nvme@0\n\
        /pci@i0cf8/ide@1f,1/drive@0/disk@0\n\
        /pci@i0cf8/isa@1f/fdc@03f0/floppy@0\n\
        /pci@i0cf8/ethernet@6/ethernet-phy@0\n\
        /pci@i0cf8/pci-bridge@7/ethernet@0/ethernet-phy@0\0";
    assert_eq!(String::from_utf8(file(&plan, "bootorder")).unwrap(), expected);
    assert!(plan.cmos.contains(&(0x3D, 0x23)), "CD-ROM, then disk");
    assert!(plan.cmos.contains(&(0x38, 0x11)), "then floppy");
    assert!(plan.cmos.contains(&(0x10, 0x40)));
}

#[test]
fn without_a_choice_there_is_no_boot_order() {
    let plan = plan_of(&bios(devices()), vec![disk(DiskBus::Ide)], 1 << 30).unwrap();

    assert!(plan.content.file("bootorder").is_none());
}

#[test]
fn cmos_memory_tells_sizes() {
    let plan = plan_of(&bios(devices()), vec![], 5 << 30).unwrap();

    let at = |place: u8| u64::from(plan.cmos.iter().find(|(index, _)| *index == place).unwrap().1);
    assert_eq!((at(0x34) | at(0x35) << 8) << 16, 0x8000_0000 - (16 << 20));
    assert_eq!((at(0x5B) | at(0x5C) << 8 | at(0x5D) << 16) << 16, 3 << 30);
    assert_eq!(at(0x30) | at(0x31) << 8, 0xFFFF);
    assert_eq!((at(0x15) | at(0x16) << 8, at(0x5F)), (640, 1));
    let plan = plan_of(&bios(devices()), vec![], 4 << 20).unwrap();
    assert!(plan.cmos.contains(&(0x30, 0x00)) && plan.cmos.contains(&(0x31, 0x0C)), "3 MiB");
    assert!(plan.cmos.contains(&(0x34, 0)) && plan.cmos.contains(&(0x35, 0)));
}

#[test]
fn firmware_finds_its_files() {
    let plan = plan_of(&bios(PcDevices { display: Display::None, ..devices() }), vec![], 5 << 30).unwrap();

    let names: Vec<_> = plan.content.files().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "etc/acpi/rsdp",
            "etc/acpi/tables",
            "etc/boot-fail-wait",
            "etc/e820",
            "etc/reserved-memory-end",
            "etc/sercon-port",
            "etc/smbios/smbios-anchor",
            "etc/smbios/smbios-tables",
            "etc/system-states",
            "etc/table-loader",
        ]
    );
    assert_eq!(bytes_of(plan.content.item(Key::PROCESSORS)), [2, 0]);
    assert_eq!(bytes_of(plan.content.item(Key::NO_GRAPHICS)), [1, 0]);
    assert_eq!(file(&plan, "etc/system-states"), [0x80, 0, 0, 1, 2, 0x80]);
    assert_eq!(file(&plan, "etc/reserved-memory-end"), u64::to_le_bytes(7 << 30));
    assert_eq!(plan.signature, 0x0080_0F12);
}

#[test]
fn wrong_machines_are_explained() {
    let uefi = uefi(devices());
    let refused = |boot: &FirmwareBoot, disks: Vec<DiskConfig>, bytes| {
        alloc::format!("{}", plan_of(boot, disks, bytes).unwrap_err())
    };

    assert!(refused(&uefi, vec![], 32 << 20).contains("this firmware needs at least"));
    assert!(refused(&uefi, vec![disk(DiskBus::Ahci); 7], 1 << 30).contains("AHCI"));
    assert!(refused(&uefi, vec![disk(DiskBus::Ide); 5], 1 << 30).contains("IDE"));
    assert!(refused(&uefi, vec![disk(DiskBus::Virtio); 17], 1 << 30).contains("16 disks"));
    let full = PcDevices { nics: vec![NicModel::E1000; 8], ..devices() };
    assert!(refused(&super::tests::uefi(full), vec![disk(DiskBus::Nvme); 15], 1 << 30).contains("together"));
    let odd = PcDevices { cdroms: vec![cdrom(DiskBus::Nvme)], ..devices() };
    assert!(refused(&super::tests::uefi(odd), vec![], 1 << 30).contains("CD-ROM"));
    for code_bytes in [0, 100, 0x80_0000, u64::MAX] {
        let boot = FirmwareBoot { code_bytes, ..uefi.clone() };
        assert!(refused(&boot, vec![], 1 << 30).contains("firmware of"));
    }
}

/// The structures of the tables: type, formatted part, strings.
fn structures(tables: &[u8]) -> Vec<(u8, Vec<u8>, Vec<String>)> {
    let mut found = vec![];
    let mut rest = tables;
    while let [kind, length, ..] = *rest {
        let (formatted, tail) = rest.split_at(usize::from(length));
        let end = tail.windows(2).position(|pair| pair == [0, 0]).unwrap();
        let strings =
            tail[..end].split(|byte| *byte == 0).map(|text| String::from_utf8(text.to_vec()).unwrap());
        found.push((kind, formatted.to_vec(), strings.collect()));
        rest = &tail[end + 2..];
    }
    found
}

#[test]
fn smbios_structures_are_whole() {
    let plan = plan_of(&bios(devices()), vec![], 40 << 30).unwrap();
    let (tables, anchor) = (file(&plan, "etc/smbios/smbios-tables"), file(&plan, "etc/smbios/smbios-anchor"));

    let found = structures(&tables);

    let kinds: Vec<_> = found.iter().map(|(kind, ..)| *kind).collect();
    assert_eq!(kinds, [0, 1, 2, 3, 4, 4, 16, 17, 17, 17, 19, 19, 32, 127]);
    // Lengths as the specification gives them for version 2.8.
    for (kind, formatted, _) in &found {
        let length = match kind {
            0 => 0x18,
            1 => 0x1B,
            2 => 0x0F,
            3 => 0x16,
            4 => 0x2A,
            16 => 0x17,
            17 => 0x28,
            19 => 0x1F,
            32 => 0x0B,
            _ => 4,
        };
        assert_eq!(formatted.len(), length, "type {kind}");
    }
    assert_eq!(found[1].2[3], "web");
    assert_eq!(&found[1].1[8..12], [3, 2, 1, 0].map(|byte| bytes_of(plan.content.item(Key::UUID))[byte]));
    let handles: alloc::collections::BTreeSet<_> =
        found.iter().map(|(_, part, _)| part[2..4].to_vec()).collect();
    assert_eq!(handles.len(), found.len(), "handles differ");

    assert_eq!(anchor.len(), 0x1F);
    let sum = |bytes: &[u8]| bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    assert_eq!((sum(&anchor), sum(&anchor[16..])), (0, 0));
    assert_eq!(anchor[22..24], (tables.len() as u16).to_le_bytes());
    assert_eq!(anchor[28..30], (found.len() as u16).to_le_bytes());
}

#[test]
fn each_name_has_a_uuid_of_its_own() {
    let uuids: alloc::collections::BTreeSet<_> =
        ["", "a", "b", "ab", "ba", "web"].map(super::smbios::uuid_of).into();

    assert_eq!(uuids.len(), 6);
    for uuid in uuids {
        assert_eq!((uuid[6] >> 4, uuid[8] >> 6), (8, 2));
    }
}

fn any_bus() -> impl Strategy<Value = DiskBus> {
    prop_oneof![Just(DiskBus::Virtio), Just(DiskBus::Ahci), Just(DiskBus::Nvme), Just(DiskBus::Ide)]
}

proptest! {
    #[test]
    fn no_two_devices_share_a_place(
        disks in prop::collection::vec(any_bus().prop_map(disk), 0..20),
        cdroms in prop::collection::vec(any_bus().prop_map(cdrom), 0..6),
        nics in prop::collection::vec(prop_oneof![Just(NicModel::E1000), Just(NicModel::E1000e)], 0..9),
        mib in 0u64..10_000,
    ) {
        let boot = uefi(PcDevices { cdroms, nics, ..devices() });

        // Whatever is asked for is planned or refused.
        let Ok(plan) = plan_of(&boot, disks, mib << 20) else { return Ok(()) };

        let mut places: Vec<_> = plan.functions.iter().map(place_of).collect();
        let count = places.len();
        prop_assert!(places.is_sorted());
        places.dedup();
        prop_assert_eq!(places.len(), count);
        let seats = plan.drives.iter().map(|drive| drive.seat);
        for (position, seat) in seats.clone().enumerate() {
            prop_assert!(!seats.clone().skip(position + 1).any(|other| other == seat));
        }
    }
}
