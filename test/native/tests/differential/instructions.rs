//! Random instructions with random operands, in 64-bit mode.

use test_native::{FLAGS, State};

const CARRY: u64 = 1;
const PARITY: u64 = 4;
const AUXILIARY: u64 = 16;
const ZERO: u64 = 64;
const SIGN: u64 = 128;
const DIRECTION: u64 = 1 << 10;
const OVERFLOW: u64 = 1 << 11;

const RBX: usize = 3;
const RSP: u8 = 4;
/// The operand lies in the middle of the memory; string instructions walk both ways from there.
const MIDDLE: u64 = 256;

/// Numbers that follow from a seed (SplitMix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0xD129_0D3F_5B7A_91C5))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut value = self.0;
        value = (value ^ value >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        value = (value ^ value >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        value ^ value >> 31
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn flip(&mut self) -> bool {
        self.next() & 1 != 0
    }

    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill_with(|| self.next() as u8);
    }

    /// A word that is often at the edge of something.
    fn word(&mut self) -> u64 {
        match self.below(6) {
            0 => 0,
            1 => u64::MAX,
            2 => 1 << self.below(64),
            3 => (1u64 << self.below(64)).wrapping_sub(1),
            4 => self.below(256),
            _ => self.next(),
        }
    }
}

/// What follows ModR/M.
#[derive(Clone, Copy, PartialEq)]
enum Constant {
    None,
    Byte,
    /// As wide as the operation, at most four bytes.
    Wide,
}

/// Instructions of one shape.
#[derive(Clone, Copy)]
struct Form {
    opcodes: &'static [&'static [u8]],
    /// Opcode extension in the register field; `None`: a register.
    extension: Option<u8>,
    constant: Constant,
    /// The lowest bit of the last opcode byte says "not a byte".
    has_bytes: bool,
    may_lock: bool,
    undefined_flags: u64,
}

const PLAIN: Form = Form {
    opcodes: &[],
    extension: None,
    constant: Constant::None,
    has_bytes: false,
    may_lock: false,
    undefined_flags: 0,
};
const BYTES: Form = Form { has_bytes: true, ..PLAIN };
const LOGIC: u64 = AUXILIARY;
const SHIFTED: u64 = AUXILIARY | OVERFLOW;
const PRODUCT: u64 = SIGN | ZERO | AUXILIARY | PARITY;
const SCANNED: u64 = CARRY | PARITY | AUXILIARY | SIGN | OVERFLOW;
const TESTED: u64 = PARITY | AUXILIARY | SIGN | OVERFLOW;

const fn with(extension: u8, form: Form) -> Form {
    Form { extension: Some(extension), ..form }
}

const GROUP_1: Form = Form { opcodes: &[&[0x80]], constant: Constant::Wide, may_lock: true, ..BYTES };
const GROUP_1_BYTE: Form = Form { opcodes: &[&[0x83]], constant: Constant::Byte, ..PLAIN };
const GROUP_3: Form = Form { opcodes: &[&[0xF6]], ..BYTES };
const SHIFTS: Form = Form { opcodes: &[&[0xD0], &[0xD2]], undefined_flags: SHIFTED, ..BYTES };
const SHIFTS_BY: Form =
    Form { opcodes: &[&[0xC0]], constant: Constant::Byte, undefined_flags: SHIFTED, ..BYTES };
const BIT: Form =
    Form { opcodes: &[&[0x0F, 0xBA]], constant: Constant::Byte, undefined_flags: TESTED, ..PLAIN };

// tidy: table
const FORMS: &[Form] = &[
    Form { opcodes: &[&[0x00], &[0x10], &[0x18], &[0x28]], may_lock: true, ..BYTES },
    Form { opcodes: &[&[0x02], &[0x12], &[0x1A], &[0x2A], &[0x38], &[0x3A]], ..BYTES },
    Form {
        opcodes: &[&[0x08], &[0x0A], &[0x20], &[0x22], &[0x30], &[0x32], &[0x84]],
        undefined_flags: LOGIC,
        ..BYTES
    },
    with(0, GROUP_1),
    with(1, Form { undefined_flags: LOGIC, ..GROUP_1 }),
    with(2, GROUP_1),
    with(3, GROUP_1_BYTE),
    with(4, Form { undefined_flags: LOGIC, ..GROUP_1_BYTE }),
    with(5, GROUP_1),
    with(6, Form { undefined_flags: LOGIC, ..GROUP_1 }),
    with(7, GROUP_1_BYTE),
    with(0, Form { constant: Constant::Wide, undefined_flags: LOGIC, ..GROUP_3 }),
    with(2, Form { may_lock: true, ..GROUP_3 }),
    with(3, Form { may_lock: true, ..GROUP_3 }),
    with(4, Form { undefined_flags: PRODUCT, ..GROUP_3 }),
    with(5, Form { undefined_flags: PRODUCT, ..GROUP_3 }),
    with(0, Form { opcodes: &[&[0xFE]], may_lock: true, ..BYTES }),
    with(1, Form { opcodes: &[&[0xFE]], may_lock: true, ..BYTES }),
    // XCHG, MOV, XADD, CMPXCHG
    Form { opcodes: &[&[0x86], &[0x0F, 0xC0], &[0x0F, 0xB0]], may_lock: true, ..BYTES },
    Form { opcodes: &[&[0x88], &[0x8A]], ..BYTES },
    with(0, Form { opcodes: &[&[0xC6]], constant: Constant::Wide, ..BYTES }),
    // MOVZX, MOVSX, MOVSXD, MOVNTI, MOVBE
    Form { opcodes: &[&[0x0F, 0xB6], &[0x0F, 0xB7], &[0x0F, 0xBE], &[0x0F, 0xBF]], ..PLAIN },
    Form { opcodes: &[&[0x0F, 0x38, 0xF0], &[0x0F, 0x38, 0xF1]], ..PLAIN },
    with(0, SHIFTS),
    with(1, SHIFTS),
    with(2, SHIFTS),
    with(3, SHIFTS),
    with(4, SHIFTS),
    with(5, SHIFTS),
    with(7, SHIFTS),
    with(0, SHIFTS_BY),
    with(1, SHIFTS_BY),
    with(2, SHIFTS_BY),
    with(3, SHIFTS_BY),
    with(4, SHIFTS_BY),
    with(5, SHIFTS_BY),
    with(7, SHIFTS_BY),
    with(4, BIT),
    with(5, Form { may_lock: true, ..BIT }),
    with(6, Form { may_lock: true, ..BIT }),
    with(7, Form { may_lock: true, ..BIT }),
    // IMUL
    Form { opcodes: &[&[0x0F, 0xAF]], undefined_flags: PRODUCT, ..PLAIN },
    Form { opcodes: &[&[0x69]], constant: Constant::Wide, undefined_flags: PRODUCT, ..PLAIN },
    Form { opcodes: &[&[0x6B]], constant: Constant::Byte, undefined_flags: PRODUCT, ..PLAIN },
    // CMOVcc, SETcc
    Form {
        opcodes: &[&[0x0F, 0x40], &[0x0F, 0x41], &[0x0F, 0x44], &[0x0F, 0x46], &[0x0F, 0x4C], &[0x0F, 0x4F]],
        ..PLAIN
    },
    with(0, Form { opcodes: &[&[0x0F, 0x92], &[0x0F, 0x95], &[0x0F, 0x9A], &[0x0F, 0x9E]], ..PLAIN }),
];

/// Moves of vectors: mandatory prefix, opcode, whether the address must be aligned.
const VECTORS: &[(u8, u8, bool)] = &[
    (0, 0x10, false),
    (0, 0x11, false),
    (0x66, 0x10, false),
    (0xF3, 0x10, false),
    (0xF2, 0x10, false),
    (0xF3, 0x11, false),
    (0xF2, 0x11, false),
    (0, 0x12, false),
    (0, 0x13, false),
    (0x66, 0x16, false),
    (0x66, 0x17, false),
    (0, 0x28, true),
    (0x66, 0x29, true),
    (0, 0x2B, true),
    (0x66, 0x6E, false),
    (0x66, 0x7E, false),
    (0xF3, 0x7E, false),
    (0x66, 0xD6, false),
    (0x66, 0x6F, true),
    (0xF3, 0x6F, false),
    (0x66, 0x7F, true),
    (0xF3, 0x7F, false),
    (0x66, 0xE7, true),
    (0xF2, 0xF0, false),
];
/// Those of them that have no 256-bit form.
const HALVES: &[u8] = &[0x12, 0x13, 0x16, 0x17, 0x6E, 0x7E, 0xD6];

/// One instruction and the registers before it.
pub(crate) struct Case {
    pub(crate) code: Vec<u8>,
    pub(crate) state: State,
    pub(crate) undefined_flags: u64,
}

impl Case {
    /// An instruction whose operand lies in the 512 bytes from `base` on.
    pub(crate) fn new(random: &mut Random, base: u64) -> Self {
        let mut state = State { flags: random.next() & FLAGS & !DIRECTION, ..State::default() };
        state.registers.iter_mut().for_each(|register| *register = random.word());
        state.vectors.iter_mut().flatten().for_each(|word| *word = random.next());
        state.registers[usize::from(RSP)] = 0;
        let mut case = Self { code: Vec::new(), state, undefined_flags: 0 };
        match random.below(10) {
            0 => case.text(random, base),
            1 => case.bit_in_register(random, base),
            2 => case.special(random, base),
            3 | 4 => case.vector(random, base),
            _ => case.general(random, base),
        }
        case
    }

    /// Prefixes and the width that they make: 66, REX with R and W. Returns REX and the width in bytes.
    fn prefixes(&mut self, random: &mut Random) -> (u8, usize) {
        let has_operand_size = random.below(4) == 0;
        if has_operand_size {
            self.code.push(0x66);
        }
        let rex = if random.flip() { 0x40 | random.below(16) as u8 & 0b1100 } else { 0 };
        let width = match (rex & 8 != 0, has_operand_size) {
            (true, _) => 8,
            (false, true) => 2,
            (false, false) => 4,
        };
        (rex, width)
    }

    /// ModR/M with [RBX], [RBX + d8], [RBX + d32] or [RBX + index * scale], at a distance from the middle.
    fn operand(&mut self, random: &mut Random, base: u64, field: u8) {
        let distance = random.below(64) as i64 - 32;
        let field = field << 3;
        // Never across cache lines, so that locked ones are not split.
        let start = (base + MIDDLE + random.below(33)).wrapping_sub(distance as u64);
        self.state.registers[RBX] = start;
        match random.below(3) {
            0 => self.code.extend([0x43 | field, distance as u8]),
            1 => {
                self.code.push(0x83 | field);
                self.code.extend((distance as i32).to_le_bytes());
            }
            _ => {
                // RSI is the index, and may be negative.
                let (scale, index) = (random.below(4) as u8, random.below(8) as i64 - 4);
                let rest = distance - (index << scale);
                self.state.registers[6] = index as u64;
                self.code.extend([0x84 | field, scale << 6 | 6 << 3 | 3]);
                self.code.extend((rest as i32).to_le_bytes());
            }
        }
    }

    fn general(&mut self, random: &mut Random, base: u64) {
        let form = FORMS[random.below(FORMS.len() as u64) as usize];
        let is_bytes = form.has_bytes && random.flip();
        let opcode = form.opcodes[random.below(form.opcodes.len() as u64) as usize];
        // Not all that stand together may be locked: XCHG, XADD, CMPXCHG and arithmetic to memory.
        if form.may_lock && random.below(4) == 0 {
            self.code.push(0xF0);
        }
        let (rex, width) = self.prefixes(random);
        let field = match form.extension {
            Some(extension) => extension,
            None => register_field(random, rex, is_bytes),
        };
        // The extension of an opcode has no R.
        let rex = if form.extension.is_some() { rex & !4 } else { rex };
        if rex != 0 {
            self.code.push(rex);
        }
        self.code.extend(opcode);
        if form.has_bytes && !is_bytes {
            *self.code.last_mut().expect("an opcode") |= 1;
        }
        self.operand(random, base, field);
        let constant = match form.constant {
            Constant::None => 0,
            Constant::Byte => 1,
            Constant::Wide if is_bytes => 1,
            Constant::Wide => width.min(4),
        };
        // Shifts take one byte, whatever they shift.
        let is_shift = matches!(opcode, [0xC0]);
        let constant = if is_shift { 1 } else { constant };
        self.code.extend(&random.word().to_le_bytes()[..constant]);
        self.undefined_flags = form.undefined_flags;
    }

    /// BT and the like with a bit number in a register that reaches other words; SHLD, SHRD; BSF, BSR.
    fn bit_in_register(&mut self, random: &mut Random, base: u64) {
        let (rex, width) = self.prefixes(random);
        let rex = rex & !4;
        if rex != 0 {
            self.code.push(rex);
        }
        // RBP as the other register.
        let kind = random.below(8);
        let opcode = [0xA3, 0xAB, 0xB3, 0xBB, 0xA5, 0xAD, 0xBC, 0xBD][kind as usize];
        self.code.extend([0x0F, opcode]);
        match kind {
            0..4 => {
                let number = random.below(1024) as i64 - 512;
                self.state.registers[5] = number as u64;
                self.undefined_flags = TESTED;
            }
            4 | 5 => {
                // A count above 16 of 16 bits has no defined result.
                let limit = if width == 2 { 16 } else { 64 };
                self.state.registers[1] = random.below(limit);
                self.undefined_flags = SHIFTED;
            }
            _ => self.undefined_flags = SCANNED,
        }
        self.operand(random, base, 5);
    }

    /// CMPXCHG8B and 16B, XLAT, MOVSXD, MOVNTI.
    fn special(&mut self, random: &mut Random, base: u64) {
        match random.below(4) {
            0 => {
                let is_wide = random.flip();
                self.state.registers[RBX] = base + MIDDLE;
                if is_wide {
                    self.code.push(0x48);
                }
                self.code.extend([0x0F, 0xC7, 0x0B]);
            }
            1 => {
                self.state.registers[RBX] = base;
                self.code.push(0xD7);
            }
            2 => {
                self.code.extend([0x48, 0x63]);
                self.operand(random, base, 0);
            }
            _ => {
                if random.flip() {
                    self.code.push(0x48);
                }
                self.code.extend([0x0F, 0xC3]);
                self.operand(random, base, 1);
            }
        }
    }

    /// MOVS, CMPS, STOS, LODS, SCAS: once or repeated, up or down.
    fn text(&mut self, random: &mut Random, base: u64) {
        let repeat = random.below(3);
        if repeat != 0 {
            self.code.push(if repeat == 1 { 0xF3 } else { 0xF2 });
        }
        let (rex, _) = self.prefixes(random);
        if rex != 0 {
            self.code.push(rex);
        }
        let opcode = [0xA4, 0xA6, 0xAA, 0xAC, 0xAE][random.below(5) as usize];
        self.code.push(opcode | random.below(2) as u8);
        if random.flip() {
            self.state.flags |= DIRECTION;
        }
        self.state.registers[1] = random.below(20);
        for register in [6, 7] {
            self.state.registers[register] = base + MIDDLE - 32 + random.below(64);
        }
    }

    fn vector(&mut self, random: &mut Random, base: u64) {
        let (prefix, opcode, is_aligned) = VECTORS[random.below(VECTORS.len() as u64) as usize];
        let register = random.below(4) as u8;
        if random.flip() {
            let is_long = random.flip() && !HALVES.contains(&opcode);
            let has_source = matches!(opcode, 0x12 | 0x16);
            let source = if has_source { random.below(4) as u8 } else { 0 };
            let code = match prefix {
                0x66 => 1,
                0xF3 => 2,
                0xF2 => 3,
                _ => 0,
            };
            self.code.extend([0xC5, 0x80 | (!source & 15) << 3 | u8::from(is_long) << 2 | code, opcode]);
        } else {
            if prefix != 0 {
                self.code.push(prefix);
            }
            if random.below(4) == 0 {
                self.code.push(0x48);
            }
            self.code.extend([0x0F, opcode]);
        }
        if is_aligned {
            self.state.registers[RBX] = base + MIDDLE;
            self.code.push(register << 3 | 3);
        } else {
            self.operand(random, base, register);
        }
    }
}

/// Any register but RSP.
fn register_field(random: &mut Random, rex: u8, is_bytes: bool) -> u8 {
    loop {
        let field = random.below(8) as u8;
        let is_high_byte = is_bytes && rex == 0;
        if field != RSP || rex & 4 != 0 || is_high_byte {
            return field;
        }
    }
}
