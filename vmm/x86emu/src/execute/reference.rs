//! Instructions against an independent reference: numbers of any size, one bit or one step at a time. All
//! flags that the manuals define are compared.

use super::testing::{TestPlatform, TestProcessor, instruction};
use crate::*;
use base_units::Gpa;
use proptest::prelude::*;
use std::vec::Vec;
use vmm_bus::GuestMemory;

const CARRY: u64 = 1;
const PARITY: u64 = 4;
const AUXILIARY: u64 = 16;
const ZERO: u64 = 64;
const SIGN: u64 = 128;
const OVERFLOW: u64 = 2048;
const ALL: u64 = CARRY | PARITY | AUXILIARY | ZERO | SIGN | OVERFLOW;
/// Where the operand lies.
const PLACE: u64 = 0x2000;

/// What an instruction leaves.
#[derive(Clone, Copy, PartialEq, Debug)]
struct After {
    operand: u64,
    rax: u64,
    rdx: u64,
    flags: u64,
}

/// Runs an instruction whose operand is [RDI], in 64-bit mode.
fn run(code: &[u8], before: After, rcx: u64) -> After {
    let (mut cpu, mut platform) = (TestProcessor::new(Mode::Bits64), TestPlatform::new());
    assert_eq!(platform.memory().write_u64(Gpa::new(PLACE), before.operand), Ok(()));
    (cpu.registers[0], cpu.registers[1], cpu.registers[2]) = (before.rax, rcx, before.rdx);
    (cpu.registers[7], cpu.flags) = (PLACE, before.flags);
    assert_eq!(emulate(&mut cpu, &mut platform, &instruction(code)), Ok(Progress::Done), "{code:x?}");
    let operand = platform.memory().read_u64(Gpa::new(PLACE)).unwrap();
    After { operand, rax: cpu.registers[0], rdx: cpu.registers[2], flags: cpu.flags }
}

/// The code of an opcode for this many bits, with ModR/M [RDI] and a register field.
fn code(bits: u32, opcode: &[u8], field: u8) -> Vec<u8> {
    let mut code = match bits {
        16 => std::vec![0x66],
        64 => std::vec![0x48],
        _ => std::vec![],
    };
    code.extend_from_slice(opcode);
    if let Some(last) = code.last_mut() {
        *last |= u8::from(bits != 8);
    }
    code.push(field << 3 | 7);
    code
}

fn mask(bits: u32) -> u64 {
    u64::MAX >> (64 - bits)
}

fn signed(value: u64, bits: u32) -> i128 {
    let value = i128::from(value & mask(bits));
    if value >= 1 << (bits - 1) { value - (1 << bits) } else { value }
}

/// What memory holds after its lowest bits became `value`.
fn low_bits(old: u64, value: u64, bits: u32) -> u64 {
    old & !mask(bits) | value & mask(bits)
}

/// What a register holds after that.
fn register_after(old: u64, value: u64, bits: u32) -> u64 {
    if bits == 32 { value & mask(32) } else { low_bits(old, value, bits) }
}

/// ZF, SF and PF of a result.
fn of_result(value: u64, bits: u32) -> u64 {
    let value = value & mask(bits);
    let ones = (0..8).filter(|bit| value >> bit & 1 == 1).count();
    let when = |is_set: bool, flag: u64| if is_set { flag } else { 0 };
    when(value == 0, ZERO) | when(signed(value, bits) < 0, SIGN) | when(ones % 2 == 0, PARITY)
}

/// Result and flags of opcode group 1 (ADD, OR, ADC, SBB, AND, SUB, XOR, CMP).
fn group_1(kind: u8, left: u64, right: u64, carry: u64, bits: u32) -> (u64, u64) {
    let (left, right) = (left & mask(bits), right & mask(bits));
    let carry = if matches!(kind, 2 | 3) { carry } else { 0 };
    let is_sum = matches!(kind, 0 | 2);
    let logic = match kind {
        1 => Some(left | right),
        4 => Some(left & right),
        6 => Some(left ^ right),
        _ => None,
    };
    if let Some(value) = logic {
        return (value, of_result(value, bits));
    }
    let combine = |left: i128, right: i128| {
        if is_sum { left + right + i128::from(carry) } else { left - right - i128::from(carry) }
    };
    let exact = combine(left.into(), right.into());
    let value = exact as u64 & mask(bits);
    let mut flags = of_result(value, bits);
    if exact < 0 || exact > i128::from(mask(bits)) {
        flags |= CARRY;
    }
    if combine(signed(left, bits), signed(right, bits)) != signed(value, bits) {
        flags |= OVERFLOW;
    }
    let nibble = combine((left & 15).into(), (right & 15).into());
    if !(0..16).contains(&nibble) {
        flags |= AUXILIARY;
    }
    (value, flags)
}

/// One step of a shift or rotation: result, carry.
fn step(kind: u8, value: u64, carry: u64, bits: u32) -> (u64, u64) {
    let (low, high) = (value & 1, value >> (bits - 1) & 1);
    let left = |filler: u64| ((value << 1 | filler) & mask(bits), high);
    let right = |filler: u64| (value >> 1 | filler << (bits - 1), low);
    match kind {
        0 => left(high),
        1 => right(low),
        2 => left(carry),
        3 => right(carry),
        4 | 6 => left(0),
        5 => right(0),
        _ => right(high),
    }
}

fn any_bits() -> impl Strategy<Value = u32> {
    prop::sample::select(std::vec![8, 16, 32, 64])
}

/// Numbers near which flags change are as likely as others.
fn number() -> impl Strategy<Value = u64> {
    let edges = prop::sample::select(std::vec![
        0,
        1,
        0xF,
        0x10,
        0x7F,
        0x80,
        0xFF,
        0x7FFF,
        0x8000,
        0xFFFF,
        0x7FFF_FFFF,
        0x8000_0000,
        0xFFFF_FFFF,
        i64::MAX as u64,
        1 << 63,
        u64::MAX,
    ]);
    prop_oneof![edges, any::<u64>()]
}

fn before() -> impl Strategy<Value = After> {
    (number(), number(), number(), any::<u64>()).prop_map(|(operand, rax, rdx, flags)| After {
        operand,
        rax,
        rdx,
        flags: flags & ALL | 2,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn arithmetic_is_that_of_numbers(kind in 0u8..8, bits in any_bits(), before in before()) {
        let (value, flags) = group_1(kind, before.operand, before.rax, before.flags & CARRY, bits);
        let value = if kind == 7 { before.operand } else { value };
        // AF after AND, OR and XOR is undefined; we clear it.
        let operand = low_bits(before.operand, value, bits);
        let expected = After { operand, flags: flags | 2, ..before };
        prop_assert_eq!(run(&code(bits, &[kind << 3], 0), before, 0), expected);

        let (value, flags) = group_1(kind, before.rax, before.operand, before.flags & CARRY, bits);
        let rax = if kind == 7 { before.rax } else { register_after(before.rax, value, bits) };
        let expected = After { rax, flags: flags | 2, ..before };
        prop_assert_eq!(run(&code(bits, &[kind << 3 | 2], 0), before, 0), expected);
    }

    #[test]
    fn one_operand_arithmetic_is_that_of_numbers(kind in 0u8..4, bits in any_bits(), before in before()) {
        let (opcode, field) = [(0xFE, 0), (0xFE, 1), (0xF6, 2), (0xF6, 3)][usize::from(kind)];
        let kept = before.flags & CARRY;
        let (value, flags) = match kind {
            0 => group_1(0, before.operand, 1, 0, bits),
            1 => group_1(5, before.operand, 1, 0, bits),
            2 => (!before.operand, before.flags),
            _ => group_1(5, 0, before.operand, 0, bits),
        };
        let flags = if kind < 2 { flags & !CARRY | kept } else { flags };
        let operand = low_bits(before.operand, value, bits);
        let expected = After { operand, flags: flags | 2, ..before };
        prop_assert_eq!(run(&code(bits, &[opcode], field), before, 0), expected);
    }

    #[test]
    fn shifts_are_many_shifts_by_one(kind in 0u8..8, bits in any_bits(), before in before(), rcx: u8) {
        let count = u32::from(rcx) & if bits == 64 { 63 } else { 31 };
        let (mut value, mut carry) = (before.operand & mask(bits), before.flags & CARRY);
        let mut last = value;
        for _ in 0..count {
            last = value;
            (value, carry) = step(kind, value, carry, bits);
        }
        let after = run(&code(bits, &[0xD2], kind), before, rcx.into());
        prop_assert_eq!(after.operand, low_bits(before.operand, value, bits));
        if count == 0 {
            prop_assert_eq!(after.flags, before.flags);
            return Ok(());
        }
        prop_assert_eq!(after.flags & CARRY, carry);
        let result = of_result(value, bits);
        let others = ZERO | SIGN | PARITY;
        let expected = if kind < 4 { before.flags } else { result };
        prop_assert_eq!(after.flags & others, expected & others);
        if count == 1 {
            let has_changed_sign = (last ^ value) >> (bits - 1) & 1 != 0;
            prop_assert_eq!(after.flags & OVERFLOW != 0, has_changed_sign);
        }
    }

    #[test]
    fn double_shifts_take_bits_of_the_register(
        is_right: bool, bits in prop::sample::select(std::vec![16, 32, 64]), before in before(), rcx: u8
    ) {
        let count = u32::from(rcx) & if bits == 64 { 63 } else { 31 };
        prop_assume!(count <= bits);
        let (mut value, mut from, mut carry) = (before.operand & mask(bits), before.rax, before.flags & CARRY);
        for _ in 0..count {
            if is_right {
                carry = value & 1;
                value = value >> 1 | (from & 1) << (bits - 1);
                from >>= 1;
            } else {
                carry = value >> (bits - 1) & 1;
                value = (value << 1 | from >> (bits - 1) & 1) & mask(bits);
                from <<= 1;
            }
        }
        let opcode = if is_right { 0xAD } else { 0xA5 };
        let after = run(&code(bits, &[0x0F, opcode], 0), before, rcx.into());
        prop_assert_eq!(after.operand, low_bits(before.operand, value, bits));
        let defined = CARRY | ZERO | SIGN | PARITY;
        let expected = if count == 0 { before.flags } else { of_result(value, bits) | carry };
        prop_assert_eq!(after.flags & defined, expected & defined);
    }

    #[test]
    fn products_are_those_of_numbers(is_signed: bool, bits in any_bits(), before in before()) {
        let of = |value: u64| if is_signed { signed(value, bits) as u128 } else { (value & mask(bits)).into() };
        let product = of(before.rax).wrapping_mul(of(before.operand));
        let (low, high) = (product as u64 & mask(bits), (product >> bits) as u64 & mask(bits));
        let is_long = product != of(low);
        let after = run(&code(bits, &[0xF6], if is_signed { 5 } else { 4 }), before, 0);
        if bits == 8 {
            prop_assert_eq!(after.rax, low_bits(before.rax, high << 8 | low, 16));
            prop_assert_eq!(after.rdx, before.rdx);
        } else {
            prop_assert_eq!(after.rax, register_after(before.rax, low, bits));
            prop_assert_eq!(after.rdx, register_after(before.rdx, high, bits));
        }
        let expected = if is_long { CARRY | OVERFLOW } else { 0 };
        prop_assert_eq!(after.flags & (CARRY | OVERFLOW), expected);
        prop_assert_eq!(after.operand, before.operand);

        if is_signed && bits != 8 {
            let after = run(&code(bits, &[0x0F, 0xAF], 0), before, 0);
            prop_assert_eq!(after.rax, register_after(before.rax, low, bits));
            prop_assert_eq!(after.flags & (CARRY | OVERFLOW), expected);
        }
    }

    #[test]
    fn exchanges_keep_what_they_compare(bits in any_bits(), mut before in before(), rdx: u64, is_equal: bool) {
        before.rdx = rdx;
        if is_equal {
            before.operand = low_bits(before.operand, before.rax, bits);
        }
        let (_, flags) = group_1(7, before.rax, before.operand, 0, bits);
        // CMPXCHG [RDI], RDX
        let after = run(&code(bits, &[0x0F, 0xB0], 2), before, 0);
        let expected = if flags & ZERO != 0 {
            After { operand: low_bits(before.operand, rdx, bits), flags: flags | 2, ..before }
        } else {
            After { rax: register_after(before.rax, before.operand, bits), flags: flags | 2, ..before }
        };
        prop_assert_eq!(after, expected);

        // XADD [RDI], RDX
        let (sum, flags) = group_1(0, before.operand, rdx, 0, bits);
        let expected = After {
            operand: low_bits(before.operand, sum, bits),
            rdx: register_after(rdx, before.operand, bits),
            flags: flags | 2,
            ..before
        };
        prop_assert_eq!(run(&code(bits, &[0x0F, 0xC0], 2), before, 0), expected);
    }
}
