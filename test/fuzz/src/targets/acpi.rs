//! The firmware's ACPI tables, as the kernel reads them.

use crate::Input;
use kernel_arch::{
    acpi::{self, Board, Fadt, PROCESSORS_MAX, Register, RegisterSpace},
    physical::Physical,
};
use std::{cell::Cell, collections::BTreeSet};

/// What firmware tables are made of.
pub const WORDS: &[&[u8]] = &[
    b"RSD PTR ",
    b"XSDT",
    b"RSDT",
    b"APIC",
    b"FACP",
    b"HPET",
    b"MCFG",
    b"SRAT",
    b"DSDT",
    b"SSDT",
    b"\x08_S5_\x12\x06\x04\x0a\x05\x0a\x05",
    b"\x00\x08\x01\x01\x01\x00\x00\x00",
    b"\x09\x10\x00\x00\x00\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00",
];

/// Where the bytes lie: where a BIOS has its own.
pub const START: u64 = 0xE_0000;
/// Words and pieces that the parser may read: everything in it is bounded.
const READS_MAX: u64 = 1_000_000;
/// Bytes of a table's header.
const HEADER_BYTES: usize = 36;

/// Memory that holds nothing but the tables.
struct Firmware {
    bytes: Vec<u8>,
    reads: Cell<u64>,
}

/// Reads the bytes as firmware tables. The first byte says whether checksums are put right before and whether
/// the loader knows where the root pointer is.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let choice = input.u8();
    let mut bytes = input.rest().to_vec();
    if choice & 1 != 0 {
        seal(&mut bytes);
    }
    let firmware = Firmware { bytes, reads: Cell::new(0) };
    let root_pointer = if choice & 2 != 0 { START } else { 0 };
    if let Some(board) = acpi::read(&firmware, root_pointer) {
        check(&board);
    }
    assert!(firmware.reads.get() < READS_MAX, "an endless search");
}

/// Puts the checksums of everything right that looks like a table.
fn seal(bytes: &mut [u8]) {
    for at in (0..bytes.len()).step_by(4) {
        let Some(rest) = bytes.get_mut(at..) else { return };
        match rest.get(..4) {
            Some(b"RSD ") => {
                set_sum(rest, 20, 8);
                set_sum(rest, 36, 32);
            }
            Some(b"XSDT" | b"RSDT" | b"APIC" | b"FACP" | b"HPET" | b"MCFG" | b"SRAT" | b"DSDT" | b"SSDT") => {
                let length = rest.get(4..8).and_then(|field| field.try_into().ok()).map(u32::from_le_bytes);
                let length = length.and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
                if length >= HEADER_BYTES {
                    set_sum(rest, length, 9);
                }
            }
            _ => {}
        }
    }
}

/// Changes the byte at `place` so that the first `length` bytes add up to zero.
fn set_sum(bytes: &mut [u8], length: usize, place: usize) {
    let Some(table) = bytes.get_mut(..length) else { return };
    let sum = table.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    table[place] = table[place].wrapping_sub(sum);
}

/// Everything that the kernel relies on.
fn check(board: &Board) {
    if let Some(madt) = &board.madt {
        let processors = madt.processors.as_slice();
        let ids: BTreeSet<u32> = processors.iter().map(|processor| processor.apic_id).collect();
        assert!(processors.len() <= PROCESSORS_MAX);
        assert_eq!(ids.len(), processors.len(), "a processor is listed twice");
        (0..16).for_each(|isa| assert_eq!(madt.isa(isa).isa, isa));
    }
    if let Some(fadt) = &board.fadt {
        check_power(fadt);
    }
    if let Some(sleep) = &board.sleep {
        assert!(sleep.a < 8 && sleep.b < 8, "sleep types have three bits");
    }
    assert!(board.hpet.is_none_or(|hpet| hpet.address != 0));
    assert!(board.pci.as_slice().len() <= 8);
}

fn check_power(fadt: &Fadt) {
    let reset = fadt.reset.map(|(register, _)| register);
    let registers =
        fadt.events.into_iter().chain(fadt.controls).chain([fadt.timer, reset, fadt.sleep_control]);
    for register in registers.flatten() {
        assert_ne!(register.address, 0);
        assert!(register.space != RegisterSpace::Port || register.address <= 0xFFFF, "no such port");
    }
    let is_covered = |register: &Register| match u16::try_from(register.address) {
        Ok(port) if register.space == RegisterSpace::Port => fadt.covers_port(port, 1),
        _ => true,
    };
    assert!(fadt.controls.iter().flatten().all(is_covered), "ring 3 could be given the power switch");
    assert!(reset.iter().all(is_covered), "ring 3 could be given the reset register");
}

impl Physical for Firmware {
    fn read(&self, address: u64, buffer: &mut [u8]) -> bool {
        self.reads.set(self.reads.get() + 1);
        let first = address.checked_sub(START).and_then(|first| usize::try_from(first).ok());
        let range = first.and_then(|first| Some(first..first.checked_add(buffer.len())?));
        match range.and_then(|range| self.bytes.get(range)) {
            Some(bytes) => buffer.copy_from_slice(bytes),
            None => return false,
        }
        true
    }
}
