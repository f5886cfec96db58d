//! The leaves by which a guest recognises what it can ask of us: those of Linux's KVM interface
//! (Linux, Documentation/virt/kvm/x86/cpuid.rst).

use super::Table;

/// The APIC timer's clock: one tick is a nanosecond.
pub(super) const APIC_BUS_KHZ: u32 = 1_000_000;

const LEAF_SIGNATURE: u32 = 0x4000_0000;
const LEAF_FEATURES: u32 = 0x4000_0001;
/// Frequencies: EAX = TSC in kHz, EBX = APIC bus in kHz.
const LEAF_FREQUENCIES: u32 = 0x4000_0010;
const SIGNATURE: [u8; 12] = *b"KVMKVMKVM\0\0\0";

/// I/O port accesses need no delay.
const NOP_IO_DELAY: u32 = 1 << 1;
/// The clock of MSRs 4b564d00h and 4b564d01h.
const CLOCKSOURCE2: u32 = 1 << 3;
/// The steal-time record of MSR 4b564d03h.
const STEAL_TIME: u32 = 1 << 5;
/// The clock is the same on all vCPUs.
const CLOCKSOURCE_STABLE: u32 = 1 << 24;

/// Adds the leaves.
pub(super) fn append(table: &mut Table<'_>) {
    let word = |index: usize| {
        let mut bytes = [0; 4];
        for (byte, letter) in bytes.iter_mut().zip(SIGNATURE.iter().skip(index * 4)) {
            *byte = *letter;
        }
        u32::from_le_bytes(bytes)
    };
    table.add(LEAF_SIGNATURE, [LEAF_FREQUENCIES, word(0), word(1), word(2)]);
    let features = NOP_IO_DELAY | CLOCKSOURCE2 | STEAL_TIME | CLOCKSOURCE_STABLE;
    table.add(LEAF_FEATURES, [features, 0, 0, 0]);
    table.add(LEAF_FREQUENCIES, [table.host.tsc_khz, APIC_BUS_KHZ, 0, 0]);
}
