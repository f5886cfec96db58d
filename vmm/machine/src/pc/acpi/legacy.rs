//! ISA devices and the HPET in AML.

use super::layout;
use crate::acpi::dsdt::RawAml;
use acpi_tables::{
    Aml,
    aml::{Device, EISAName, IO, Memory32Fixed, Name, ResourceTemplate},
};
use alloc::{vec, vec::Vec};

/// A device: its name, its PNP id, its number among its kind, its ports, interrupt and DMA channel.
struct Legacy {
    name: &'static str,
    id: &'static str,
    unique: u8,
    ports: &'static [(u16, u8)],
    interrupt: Option<u32>,
    channel: Option<u8>,
}

const NOTHING: Legacy = Legacy { name: "", id: "", unique: 0, ports: &[], interrupt: None, channel: None };

// tidy: table
#[rustfmt::skip]
const DEVICES: [Legacy; 9] = [
    Legacy { name: "PIC_", id: "PNP0000", ports: &[(0x20, 2), (0xA0, 2)], interrupt: Some(2), ..NOTHING },
    Legacy { name: "DMAC", id: "PNP0200", ports: &[(0x00, 16), (0x81, 15), (0xC0, 32)], channel: Some(4), ..NOTHING },
    Legacy { name: "TIMR", id: "PNP0100", ports: &[(0x40, 4)], interrupt: Some(0), ..NOTHING },
    Legacy { name: "SPKR", id: "PNP0800", ports: &[(0x61, 1)], ..NOTHING },
    Legacy { name: "RTC_", id: "PNP0B00", ports: &[(layout::RTC_PORT, 8)], interrupt: Some(layout::RTC_INTERRUPT), ..NOTHING },
    Legacy { name: "KBD_", id: "PNP0303", ports: &[(0x60, 1), (0x64, 1)], interrupt: Some(layout::KEYBOARD_INTERRUPT), ..NOTHING },
    Legacy { name: "MOU_", id: "PNP0F13", interrupt: Some(layout::MOUSE_INTERRUPT), ..NOTHING },
    Legacy { name: "COM1", id: "PNP0501", unique: 1, ports: &[(layout::COM1_PORT, 8)], interrupt: Some(layout::COM1_INTERRUPT), ..NOTHING },
    Legacy { name: "COM2", id: "PNP0501", unique: 2, ports: &[(layout::COM2_PORT, 8)], interrupt: Some(layout::COM2_INTERRUPT), ..NOTHING },
];

const FLOPPY: Legacy = Legacy {
    name: "FDC0",
    id: "PNP0700",
    ports: &[(layout::FLOPPY_PORT + 2, 4), (layout::FLOPPY_PORT + 7, 1)],
    interrupt: Some(layout::FLOPPY_INTERRUPT),
    channel: Some(layout::FLOPPY_CHANNEL),
    ..NOTHING
};

/// All of them.
pub(super) fn devices(has_floppy: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    for device in &DEVICES {
        device.append(&mut bytes);
    }
    if has_floppy {
        FLOPPY.append(&mut bytes);
    }
    bytes
}

impl Legacy {
    fn append(&self, bytes: &mut Vec<u8>) {
        let id = Name::new("_HID".into(), &EISAName::new(self.id));
        let unique = Name::new("_UID".into(), &self.unique);
        let ports: Vec<_> =
            self.ports.iter().map(|(first, count)| IO::new(*first, *first, 1, *count)).collect();
        let interrupt = self.interrupt.map(interrupt);
        let channel = self.channel.map(channel);
        let mut parts: Vec<&dyn Aml> = ports.iter().map(|ports| ports as &dyn Aml).collect();
        parts.extend(interrupt.iter().map(|part| part as &dyn Aml));
        parts.extend(channel.iter().map(|part| part as &dyn Aml));
        let resources = Name::new("_CRS".into(), &ResourceTemplate::new(parts));
        Device::new(self.name.into(), vec![&id, &unique, &resources]).to_aml_bytes(bytes);
    }
}

/// An ISA interrupt: edge-triggered, active high, not shared (ACPI 6.5, 6.4.2.1).
fn interrupt(number: u32) -> RawAml {
    let [low, high, ..] = (1u32 << (number & 15)).to_le_bytes();
    RawAml(vec![0x22, low, high])
}

/// An ISA DMA channel: 8 bits, compatibility timing (ACPI 6.5, 6.4.2.2).
fn channel(number: u8) -> RawAml {
    RawAml(vec![0x2A, 1 << (number & 7), 0])
}

/// The HPET. Its interrupts are what software makes of them.
pub(super) fn hpet() -> Vec<u8> {
    let id = Name::new("_HID".into(), &EISAName::new("PNP0103"));
    let unique = Name::new("_UID".into(), &0u8);
    let registers = Memory32Fixed::new(true, layout::HPET_START.raw() as u32, layout::HPET_BYTES as u32);
    let resources = Name::new("_CRS".into(), &ResourceTemplate::new(vec![&registers]));
    let mut bytes = Vec::new();
    Device::new("HPET".into(), vec![&id, &unique, &resources]).to_aml_bytes(&mut bytes);
    bytes
}
