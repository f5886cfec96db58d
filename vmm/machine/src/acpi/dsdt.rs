//! DSDT: what cannot be found by probing, in AML (ACPI 6.5, chapter 20).

use super::{OEM_ID, OEM_REVISION, OEM_TABLE_ID};
use crate::{layout, slots};
use acpi_tables::{
    Aml,
    aml::{
        AddressSpace, AddressSpaceCacheable, Device, EISAName, IO, Interrupt, Memory32Fixed, Name, ONE,
        Package, PackageBuilder, ResourceTemplate, Scope, ZERO,
    },
    sdt::Sdt,
};
use alloc::{format, vec, vec::Vec};

/// Bytes of the header that all tables share.
const HEADER_BYTES: u32 = 36;
const REVISION: u8 = 2;
/// PCI devices of the bus that get an interrupt route.
const PCI_DEVICES: u8 = 32;

/// The table of a machine with so many vCPUs.
pub(super) fn build(vcpus: u32) -> Vec<u8> {
    // The byte code is collected first: `Sdt` sums the whole table up for each byte it is given.
    let mut code = Vec::new();
    append_soft_off(&mut code, layout::SLEEP_TYPE_SOFT_OFF);
    append_processors(&mut code, vcpus);
    append_host_bridge(&mut code);
    append_legacy_devices(&mut code);
    let mut table = Sdt::new(*b"DSDT", HEADER_BYTES, REVISION, OEM_ID, OEM_TABLE_ID, OEM_REVISION);
    table.append_slice(&code);
    table.as_slice().to_vec()
}

/// `\_S5`: the value that turns the machine off.
pub(crate) fn append_soft_off(code: &mut Vec<u8>, sleep_type: u8) {
    Name::new("_S5_".into(), &Package::new(vec![&sleep_type, &ZERO, &ZERO, &ZERO])).to_aml_bytes(code);
}

/// One `ACPI0007` per vCPU; its `_UID` is what the MADT says.
pub(crate) fn append_processors(code: &mut Vec<u8>, vcpus: u32) {
    for index in 0..vcpus {
        let id = Name::new("_HID".into(), &"ACPI0007");
        let unique = Name::new("_UID".into(), &index);
        let name = format!("C{index:03X}");
        let device = Device::new(name.as_str().into(), vec![&id, &unique]);
        Scope::new("\\_SB_".into(), vec![&device]).to_aml_bytes(code);
    }
}

/// PCI bus 0: what it decodes (`_CRS`), where its INTx lines go (`_PRT`), and its configuration space.
fn append_host_bridge(code: &mut Vec<u8>) {
    let id = Name::new("_HID".into(), &EISAName::new("PNP0A08"));
    let compatible = Name::new("_CID".into(), &EISAName::new("PNP0A03"));
    let unique = Name::new("_UID".into(), &ZERO);
    let segment = Name::new("_SEG".into(), &ZERO);
    let bus = Name::new("_BBN".into(), &ZERO);
    let coherent = Name::new("_CCA".into(), &ONE);
    let buses = AddressSpace::new_bus_number(0u16, 0u16);
    let config = IO::new(layout::PCI_CONFIG_PORT, layout::PCI_CONFIG_PORT, 1, 8);
    let low_ports = AddressSpace::new_io(0u16, layout::PCI_CONFIG_PORT - 1, None);
    let high_ports = AddressSpace::new_io(layout::PCI_CONFIG_PORT + layout::PCI_CONFIG_PORTS, u16::MAX, None);
    let window = AddressSpace::new_memory(
        AddressSpaceCacheable::NotCacheable,
        true,
        layout::PCI_WINDOW_START.raw() as u32,
        (layout::PCI_WINDOW_END.raw() - 1) as u32,
        None,
    );
    let resources = Name::new(
        "_CRS".into(),
        &ResourceTemplate::new(vec![&buses, &config, &low_ports, &high_ports, &window]),
    );
    let routes = interrupt_routes();
    let routes = Name::new("_PRT".into(), &routes);
    let bridge = Device::new(
        "PCI0".into(),
        vec![&id, &compatible, &unique, &segment, &bus, &coherent, &resources, &routes],
    );
    let reserved = motherboard_resources();
    Scope::new("\\_SB_".into(), vec![&bridge, &RawAml(reserved)]).to_aml_bytes(code);
}

/// The `_PRT` package: INTA of every device goes straight to an I/O APIC pin.
fn interrupt_routes() -> PackageBuilder {
    let mut routes = PackageBuilder::new();
    for device in 0..PCI_DEVICES {
        let address = u32::from(device) << 16 | 0xFFFF;
        let pin = slots::interrupt_of(device);
        routes.add_element(&Package::new(vec![&address, &ZERO, &ZERO, &pin]));
    }
    routes
}

/// The ECAM range, claimed so that nothing else is put there (PCI Firmware 3.3, 4.1.2).
fn motherboard_resources() -> Vec<u8> {
    let id = Name::new("_HID".into(), &EISAName::new("PNP0C02"));
    let ecam = Memory32Fixed::new(true, layout::ECAM_START.raw() as u32, layout::ECAM_BYTES as u32);
    let resources = Name::new("_CRS".into(), &ResourceTemplate::new(vec![&ecam]));
    let mut bytes = Vec::new();
    Device::new("MBRD".into(), vec![&id, &resources]).to_aml_bytes(&mut bytes);
    bytes
}

/// COM1 and the real-time clock.
fn append_legacy_devices(code: &mut Vec<u8>) {
    let serial_id = Name::new("_HID".into(), &EISAName::new("PNP0501"));
    let serial_unique = Name::new("_UID".into(), &ZERO);
    let serial_ports = IO::new(layout::COM1_PORT, layout::COM1_PORT, 1, layout::COM1_PORTS as u8);
    let serial_line = Interrupt::new(true, true, false, false, layout::COM1_INTERRUPT);
    let serial_resources =
        Name::new("_CRS".into(), &ResourceTemplate::new(vec![&serial_ports, &serial_line]));
    let serial = Device::new("COM1".into(), vec![&serial_id, &serial_unique, &serial_resources]);

    let clock_id = Name::new("_HID".into(), &EISAName::new("PNP0B00"));
    let clock_ports = IO::new(layout::RTC_PORT, layout::RTC_PORT, 1, 2);
    let clock_line = Interrupt::new(true, true, false, false, layout::RTC_INTERRUPT);
    let clock_resources = Name::new("_CRS".into(), &ResourceTemplate::new(vec![&clock_ports, &clock_line]));
    let clock = Device::new("RTC_".into(), vec![&clock_id, &clock_resources]);
    Scope::new("\\_SB_".into(), vec![&serial, &clock]).to_aml_bytes(code);
}

/// AML that is bytes already.
pub(crate) struct RawAml(pub(crate) Vec<u8>);

impl Aml for RawAml {
    fn to_aml_bytes(&self, sink: &mut dyn acpi_tables::AmlSink) {
        sink.vec(&self.0);
    }
}
