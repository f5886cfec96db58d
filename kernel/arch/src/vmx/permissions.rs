//! The map of MSRs that a guest may touch without an exit. All guests have the same one. (There is no map of ports: all
//! exit.)

use super::Unavailable;
use crate::X86;
use crate::paging::direct;
use base_units::Hpa;
use core::sync::atomic::{AtomicU64, Ordering};
use kernel_core::Machine;
use spec::msr;

/// MSRs that the guest reads and writes itself: they are in the control structure, or switched with the guest.
const FREE_MSRS: [u32; 6] =
    [msr::FS_BASE, msr::GS_BASE, msr::KERNEL_GS_BASE, msr::SYSENTER_CS, msr::SYSENTER_ESP, msr::SYSENTER_EIP];
/// Words from the part for reads to the part for writes.
const WRITES: usize = 256;
/// Words from the part for low numbers to the part for those from C000_0000h on.
const HIGH: usize = 128;

static MSRS: AtomicU64 = AtomicU64::new(0);

/// Makes the map. Once, on the boot processor.
pub(super) fn set_up() -> Result<(), Unavailable> {
    let map = X86::frames().allocate_kernel().ok_or(Unavailable::NoMemory)?;
    for word in 0..512 {
        direct::write_entry(map.address(), word, u64::MAX);
    }
    for number in FREE_MSRS {
        set_free(map.address(), number);
    }
    MSRS.store(map.address().raw(), Ordering::Relaxed);
    core::mem::forget(map);
    Ok(())
}

/// Physical address of the map.
pub(super) fn address() -> u64 {
    MSRS.load(Ordering::Relaxed)
}

/// Allows reading and writing `number` (Intel SDM vol. 3, 25.6.9).
fn set_free(map: Hpa, number: u32) {
    let (part, bit) = if number >= 0xc000_0000 { (HIGH, number - 0xc000_0000) } else { (0, number) };
    for start in [part, part + WRITES] {
        let word = start + (bit / 64) as usize;
        direct::write_entry(map, word, direct::read_entry(map, word) & !(1 << (bit % 64)));
    }
}
