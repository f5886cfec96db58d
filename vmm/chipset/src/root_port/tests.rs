//! What a root port promises.

use super::RootPort;
use base_units::{Gpa, Nanos};
use vmm_bus::{
    AccessSize, Bus, BusError, Context, Device, Effects, FlatMemory,
    pci::{Bridge, Forwarded, Place},
};

fn place(slot: u8) -> Place {
    Place::slot(slot).unwrap_or_else(|| panic!("slots go to 31"))
}

fn port() -> RootPort {
    RootPort::new(place(2), 1, 22)
}

fn with(port: &mut RootPort, run: impl FnOnce(&mut RootPort, &mut Context<'_>)) {
    let memory = FlatMemory::new(Gpa::new(0), 0);
    let mut effects = Effects::new();
    run(port, &mut Context { now: Nanos::ZERO, memory: &memory, effects: &mut effects });
}

#[test]
fn it_is_a_bridge_whose_registers_take_addresses() {
    with(&mut port(), |port, context| {
        assert_eq!(port.config_read(0x3C, AccessSize::Word, context), 0x0116, "INTA at line 22");
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
    with(&mut RootPort::new(place(2), 7, 22), |port, context| {
        let at = port.config_read(0x34, AccessSize::Byte, context) as u16;
        assert_eq!(port.config_read(at, AccessSize::Byte, context), 0x10);
        assert_eq!(port.config_read(at + 2, AccessSize::Word, context), 0x0142);
        assert_eq!(port.config_read(at + 0x0C, AccessSize::Dword, context) >> 24, 7);
        assert_eq!(port.config_read(at + 0x1A, AccessSize::Word, context), 0x40, "something is plugged in");
        let next = port.config_read(at + 1, AccessSize::Byte, context) as u16;
        assert_eq!(port.config_read(next, AccessSize::Word, context), 0x0005, "MSI is the last capability");
    });
}

#[test]
fn what_is_behind_it_is_found_by_the_number_of_its_bus() -> Result<(), BusError> {
    let controller = crate::IoApic::new();
    let mut bus = Bus::new(alloc::boxed::Box::new(controller), Gpa::new(0xFEC0_0000), 0x1000)?;
    let port = bus.add_function(place(2), port())?;
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
    let mut saved = port();
    with(&mut saved, |port, context| port.config_write(0x18, AccessSize::Dword, 0x0005_0300, context));
    let mut twin = port();

    assert_eq!(twin.restore(saved.save().as_saved()), Ok(()));

    assert_eq!(twin.bridge(), saved.bridge());
    assert_eq!(twin.bridge().and_then(|bridge| bridge.secondary), Some(3));
}

#[test]
fn an_empty_range_of_buses_is_no_bus() {
    with(&mut port(), |port, context| {
        for (buses, expected) in [
            (0x0000_0000, None),
            (0x0000_FF00, None),
            (0x0002_0300, None),
            (0x0003_0300, Some(3)),
            (0x00FF_0100, Some(1)),
        ] {
            port.config_write(0x18, AccessSize::Dword, buses, context);
            assert_eq!(port.bridge().and_then(|bridge| bridge.secondary), expected, "{buses:#x}");
        }
    });
}

#[test]
fn its_ranges_are_what_software_wrote_while_it_decodes_them() {
    with(&mut port(), |port, context| {
        for (offset, value) in [
            (0x1C, 0x3121),
            (0x20, 0xFEA0_FE80),
            (0x24, 0x4011_3FF1),
            (0x28, 0x80),
            (0x2C, 0x81),
            (0x30, 0x0000_0000),
        ] {
            port.config_write(offset, AccessSize::Dword, value, context);
        }
        let closed = Bridge { is_master: true, ..Bridge::default() };
        assert_eq!(port.bridge(), Some(closed), "a bus master after power-on");

        port.config_write(4, AccessSize::Word, 3, context);

        let memory = Forwarded { first: 0xFE80_0000, last: 0xFEAF_FFFF };
        let prefetchable = Forwarded { first: 0x80_3FF0_0000, last: 0x81_401F_FFFF };
        let ports = Forwarded { first: 0x2000, last: 0x3FFF };
        let open = Bridge {
            memory: [Some(memory), Some(prefetchable)],
            ports: Some(ports),
            is_master: false,
            ..Bridge::default()
        };
        assert_eq!(port.bridge(), Some(open));
    });
}

#[test]
fn what_moves_the_ranges_is_announced() {
    for (offset, value) in
        [(0x04, 2), (0x04, 0), (0x18, 0x0001_0100), (0x1C, 0x1010), (0x20, 0x10), (0x28, 1)]
    {
        let memory = FlatMemory::new(Gpa::new(0), 0);
        let mut effects = Effects::new();
        let mut context = Context { now: Nanos::ZERO, memory: &memory, effects: &mut effects };
        let mut port = self::port();
        port.config_write(0x04, AccessSize::Word, 7, &mut context);
        context.effects.take_attention();

        port.config_write(offset, AccessSize::Dword, value, &mut context);

        assert!(context.effects.attention().contains(vmm_bus::Attention::WINDOWS), "{offset:#x}");
    }
}
