//! Instructions with operands.

use crate::{
    Code, FLAGS, Random, State,
    forms::{Constant, FORMS, HALVES, SCANNED, SHIFTED, TESTED, VECTORS},
};

const DIRECTION: u64 = 1 << 10;
const RCX: usize = 1;
const RBX: usize = 3;
const RSP: usize = 4;
const RBP: usize = 5;
const RSI: usize = 6;
const RDI: usize = 7;
/// REX.R and REX.W.
const REX_R: u8 = 4;
const REX_W: u8 = 8;
/// Repetitions of a string instruction are fewer.
const REPETITIONS: u64 = 10;
/// Strings start so far from the middle at the most.
const TEXT_SPREAD: u64 = 32;
/// Bit numbers in registers reach so many bits to either side.
const BIT_REACH: u64 = 256;

/// The width of code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// 16 bits.
    Bits16,
    /// 32 bits.
    Bits32,
    /// 64 bits.
    Bits64,
}

/// Where operands lie, and what the processor knows.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings {
    /// The mode.
    pub mode: Mode,
    /// The place around which operands lie, as an offset in their segments: a multiple of 64. Aligned operands begin here;
    /// no operand reaches further than [`Surroundings::REACH`] from it.
    pub middle: u64,
    /// Other operands begin at most so many bytes before the middle.
    pub before: u64,
    /// Operands begin at so many different places.
    pub spread: u64,
    /// RSP, if instructions may use the stack.
    pub stack: Option<u64>,
    /// AVX and what it needs is there.
    pub has_avx: bool,
    /// MOVBE is there.
    pub has_movbe: bool,
}

impl Surroundings {
    /// How far from the middle operands reach, as long as `before` and `spread` are at most half of it.
    pub const REACH: u64 = 128;

    /// Any place for an operand.
    fn place(&self, random: &mut Random) -> u64 {
        (self.middle + random.below(self.spread)).wrapping_sub(self.before)
    }
}

/// One instruction and the registers before it.
#[derive(Clone, Debug)]
pub struct Case {
    /// The instruction.
    pub code: Code,
    /// Registers before it.
    pub state: State,
    /// Flags that the manuals leave undefined behind it.
    pub undefined_flags: u64,
    /// Where it is.
    around: Surroundings,
    /// Addresses have another width than the mode's.
    has_address_size: bool,
}

impl Case {
    /// The next random one.
    pub fn new(random: &mut Random, around: &Surroundings) -> Self {
        let mut state = State { flags: random.draw() & FLAGS & !DIRECTION, ..State::default() };
        state.registers.iter_mut().for_each(|register| *register = random.word());
        state.vectors.iter_mut().flatten().for_each(|word| *word = random.draw());
        state.registers[RSP] = around.stack.unwrap_or(0);
        let code = Code::default();
        let mut case = Self { code, state, undefined_flags: 0, around: *around, has_address_size: false };
        match random.below(12) {
            0 | 1 => case.text(random),
            2 => case.bit_in_register(random),
            3 => case.special(random),
            4 => case.stack(random),
            5 | 6 => case.vector(random),
            _ => case.general(random),
        }
        if around.mode != Mode::Bits64 {
            case.state.registers.iter_mut().for_each(|register| *register &= 0xFFFF_FFFF);
            case.state.registers[8..].fill(0);
        }
        case
    }

    fn is_long(&self) -> bool {
        self.around.mode == Mode::Bits64
    }

    /// Bytes of addresses.
    fn address_bytes(&self) -> usize {
        match (self.around.mode, self.has_address_size) {
            (Mode::Bits64, false) => 8,
            (Mode::Bits64, true) | (Mode::Bits32, false) | (Mode::Bits16, true) => 4,
            (Mode::Bits32, true) | (Mode::Bits16, false) => 2,
        }
    }

    /// A segment that is the same as the usual one, and another width of addresses: now and then.
    fn address_prefixes(&mut self, random: &mut Random) {
        if random.below(8) == 0 {
            self.code.push(0x26);
        }
        let narrow = if self.is_long() { 1 << 32 } else { 1 << 16 };
        if random.below(6) == 0 && self.around.middle + Surroundings::REACH < narrow {
            self.code.push(0x67);
            self.has_address_size = true;
        }
    }

    /// Prefixes and the width that they make: REX with R and W, and the width in bytes.
    fn prefixes(&mut self, random: &mut Random) -> (u8, usize) {
        let has_operand_size = random.below(4) == 0;
        if has_operand_size {
            self.code.push(0x66);
        }
        let rex = if self.is_long() && random.flip() { 0x40 | random.draw() as u8 & 0b1100 } else { 0 };
        let is_narrow = has_operand_size != (self.around.mode == Mode::Bits16);
        let width = match (rex & REX_W != 0, is_narrow) {
            (true, _) => 8,
            (false, true) => 2,
            (false, false) => 4,
        };
        (rex, width)
    }

    fn push_rex(&mut self, rex: u8) {
        if rex != 0 {
            self.code.push(rex);
        }
    }

    /// Sets a register to an address, and what addresses of this width do not see of it to anything.
    fn set_address(&mut self, random: &mut Random, register: usize, address: u64) {
        let bits = 8 * self.address_bytes() as u32;
        let beyond = if bits == 64 { 0 } else { random.draw() << bits };
        let mask = u64::MAX >> (64 - bits);
        self.state.registers[register] = address & mask | beyond;
    }

    /// ModR/M with RBX, and perhaps a displacement and an index.
    fn operand(&mut self, random: &mut Random, field: u8) {
        let start = self.around.place(random);
        self.operand_at(random, field, start);
    }

    fn operand_at(&mut self, random: &mut Random, field: u8, start: u64) {
        let distance = random.below(64) as i64 - 32;
        let field = field << 3;
        self.set_address(random, RBX, start.wrapping_sub(distance as u64));
        let wide = if self.address_bytes() == 2 { 2 } else { 4 };
        let (plain, indexed) = if wide == 2 { (7, 0) } else { (3, 4) };
        match random.below(3) {
            0 => self.code.extend(&[0x40 | plain | field, distance as u8]),
            1 => {
                self.code.push(0x80 | plain | field);
                self.code.extend(&distance.to_le_bytes()[..wide]);
            }
            _ => {
                // RSI is the index, and may be negative.
                let scale = if wide == 2 { 0 } else { random.below(4) as u8 };
                let index = random.below(8) as i64 - 4;
                let rest = distance - (index << scale);
                self.set_address(random, RSI, index as u64);
                self.code.push(0x80 | indexed | field);
                if wide == 4 {
                    self.code.push(scale << 6 | 6 << 3 | 3);
                }
                self.code.extend(&rest.to_le_bytes()[..wide]);
            }
        }
    }

    /// ModR/M with nothing but RBX.
    fn plain_operand(&mut self, random: &mut Random, field: u8, start: u64) {
        self.set_address(random, RBX, start);
        let base = if self.address_bytes() == 2 { 7 } else { 3 };
        self.code.push(field << 3 | base);
    }

    fn general(&mut self, random: &mut Random) {
        let form = random.pick(FORMS);
        let is_bytes = form.has_bytes && random.flip();
        let opcode = random.pick(form.opcodes);
        if matches!(opcode, [0x0F, 0x38, ..]) && !self.around.has_movbe {
            return self.general(random);
        }
        // Not all that stand together may be locked: XCHG, XADD, CMPXCHG and arithmetic to memory.
        if form.may_lock && random.below(4) == 0 {
            self.code.push(0xF0);
        }
        self.address_prefixes(random);
        let (rex, width) = self.prefixes(random);
        let field = match form.extension {
            Some(extension) => extension,
            None => self.register_field(random, rex, is_bytes),
        };
        // The extension of an opcode has no R.
        self.push_rex(if form.extension.is_some() { rex & !REX_R } else { rex });
        self.code.extend(opcode);
        if form.has_bytes && !is_bytes {
            self.code.set_in_last(1);
        }
        self.operand(random, field);
        let constant = match form.constant {
            Constant::None => 0,
            Constant::Byte => 1,
            // Shifts take one byte, whatever they shift.
            Constant::Wide if is_bytes => 1,
            Constant::Wide => width.min(4),
        };
        self.code.extend(&random.word().to_le_bytes()[..constant]);
        self.undefined_flags = form.undefined_flags;
    }

    /// Any register but RSP.
    fn register_field(&self, random: &mut Random, rex: u8, is_bytes: bool) -> u8 {
        loop {
            let field = random.below(8) as u8;
            let is_high_byte = is_bytes && rex == 0;
            if usize::from(field) != RSP || rex & REX_R != 0 || is_high_byte {
                return field;
            }
        }
    }

    /// BT and the like with a bit number in a register that reaches other words; SHLD, SHRD; BSF, BSR.
    fn bit_in_register(&mut self, random: &mut Random) {
        self.address_prefixes(random);
        let (rex, width) = self.prefixes(random);
        self.push_rex(rex & !REX_R);
        let opcode = random.pick(&[0xA3, 0xAB, 0xB3, 0xBB, 0xA5, 0xAD, 0xBC, 0xBD]);
        self.code.extend(&[0x0F, opcode]);
        match opcode {
            0xA5 | 0xAD => {
                // A count above 16 of 16 bits has no defined result.
                let limit = if width == 2 { 16 } else { 64 };
                self.state.registers[RCX] = random.below(limit);
                self.undefined_flags = SHIFTED;
            }
            0xBC | 0xBD => {
                // With no bit set, processors keep the register, but for its upper half perhaps.
                self.state.registers[RBP] &= 0xFFFF_FFFF;
                self.undefined_flags = SCANNED;
            }
            _ => {
                let number = random.below(2 * BIT_REACH).wrapping_sub(BIT_REACH);
                self.state.registers[RBP] = number;
                self.undefined_flags = TESTED;
            }
        }
        self.operand(random, RBP as u8);
    }

    /// What is encoded in its own way: CMPXCHG8B and 16B, XLAT, MOVSXD, MOVNTI, MOV with an absolute address.
    fn special(&mut self, random: &mut Random) {
        self.address_prefixes(random);
        match random.below(5) {
            0 => {
                self.push_rex(if self.is_long() && random.flip() { 0x48 } else { 0 });
                self.code.extend(&[0x0F, 0xC7]);
                let middle = self.around.middle;
                self.plain_operand(random, 1, middle);
            }
            1 => {
                self.code.push(0xD7);
                let start = self.around.place(random).wrapping_sub(self.state.registers[0] & 0xFF);
                self.set_address(random, RBX, start);
            }
            2 if self.is_long() => {
                self.code.extend(&[0x48, 0x63]);
                self.operand(random, 0);
            }
            3 => {
                let (rex, _) = self.prefixes(random);
                self.push_rex(rex);
                self.code.push(0xA0 | random.below(4) as u8);
                let address = self.around.place(random).to_le_bytes();
                self.code.extend(&address[..self.address_bytes()]);
            }
            _ => {
                self.push_rex(if self.is_long() && random.flip() { 0x48 } else { 0 });
                self.code.extend(&[0x0F, 0xC3]);
                self.operand(random, 1);
            }
        }
    }

    /// PUSH and POP of memory.
    fn stack(&mut self, random: &mut Random) {
        if self.around.stack.is_none() {
            return self.special(random);
        }
        self.address_prefixes(random);
        if random.below(4) == 0 {
            self.code.push(0x66);
        }
        let (opcode, field) = if random.flip() { (0xFF, 6) } else { (0x8F, 0) };
        self.code.push(opcode);
        self.operand(random, field);
    }

    /// MOVS, CMPS, STOS, LODS, SCAS: once or repeated, up or down.
    fn text(&mut self, random: &mut Random) {
        let repeat = random.below(3);
        if repeat != 0 {
            self.code.push(if repeat == 1 { 0xF3 } else { 0xF2 });
        }
        self.address_prefixes(random);
        let (rex, _) = self.prefixes(random);
        self.push_rex(rex);
        let opcode = random.pick(&[0xA4, 0xA6, 0xAA, 0xAC, 0xAE]);
        self.code.push(opcode | random.below(2) as u8);
        if random.flip() {
            self.state.flags |= DIRECTION;
        }
        let count = random.below(REPETITIONS);
        self.set_address(random, RCX, count);
        for register in [RSI, RDI] {
            let start = self.around.middle - TEXT_SPREAD + random.below(2 * TEXT_SPREAD);
            self.set_address(random, register, start);
        }
    }

    fn vector(&mut self, random: &mut Random) {
        let (prefix, opcode, is_aligned) = random.pick(VECTORS);
        let register = random.below(4) as u8;
        if self.around.has_avx && self.around.mode != Mode::Bits16 && random.flip() {
            let is_long = random.flip() && !HALVES.contains(&opcode);
            let has_source = matches!(opcode, 0x12 | 0x16);
            let source = if has_source { random.below(4) as u8 } else { 0 };
            let code = match prefix {
                0x66 => 1,
                0xF3 => 2,
                0xF2 => 3,
                _ => 0,
            };
            self.code.extend(&[0xC5, 0x80 | (!source & 15) << 3 | u8::from(is_long) << 2 | code, opcode]);
        } else {
            if prefix != 0 {
                self.code.push(prefix);
            }
            self.push_rex(if self.is_long() && random.below(4) == 0 { 0x48 } else { 0 });
            self.code.extend(&[0x0F, opcode]);
        }
        let middle = self.around.middle;
        if is_aligned { self.plain_operand(random, register, middle) } else { self.operand(random, register) }
    }
}
