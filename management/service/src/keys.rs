//! The keys of the port: what woke the program.

/// What happened. A generation tells a process from the one before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Key {
    /// A time limit or pause is over.
    Timer,
    /// A program said something or can hear again.
    ProgramChannel(Place),
    /// A program's process ended.
    ProgramProcess(Place),
    /// A VM's process said something.
    VmChannel(Place),
    /// A VM's process ended.
    VmProcess(Place),
}

/// Which program or VM, and which of its runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) index: usize,
    pub(crate) generation: u32,
}

const INDEX_SHIFT: u32 = 32;
const KIND_SHIFT: u32 = 56;
const INDEX_MASK: u64 = (1 << (KIND_SHIFT - INDEX_SHIFT)) - 1;

impl Key {
    /// The number that the port is given.
    pub(crate) fn raw(self) -> u64 {
        let (kind, place) = match self {
            Key::Timer => (0, Place { index: 0, generation: 0 }),
            Key::ProgramChannel(place) => (1, place),
            Key::ProgramProcess(place) => (2, place),
            Key::VmChannel(place) => (3, place),
            Key::VmProcess(place) => (4, place),
        };
        let index = place.index as u64 & INDEX_MASK;
        kind << KIND_SHIFT | index << INDEX_SHIFT | u64::from(place.generation)
    }

    /// The key with this number.
    pub(crate) fn from_raw(raw: u64) -> Option<Self> {
        let index = usize::try_from(raw >> INDEX_SHIFT & INDEX_MASK).ok()?;
        let place = Place { index, generation: raw as u32 };
        match raw >> KIND_SHIFT {
            0 => Some(Key::Timer),
            1 => Some(Key::ProgramChannel(place)),
            2 => Some(Key::ProgramProcess(place)),
            3 => Some(Key::VmChannel(place)),
            4 => Some(Key::VmProcess(place)),
            _ => None,
        }
    }
}
