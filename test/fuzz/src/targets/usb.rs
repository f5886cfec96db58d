//! The USB controller behind a driver that sets it up well and then does anything, while somebody types and points;
//! saved and restored on the way.

mod rig;

use crate::Input;
use rig::Rig;
use vmm_snapshot::{Saved, SavedState};

/// Steps in one run at the most.
const STEPS_MAX: usize = 200;

/// The first byte says whether the rest is what the driver does, or a saved state with what a driver does afterwards:
/// then the next two bytes say how many bytes at the end that is.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let mut rig = Rig::new();
    if input.u8() & 1 == 0 {
        rig.set_up();
    } else {
        let steps = usize::from(input.u16());
        let (state, rest) = input.rest().split_at(input.rest().len().saturating_sub(steps));
        if rig.restore(Saved { version: 1, bytes: state }).is_err() {
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

/// The state of a controller whose devices are configured: for the corpus.
pub fn sample() -> SavedState {
    let mut rig = Rig::new();
    rig.set_up();
    rig.save()
}

/// One thing that happens.
fn step(rig: &mut Rig, input: &mut Input<'_>) {
    match input.u8() % 16 {
        0 => rig.write(input),
        1 => rig.read(input),
        2 => rig.poke(input),
        3 => rig.advance(input.u16()),
        4 => rig.make_twin(),
        5 => rig.configure(u16::from(input.u8() & 0xFC), input.u32()),
        6 if input.u8() == 0 => {
            rig.reset();
            rig.set_up();
        }
        7 => rig.handle_events(),
        8 | 9 => rig.command(input),
        10 => rig.transfer(input),
        11 => rig.control(input),
        12 => rig.ask(input.u8()),
        13 | 14 => rig.stroke(input.u8(), input.u8()),
        _ => rig.point(input),
    }
}
