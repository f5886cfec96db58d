//! Finding the devices.

use super::driver::{Driver, OPERATIONAL};
use spec::{
    usb::descriptor,
    xhci::{
        PORT_CONNECT_CHANGE, PORT_CONNECTED, PORT_ENABLED, PORT_RESET, PORT_RESET_CHANGE, STS_HALTED, USBCMD,
        code, trb,
    },
};

#[test]
fn capabilities_name_two_ports_of_each_protocol() {
    let mut driver = Driver::cold();

    assert_eq!(driver.read(0), 0x0100_0040);
    assert_eq!(driver.read(4) >> 24, 4);
    let first = u64::from(driver.read(0x10) >> 16) * 4;
    assert_eq!([0, 4, 8].map(|at| driver.read(first + at)), [0x0200_0402, 0x2042_5355, 0x0201]);
    assert_eq!([16, 20, 24].map(|at| driver.read(first + at)), [0x0300_0002, 0x2042_5355, 0x0203]);
    assert_eq!(driver.status() & STS_HALTED, STS_HALTED);
}

#[test]
fn devices_are_on_the_ports_of_usb_2_and_are_announced_once_it_runs() {
    let mut driver = Driver::running();

    let events = driver.events();
    assert_eq!(
        events.iter().map(|event| (event.kind(), event.parameter >> 24)).collect::<alloc::vec::Vec<_>>(),
        [(trb::PORT_EVENT, 1), (trb::PORT_EVENT, 2)]
    );
    for port in [1, 2] {
        assert_eq!(driver.port(port) & 0x1F, PORT_CONNECTED);
        assert_ne!(driver.port(port) & PORT_CONNECT_CHANGE, 0);
    }
    for port in [3, 4] {
        assert_eq!(driver.port(port) & PORT_CONNECTED, 0);
    }
}

#[test]
fn a_reset_enables_a_port_and_is_announced_if_nothing_else_waits() {
    let mut driver = Driver::running();
    driver.events();
    driver.write_port(1, PORT_CONNECT_CHANGE);

    driver.write_port(1, PORT_RESET);

    assert_eq!(
        driver.port(1) & (PORT_ENABLED | PORT_RESET | PORT_RESET_CHANGE),
        PORT_ENABLED | PORT_RESET_CHANGE
    );
    assert_eq!(driver.events().len(), 1);
    driver.write_port(1, PORT_ENABLED);
    assert_eq!(driver.port(1) & PORT_ENABLED, 0);
}

#[test]
fn both_devices_say_what_they_are() {
    let mut driver = Driver::running();
    let (keyboard, tablet) = (driver.address(1), driver.address(2));
    assert_eq!((keyboard, tablet), (1, 2));

    for (slot, product, report) in [(keyboard, "USB Keyboard", 63), (tablet, "USB Tablet", 74)] {
        let device = driver.descriptor(slot, descriptor::DEVICE, 0, 18);
        assert_eq!(device.len(), 18);
        assert_eq!(device[..8], [18, 1, 0, 2, 0, 0, 0, 64]);
        let configuration = driver.descriptor(slot, descriptor::CONFIGURATION, 0, 255);
        assert_eq!(configuration.len(), 34);
        assert_eq!(configuration[2], 34);
        assert_eq!(configuration[14], 3);
        let name = driver.descriptor(slot, descriptor::STRING, 2, 255);
        let text: alloc::vec::Vec<u16> =
            name[2..].chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        assert_eq!(alloc::string::String::from_utf16_lossy(&text), product);
        assert_eq!(driver.descriptor(slot, descriptor::REPORT, 0, 512).len(), report);
        assert_eq!(driver.descriptor(slot, descriptor::QUALIFIER, 0, 10).len(), 10);
    }
}

#[test]
fn a_short_answer_ends_the_data_stage_and_what_was_asked_for_is_not_exceeded() {
    let mut driver = Driver::running();
    let slot = driver.address(1);

    assert_eq!(driver.descriptor(slot, descriptor::DEVICE, 0, 8).len(), 8);
    assert_eq!(driver.control(slot, [0x80, 6, 0, 1, 0, 0, 64, 0], 64), (code::SUCCESS, 46));
}

#[test]
fn a_request_that_nobody_knows_stalls_and_reset_endpoint_goes_on() {
    let mut driver = Driver::running();
    let slot = driver.address(1);

    assert_eq!(driver.control(slot, [0x80, 6, 0, 9, 0, 0, 8, 0], 8).0, code::STALL);
    assert_eq!(driver.output(slot, 1, 0) & 7, 2);
    let names = u32::from(slot) << 24 | 1 << 16;
    assert_eq!(driver.command(trb::RESET_ENDPOINT, 0, names).0, code::SUCCESS);
    assert_eq!(driver.command(trb::RESET_ENDPOINT, 0, names).0, code::CONTEXT_STATE);
    // Behind the status stage that was never reached: three TRBs of this transfer were written.
    let next = driver.put(slot, 1, 0, 0, u32::from(trb::NO_OP) << 10 | 1 << 5);
    assert_eq!(driver.command(trb::SET_DEQUEUE, next | 1, names).0, code::SUCCESS);
    driver.ring(slot, 1);
    assert_eq!(
        driver.events().last().map(|event| (event.code(), event.parameter)),
        Some((code::SUCCESS, next))
    );
    assert_eq!(driver.descriptor(slot, descriptor::DEVICE, 0, 18).len(), 18);
}

#[test]
fn the_lamps_are_what_the_driver_says() {
    let (mut driver, slot) = Driver::with_device(1);
    driver.memory.write(base_units::Gpa::new(super::driver::BUFFER), &[0b10]).unwrap();

    assert_eq!(driver.control(slot, [0x21, 9, 0, 2, 0, 0, 1, 0], 1).0, code::SUCCESS);

    assert_eq!(driver.device.lamps(), 0b10);
}

#[test]
fn a_reset_of_the_controller_forgets_everything() {
    let (mut driver, slot) = Driver::with_device(1);

    driver.write(OPERATIONAL + USBCMD, 2);

    assert_eq!(driver.read(OPERATIONAL + USBCMD), 0);
    assert_eq!(driver.port(1) & (PORT_CONNECTED | PORT_ENABLED), PORT_CONNECTED);
    driver.set_up();
    assert_eq!(
        driver.command(trb::STOP_ENDPOINT, 0, u32::from(slot) << 24 | 1 << 16).0,
        code::SLOT_NOT_ENABLED
    );
}

use vmm_bus::GuestMemory as _;
