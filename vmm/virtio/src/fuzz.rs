//! Entry points for fuzzers: whatever the bytes, nothing may panic and everything must end.

use crate::{
    queue::{Chain, Queue},
    testing::{Bench, Echo},
};
use base_units::{Gpa, Nanos};
use spec::virtio::{FEATURE_EVENT_INDEX, FEATURE_INDIRECT, FEATURE_PACKED};
use vmm_bus::{AccessSize, Context, Device, FlatMemory, GuestMemory};
use vmm_snapshot::SavedState;

/// Guest RAM of a fuzzed queue.
const RAM_BYTES: usize = 0x1_0000;
/// Requests taken in one run at the most.
const REQUESTS: usize = 200;
/// Accesses in one run at the most.
const ACCESSES: usize = 2000;
/// Bytes of one access as the fuzzer writes it.
const ACCESS_BYTES: usize = 12;

/// Walks a queue whose areas and buffers the fuzzer wrote. The first four bytes choose features and
/// areas, the rest is guest memory.
pub fn walk_queue(bytes: &[u8]) {
    let Some(([choice, descriptors, driver, device], content)) = bytes.split_first_chunk::<4>() else {
        return;
    };
    let memory = FlatMemory::new(Gpa::new(0), RAM_BYTES);
    let used = content.len().min(RAM_BYTES);
    let _ = memory.write(Gpa::new(0), content.get(..used).unwrap_or_default());
    let mut queue = Queue::new(32);
    let chosen = |bit: u8, feature: u64| if choice & bit != 0 { feature } else { 0 };
    let features = chosen(1, FEATURE_PACKED) | chosen(2, FEATURE_INDIRECT) | chosen(4, FEATURE_EVENT_INDEX);
    queue.set_size(u16::from(choice >> 3).saturating_add(1));
    if let Some(areas) = queue.areas_mut() {
        let place = |byte: u8| Gpa::new(u64::from(byte) * 16);
        areas.descriptors = place(*descriptors);
        areas.driver = place(*driver);
        areas.device = place(*device);
    }
    if queue.turn_on(features, &memory).is_ok() {
        take_requests(&mut queue, &memory);
    }
}

fn take_requests(queue: &mut Queue, memory: &FlatMemory) {
    let mut chain = Chain::new();
    for turn in 0..REQUESTS {
        let Ok(true) = queue.pop(memory, &mut chain) else { return };
        let mut start = [0; 16];
        let readable = chain.readable();
        let _ = readable.read(memory, 0, &mut start);
        let _ = chain.writable().write(memory, 0, &start);
        // Every other request stays out, as those of a slow device do.
        if turn % 2 == 0 && queue.complete(memory, chain.token(), 16).is_err() {
            return;
        }
        let _ = queue.needs_interrupt(memory);
        let _ = queue.listen(memory);
    }
}

/// Touches the registers and the configuration space of a virtio function as the fuzzer says, then saves
/// it and restores it into a new one.
pub fn drive_function(bytes: &[u8]) {
    let mut bench = Bench::untouched(Echo::default());
    for access in bytes.chunks_exact(ACCESS_BYTES).take(ACCESSES) {
        if let Some(access) = access.first_chunk() {
            apply(&mut bench, access);
        }
        bench.effects.drain_messages();
    }
    let saved = bench.pci.save();
    let mut twin = Bench::untouched(Echo::default());
    assert_eq!(twin.pci.restore(saved.as_saved()), Ok(()), "what was saved is restored");
    assert_eq!(twin.pci.save(), saved, "and is the same");
}

/// Restores a function from bytes that nobody saved, and uses it if it was taken.
pub fn restore_function(bytes: &[u8]) {
    let mut bench = Bench::untouched(Echo::default());
    let saved = vmm_snapshot::Saved { version: 1, bytes };
    if bench.pci.restore(saved).is_ok() {
        bench.notify(0);
        bench.notify(1);
        bench.advance();
        let _: SavedState = bench.pci.save();
    }
}

fn apply(bench: &mut Bench<Echo>, access: &[u8; ACCESS_BYTES]) {
    let [kind, size, o0, o1, v0, v1, v2, v3, v4, v5, v6, v7] = *access;
    let offset = u16::from_le_bytes([o0, o1]);
    let value = u64::from_le_bytes([v0, v1, v2, v3, v4, v5, v6, v7]);
    let Some(size) = AccessSize::from_bytes(1 << (size & 3)) else { return };
    match kind % 6 {
        0 => bench.write(u64::from(offset), size, size.cut(value)),
        1 => {
            bench.read(u64::from(offset), size);
        }
        2 | 3 => access_config(bench, kind, offset, size.min(AccessSize::Dword), value as u32),
        4 => {
            // Guest memory, where the rings may be.
            let _ = bench.memory.write_u64(Gpa::new(u64::from(offset) * 8), value);
        }
        _ => bench.advance(),
    }
}

fn access_config(bench: &mut Bench<Echo>, kind: u8, offset: u16, size: AccessSize, value: u32) {
    let offset = offset & 0xFFF & !(size.bytes() as u16).wrapping_sub(1);
    let mut context = Context { now: Nanos::ZERO, memory: &bench.memory, effects: &mut bench.effects };
    if kind % 6 == 2 {
        bench.pci.config_write(offset, size, value, &mut context);
    } else {
        bench.pci.config_read(offset, size, &mut context);
    }
}
