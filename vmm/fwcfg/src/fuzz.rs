//! Entry points for fuzzers: whatever the bytes, nothing may panic and everything must end.

use crate::{Content, FwCfg, Key, REGION};
use base_units::{Gpa, Nanos};
use vmm_bus::{AccessSize, Context, Device, Effects, FlatMemory};

/// Guest RAM of a fuzzed machine.
const RAM_BYTES: usize = 0x1_0000;
/// Accesses in one run at the most.
const ACCESSES: usize = 2000;
/// Bytes of one access as the fuzzer writes it.
const ACCESS_BYTES: usize = 8;
/// Steps of a request that a run goes on with: requests may be 4 GiB long.
const STEPS_MAX: usize = 8;

/// A device with a few items and files.
pub fn sample() -> FwCfg {
    let mut content = Content::new();
    content.set(Key::PROCESSORS, 2u16);
    // Names are ours and fit.
    let _ = content.add_file("etc/first", alloc::vec![0xAA; 5000]);
    let _ = content.add_file("etc/second", &b"second"[..]);
    FwCfg::new(content)
}

/// Touches registers and memory as the fuzzer says, then saves the device and restores it into a new one.
pub fn drive(bytes: &[u8]) {
    let memory = FlatMemory::new(Gpa::new(0), RAM_BYTES);
    let mut effects = Effects::new();
    let mut device = sample();
    for access in bytes.chunks_exact(ACCESS_BYTES).take(ACCESSES) {
        let Some(access) = access.first_chunk::<ACCESS_BYTES>() else { return };
        let mut context = Context { now: Nanos::ZERO, memory: &memory, effects: &mut effects };
        apply(&mut device, *access, &mut context);
        context.effects.take_attention();
    }
    let saved = device.save();
    let mut twin = sample();
    assert_eq!(twin.restore(saved.as_saved()), Ok(()), "what was saved is restored");
    assert_eq!(twin.save(), saved, "and is the same");
}

fn apply(device: &mut FwCfg, access: [u8; ACCESS_BYTES], context: &mut Context<'_>) {
    let [kind, place, p0, p1, v0, v1, v2, v3] = access;
    let value = u32::from_le_bytes([v0, v1, v2, v3]);
    let size = AccessSize::from_bytes(1 << (kind >> 4 & 3)).unwrap_or(AccessSize::Byte);
    let offset = u64::from(place % 24);
    match kind & 7 {
        0 => {
            device.read(REGION, offset, size, context);
        }
        1 => device.write(REGION, offset, size, size.cut(u64::from(value)), context),
        2 => {
            // A request at a place of the fuzzer's choice, in the device's byte order.
            let at = u16::from_le_bytes([p0, p1]);
            let _ = context.memory.write_u32(Gpa::new(u64::from(at)), value);
        }
        3 => {
            let at = u32::from(u16::from_le_bytes([p0, p1]));
            device.write(REGION, 8, AccessSize::Dword, u64::from(at.swap_bytes()), context);
        }
        4 => {
            for _ in 0..STEPS_MAX {
                device.advance(context);
            }
        }
        5 => device.reset(context),
        _ => device.write(REGION, 0, AccessSize::Word, u64::from(value & 0xFFFF), context),
    }
}

/// Restores the device from bytes that nobody saved, and uses it if they were taken.
pub fn restore(bytes: &[u8]) {
    let mut device = sample();
    if device.restore(vmm_snapshot::Saved { version: 1, bytes }).is_ok() {
        let memory = FlatMemory::new(Gpa::new(0), RAM_BYTES);
        let mut effects = Effects::new();
        let mut context = Context { now: Nanos::ZERO, memory: &memory, effects: &mut effects };
        for _ in 0..STEPS_MAX {
            device.read(REGION, 1, AccessSize::Byte, &mut context);
            device.advance(&mut context);
        }
    }
}
