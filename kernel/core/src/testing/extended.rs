//! A machine without FPU state.

use crate::machine::ExtendedState;

pub(crate) struct NoState;

impl ExtendedState for NoState {
    fn new() -> Option<Self> {
        Some(Self)
    }

    fn load(&self) {}

    fn save(&mut self) {}

    fn load_initial() {}

    fn xcr0(&self) -> u64 {
        1
    }

    fn set_xcr0(&mut self, _value: u64) {}

    fn read(&self, _buffer: &mut [u8]) -> usize {
        0
    }

    fn write(&mut self, _bytes: &[u8]) -> bool {
        false
    }
}
