//! Arithmetic and what it does to the flags (AMD APM vol. 1, 3.1.4).

use crate::{Width, decode::Arithmetic};

pub(super) const CARRY: u64 = 1 << 0;
const PARITY: u64 = 1 << 2;
const AUXILIARY: u64 = 1 << 4;
pub(super) const ZERO: u64 = 1 << 6;
const SIGN: u64 = 1 << 7;
pub(super) const DIRECTION: u64 = 1 << 10;
const OVERFLOW: u64 = 1 << 11;
pub(super) const ARITHMETIC: u64 = CARRY | PARITY | AUXILIARY | ZERO | SIGN | OVERFLOW;

/// Computes `left` with `right` (both cut to `width`) and the new flags.
pub(super) fn arithmetic(kind: Arithmetic, left: u64, right: u64, width: Width, flags: u64) -> (u64, u64) {
    let carry = flags & CARRY;
    match kind {
        Arithmetic::Add => add(left, right, 0, width, flags),
        Arithmetic::AddCarry => add(left, right, carry, width, flags),
        Arithmetic::Subtract | Arithmetic::Compare => subtract(left, right, 0, width, flags),
        Arithmetic::SubtractBorrow => subtract(left, right, carry, width, flags),
        Arithmetic::And => logic(left & right, width, flags),
        Arithmetic::Or => logic(left | right, width, flags),
        Arithmetic::Xor => logic(left ^ right, width, flags),
    }
}

/// INC and DEC leave the carry flag alone.
pub(super) fn keep_carry(old: u64, (value, new): (u64, u64)) -> (u64, u64) {
    (value, new & !CARRY | old & CARRY)
}

/// Whether the condition with this code (the low four bits of Jcc, SETcc, CMOVcc) holds.
pub(super) fn condition(code: u8, flags: u64) -> bool {
    let has = |flag: u64| flags & flag != 0;
    let is_less = has(SIGN) != has(OVERFLOW);
    let holds = match code >> 1 & 7 {
        0 => has(OVERFLOW),
        1 => has(CARRY),
        2 => has(ZERO),
        3 => has(CARRY) || has(ZERO),
        4 => has(SIGN),
        5 => has(PARITY),
        6 => is_less,
        _ => is_less || has(ZERO),
    };
    holds != (code & 1 != 0)
}

fn add(left: u64, right: u64, carry: u64, width: Width, flags: u64) -> (u64, u64) {
    let wide = u128::from(left) + u128::from(right) + u128::from(carry);
    let value = wide as u64 & width.mask();
    let has_overflow = (left ^ value) & (right ^ value) & width.sign_bit() != 0;
    let has_carry = wide >> width.bits() & 1 != 0;
    let outcome = Outcome { value, width, has_carry, has_overflow, nibble_carries: left ^ right ^ value };
    (value, outcome.flags(flags))
}

fn subtract(left: u64, right: u64, borrow: u64, width: Width, flags: u64) -> (u64, u64) {
    let value = left.wrapping_sub(right).wrapping_sub(borrow) & width.mask();
    let has_overflow = (left ^ right) & (left ^ value) & width.sign_bit() != 0;
    let has_borrow = u128::from(left) < u128::from(right) + u128::from(borrow);
    let nibble_carries = left ^ right ^ value;
    let outcome = Outcome { value, width, has_carry: has_borrow, has_overflow, nibble_carries };
    (value, outcome.flags(flags))
}

fn logic(value: u64, width: Width, flags: u64) -> (u64, u64) {
    let outcome = Outcome { value, width, has_carry: false, has_overflow: false, nibble_carries: 0 };
    (value, outcome.flags(flags))
}

/// The flags after a shift. Where the manuals leave AF undefined, it is clear.
pub(super) fn of_shift(value: u64, width: Width, has_carry: bool, has_overflow: bool, old: u64) -> u64 {
    Outcome { value, width, has_carry, has_overflow, nibble_carries: 0 }.flags(old)
}

/// The flags after a rotation or a product: only carry and overflow change.
pub(super) fn carry_and_overflow(has_carry: bool, has_overflow: bool, old: u64) -> u64 {
    let carry = if has_carry { CARRY } else { 0 };
    let overflow = if has_overflow { OVERFLOW } else { 0 };
    old & !(CARRY | OVERFLOW) | carry | overflow
}

/// What flags are made from.
struct Outcome {
    value: u64,
    width: Width,
    has_carry: bool,
    has_overflow: bool,
    /// Bit 4 is the auxiliary carry.
    nibble_carries: u64,
}

impl Outcome {
    fn flags(&self, old: u64) -> u64 {
        let mut new = old & !ARITHMETIC | self.nibble_carries & AUXILIARY;
        for (flag, is_set) in [
            (CARRY, self.has_carry),
            (OVERFLOW, self.has_overflow),
            (ZERO, self.value == 0),
            (SIGN, self.value & self.width.sign_bit() != 0),
            (PARITY, (self.value as u8).count_ones().is_multiple_of(2)),
        ] {
            if is_set {
                new |= flag;
            }
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same by wider arithmetic: result and carry.
    fn wider(kind: Arithmetic, left: u32, right: u32, carry: bool) -> (u32, u64) {
        let carry = u64::from(carry);
        let (left, right) = (u64::from(left), u64::from(right));
        let value = match kind {
            Arithmetic::Add => left.wrapping_add(right),
            Arithmetic::AddCarry => left.wrapping_add(right).wrapping_add(carry),
            Arithmetic::Subtract | Arithmetic::Compare => left.wrapping_sub(right),
            Arithmetic::SubtractBorrow => left.wrapping_sub(right).wrapping_sub(carry),
            Arithmetic::And => left & right,
            Arithmetic::Or => left | right,
            Arithmetic::Xor => left ^ right,
        };
        (value as u32, value >> 32 & 1)
    }

    proptest! {
        #[test]
        fn results_and_carries_are_those_of_wider_arithmetic(
            code in 0u8..8, left: u32, right: u32, has_carry: bool
        ) {
            let kinds = [
                Arithmetic::Add, Arithmetic::Or, Arithmetic::AddCarry, Arithmetic::SubtractBorrow,
                Arithmetic::And, Arithmetic::Subtract, Arithmetic::Xor, Arithmetic::Compare,
            ];
            let kind = kinds[usize::from(code)];

            let (value, flags) =
                arithmetic(kind, left.into(), right.into(), Width::W32, u64::from(has_carry));

            let (expected, carry) = wider(kind, left, right, has_carry);
            prop_assert_eq!(value, u64::from(expected));
            prop_assert_eq!(flags & CARRY, carry);
            prop_assert_eq!(flags & ZERO != 0, expected == 0);
            prop_assert_eq!(flags & SIGN != 0, (expected as i32) < 0);
            let signed = match kind {
                Arithmetic::Subtract | Arithmetic::Compare => (left as i32).overflowing_sub(right as i32).1,
                Arithmetic::Add => (left as i32).overflowing_add(right as i32).1,
                _ => flags & OVERFLOW != 0,
            };
            prop_assert_eq!(flags & OVERFLOW != 0, signed);
        }
    }

    #[test]
    fn conditions_come_in_opposite_pairs() {
        for flags in [0, CARRY, ZERO, SIGN, OVERFLOW, SIGN | OVERFLOW, PARITY] {
            for code in (0..16).step_by(2) {
                assert_ne!(condition(code, flags), condition(code + 1, flags));
            }
        }
        assert!(condition(4, ZERO));
        assert!(condition(12, SIGN));
        assert!(!condition(12, SIGN | OVERFLOW));
    }
}
