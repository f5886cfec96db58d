//! Memory type registers: kept for the guest's own reading, without effect.
//!
//! With nested paging and no device of the machine in guest hands, all guest memory is
//! write-back memory; a guest's wish for another type changes nothing that it could notice.

use spec::msr::{MTRR_CAP, MTRR_DEFAULT, MTRR_FIXED_4K, MTRR_FIXED_16K, MTRR_FIXED_64K, MTRR_VARIABLE};

/// Variable ranges.
const VARIABLE_COUNT: usize = 8;
/// Fixed range registers.
const FIXED_COUNT: usize = 11;
/// Capabilities: eight variable ranges, fixed ranges, write-combining.
const CAPABILITIES: u64 = VARIABLE_COUNT as u64 | 1 << 8 | 1 << 10;

/// The MTRRs of one vCPU.
#[derive(Clone, Debug)]
pub(super) struct MemoryTypes {
    default: u64,
    fixed: [u64; FIXED_COUNT],
    variable: [u64; 2 * VARIABLE_COUNT],
}

impl MemoryTypes {
    /// All memory is write-back.
    pub(super) const fn new() -> Self {
        Self {
            default: 0xc06,
            fixed: [0x0606_0606_0606_0606; FIXED_COUNT],
            variable: [0; 2 * VARIABLE_COUNT],
        }
    }

    /// Reads a register; `None` if `number` is none of these.
    pub(super) fn read(&self, number: u32) -> Option<u64> {
        match number {
            MTRR_CAP => Some(CAPABILITIES),
            MTRR_DEFAULT => Some(self.default),
            _ => match place(number)? {
                Place::Fixed(index) => self.fixed.get(index).copied(),
                Place::Variable(index) => self.variable.get(index).copied(),
            },
        }
    }

    /// Writes a register; `None` if `number` is none of these, `Some(false)` for #GP(0).
    pub(super) fn write(&mut self, number: u32, value: u64, physical_bits: u32) -> Option<bool> {
        let address_mask = ((1u64 << physical_bits) - 1) & !0xfff;
        match number {
            MTRR_CAP => Some(false),
            MTRR_DEFAULT => Some(store(&mut self.default, value, value & !0xcff == 0 && is_type(value))),
            _ => match place(number)? {
                Place::Fixed(index) => {
                    let is_valid = value.to_le_bytes().iter().all(|&kind| is_type(u64::from(kind)));
                    Some(store(self.fixed.get_mut(index)?, value, is_valid))
                }
                Place::Variable(index) => {
                    let is_mask = index & 1 == 1;
                    let known = address_mask | if is_mask { 1 << 11 } else { 0xff };
                    let is_valid = value & !known == 0 && (is_mask || is_type(value));
                    Some(store(self.variable.get_mut(index)?, value, is_valid))
                }
            },
        }
    }
}

enum Place {
    Fixed(usize),
    Variable(usize),
}

fn place(number: u32) -> Option<Place> {
    let index = |first: u32, base: usize| base + (number - first) as usize;
    Some(match number {
        MTRR_FIXED_64K => Place::Fixed(0),
        MTRR_FIXED_16K..=0x259 => Place::Fixed(index(MTRR_FIXED_16K, 1)),
        MTRR_FIXED_4K..=0x26f => Place::Fixed(index(MTRR_FIXED_4K, 3)),
        MTRR_VARIABLE..=0x20f => Place::Variable(index(MTRR_VARIABLE, 0)),
        _ => return None,
    })
}

/// Whether the low byte is a memory type (Intel SDM vol. 3, table 12-8).
fn is_type(value: u64) -> bool {
    matches!(value & 0xff, 0 | 1 | 4 | 5 | 6)
}

fn store(register: &mut u64, value: u64, is_valid: bool) -> bool {
    if is_valid {
        *register = value;
    }
    is_valid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut types = MemoryTypes::new();
        for number in [0x200, 0x201, 0x20e, 0x250, 0x259, 0x26f] {
            let value = if number == 0x201 { 0x800 } else { 0 };
            assert_eq!(types.write(number, value, 40), Some(true), "{number:#x}");
            assert_eq!(types.read(number), Some(value), "{number:#x}");
        }
    }

    #[test]
    fn reserved_types_and_bits_fault() {
        let mut types = MemoryTypes::new();
        assert_eq!(types.write(MTRR_DEFAULT, 2, 40), Some(false));
        assert_eq!(types.write(0x200, 1 << 40, 40), Some(false));
        assert_eq!(types.write(0x250, 0x0707, 40), Some(false));
        assert_eq!(types.write(MTRR_CAP, 0, 40), Some(false));
        assert_eq!(types.write(0x210, 0, 40), None);
    }
}
