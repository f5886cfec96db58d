//! A PCI function's interrupts, bridges, and windows that are no BAR.

use super::devices::{Controller, Function as Simple};
use crate::{
    AccessSize, Attention, Bus, Context, Device, Effects, FlatMemory, Inspector, Line, Region,
    pci::{self, BarKind, Function, Identity, Place, Space, Window, function::MsixPlace},
};
use alloc::{boxed::Box, vec, vec::Vec};
use base_units::{Gpa, Nanos};
use vmm_snapshot::{RestoreError, Saved, SavedState};

const IDENTITY: Identity =
    Identity { vendor: 1, device: 2, subsystem_vendor: 3, subsystem: 4, class: 0x01_06_01, revision: 0 };
const LINE: Line = Line { pin: 16, source: 0 };
/// The first capability's place.
const CAPABILITY: u16 = 0x40;

fn messages(effects: &mut Effects) -> Vec<u32> {
    effects.drain_messages().map(|message| message.data).collect()
}

fn with_msi(effects: &mut Effects) -> Function {
    let mut function = Function::new(&IDENTITY).with_line(LINE).with_msi();
    function.config_write(CAPABILITY + 4, AccessSize::Dword, 0xFEE0_1004, effects);
    function.config_write(CAPABILITY + 12, AccessSize::Word, 0x41, effects);
    function
}

#[test]
fn a_level_drives_the_pin_until_msi_is_on_and_then_sends_once_for_each_rise() {
    let mut effects = Effects::new();
    let mut function = with_msi(&mut effects);
    function.set_level(true, &mut effects);
    assert!(effects.attention().contains(Attention::LINES));
    assert_eq!(messages(&mut effects), vec![]);
    function.set_level(false, &mut effects);

    function.config_write(CAPABILITY + 2, AccessSize::Word, 1, &mut effects);
    function.set_level(true, &mut effects);
    function.set_level(true, &mut effects);

    assert_eq!(messages(&mut effects), vec![0x41]);
    assert_eq!(function.config_read(6, AccessSize::Word) & 8, 0, "the status says nothing about messages");
    function.repeat_message(&mut effects);
    assert_eq!(messages(&mut effects), vec![0x41]);
}

#[test]
fn only_the_enable_bit_address_and_data_of_msi_can_be_changed() {
    let mut effects = Effects::new();
    let mut function = with_msi(&mut effects);

    for offset in (CAPABILITY..CAPABILITY + 16).step_by(4) {
        function.config_write(offset, AccessSize::Dword, u32::MAX, &mut effects);
    }

    assert_eq!(function.config_read(CAPABILITY + 2, AccessSize::Word), 0x81);
    assert_eq!(function.config_read(CAPABILITY + 4, AccessSize::Dword), 0xFFFF_FFFC);
    assert_eq!(function.config_read(CAPABILITY + 8, AccessSize::Dword), u32::MAX);
    assert_eq!(function.config_read(CAPABILITY + 12, AccessSize::Dword), 0xFFFF);
}

#[test]
fn msix_structures_answer_at_their_places_only() {
    let place = MsixPlace { vectors: 2, bar: 4, table: 0x100, pending: 0x180 };
    let mut function = Function::new(&IDENTITY).with_msix(place).with_bar(4, BarKind::Memory32, 0x1000);
    let mut effects = Effects::new();

    assert!(function.msix_write(Region(4), 0x118, AccessSize::Dword, 0x55, &mut effects));
    assert!(!function.msix_write(Region(4), 0x120, AccessSize::Dword, 1, &mut effects));
    assert_eq!(function.msix_read(Region(4), 0x118, AccessSize::Dword), Some(0x55));
    assert_eq!(function.msix_read(Region(4), 0x188, AccessSize::Qword), None);
    assert_eq!(function.msix_read(Region(0), 0x118, AccessSize::Dword), None);
}

#[test]
fn a_saved_function_goes_on_with_its_interrupt() {
    let mut effects = Effects::new();
    let mut function = with_msi(&mut effects);
    function.set_level(true, &mut effects);
    let mut twin = Function::new(&IDENTITY).with_line(LINE).with_msi();

    twin.restore(function.save()).unwrap();

    assert_eq!(twin.save(), function.save());
    let mut other = Function::new(&IDENTITY).with_line(LINE);
    assert!(other.restore(function.save()).is_err(), "the other has no MSI");
}

/// A bridge whose bus number is a register, and that says where ECAM is.
#[derive(Default)]
struct Bridge {
    secondary: u8,
    windows: Vec<Window>,
}

impl Device for Bridge {
    fn name(&self) -> &'static str {
        "bridge"
    }
    fn read(&mut self, _: Region, _: u64, _: AccessSize, _: &mut Context<'_>) -> u64 {
        0
    }
    fn write(&mut self, _: Region, _: u64, _: AccessSize, _: u64, _: &mut Context<'_>) {}
    fn reset(&mut self, _: &mut Context<'_>) {}
    fn save(&self) -> SavedState {
        SavedState::encode(1, &self.secondary)
    }
    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        self.secondary = saved.decode(1)?;
        Ok(())
    }
    fn inspect(&self, _: &mut dyn Inspector) {}
    fn config_write(&mut self, _: u16, _: AccessSize, value: u32, context: &mut Context<'_>) {
        self.secondary = value as u8;
        let start = u64::from(value & 0xF000_0000);
        self.windows = vec![Window { region: Region(0), space: Space::Configuration, start, bytes: 8 << 20 }];
        context.effects.note(Attention::WINDOWS);
    }
    fn windows(&self) -> &[Window] {
        &self.windows
    }
    fn bridge(&self) -> Option<pci::Bridge> {
        Some(pci::Bridge { secondary: Some(self.secondary), ..pci::Bridge::default() })
    }
}

#[test]
fn functions_behind_a_bridge_answer_on_the_bus_that_software_numbered() {
    let place = |slot, function| Place::new(slot, function).unwrap();
    let mut bus = Bus::new(Box::new(Controller), Gpa::new(0xFEC0_0000), 0x1000).unwrap();
    let bridge = bus.add_function(place(1, 2), Bridge::default()).unwrap();
    bus.add_function_behind(bridge, place(0, 0), Simple::new()).unwrap();
    let memory = FlatMemory::new(Gpa::new(0), 0);
    let mut effects = Effects::new();
    let mut context = Context { now: Nanos::ZERO, memory: &memory, effects: &mut effects };

    let behind = |bus: &mut Bus, number: u64, context: &mut Context<'_>| {
        bus.memory_read(Gpa::new(0xB000_0000 + (number << 20)), AccessSize::Dword, context)
    };
    bus.port_write(0xCF8, AccessSize::Dword, 0x8000_0A00, &mut context);
    bus.port_write(0xCFC, AccessSize::Dword, 0xB000_0003, &mut context);

    assert_ne!(behind(&mut bus, 3, &mut context), 0xFFFF_FFFF);
    assert_eq!(behind(&mut bus, 2, &mut context), 0xFFFF_FFFF);
    assert_eq!(behind(&mut bus, 0, &mut context), 0xFFFF_FFFF, "nothing in slot 0 of the root bus");
    bus.port_write(0xCF8, AccessSize::Dword, 0x8003_0000, &mut context);
    assert_ne!(bus.port_read(0xCFC, AccessSize::Dword, &mut context), 0xFFFF_FFFF);
}
