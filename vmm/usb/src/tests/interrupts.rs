//! Interrupts and the event ring.

use super::driver::{DOORBELLS, Driver, EVENTS, INTERRUPTER, LINE, OPERATIONAL};
use base_units::Nanos;
use spec::xhci::{IMAN, IMOD, STS_EVENT, USBSTS, code, trb};
use vmm_bus::{AccessSize, Attention, Device, Msi, Region};
use vmm_chipset::i8042::Stroke;

/// What the pin says after the effects, if anything.
fn changed_line(driver: &mut Driver) -> bool {
    driver.effects.take_attention().contains(Attention::LINES)
}

#[test]
fn the_pin_stays_until_software_clears_the_pending_bit() {
    let mut driver = Driver::running();
    assert!(changed_line(&mut driver));
    assert_ne!(driver.status() & STS_EVENT, 0);
    assert_eq!(driver.read(INTERRUPTER + IMAN), 3);

    driver.write(OPERATIONAL + USBSTS, u64::from(STS_EVENT));
    driver.write(INTERRUPTER + IMAN, 3);

    assert!(changed_line(&mut driver));
    assert_eq!(driver.read(INTERRUPTER + IMAN), 2);
    assert_eq!(LINE.pin, 18);
}

#[test]
fn a_message_takes_the_pending_bit_along() {
    let mut driver = Driver::cold();
    // MSI-X on; vector 0 to some processor.
    let control = (0x40..0x100u16)
        .step_by(2)
        .find(|at| driver.with(|device, context| device.config_read(*at, AccessSize::Byte, context)) == 0x11)
        .expect("MSI-X is somewhere");
    driver.with(|device, context| device.config_write(control + 2, AccessSize::Word, 0x8000, context));
    for (offset, value) in [(0, 0xFEE0_0000), (4, 0), (8, 0x41), (12, 0)] {
        let write = |device: &mut crate::Xhci, context: &mut vmm_bus::Context<'_>| {
            device.write(Region(0), 0x3000 + offset, AccessSize::Dword, value, context);
        };
        driver.with(write);
    }
    driver.set_up();

    let sent: alloc::vec::Vec<Msi> = driver.effects.drain_messages().collect();
    assert_eq!(sent, [Msi { address: 0xFEE0_0000, data: 0x41 }]);
    assert_eq!(driver.read(INTERRUPTER + IMAN), 2);
    driver.events();
    assert_eq!(driver.command(trb::NO_OP_COMMAND, 0, 0).0, code::SUCCESS);
    assert_eq!(driver.effects.drain_messages().count(), 1);
}

#[test]
fn moderation_holds_interrupts_back_without_waking_when_there_is_none() {
    let (mut driver, slot) = Driver::with_device(1);
    driver.now = driver.now.saturating_add(Nanos::from_millis(100));
    driver.write(INTERRUPTER + IMOD, 4000);
    driver.write(INTERRUPTER + IMAN, 3);
    driver.ask(slot, 8);
    driver.ask(slot, 8);
    assert_eq!(driver.device.deadline(), Nanos::MAX);

    driver.stroke(4, Stroke::Press);
    assert_eq!(driver.read(INTERRUPTER + IMAN), 3);
    driver.write(INTERRUPTER + IMAN, 3);
    driver.events();
    driver.stroke(4, Stroke::Release);
    assert_eq!(driver.read(INTERRUPTER + IMAN), 2);
    let due = driver.now.saturating_add(Nanos::from_millis(1));
    assert_eq!(driver.device.deadline(), due);
    driver.now = due;
    driver.with(|device, context| device.advance(context));

    assert_eq!(driver.read(INTERRUPTER + IMAN), 3);
    assert_eq!(driver.device.deadline(), Nanos::MAX);
}

#[test]
fn a_full_event_ring_says_so_and_loses_nothing() {
    let mut driver = Driver::running();
    driver.events();
    for _ in 0..12 {
        driver.put_command(trb::NO_OP_COMMAND, 0, 0);
    }
    driver.write(DOORBELLS, 0);
    for _ in 0..12 {
        driver.put_command(trb::NO_OP_COMMAND, 0, 0);
    }
    driver.write(DOORBELLS, 0);

    let mut kinds = alloc::vec::Vec::new();
    while let Some(event) = driver.event() {
        kinds.push(event.kind());
    }
    // One place always stays free.
    assert_eq!(kinds.len() as u64, EVENTS - 1);
    assert_eq!(kinds.pop(), Some(trb::CONTROLLER_EVENT));
    driver.handled();
    kinds.extend(driver.events().iter().map(|event| event.kind()));
    assert_eq!(kinds.iter().filter(|kind| **kind == trb::COMMAND_EVENT).count(), 24);
}
