//! Saving and restoring.

use super::driver::{Driver, LINE};
use crate::Xhci;
use vmm_bus::Device;
use vmm_chipset::i8042::Stroke;
use vmm_snapshot::Saved;

#[test]
fn a_restored_controller_goes_on_where_it_was() {
    let (mut driver, slot) = Driver::with_device(1);
    driver.stroke(4, Stroke::Press);
    let saved = driver.device.save();
    driver.device = Xhci::new(LINE);
    let form = Saved { version: saved.version(), bytes: saved.bytes() };
    assert_eq!(driver.device.restore(form), Ok(()));
    assert_eq!(driver.device.save(), saved);

    driver.ask(slot, 8);

    assert_eq!(driver.events().len(), 1);
    assert_eq!(driver.buffer(8), [0, 0, 4, 0, 0, 0, 0, 0]);
}

#[test]
fn states_that_are_cut_off_or_of_another_version_are_refused() {
    let (driver, _) = Driver::with_device(2);
    let saved = driver.device.save();
    let mut fresh = Xhci::new(LINE);
    for length in 0..saved.bytes().len() {
        assert!(fresh.restore(Saved { version: saved.version(), bytes: &saved.bytes()[..length] }).is_err());
    }
    assert!(fresh.restore(Saved { version: saved.version() + 1, bytes: saved.bytes() }).is_err());
}

#[test]
fn a_reset_is_as_a_new_controller() {
    let (mut driver, _) = Driver::with_device(1);
    driver.with(|device, context| device.reset(context));

    assert_eq!(driver.device.save(), Xhci::new(LINE).save());
}
