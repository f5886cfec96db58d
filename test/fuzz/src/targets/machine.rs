//! Everything that a guest can do to a board of devices.

use crate::{
    Input,
    board::{Choice, Pair},
};

/// Reads the bytes as events.
pub fn run(data: &[u8]) {
    Pair::default().run(&mut Input::new(data), Choice::Everything);
}
