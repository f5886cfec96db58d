//! What the debug ports promise.

use super::{DebugPort, LOG_BYTES, REGION};
use base_units::{Gpa, Nanos};
use vmm_bus::{AccessSize, Attention, Context, Device, Effects, FlatMemory};

fn say(port: &mut DebugPort, effects: &mut Effects, bytes: impl IntoIterator<Item = u8>) {
    let memory = FlatMemory::new(Gpa::new(0), 0);
    let mut context = Context { now: Nanos::ZERO, memory: &memory, effects };
    for byte in bytes {
        port.write(REGION, 0, AccessSize::Byte, u64::from(byte), &mut context);
    }
    assert_eq!(port.read(REGION, 0, AccessSize::Byte, &mut context), 0xE9);
}

#[test]
fn what_was_said_is_taken_once() {
    let (mut port, mut effects) = (DebugPort::new(), Effects::new());
    say(&mut port, &mut effects, *b"SEC");
    assert!(!effects.attention().contains(Attention::CONSOLE), "the line goes on");
    say(&mut port, &mut effects, *b" core\n");
    assert!(effects.attention().contains(Attention::CONSOLE));

    let mut into = [0; 64];
    let count = port.take(&mut into);

    assert_eq!(into.get(..count), Some(b"SEC core\n".as_slice()));
    assert!(port.is_empty());
}

#[test]
fn the_newest_is_kept_when_nobody_listens_and_survives_saving() {
    let (mut port, mut effects) = (DebugPort::new(), Effects::new());
    say(&mut port, &mut effects, (0..LOG_BYTES + 5).map(|index| index as u8));
    let mut twin = DebugPort::new();

    assert_eq!(twin.restore(port.save().as_saved()), Ok(()));

    assert_eq!((twin.len(), twin.lost), (LOG_BYTES, 5));
    let mut first = [0];
    assert_eq!((twin.take(&mut first), first), (1, [5]));
}
