//! Devices and their restored twins: both must go on alike.

use crate::{Input, targets::snapshot::seal};
use base_units::Gpa;
use std::fmt::Debug;
use vmm_bus::{Bus, FlatMemory, GuestMemory};
use vmm_snapshot::{RestoreError, Snapshot, SnapshotWriter};

/// Events in one run at the most.
const EVENTS_MAX: usize = 400;
/// Twins made in one run at the most.
const TWINS_MAX: usize = 4;

/// Devices to which events happen, and which can be saved and restored.
pub trait Restorable: Sized {
    /// What can happen.
    type Event<'a>: Copy + Debug;
    /// What can be seen of what happened.
    type Seen: PartialEq + Debug;

    /// Whether the event means that new devices take over the state of these.
    fn is_restore(event: Self::Event<'_>) -> bool;

    /// Lets an event happen.
    ///
    /// # Panics
    /// If a device breaks a promise.
    fn perform(&mut self, event: Self::Event<'_>) -> Self::Seen;

    /// The state of all devices.
    fn save(&self) -> Vec<u8>;

    /// Takes over a state.
    fn restore(&mut self, state: &[u8]) -> Result<(), RestoreError>;

    /// New devices at the same time with the same memory and media.
    fn renewed(&mut self) -> Self;

    /// Memory and media: what is not saved with the devices, but changed by them.
    fn surroundings(&mut self) -> Vec<Vec<u8>>;
}

/// Devices, and what became of them when they were saved and restored into new ones.
pub struct Pair<D> {
    devices: D,
    twin: Option<D>,
    twins: usize,
}

/// The state of all devices of a bus.
///
/// # Panics
/// If it has no encoding.
pub fn save(bus: &Bus) -> Vec<u8> {
    let mut writer = SnapshotWriter::new();
    assert_eq!(bus.save(&mut writer), Ok(()), "devices that cannot be saved");
    writer.finish()
}

/// Has all devices of a bus take over a state.
pub fn restore(bus: &mut Bus, state: &[u8]) -> Result<(), RestoreError> {
    let snapshot = Snapshot::parse(state)?;
    snapshot.refuse_unknown(|name, instance| bus.knows_section(name, instance))?;
    bus.restore(&snapshot)
}

/// All of RAM, of which there are so many bytes.
///
/// # Panics
/// If there are fewer.
pub fn content(memory: &FlatMemory, bytes: usize) -> Vec<u8> {
    let mut content = vec![0; bytes];
    assert_eq!(memory.read(Gpa::new(0), &mut content), Ok(()));
    content
}

/// RAM with the content of another one.
///
/// # Panics
/// If memory cannot be written.
pub fn copy(memory: &FlatMemory, bytes: usize) -> FlatMemory {
    let copy = FlatMemory::new(Gpa::new(0), bytes);
    assert_eq!(copy.write(Gpa::new(0), &content(memory, bytes)), Ok(()));
    copy
}

impl<D: Restorable> Pair<D> {
    /// Has `devices` take over a state of anybody's making, and lets events happen to them if they do. The first two bytes of
    /// `input` say how many bytes at its end are events; those between are the state.
    ///
    /// # Panics
    /// As [`Pair::run`], and if the state is refused without words.
    pub fn run_restored<'a>(
        mut devices: D,
        input: &mut Input<'a>,
        is_sealed: bool,
        take: impl Fn(&mut Input<'a>) -> D::Event<'a>,
    ) {
        let events = usize::from(input.u16());
        let (state, events) = input.rest().split_at(input.rest().len().saturating_sub(events));
        let mut state = state.to_vec();
        if is_sealed {
            seal(&mut state);
        }
        match devices.restore(&state) {
            Ok(()) => Self::of(devices).run(&mut Input::new(events), take),
            Err(error) => assert!(!error.to_string().is_empty(), "a refusal without words"),
        }
    }

    /// A pair that starts with these devices.
    pub fn of(devices: D) -> Self {
        Self { devices, twin: None, twins: 0 }
    }

    /// Lets events happen until the input ends; `take` reads one of them.
    ///
    /// # Panics
    /// If a device breaks a promise, or if the two can be told apart.
    pub fn run<'a>(&mut self, input: &mut Input<'a>, take: impl Fn(&mut Input<'a>) -> D::Event<'a>) {
        for _ in 0..EVENTS_MAX {
            if input.is_empty() {
                break;
            }
            self.perform(take(input));
        }
        self.compare();
    }

    fn perform(&mut self, event: D::Event<'_>) {
        if D::is_restore(event) && self.twins < TWINS_MAX {
            self.compare();
            self.make_twin();
        }
        let seen = self.devices.perform(event);
        if let Some(twin) = &mut self.twin {
            assert_eq!(seen, twin.perform(event), "what was restored does something else at {event:x?}");
        }
    }

    fn make_twin(&mut self) {
        let mut twin = self.devices.renewed();
        let saved = self.devices.save();
        assert_eq!(twin.restore(&saved), Ok(()), "what was saved is not restored");
        assert_eq!(twin.save(), saved, "what was restored is saved as something else");
        self.twin = Some(twin);
        self.twins += 1;
    }

    fn compare(&mut self) {
        let Some(twin) = &mut self.twin else { return };
        assert_eq!(self.devices.save(), twin.save(), "what was restored has another state");
        assert!(
            self.devices.surroundings() == twin.surroundings(),
            "what was restored wrote something else to memory or media"
        );
    }
}
