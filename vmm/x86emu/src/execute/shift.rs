//! Shifts and rotations (AMD APM vol. 3, SHL, SHR, SAR, ROL, ROR, RCL, RCR, SHLD, SHRD).
//!
//! The manuals define OF for shifts by one; by more, we do what is defined for one.

use super::{Step, flags};
use crate::{
    Fault, FullProcessor, Platform, Width,
    decode::{Count, Shift},
};

/// Index of RCX.
const COUNT: usize = 1;

impl<C: FullProcessor, P: Platform> Step<'_, C, P> {
    pub(super) fn shift(&mut self, shift: Shift, count: Count) -> Result<(), Fault> {
        let count = self.shift_count(count);
        self.change(|value, width, flags| shifted(shift, value, count, width, flags))
    }

    /// SHLD, SHRD.
    pub(super) fn shift_from(
        &mut self,
        count: Count,
        compute: impl Fn(u64, u64, u32, Width) -> (u64, bool),
    ) -> Result<(), Fault> {
        let (count, from) = (self.shift_count(count), self.register());
        self.change(|value, width, flags| {
            // Beyond the width nothing is defined.
            if count == 0 || count > width.bits() {
                return (value, flags);
            }
            let (new, has_carry) = compute(value, from, count, width);
            let has_overflow = (value ^ new) & width.sign_bit() != 0;
            (new, flags::of_shift(new, width, has_carry, has_overflow, flags))
        })
    }

    /// Five bits of the count are used, six for 64-bit operands.
    fn shift_count(&self, count: Count) -> u32 {
        let raw = match count {
            Count::One => 1,
            Count::Constant => self.instruction.constant,
            Count::Register => self.cpu.register(COUNT),
        };
        let mask = if self.instruction.width == Width::W64 { 63 } else { 31 };
        (raw & mask) as u32
    }
}

/// The operand shifted left, filled from the top of `from`; `count` is from 1 to the width.
pub(super) fn left_from(value: u64, from: u64, count: u32, width: Width) -> (u64, bool) {
    let bits = width.bits();
    let both = u128::from(value) << bits | u128::from(from);
    ((both >> (bits - count)) as u64 & width.mask(), value >> (bits - count) & 1 != 0)
}

/// The operand shifted right, filled from the bottom of `from`; `count` is from 1 to the width.
pub(super) fn right_from(value: u64, from: u64, count: u32, width: Width) -> (u64, bool) {
    let both = u128::from(from) << width.bits() | u128::from(value);
    ((both >> count) as u64 & width.mask(), value >> (count - 1) & 1 != 0)
}

/// The operand and the flags after a shift by `count`, which is below 64.
fn shifted(shift: Shift, value: u64, count: u32, width: Width, flags: u64) -> (u64, u64) {
    if count == 0 {
        return (value, flags);
    }
    let top = |value: u64| value & width.sign_bit() != 0;
    match shift {
        Shift::Left => {
            let wide = u128::from(value) << count;
            let (new, has_carry) = (wide as u64 & width.mask(), wide >> width.bits() & 1 != 0);
            (new, flags::of_shift(new, width, has_carry, top(new) != has_carry, flags))
        }
        Shift::Right => {
            let (new, has_carry) = (value >> count, value >> (count - 1) & 1 != 0);
            (new, flags::of_shift(new, width, has_carry, top(new << 1), flags))
        }
        Shift::RightSigned => {
            let signed = width.sign_extend(value) as i64;
            let new = (signed >> count) as u64 & width.mask();
            (new, flags::of_shift(new, width, signed >> (count - 1) & 1 != 0, false, flags))
        }
        Shift::RotateLeft => {
            let new = rotated_left(value.into(), count, width.bits()) as u64;
            let has_carry = new & 1 != 0;
            (new, flags::carry_and_overflow(has_carry, top(new) != has_carry, flags))
        }
        Shift::RotateRight => {
            let count = width.bits() - count % width.bits();
            let new = rotated_left(value.into(), count, width.bits()) as u64;
            (new, flags::carry_and_overflow(top(new), top(new) != top(new << 1), flags))
        }
        Shift::RotateCarryLeft => {
            let (new, has_carry) = rotated_with_carry(value, count % (width.bits() + 1), width, flags);
            (new, flags::carry_and_overflow(has_carry, top(new) != has_carry, flags))
        }
        Shift::RotateCarryRight => {
            let bits = width.bits() + 1;
            let (new, has_carry) = rotated_with_carry(value, bits - count % bits, width, flags);
            (new, flags::carry_and_overflow(has_carry, top(new) != top(new << 1), flags))
        }
    }
}

/// Rotates a value of at most 65 bits to the left.
fn rotated_left(value: u128, count: u32, bits: u32) -> u128 {
    let (count, mask) = (count % bits, (1 << bits) - 1);
    if count == 0 {
        return value;
    }
    // The value has at most 65 bits, and what it loses at the top here is cut off anyway.
    (value << count | value >> (bits - count)) & mask
}

/// Rotates left through the carry flag above the highest bit.
fn rotated_with_carry(value: u64, count: u32, width: Width, flags: u64) -> (u64, bool) {
    let wide = u128::from(flags & flags::CARRY) << width.bits() | u128::from(value);
    let new = rotated_left(wide, count, width.bits() + 1);
    (new as u64 & width.mask(), new >> width.bits() & 1 != 0)
}
