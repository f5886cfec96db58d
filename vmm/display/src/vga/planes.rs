//! The graphics controller: how one byte of the processor becomes bytes of four planes, and back.

use super::{
    memory::{Cell, VideoMemory},
    registers::{Chaining, Registers},
};

/// The byte of the last read of each plane.
pub(super) type Latches = Cell;

/// Where a byte of the legacy window lies in the planes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Place {
    /// The address in the planes.
    address: u64,
    /// The planes that a write may reach, one bit each.
    planes: u8,
    /// The plane that a read shows.
    plane: u8,
}

impl Place {
    fn of(registers: &Registers, offset: u64) -> Self {
        let low = (offset & 3) as u8;
        match registers.chaining() {
            Chaining::Four => Self { address: offset >> 2, planes: 1 << low, plane: low },
            Chaining::OddEven => {
                let odd = low & 1;
                Self { address: offset >> 1, planes: 0b0101 << odd, plane: registers.read_plane() & 2 | odd }
            }
            Chaining::Planes => Self { address: offset, planes: 0b1111, plane: registers.read_plane() },
        }
    }
}

/// Reads the byte at `offset`; fills the latches.
pub(super) fn read(registers: &Registers, memory: &VideoMemory, latches: &mut Latches, offset: u64) -> u8 {
    let place = Place::of(registers, offset);
    *latches = memory.cell(place.address);
    if registers.reads_compare() {
        return compare(registers, latches);
    }
    latches.get(usize::from(place.plane & 3)).copied().unwrap_or(0)
}

/// Writes the byte at `offset`.
pub(super) fn write(
    registers: &Registers,
    memory: &mut VideoMemory,
    latches: &Latches,
    offset: u64,
    value: u8,
) {
    let place = Place::of(registers, offset);
    let planes = place.planes & registers.map_mask();
    if planes == 0 {
        return;
    }
    let computed = compute(registers, latches, value);
    let mut cell = memory.cell(place.address);
    for ((plane, byte), computed) in (0..).zip(&mut cell).zip(computed) {
        if planes & 1 << plane != 0 {
            *byte = computed;
        }
    }
    memory.set_cell(place.address, cell);
}

/// Read mode 1: the pixels whose colour is the one to compare with, one bit each.
fn compare(registers: &Registers, latches: &Latches) -> u8 {
    let [_, _, colour, _, _, _, _, care, _] = registers.graphics;
    let differs = (0..).zip(latches).fold(0, |differs, (plane, byte)| {
        let wanted = spread(colour, plane);
        let cared_for = spread(care, plane);
        differs | (byte ^ wanted) & cared_for
    });
    !differs
}

/// What a write leaves in each plane.
fn compute(registers: &Registers, latches: &Latches, value: u8) -> Cell {
    let [set_reset, enable, _, rotate, ..] = registers.graphics;
    let rotated = value.rotate_right(u32::from(rotate & 7));
    let bit_mask = registers.graphics[8];
    let mut result = *latches;
    for (plane, result) in (0..).zip(&mut result) {
        let latch = *result;
        let (byte, mask) = match registers.write_mode() {
            0 if enable & 1 << plane != 0 => (spread(set_reset, plane), bit_mask),
            0 => (rotated, bit_mask),
            // The latches go back as they are.
            1 => continue,
            2 => (spread(value, plane), bit_mask),
            _ => (spread(set_reset, plane), bit_mask & rotated),
        };
        let byte = match rotate >> 3 & 3 {
            0 => byte,
            1 => byte & latch,
            2 => byte | latch,
            _ => byte ^ latch,
        };
        *result = byte & mask | latch & !mask;
    }
    result
}

/// Eight times the bit of a plane.
fn spread(bits: u8, plane: u8) -> u8 {
    if bits & 1 << plane != 0 { 0xFF } else { 0 }
}
