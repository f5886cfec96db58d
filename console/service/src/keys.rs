//! The keys of the port: what woke the program.

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// The supervisor said something.
    Supervisor,
    /// The log went on.
    Log,
    /// The serial line's interrupt.
    Serial,
    /// The keyboard's interrupt.
    Keyboard,
    /// The mouse's interrupt.
    Mouse,
    /// A VM said something, can hear again, or is gone.
    Vm(usize),
    /// The same of a VM's display.
    Screen(usize),
}

const FIRST_VM: u64 = 16;
const FIRST_SCREEN: u64 = 1 << 32;

impl Key {
    /// The number that the port is given.
    pub(crate) fn raw(self) -> u64 {
        match self {
            Key::Supervisor => 0,
            Key::Log => 1,
            Key::Serial => 2,
            Key::Keyboard => 3,
            Key::Mouse => 4,
            Key::Vm(vm) => FIRST_VM + vm as u64,
            Key::Screen(vm) => FIRST_SCREEN + vm as u64,
        }
    }

    /// The key with this number.
    pub(crate) fn from_raw(raw: u64) -> Option<Self> {
        match raw {
            0 => Some(Key::Supervisor),
            1 => Some(Key::Log),
            2 => Some(Key::Serial),
            3 => Some(Key::Keyboard),
            4 => Some(Key::Mouse),
            FIRST_SCREEN.. => usize::try_from(raw - FIRST_SCREEN).ok().map(Key::Screen),
            _ => raw.checked_sub(FIRST_VM).and_then(|vm| usize::try_from(vm).ok()).map(Key::Vm),
        }
    }
}
