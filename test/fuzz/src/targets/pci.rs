//! PCI configuration space, and the windows that it moves.

use crate::{
    Input,
    board::{Choice, Pair},
};

/// Reads the bytes as accesses to configuration space and to windows.
pub fn run(data: &[u8]) {
    Pair::default().run(&mut Input::new(data), Choice::Pci);
}
