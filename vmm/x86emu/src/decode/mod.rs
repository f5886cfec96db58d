//! What an instruction is.
//!
//! Only the instructions of [`Operation`] are known; everything else is `None`, including forms that the
//! processor refuses. The layout is that of AMD APM vol. 3, chapter 1.

mod cursor;
mod opcode;
mod operand;
mod prefix;
mod system;
mod vector;

use crate::{Mode, SegmentRegister, Width};
use cursor::Cursor;
pub(crate) use operand::{Address, Operand};
use prefix::Prefixes;
pub(crate) use system::SystemOperation;
pub(crate) use vector::{VectorKind, VectorMove};

/// Index of RAX.
pub(crate) const ACCUMULATOR: u8 = 0;

/// One decoded instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Instruction {
    /// Bytes.
    pub length: u8,
    pub(crate) operation: Operation,
    /// Of the operation; conversions name the width of their source themselves.
    pub(crate) width: Width,
    /// Of addresses and of counters of string instructions.
    pub(crate) address_width: Width,
    /// The register operand.
    pub(crate) register: u8,
    /// The register or memory operand.
    pub(crate) operand: Operand,
    /// The constant operand, sign-extended.
    pub(crate) constant: u64,
    pub(crate) repeat: Repeat,
    /// The segment that a prefix names.
    pub(crate) segment: Option<SegmentRegister>,
    /// With REX, byte registers 4 to 7 are SPL to DIL instead of AH to BH.
    pub(crate) has_rex: bool,
}

/// What an instruction does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Operation {
    /// Operand of this width to register, zero-extended.
    LoadZero(Width),
    /// Operand of this width to register, sign-extended.
    LoadSign(Width),
    /// Register to operand.
    Store,
    /// Constant to operand.
    StoreConstant,
    /// Arithmetic on two of operand, register, constant.
    Arithmetic(Arithmetic, Form),
    /// Flags of operand AND register or constant.
    Test(Form),
    /// Complement.
    Not,
    /// Two's complement.
    Negate,
    /// Plus one, carry unchanged.
    Increment,
    /// Minus one, carry unchanged.
    Decrement,
    /// Swaps operand and register.
    Exchange,
    /// Swaps, then adds.
    ExchangeAdd,
    /// Compares with the accumulator and replaces.
    CompareExchange,
    /// One bit to the carry flag, and perhaps changed.
    Bit(BitChange, Form),
    /// One byte: whether the condition holds.
    SetCondition(u8),
    /// Operand to register if the condition holds.
    MoveCondition(u8),
    /// Shifts or rotates the operand.
    Shift(Shift, Count),
    /// Shifts the operand left, bits of the register move in.
    ShiftLeftFrom(Count),
    /// Shifts the operand right, bits of the register move in.
    ShiftRightFrom(Count),
    /// Operand times accumulator to the accumulator and RDX.
    MultiplyWide(Sign),
    /// Operand times register (or constant) to register, signed.
    Multiply(Form),
    /// Lowest bit that is set.
    ScanForward,
    /// Highest bit that is set.
    ScanReverse,
    /// Operand to register, bytes reversed.
    LoadSwapped,
    /// Register to operand, bytes reversed.
    StoreSwapped,
    /// Compares two words of this width in memory with RDX and RAX and replaces them by RCX and RBX.
    CompareExchangePair,
    /// Operand to the stack.
    Push,
    /// Constant to the stack.
    PushConstant,
    /// Stack to operand.
    Pop,
    /// XLAT: a byte from a table to AL.
    Translate,
    /// A string instruction.
    Text(Text),
    /// A move between a vector register and memory.
    Vector(VectorMove),
    /// An instruction that mostly systems use.
    System(SystemOperation),
}

/// Two-operand arithmetic, in the order of the opcodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arithmetic {
    Add,
    Or,
    AddCarry,
    SubtractBorrow,
    And,
    Subtract,
    Xor,
    Compare,
}

impl Arithmetic {
    fn from_code(code: u8) -> Self {
        match code & 7 {
            0 => Self::Add,
            1 => Self::Or,
            2 => Self::AddCarry,
            3 => Self::SubtractBorrow,
            4 => Self::And,
            5 => Self::Subtract,
            6 => Self::Xor,
            _ => Self::Compare,
        }
    }
}

/// Which operands an operation has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// The operand is changed, the register is read.
    ToOperand,
    /// The register is changed, the operand is read.
    ToRegister,
    /// The operand is changed, the constant is read.
    Constant,
}

/// What happens to a bit after it was copied to the carry flag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BitChange {
    None,
    Set,
    Reset,
    Complement,
}

impl BitChange {
    fn from_code(code: u8) -> Self {
        match code & 3 {
            0 => Self::None,
            1 => Self::Set,
            2 => Self::Reset,
            _ => Self::Complement,
        }
    }
}

/// Shifts and rotations, in the order of the opcodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shift {
    RotateLeft,
    RotateRight,
    RotateCarryLeft,
    RotateCarryRight,
    Left,
    Right,
    /// The sign moves in.
    RightSigned,
}

impl Shift {
    fn from_code(code: u8) -> Self {
        match code & 7 {
            0 => Self::RotateLeft,
            1 => Self::RotateRight,
            2 => Self::RotateCarryLeft,
            3 => Self::RotateCarryRight,
            // 6 is an alias that no manual names and all processors have.
            4 | 6 => Self::Left,
            5 => Self::Right,
            _ => Self::RightSigned,
        }
    }
}

/// By how much is shifted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Count {
    One,
    Constant,
    /// CL.
    Register,
}

/// How a product's operands are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sign {
    Unsigned,
    Signed,
}

/// String instructions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Text {
    Move,
    Store,
    Load,
    Compare,
    Scan,
    Input,
    Output,
}

/// Repeat prefixes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Repeat {
    Once,
    /// REP, REPE.
    WhileEqual,
    /// REPNE; like REP where nothing is compared.
    WhileNotEqual,
}

/// Decodes the instruction at the start of `bytes`.
pub fn decode(bytes: &[u8], mode: Mode) -> Option<Instruction> {
    let mut cursor = Cursor::new(bytes);
    let prefixes = Prefixes::read(&mut cursor, mode)?;
    let decoded = opcode::read(&mut cursor, &prefixes)?;
    if prefixes.has_lock && !decoded.may_lock() {
        return None;
    }
    Some(Instruction { length: cursor.length(), ..decoded })
}

impl Instruction {
    /// Whether LOCK is allowed: on read-modify-write of memory (AMD APM vol. 3, 1.2.5).
    fn may_lock(&self) -> bool {
        let writes = match self.operation {
            Operation::Arithmetic(kind, form) => kind != Arithmetic::Compare && form != Form::ToRegister,
            Operation::Bit(change, _) => change != BitChange::None,
            Operation::Not
            | Operation::Negate
            | Operation::Increment
            | Operation::Decrement
            | Operation::Exchange
            | Operation::ExchangeAdd
            | Operation::CompareExchange
            | Operation::CompareExchangePair => true,
            _ => false,
        };
        writes && matches!(self.operand, Operand::Memory(_))
    }
}

#[cfg(test)]
mod tests;
