//! A machine without FPU state.

use crate::machine::ExtendedState;

pub(crate) struct NoState {
    xcr0: u64,
}

impl ExtendedState for NoState {
    fn new() -> Option<Self> {
        Some(Self { xcr0: 1 })
    }

    fn load(&self) {}

    fn save(&mut self) {}

    fn load_initial() {}

    fn xcr0(&self) -> u64 {
        self.xcr0
    }

    fn set_xcr0(&mut self, value: u64) {
        self.xcr0 = value;
    }

    fn read(&self, _buffer: &mut [u8]) -> usize {
        0
    }

    fn write(&mut self, _bytes: &[u8]) -> bool {
        false
    }
}
