//! DSDT: what cannot be found by probing, in AML (ACPI 6.5, chapter 20).

use super::{HEADER_BYTES, TablesRequest, control, layout, legacy, links};
use crate::{
    acpi::{
        OEM_ID, OEM_REVISION, OEM_TABLE_ID,
        dsdt::{RawAml, append_processors, append_soft_off},
    },
    layout as micro,
};
use acpi_tables::{
    Aml,
    aml::{
        AddressSpace, AddressSpaceCacheable, Device, EISAName, IO, Memory32Fixed, Name, ONE,
        ResourceTemplate, Scope, ZERO,
    },
    sdt::Sdt,
};
use alloc::{vec, vec::Vec};
use base_units::Gpa;

const REVISION: u8 = 2;
/// Port 0x92 and what else the board itself answers at: fw_cfg, interrupt trigger modes, debug ports.
const BOARD_PORTS: [(u16, u8); 6] =
    [(0x92, 1), (0xE9, 1), (0x402, 2), (0x4D0, 2), (0x510, 12), (layout::SMI_PORT, 2)];
/// The largest granule of windows: what firmware aligns the end of RAM to.
const WINDOW_ALIGNMENT: u64 = 1 << 20;

/// The table.
pub(super) fn build(request: &TablesRequest<'_>) -> Vec<u8> {
    // The byte code is collected first: `Sdt` sums the whole table up for each byte it is given.
    let mut code = Vec::new();
    append_soft_off(&mut code, layout::SLEEP_TYPE_SOFT_OFF);
    links::append_mode(&mut code);
    append_processors(&mut code, request.vcpus);
    append_root(&mut code, request);
    let mut table = Sdt::new(*b"DSDT", HEADER_BYTES as u32, REVISION, OEM_ID, OEM_TABLE_ID, OEM_REVISION);
    table.append_slice(&code);
    table.as_slice().to_vec()
}

/// PCI bus 0: what it decodes, where its INTx lines go, and the chipset with its ISA devices.
fn append_root(code: &mut Vec<u8>, request: &TablesRequest<'_>) {
    let id = Name::new("_HID".into(), &EISAName::new("PNP0A08"));
    let compatible = Name::new("_CID".into(), &EISAName::new("PNP0A03"));
    let unique = Name::new("_UID".into(), &ZERO);
    let segment = Name::new("_SEG".into(), &ZERO);
    let bus = Name::new("_BBN".into(), &ZERO);
    let coherent = Name::new("_CCA".into(), &ONE);
    let resources = root_resources(request);
    let routes = RawAml(links::routes());
    let control = control::method();
    let chipset = RawAml(chipset(request.has_floppy));
    let root = Device::new(
        "PCI0".into(),
        vec![&id, &compatible, &unique, &segment, &bus, &coherent, &resources, &control, &routes, &chipset],
    );
    let board = RawAml(board_resources(request.ecam));
    let links = RawAml(links::devices());
    let hpet = RawAml(legacy::hpet());
    Scope::new("\\_SB_".into(), vec![&root, &links, &hpet, &board]).to_aml_bytes(code);
}

/// `_CRS`: buses, ports and windows. Ports and windows are all that nothing else on the board answers at, so that
/// whatever firmware has chosen is among them.
fn root_resources(request: &TablesRequest<'_>) -> RawAml {
    let buses = AddressSpace::new_bus_number(0u16, u16::from(u8::MAX));
    let config = IO::new(micro::PCI_CONFIG_PORT, micro::PCI_CONFIG_PORT, 1, 8);
    let low_ports = AddressSpace::new_io(0u16, micro::PCI_CONFIG_PORT - 1, None);
    let high_ports = AddressSpace::new_io(micro::PCI_CONFIG_PORT + micro::PCI_CONFIG_PORTS, u16::MAX, None);
    let video = window(layout::VIDEO_START.raw(), layout::VIDEO_END.raw(), AddressSpaceCacheable::Cacheable);
    let low: Vec<_> = low_windows(request)
        .map(|(start, end)| window(start, end, AddressSpaceCacheable::NotCacheable))
        .collect();
    let high = high_window(request).map(|(start, end)| {
        AddressSpace::new_memory(AddressSpaceCacheable::Cacheable, true, start, end - 1, None)
    });
    let mut parts: Vec<&dyn Aml> = vec![&buses, &config, &low_ports, &high_ports, &video];
    parts.extend(low.iter().map(|window| window as &dyn Aml));
    parts.extend(high.iter().map(|window| window as &dyn Aml));
    let mut bytes = Vec::new();
    Name::new("_CRS".into(), &ResourceTemplate::new(parts)).to_aml_bytes(&mut bytes);
    RawAml(bytes)
}

/// The 32-bit windows: from the end of RAM up, with a hole for ECAM.
fn low_windows(request: &TablesRequest<'_>) -> impl Iterator<Item = (u64, u64)> + use<> {
    let ram_end = request.memory.low_end().raw().next_multiple_of(WINDOW_ALIGNMENT);
    let ecam = request.ecam.raw();
    let below = (ram_end, ecam.min(layout::PCI_WINDOW_END.raw()));
    let above = (ecam.saturating_add(layout::ECAM_BYTES).max(ram_end), layout::PCI_WINDOW_END.raw());
    [below, above].into_iter().filter(|(start, end)| start < end)
}

/// The 64-bit window: above 4 GiB and all RAM, aligned as firmware aligns its own.
fn high_window(request: &TablesRequest<'_>) -> Option<(u64, u64)> {
    let end = request.high_window_end?.raw();
    let start = request.memory.end().max(layout::RAM_ABOVE_4G).raw().next_multiple_of(1 << 30);
    (start < end).then_some((start, end))
}

fn window(start: u64, end: u64, cacheable: AddressSpaceCacheable) -> AddressSpace<u32> {
    // Both are below 4 GiB: constants, and the end of RAM below the hole.
    AddressSpace::new_memory(cacheable, true, start as u32, (end - 1) as u32, None)
}

/// The ISA bridge: its interrupt routing registers, and the devices behind it.
fn chipset(has_floppy: bool) -> Vec<u8> {
    let place = u32::from(layout::CHIPSET_SLOT) << 16 | u32::from(layout::LPC_FUNCTION);
    let address = Name::new("_ADR".into(), &place);
    let registers = RawAml(links::registers());
    let devices = RawAml(legacy::devices(has_floppy));
    let mut bytes = Vec::new();
    Device::new("ISA_".into(), vec![&address, &registers, &devices]).to_aml_bytes(&mut bytes);
    bytes
}

/// What the board itself decodes, claimed so that nothing else is put there (PCI Firmware 3.3, 4.1.2).
fn board_resources(ecam: Gpa) -> Vec<u8> {
    let id = Name::new("_HID".into(), &EISAName::new("PNP0C02"));
    let unique = Name::new("_UID".into(), &ONE);
    let memory = |start: Gpa, bytes: u64| Memory32Fixed::new(true, start.raw() as u32, bytes as u32);
    let ecam = memory(ecam, layout::ECAM_BYTES);
    let root_complex = memory(layout::ROOT_COMPLEX_START, layout::ROOT_COMPLEX_BYTES);
    let power = IO::new(layout::PM_PORT, layout::PM_PORT, 1, layout::PM_PORTS as u8);
    let ports = BOARD_PORTS.map(|(first, count)| IO::new(first, first, 1, count));
    let mut parts: Vec<&dyn Aml> = vec![&ecam, &root_complex, &power];
    parts.extend(ports.iter().map(|ports| ports as &dyn Aml));
    let resources = Name::new("_CRS".into(), &ResourceTemplate::new(parts));
    let mut bytes = Vec::new();
    Device::new("MBRD".into(), vec![&id, &unique, &resources]).to_aml_bytes(&mut bytes);
    bytes
}
