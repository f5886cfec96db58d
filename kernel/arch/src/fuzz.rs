//! Entry points for fuzzing: each reads foreign bytes the way the kernel does, and must come back.

use crate::boot::{empty_info, multiboot2, pvh, regions};
use crate::physical::Physical;

/// Where the bytes lie in the physical memory that the parsers see: inside of the BIOS area, which is searched.
const BASE: u64 = 0xe_0000;

struct Bytes<'a>(&'a [u8]);

impl Physical for Bytes<'_> {
    fn read(&self, address: u64, buffer: &mut [u8]) -> bool {
        let start = address.checked_sub(BASE).and_then(|start| usize::try_from(start).ok());
        let found = start.and_then(|start| self.0.get(start..start.checked_add(buffer.len())?));
        match found {
            Some(bytes) => buffer.copy_from_slice(bytes),
            None => return false,
        }
        true
    }
}

/// ACPI tables, with the RSDP at the start or wherever a search finds it.
pub fn acpi(bytes: &[u8]) {
    let memory = Bytes(bytes);
    let _ = crate::acpi::read(&memory, BASE);
    let _ = crate::acpi::read(&memory, 0);
}

/// The structures of PVH and multiboot2 loaders.
pub fn boot(bytes: &[u8]) {
    let memory = Bytes(bytes);
    let mut info = empty_info();
    let _ = pvh::read(&memory, BASE, &mut info);
    let _ = multiboot2::read(&memory, BASE, &mut info);
    regions::normalize(&mut info);
}
