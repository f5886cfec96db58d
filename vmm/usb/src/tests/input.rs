//! What a person does, as the guest sees it.

use super::driver::Driver;
use crate::Position;
use base_units::Nanos;
use proptest::prelude::*;
use spec::xhci::{PORT_LINK_SHIFT, PORT_LINK_WRITE, code, link};
use vmm_bus::Device;
use vmm_chipset::i8042::Stroke;

impl Driver {
    fn point(&mut self, x: u16, y: u16, buttons: u8, wheel: i16) -> bool {
        self.with(|device, context| device.point(Position { x, y, buttons, wheel }, context))
    }

    /// Asks for the next report and returns it, if it comes at once.
    fn report(&mut self, slot: u8) -> Option<alloc::vec::Vec<u8>> {
        self.ask(slot, 8);
        let events = self.events();
        events.last().map(|event| self.buffer(8 - event.residue() as usize))
    }
}

#[test]
fn nobody_is_told_before_the_guest_uses_the_devices() {
    let mut driver = Driver::running();
    assert!(!driver.stroke(4, Stroke::Press));
    assert!(!driver.point(1, 1, 0, 0));
    let slot = driver.address(1);
    assert!(!driver.stroke(4, Stroke::Press));
    driver.configure(slot);
    assert!(driver.stroke(4, Stroke::Press));
    assert!(!driver.point(1, 1, 0, 0));
}

#[test]
fn a_key_comes_when_it_is_pressed_and_nothing_comes_before() {
    let (mut driver, slot) = Driver::with_device(1);
    driver.ask(slot, 8);
    assert_eq!(driver.events(), []);
    assert_eq!(driver.device.deadline(), Nanos::MAX);

    assert!(driver.stroke(0xE1, Stroke::Press));
    assert_eq!(driver.events().len(), 1);
    assert_eq!(driver.buffer(8), [2, 0, 0, 0, 0, 0, 0, 0]);
    assert!(driver.stroke(0x04, Stroke::Press));
    // It repeats; nobody asks for that.
    assert!(driver.stroke(0x04, Stroke::Press));
    assert_eq!(driver.report(slot), Some([2, 0, 4, 0, 0, 0, 0, 0].into()));
    assert_eq!(driver.report(slot), None);
    assert_eq!(driver.device.deadline(), Nanos::MAX);
}

#[test]
fn too_many_keys_roll_over() {
    let (mut driver, slot) = Driver::with_device(1);
    for usage in 4..11 {
        driver.stroke(usage, Stroke::Press);
    }
    for _ in 0..6 {
        driver.report(slot);
    }
    assert_eq!(driver.report(slot), Some([0, 0, 1, 1, 1, 1, 1, 1].into()));
}

#[test]
fn places_on_the_way_are_forgotten_and_clicks_are_not() {
    let (mut driver, slot) = Driver::with_device(2);
    for x in 0..100 {
        assert!(driver.point(x, 5, 0, 1));
    }
    assert!(driver.point(99, 5, 1, 0));
    assert!(driver.point(0xFFFF, 5, 1, 0));
    assert!(driver.point(0xFFFF, 5, 0, 0));

    assert_eq!(driver.report(slot), Some([0, 99, 0, 5, 0, 0x9C].into()));
    assert_eq!(driver.report(slot), Some([1, 99, 0, 5, 0, 0].into()));
    assert_eq!(driver.report(slot), Some([1, 0xFF, 0x7F, 5, 0, 0].into()));
    assert_eq!(driver.report(slot), Some([0, 0xFF, 0x7F, 5, 0, 0].into()));
    assert_eq!(driver.report(slot), None);
}

#[test]
fn a_guest_that_stopped_asking_loses_the_keyboard() {
    let (mut driver, _) = Driver::with_device(1);
    assert!(driver.stroke(4, Stroke::Press));
    driver.now = driver.now.saturating_add(Nanos::from_millis(500));
    assert!(driver.stroke(4, Stroke::Release));
    driver.now = driver.now.saturating_add(Nanos::from_millis(5_000));

    assert!(!driver.stroke(5, Stroke::Press));
}

#[test]
fn a_held_key_comes_again_if_the_guest_wants_that() {
    let (mut driver, slot) = Driver::with_device(1);
    // Set idle, 10 * 4 ms.
    assert_eq!(driver.control(slot, [0x21, 10, 0, 10, 0, 0, 0, 0], 0).0, code::SUCCESS);
    driver.stroke(4, Stroke::Press);
    assert!(driver.report(slot).is_some());
    driver.ask(slot, 8);
    assert_eq!(driver.events(), []);

    driver.now = driver.device.deadline();
    driver.with(|device, context| device.advance(context));

    assert_eq!(driver.events().len(), 1);
    driver.stroke(4, Stroke::Release);
    assert!(driver.report(slot).is_some());
    assert_eq!(driver.device.deadline(), Nanos::MAX);
}

#[test]
fn a_report_that_does_not_fit_is_babble() {
    let (mut driver, slot) = Driver::with_device(1);
    driver.ask(slot, 4);
    driver.stroke(4, Stroke::Press);

    assert_eq!(driver.events().last().map(|event| event.code()), Some(code::BABBLE));
    assert_eq!(driver.output(slot, 3, 0) & 7, spec::xhci::endpoint::HALTED);
}

#[test]
fn a_suspended_device_is_not_asked() {
    let (mut driver, slot) = Driver::with_device(1);
    driver.ask(slot, 8);
    driver.write_port(1, PORT_LINK_WRITE | link::U3 << PORT_LINK_SHIFT);
    assert!(!driver.stroke(4, Stroke::Press));

    driver.write_port(1, PORT_LINK_WRITE | link::RESUME << PORT_LINK_SHIFT);
    driver.write_port(1, PORT_LINK_WRITE | link::U0 << PORT_LINK_SHIFT);

    assert!(driver.stroke(4, Stroke::Press));
    assert!(driver.events().iter().any(|event| event.code() == code::SUCCESS && event.slot() == slot));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_last_report_says_which_keys_are_down(strokes in proptest::collection::vec((4..9u8, any::<bool>()), 1..400)) {
        let (mut driver, slot) = Driver::with_device(1);
        let mut down = alloc::collections::BTreeSet::new();
        for (usage, is_pressed) in strokes {
            driver.stroke(usage, if is_pressed { Stroke::Press } else { Stroke::Release });
            if is_pressed { down.insert(usage); } else { down.remove(&usage); }
        }
        let mut last = [0; 8].to_vec();
        while let Some(report) = driver.report(slot) {
            last = report;
        }
        let told: alloc::collections::BTreeSet<u8> = last[2..].iter().copied().filter(|usage| *usage != 0).collect();
        prop_assert_eq!(told, down);
    }

    #[test]
    fn the_last_report_says_where_the_pointer_is(places in proptest::collection::vec((0..0x8000u16, 0..0x8000u16, 0..8u8), 1..300)) {
        let (mut driver, slot) = Driver::with_device(2);
        for (x, y, buttons) in &places {
            driver.point(*x, *y, *buttons, 0);
        }
        let mut last = [0; 6].to_vec();
        while let Some(report) = driver.report(slot) {
            last = report;
        }
        let (x, y, buttons) = places[places.len() - 1];
        prop_assert_eq!(last, [buttons, x as u8, (x >> 8) as u8, y as u8, (y >> 8) as u8, 0].to_vec());
    }
}
