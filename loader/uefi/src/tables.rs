//! The page tables for the jump: what is in use one to one, the image at its own address.

use crate::failure::Failure;
use crate::kernel::{Kernel, LARGE_BYTES};
use abi::BootInfo;
use uefi::boot::{self, AllocateType, MemoryType};

/// Present and writable.
const LINK: u64 = 0b11;
/// Present, writable, a large page.
const LARGE: u64 = 0b1000_0011;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;
const GIGABYTE: u64 = 1 << 30;

/// The root of a set of tables. Each table is mapped one to one by the firmware.
#[derive(Clone, Copy)]
pub(crate) struct Root(pub(crate) u64);

/// Builds the tables.
pub(crate) fn build(kernel: &Kernel, info: &BootInfo) -> Result<Root, Failure> {
    let root = Root(new_table()?);
    let here = build as *const () as u64;
    let stack = &raw const root as u64;
    // The first 4 GiB hold the kernel; the rest of what the jump touches may be anywhere.
    for gigabyte in
        [0, GIGABYTE, 2 * GIGABYTE, 3 * GIGABYTE, here, stack, info as *const BootInfo as u64, root.0]
    {
        root.map_gigabyte(gigabyte & !(GIGABYTE - 1))?;
    }
    for offset in (0..kernel.bytes).step_by(LARGE_BYTES as usize) {
        root.map(kernel.address + offset, kernel.start + offset)?;
    }
    Ok(root)
}

impl Root {
    fn map_gigabyte(self, start: u64) -> Result<(), Failure> {
        for offset in (0..GIGABYTE).step_by(LARGE_BYTES as usize) {
            self.map(start + offset, start + offset)?;
        }
        Ok(())
    }

    /// Maps the large page at `address` to `physical`.
    fn map(self, address: u64, physical: u64) -> Result<(), Failure> {
        let pointers = next(self.0, address >> 39)?;
        let directory = next(pointers, address >> 30)?;
        write(directory, address >> 21, physical | LARGE);
        Ok(())
    }
}

/// The table that entry `index` of `table` points to; a new one if there is none.
fn next(table: u64, index: u64) -> Result<u64, Failure> {
    let entry = read(table, index);
    if entry != 0 {
        return Ok(entry & ADDRESS);
    }
    let fresh = new_table()?;
    write(table, index, fresh | LINK);
    Ok(fresh)
}

fn new_table() -> Result<u64, Failure> {
    let page = boot::allocate_pages(AllocateType::MaxAddress(0xffff_ffff), MemoryType::LOADER_DATA, 1)
        .map_err(|error| Failure::NoMemory("page tables", error.status()))?;
    // SAFETY: a page of our own.
    unsafe { page.write_bytes(0, 4096) };
    Ok(page.as_ptr() as u64)
}

fn read(table: u64, index: u64) -> u64 {
    // SAFETY: one of our tables, mapped one to one; the index is below 512.
    unsafe { *(table as *const u64).add((index & 511) as usize) }
}

fn write(table: u64, index: u64, entry: u64) {
    // SAFETY: as in `read`, and nobody else uses the tables yet.
    unsafe { *(table as *mut u64).add((index & 511) as usize) = entry };
}
