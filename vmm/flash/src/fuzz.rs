//! Entry points for fuzzers: whatever the bytes, nothing may panic and everything must end.

use crate::{Flash, REGION};
use alloc::{boxed::Box, vec};
use base_units::{Gpa, Nanos};
use vmm_bus::{AccessSize, Context, Device, DirectId, Effects, FlatMemory, VecMemory, volume::Access};

/// Bytes of a fuzzed chip.
const CHIP_BYTES: usize = 4 * 4096;
/// Accesses in one run at the most.
const ACCESSES: usize = 4000;
/// Bytes of one access as the fuzzer writes it.
const ACCESS_BYTES: usize = 5;
/// Commands that a random byte would seldom be.
const COMMANDS: [u8; 8] = [0x10, 0x20, 0x40, 0x50, 0x70, 0xD0, 0xE8, 0xFF];

/// A small chip that can be written.
pub fn sample() -> Flash {
    let array = VecMemory::new(DirectId(0), vec![0xA5; CHIP_BYTES]);
    Flash::new(Gpa::new(0xFFC0_0000), Access::ReadWrite, Box::new(array))
}

/// Reads and writes as the fuzzer says, then saves the chip and restores it into a new one.
pub fn drive(bytes: &[u8]) {
    let memory = FlatMemory::new(Gpa::new(0), 0);
    let mut effects = Effects::new();
    let mut flash = sample();
    for access in bytes.chunks_exact(ACCESS_BYTES).take(ACCESSES) {
        let Some([kind, low, high, value, more]) = access.first_chunk() else { return };
        let mut context = Context { now: Nanos::ZERO, memory: &memory, effects: &mut effects };
        let offset = u64::from(u16::from_le_bytes([*low, *high]));
        let size = AccessSize::from_bytes(1 << (kind >> 6)).unwrap_or(AccessSize::Byte);
        let command = COMMANDS.get(usize::from(value & 7)).copied().unwrap_or(0xFF);
        match kind & 7 {
            0 => {
                flash.read(REGION, offset, size, &mut context);
            }
            1 => flash.reset(&mut context),
            2 => flash.take_changes(|_, _| {}),
            3..=5 => flash.write(REGION, offset, AccessSize::Byte, u64::from(command), &mut context),
            _ => {
                let value = u64::from_le_bytes([*value, *more, *low, *high, 1, 2, 3, 4]);
                flash.write(REGION, offset, size, size.cut(value), &mut context);
            }
        }
        effects.take_attention();
    }
    let saved = flash.save();
    let mut twin = sample();
    assert_eq!(twin.restore(saved.as_saved()), Ok(()), "what was saved is restored");
    assert_eq!(twin.save(), saved, "and is the same");
}

/// Restores a chip from bytes that nobody saved, and uses it if they were taken.
pub fn restore(bytes: &[u8]) {
    let mut flash = sample();
    if flash.restore(vmm_snapshot::Saved { version: 1, bytes }).is_ok() {
        let memory = FlatMemory::new(Gpa::new(0), 0);
        let mut effects = Effects::new();
        let mut context = Context { now: Nanos::ZERO, memory: &memory, effects: &mut effects };
        for command in COMMANDS {
            flash.write(REGION, 0, AccessSize::Byte, u64::from(command), &mut context);
            flash.read(REGION, 0, AccessSize::Qword, &mut context);
        }
    }
}
