//! Disk controllers behind drivers that set them up well and then do anything; saved and restored on the way.

mod driver;
mod medium;
mod rig;

use crate::Input;
use driver::Driver;
use rig::Rig;
use vmm_snapshot::{Saved, SavedState};

/// Steps in one run at the most.
const STEPS_MAX: usize = 150;
const DRIVERS: [Driver; 3] = [Driver::Ahci, Driver::Ide, Driver::Nvme];

/// The first byte chooses the controller and whether the rest is what its driver does, or a saved state with what a
/// driver does afterwards: then the next two bytes say how many bytes at the end that is.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let choice = input.u8();
    let driver = DRIVERS[usize::from(choice >> 1) % DRIVERS.len()];
    let mut rig = Rig::new(driver);
    if choice & 1 == 0 {
        rig.set_up();
    } else {
        let steps = usize::from(input.u16());
        let (state, rest) = input.rest().split_at(input.rest().len().saturating_sub(steps));
        if rig.device.restore(Saved { version: 1, bytes: state }).is_err() {
            return;
        }
        input = Input::new(rest);
    }
    for _ in 0..STEPS_MAX {
        if input.is_empty() {
            break;
        }
        step(&mut rig, &mut input);
    }
    rig.compare();
}

/// The state of one of the controllers, ready for commands: for the corpus.
pub fn sample(index: usize) -> SavedState {
    let mut rig = Rig::new(DRIVERS[index % DRIVERS.len()]);
    rig.set_up();
    rig.device.save()
}

/// One thing that a driver does.
fn step(rig: &mut Rig, input: &mut Input<'_>) {
    match input.u8() % 12 {
        0 | 1 => {
            let place = rig.driver.place(input);
            rig.write(place, input);
        }
        2 => {
            let place = rig.driver.place(input);
            rig.read(place, input);
        }
        3 | 4 => {
            let at = u64::from(input.u16()) * 4;
            rig.poke(at, &input.u64().to_le_bytes());
        }
        5 => rig.advance(),
        6 => rig.make_twin(),
        7 => {
            let (offset, value) = (u16::from(input.u8() & 0xFC), input.u32());
            rig.configure(offset, value);
        }
        8 if input.u8() == 0 => {
            rig.reset();
            rig.set_up();
        }
        _ => rig.command(input),
    }
}
