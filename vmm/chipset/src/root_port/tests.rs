//! What a root port promises.

use super::RootPort;
use base_units::{Gpa, Nanos};
use vmm_bus::{
    AccessSize, Bus, BusError, Context, Device, Effects, FlatMemory,
    pci::{BridgeBuses, Place},
};

fn place(slot: u8) -> Place {
    Place::slot(slot).unwrap_or_else(|| panic!("slots go to 31"))
}

fn with(port: &mut RootPort, run: impl FnOnce(&mut RootPort, &mut Context<'_>)) {
    let memory = FlatMemory::new(Gpa::new(0), 0);
    let mut effects = Effects::new();
    run(port, &mut Context { now: Nanos::ZERO, memory: &memory, effects: &mut effects });
}

#[test]
fn it_is_a_bridge_whose_registers_take_addresses() {
    with(&mut RootPort::new(place(2), 1), |port, context| {
        assert_eq!(port.config_read(0x0E, AccessSize::Byte, context), 1);
        assert_eq!(port.config_read(0x08, AccessSize::Dword, context) >> 8, 0x06_04_00);
        for (offset, expected) in [
            (0x18, 0x00FF_FFFF),
            (0x20, 0xFFF0_FFF0),
            (0x24, 0xFFF1_FFF1),
            (0x28, u32::MAX),
            (0x2C, u32::MAX),
        ] {
            port.config_write(offset, AccessSize::Dword, u32::MAX, context);
            assert_eq!(port.config_read(offset, AccessSize::Dword, context), expected, "{offset:#x}");
        }
    });
}

#[test]
fn it_has_an_express_capability_of_a_root_port() {
    with(&mut RootPort::new(place(2), 7), |port, context| {
        let at = port.config_read(0x34, AccessSize::Byte, context) as u16;
        assert_eq!(port.config_read(at, AccessSize::Dword, context), 0x0142_0010);
        assert_eq!(port.config_read(at + 0x0C, AccessSize::Dword, context) >> 24, 7);
        assert_eq!(port.config_read(at + 0x1A, AccessSize::Word, context), 0x40, "something is plugged in");
    });
}

#[test]
fn what_is_behind_it_is_found_by_the_number_of_its_bus() -> Result<(), BusError> {
    let controller = crate::IoApic::new();
    let mut bus = Bus::new(alloc::boxed::Box::new(controller), Gpa::new(0xFEC0_0000), 0x1000)?;
    let port = bus.add_function(place(2), RootPort::new(place(2), 1))?;
    bus.add_function_behind(port, place(0), crate::HostBridge::new())?;
    let memory = FlatMemory::new(Gpa::new(0), 0);
    let mut effects = Effects::new();
    let mut context = Context { now: Nanos::ZERO, memory: &memory, effects: &mut effects };
    let mut find = |bus: &mut Bus, number: u32| {
        bus.port_write(0xCF8, AccessSize::Dword, 0x8000_0000 | number << 16, &mut context);
        bus.port_read(0xCFC, AccessSize::Word, &mut context)
    };
    assert_eq!(find(&mut bus, 5), 0xFFFF);

    let mut effects = Effects::new();
    let mut other = Context { now: Nanos::ZERO, memory: &memory, effects: &mut effects };
    bus.device_mut(port).config_write(0x18, AccessSize::Dword, 0x0005_0500, &mut other);

    assert_eq!(find(&mut bus, 5), 0x1B36);
    Ok(())
}

#[test]
fn a_restored_port_has_the_bus_of_the_saved_one() {
    let mut port = RootPort::new(place(2), 1);
    with(&mut port, |port, context| port.config_write(0x18, AccessSize::Dword, 0x0005_0300, context));
    let mut twin = RootPort::new(place(2), 1);

    assert_eq!(twin.restore(port.save().as_saved()), Ok(()));

    assert_eq!(twin.bridge(), Some(BridgeBuses { secondary: 3 }));
}
