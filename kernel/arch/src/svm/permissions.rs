//! The maps of ports and MSRs that a guest may touch without an exit. All guests have the same ones.

use super::Unavailable;
use crate::X86;
use crate::paging::direct;
use base_units::{Hpa, PAGE_BYTES, PageCount};
use core::sync::atomic::{AtomicU64, Ordering};
use kernel_core::Machine;
use spec::msr;

/// Pages of the I/O permission map: 64 Ki ports and the bits past them.
const PORT_PAGES: u64 = 3;
/// Pages of the MSR permission map.
const MSR_PAGES: u64 = 2;

/// MSRs that the guest reads and writes itself: VMLOAD and VMSAVE switch them.
const FREE_MSRS: [u32; 10] = [
    msr::FS_BASE,
    msr::GS_BASE,
    msr::KERNEL_GS_BASE,
    msr::STAR,
    msr::LSTAR,
    msr::CSTAR,
    msr::SFMASK,
    msr::SYSENTER_CS,
    msr::SYSENTER_ESP,
    msr::SYSENTER_EIP,
];

static PORTS: AtomicU64 = AtomicU64::new(0);
static MSRS: AtomicU64 = AtomicU64::new(0);

/// Makes the maps. Once, on the boot processor.
pub(super) fn set_up() -> Result<(), Unavailable> {
    let block =
        |pages| X86::frames().allocate_kernel_block(PageCount::new(pages)).ok_or(Unavailable::NoMemory);
    let ports = block(PORT_PAGES)?;
    fill(ports, PORT_PAGES);
    let msrs = block(MSR_PAGES)?;
    fill(msrs, MSR_PAGES);
    for number in FREE_MSRS {
        set_free(msrs, number);
    }
    PORTS.store(ports.raw(), Ordering::Relaxed);
    MSRS.store(msrs.raw(), Ordering::Relaxed);
    Ok(())
}

/// Physical addresses of the maps: ports, MSRs.
pub(super) fn addresses() -> (u64, u64) {
    (PORTS.load(Ordering::Relaxed), MSRS.load(Ordering::Relaxed))
}

/// Forbids everything.
fn fill(map: Hpa, pages: u64) {
    for word in 0..pages * PAGE_BYTES / 8 {
        let at = Hpa::new(map.raw() + word / 512 * PAGE_BYTES);
        direct::write_entry(at, (word % 512) as usize, u64::MAX);
    }
}

/// Allows reading and writing `number` (AMD APM vol. 2, 15.11: two bits for each MSR).
fn set_free(map: Hpa, number: u32) {
    let (base, first) = if number >= 0xc000_0000 { (0x800, 0xc000_0000) } else { (0, 0) };
    let bit = 2 * u64::from(number - first);
    let byte = base + bit / 8;
    let at = Hpa::new(map.raw() + byte / PAGE_BYTES * PAGE_BYTES);
    let (index, shift) = ((byte % PAGE_BYTES / 8) as usize, byte % 8 * 8 + bit % 8);
    direct::write_entry(at, index, direct::read_entry(at, index) & !(3 << shift));
}
