//! The maps of MSRs that a guest may touch without an exit. All guests have the same: one for always, one for while the
//! processor keeps the guest's interrupts. (There is no map of ports: all exit.)

use super::Unavailable;
use crate::X86;
use crate::paging::direct;
use base_units::Hpa;
use core::sync::atomic::{AtomicU64, Ordering};
use kernel_core::Machine;
use spec::apic::{X2APIC_FIRST_MSR, register};
use spec::msr;

/// MSRs that the guest reads and writes itself: they are in the control structure, or switched with the guest.
const FREE_MSRS: [u32; 6] =
    [msr::FS_BASE, msr::GS_BASE, msr::KERNEL_GS_BASE, msr::SYSENTER_CS, msr::SYSENTER_ESP, msr::SYSENTER_EIP];
/// Words from the part for reads to the part for writes.
const WRITES: usize = 256;
/// Words from the part for low numbers to the part for those from C000_0000h on.
const HIGH: usize = 128;

/// x2APIC registers that the processor answers for while it keeps the interrupts: those that are read, first and last of each
/// range, and those that are written.
const KEPT_READS: [(u32, u32); 4] = [
    (register::ID, register::ID),
    (register::TPR, register::TPR),
    (register::PPR, register::PPR),
    (register::ISR, register::ESR - 0x10),
];
const KEPT_WRITES: [(u32, u32); 2] = [(register::TPR, register::TPR), (register::EOI, register::EOI)];

static MSRS: AtomicU64 = AtomicU64::new(0);
static KEPT_MSRS: AtomicU64 = AtomicU64::new(0);

/// Makes the maps. Once, on the boot processor.
pub(super) fn set_up() -> Result<(), Unavailable> {
    let map = new_map()?;
    MSRS.store(map.raw(), Ordering::Relaxed);
    let kept = new_map()?;
    for (start, ranges) in [(0, &KEPT_READS[..]), (WRITES, &KEPT_WRITES[..])] {
        for (first, last) in ranges {
            for offset in (*first..=*last).step_by(0x10) {
                clear_bit(kept, start, X2APIC_FIRST_MSR + (offset >> 4));
            }
        }
    }
    KEPT_MSRS.store(kept.raw(), Ordering::Relaxed);
    Ok(())
}

/// A map, never freed, of what is always free.
fn new_map() -> Result<Hpa, Unavailable> {
    let map = X86::frames().allocate_kernel().ok_or(Unavailable::NoMemory)?;
    for word in 0..512 {
        direct::write_entry(map.address(), word, u64::MAX);
    }
    for number in FREE_MSRS {
        set_free(map.address(), number);
    }
    let address = map.address();
    core::mem::forget(map);
    Ok(address)
}

/// Physical address of the map.
pub(super) fn address() -> u64 {
    MSRS.load(Ordering::Relaxed)
}

/// Physical address of the map for while the processor keeps the interrupts.
pub(super) fn kept_address() -> u64 {
    KEPT_MSRS.load(Ordering::Relaxed)
}

/// Allows reading and writing `number` (Intel SDM vol. 3, 25.6.9).
fn set_free(map: Hpa, number: u32) {
    let (part, bit) = if number >= 0xc000_0000 { (HIGH, number - 0xc000_0000) } else { (0, number) };
    for start in [part, part + WRITES] {
        clear_bit(map, start, bit);
    }
}

fn clear_bit(map: Hpa, start: usize, bit: u32) {
    let word = start + (bit / 64) as usize;
    direct::write_entry(map, word, direct::read_entry(map, word) & !(1 << (bit % 64)));
}
