//! The table of instructions.

const CARRY: u64 = 1;
const PARITY: u64 = 4;
const AUXILIARY: u64 = 16;
const ZERO: u64 = 64;
const SIGN: u64 = 128;
const OVERFLOW: u64 = 1 << 11;

/// What follows ModR/M.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Constant {
    None,
    Byte,
    /// As wide as the operation, at most four bytes.
    Wide,
}

/// Instructions of one shape.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    pub(crate) opcodes: &'static [&'static [u8]],
    /// Opcode extension in the register field; `None`: a register.
    pub(crate) extension: Option<u8>,
    pub(crate) constant: Constant,
    /// The lowest bit of the last opcode byte says "not a byte".
    pub(crate) has_bytes: bool,
    pub(crate) may_lock: bool,
    pub(crate) undefined_flags: u64,
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
pub(crate) const SHIFTED: u64 = AUXILIARY | OVERFLOW;
const PRODUCT: u64 = SIGN | ZERO | AUXILIARY | PARITY;
pub(crate) const SCANNED: u64 = CARRY | PARITY | AUXILIARY | SIGN | OVERFLOW;
pub(crate) const TESTED: u64 = PARITY | AUXILIARY | SIGN | OVERFLOW;

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
pub(crate) const FORMS: &[Form] = &[
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
pub(crate) const VECTORS: &[(u8, u8, bool)] = &[
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
pub(crate) const HALVES: &[u8] = &[0x12, 0x13, 0x16, 0x17, 0x6E, 0x7E, 0xD6];
