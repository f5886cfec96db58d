//! How INTx lines reach an interrupt controller.
//!
//! With the I/O APIC each of the chipset's requests PIRQA to PIRQH has a pin of its own. With the PIC each goes to the
//! ISA interrupt that a register of the ISA bridge names, which link devices show and set (ACPI 6.5, 6.2.13).

use super::layout;
use crate::{acpi::dsdt::RawAml, pc::functions::interrupt_of};
use acpi_tables::{
    Aml,
    aml::{
        And, Arg, CreateDWordField, Device, EISAName, Else, Field, FieldAccessType, FieldEntry,
        FieldLockRule, FieldUpdateRule, If, Local, Method, Name, OpRegion, OpRegionSpace, Or, Package,
        PackageBuilder, Path, ResourceTemplate, Return, Store, ZERO,
    },
};
use alloc::{format, string::String, vec, vec::Vec};

/// Slots of the bus that get routes.
const SLOTS: u8 = 32;
/// INTx pins of a slot.
const PINS: u8 = 4;
/// Letters of the requests.
const LETTERS: [char; layout::PIRQS as usize] = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H'];
/// ISA interrupts that PCI may be given.
const CHOICES: [u32; 3] = [5, 10, 11];
/// Register bit: the request goes nowhere.
const IS_OFF: u8 = 0x80;
/// Register bits: the ISA interrupt.
const INTERRUPT_BITS: u8 = 0x0F;
/// Offset of the number in an extended interrupt descriptor.
const DESCRIPTOR_NUMBER: u8 = 5;
/// `_STA`: present, enabled, shown, working; without and with bit 1.
const STATUS_OFF: u8 = 0x09;
const STATUS_ON: u8 = 0x0B;

fn register(letter: char) -> String {
    format!("PRQ{letter}")
}

fn link(letter: char) -> String {
    format!("LNK{letter}")
}

fn path(name: &str) -> Path {
    name.into()
}

/// `\_PIC`: the system says which controller it uses; zero = the PIC.
pub(super) fn append_mode(code: &mut Vec<u8>) {
    Name::new("PICF".into(), &ZERO).to_aml_bytes(code);
    let mode = path("PICF");
    let store = Store::new(&mode, &Arg(0));
    Method::new("_PIC".into(), 1, false, vec![&store]).to_aml_bytes(code);
}

/// `_PRT` of the root bus with its two lists.
pub(super) fn routes() -> Vec<u8> {
    let mut bytes = Vec::new();
    let to_pins = route_list(|line| RawAml(bytes_of(&u32::from(line))), true);
    let to_links = route_list(|line| RawAml(link_path(line)), false);
    Name::new("PRTA".into(), &to_pins).to_aml_bytes(&mut bytes);
    Name::new("PRTP".into(), &to_links).to_aml_bytes(&mut bytes);
    let (mode, pins, links) = (path("PICF"), path("PRTA"), path("PRTP"));
    let with_pins = Return::new(&pins);
    let with_links = Return::new(&links);
    let choice = If::new(&mode, vec![&with_pins]);
    let other = Else::new(vec![&with_links]);
    Method::new("_PRT".into(), 0, false, vec![&choice, &other]).to_aml_bytes(&mut bytes);
    bytes
}

/// The routes of all pins of all slots: straight to an I/O APIC pin, or to a link device.
fn route_list(target: impl Fn(u8) -> RawAml, is_pin: bool) -> PackageBuilder {
    let mut list = PackageBuilder::new();
    for slot in 0..SLOTS {
        for pin in 0..PINS {
            let address = u32::from(slot) << 16 | 0xFFFF;
            let target = target(interrupt_of(slot, pin + 1));
            let route: [&dyn Aml; 4] =
                if is_pin { [&address, &pin, &ZERO, &target] } else { [&address, &pin, &target, &ZERO] };
            list.add_element(&Package::new(route.to_vec()));
        }
    }
    list
}

fn link_path(line: u8) -> Vec<u8> {
    let letter = LETTERS.get(usize::from(line - layout::PIRQ_FIRST)).copied().unwrap_or('A');
    bytes_of(&path(&format!("\\_SB_.{}", link(letter))))
}

/// The routing registers, in the ISA bridge's configuration space.
pub(super) fn registers() -> Vec<u8> {
    let mut bytes = Vec::new();
    let (first, length) = (layout::PIRQ_A_ROUTE, layout::PIRQ_E_ROUTE - layout::PIRQ_A_ROUTE + 4);
    OpRegion::new("PIRQ".into(), OpRegionSpace::PCIConfig, &first, &length).to_aml_bytes(&mut bytes);
    let named = |letter: char| FieldEntry::Named([b'P', b'R', b'Q', letter as u8], 8);
    let gap = usize::from(layout::PIRQ_E_ROUTE - layout::PIRQ_A_ROUTE - 4) * 8;
    let mut entries: Vec<_> = LETTERS.iter().take(4).map(|letter| named(*letter)).collect();
    entries.push(FieldEntry::Reserved(gap));
    entries.extend(LETTERS.iter().skip(4).map(|letter| named(*letter)));
    Field::new(
        "PIRQ".into(),
        FieldAccessType::Byte,
        FieldLockRule::NoLock,
        FieldUpdateRule::Preserve,
        entries,
    )
    .to_aml_bytes(&mut bytes);
    bytes
}

/// One link device for each request.
pub(super) fn devices() -> Vec<u8> {
    let mut bytes = Vec::new();
    for (unique, letter) in (0u8..).zip(LETTERS) {
        append_link(&mut bytes, unique, letter);
    }
    bytes
}

fn append_link(bytes: &mut Vec<u8>, unique: u8, letter: char) {
    let register = path(&format!("\\_SB_.PCI0.ISA_.{}", register(letter)));
    let id = Name::new("_HID".into(), &EISAName::new("PNP0C0F"));
    let unique = Name::new("_UID".into(), &unique);
    let choices = RawAml(level_interrupts(&CHOICES));
    let possible = Name::new("_PRS".into(), &ResourceTemplate::new(vec![&choices]));

    let is_off = And::new(&ZERO, &register, &IS_OFF);
    let off = Return::new(&STATUS_OFF);
    let on = Return::new(&STATUS_ON);
    let when_off = If::new(&is_off, vec![&off]);
    let status = Method::new("_STA".into(), 0, false, vec![&when_off, &on]);

    let turn_off = Or::new(&register, &register, &IS_OFF);
    let disable = Method::new("_DIS".into(), 0, false, vec![&turn_off]);

    let current = RawAml(current_method(&register));

    let number = path("PRRI");
    let number_of = CreateDWordField::new(&number, &Arg(0), &DESCRIPTOR_NUMBER);
    let store = Store::new(&register, &number);
    let set = Method::new("_SRS".into(), 1, true, vec![&number_of, &store]);

    let name = link(letter);
    let parts: Vec<&dyn Aml> = vec![&id, &unique, &possible, &status, &disable, &current, &set];
    Device::new(path(&name), parts).to_aml_bytes(bytes);
}

/// `_CRS`: a descriptor with the number that the register holds.
fn current_method(register: &Path) -> Vec<u8> {
    let none = RawAml(level_interrupts(&[0]));
    let template = ResourceTemplate::new(vec![&none]);
    let buffer = Name::new("PRR0".into(), &template);
    let (buffer_path, number) = (path("PRR0"), path("PRRI"));
    let number_of = CreateDWordField::new(&number, &buffer_path, &DESCRIPTOR_NUMBER);
    let cut = And::new(&Local(0), register, &INTERRUPT_BITS);
    let store = Store::new(&number, &Local(0));
    let answer = Return::new(&buffer_path);
    bytes_of(&Method::new("_CRS".into(), 0, true, vec![&buffer, &number_of, &cut, &store, &answer]))
}

/// An extended interrupt descriptor (ACPI 6.5, 6.4.3.6): consumer, level-triggered, active high, shared.
fn level_interrupts(numbers: &[u32]) -> Vec<u8> {
    let length = 2 + 4 * numbers.len() as u16;
    let [low, high] = length.to_le_bytes();
    let mut bytes = vec![0x89, low, high, 0b1001, numbers.len() as u8];
    bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    bytes
}

fn bytes_of(part: &dyn Aml) -> Vec<u8> {
    let mut bytes = Vec::new();
    part.to_aml_bytes(&mut bytes);
    bytes
}
