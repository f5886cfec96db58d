//! Claims about devices that are poked at random: the VMM answers something and lives.

use crate::processor::{Random, read_memory, read_port, write_memory, write_port};
use crate::{Verdict, expect};

/// Accesses of one storm.
const ACCESSES: u32 = 2_000;

/// Ports that end or silence the guest: the serial line, resets, power management.
fn is_spared(port: u16) -> bool {
    matches!(port, 0x3f8..=0x3ff | 0x64 | 0xcf8..=0xcff | 0x600..=0x61f | 0x92)
}

pub(super) fn ports() -> Verdict {
    let mut random = Random::new(0x9e37_79b9_7f4a_7c15);
    for _ in 0..ACCESSES {
        let port = random.next() as u16;
        if !is_spared(port) {
            write_port(port, random.next() as u8);
            read_port(port);
        }
    }
    write_port(0x3ff, 0x5a);
    expect("the serial line's scratch register still works", u64::from(read_port(0x3ff)), 0x5a)
}

pub(super) fn memory() -> Verdict {
    let mut random = Random::new(0x2545_f491_4f6c_dd1d);
    // Device windows, the configuration space, the I/O APIC, and nothing at all.
    let windows = [
        (0xc010_0000, 0x8000),
        (0xc020_0000, 0x8000),
        (0xe000_0000, 0x10_0000),
        (0xfec0_0000, 0x1000),
        (0xd000_0000, 0x1000),
    ];
    for _ in 0..ACCESSES {
        let (start, bytes) = windows[random.next() as usize % windows.len()];
        let address = start + ((random.next() % bytes) & !3);
        write_memory(address, random.next() as u32);
        read_memory(address);
    }
    write_port(0x3ff, 0xa5);
    expect("the serial line's scratch register still works", u64::from(read_port(0x3ff)), 0xa5)
}
