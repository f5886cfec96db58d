//! Opcodes.

use super::{
    ACCUMULATOR, Arithmetic, BitChange, Count, Cursor, Form, Instruction, Operand, Operation, Repeat, Shift,
    Sign, Text,
    operand::{Address, Operands},
    prefix::Prefixes,
    system::SystemOperation::{FarCall, FarJump},
    vector,
};
use crate::{Mode, SegmentRegister, Width};

/// Reads opcode and operands; the length is not known yet.
pub(super) fn read(cursor: &mut Cursor<'_>, prefixes: &Prefixes) -> Option<Instruction> {
    let opcode = cursor.next()?;
    if opcode == 0x0F {
        let opcode = cursor.next()?;
        return read_extended(cursor, prefixes, opcode);
    }
    let mut reader = Reader { cursor, prefixes, width: width_by_low_bit(opcode, prefixes) };
    reader.read(opcode)
}

/// Even opcodes operate on bytes.
fn width_by_low_bit(opcode: u8, prefixes: &Prefixes) -> Width {
    if opcode & 1 == 0 { Width::W8 } else { prefixes.operand_width() }
}

/// Opcodes behind 0F.
// tidy: table
fn read_extended(cursor: &mut Cursor<'_>, prefixes: &Prefixes, opcode: u8) -> Option<Instruction> {
    let width = prefixes.operand_width();
    if is_vector(opcode, cursor, prefixes) {
        return vector::read_legacy(cursor, prefixes, opcode);
    }
    // F2 and F3 (and 66 for some) select other instructions here.
    if prefixes.repeat != Repeat::Once {
        return None;
    }
    let by_low_bit = width_by_low_bit(opcode, prefixes);
    let mut reader = Reader { cursor, prefixes, width };
    match opcode {
        0x00 => reader.group_6(),
        0x01 => reader.group_7(),
        0xA0 | 0xA1 => reader.stack_segment(SegmentRegister::Fs, opcode),
        0xA8 | 0xA9 => reader.stack_segment(SegmentRegister::Gs, opcode),
        0xB2 => reader.load_pointer(SegmentRegister::Ss),
        0xB4 => reader.load_pointer(SegmentRegister::Fs),
        0xB5 => reader.load_pointer(SegmentRegister::Gs),
        0x40..=0x4F => reader.modrm(Operation::MoveCondition(opcode & 15)),
        0x90..=0x9F => {
            reader.width = Width::W8;
            reader.modrm(Operation::SetCondition(opcode & 15))
        }
        0x38 => reader.swapped(),
        0xA4 => reader.modrm_with_byte(Operation::ShiftLeftFrom(Count::Constant)),
        0xA5 => reader.modrm(Operation::ShiftLeftFrom(Count::Register)),
        0xAC => reader.modrm_with_byte(Operation::ShiftRightFrom(Count::Constant)),
        0xAD => reader.modrm(Operation::ShiftRightFrom(Count::Register)),
        0xAF => reader.modrm(Operation::Multiply(Form::ToRegister)),
        0xBC => reader.modrm(Operation::ScanForward),
        0xBD => reader.modrm(Operation::ScanReverse),
        0xA3 => reader.modrm(Operation::Bit(BitChange::None, Form::ToOperand)),
        0xAB => reader.modrm(Operation::Bit(BitChange::Set, Form::ToOperand)),
        0xB3 => reader.modrm(Operation::Bit(BitChange::Reset, Form::ToOperand)),
        0xBB => reader.modrm(Operation::Bit(BitChange::Complement, Form::ToOperand)),
        0xBA => reader.bit_with_constant(),
        0xB0 | 0xB1 => {
            reader.width = by_low_bit;
            reader.modrm(Operation::CompareExchange)
        }
        0xB6 => reader.modrm(Operation::LoadZero(Width::W8)),
        0xB7 => reader.modrm(Operation::LoadZero(Width::W16)),
        0xBE => reader.modrm(Operation::LoadSign(Width::W8)),
        0xBF => reader.modrm(Operation::LoadSign(Width::W16)),
        0xC0 | 0xC1 => {
            reader.width = by_low_bit;
            reader.modrm(Operation::ExchangeAdd)
        }
        // MOVNTI: memory only, and no 16-bit form, whatever the mode.
        0xC3 if !prefixes.has_operand_size => {
            reader.width = if width == Width::W64 { width } else { Width::W32 };
            reader.memory(Operation::Store)
        }
        0xC7 => reader.group_9(),
        _ => None,
    }
}

/// Whether an opcode behind 0F is for the table of vector moves.
fn is_vector(opcode: u8, cursor: &Cursor<'_>, prefixes: &Prefixes) -> bool {
    match opcode {
        0x10..=0x17 | 0x28..=0x2F | 0x6E | 0x6F | 0x7E | 0x7F | 0xD6 | 0xE7 | 0xF0 => true,
        0x38 => prefixes.has_operand_size && cursor.peek() == Some(0x2A),
        _ => false,
    }
}

/// Reads what follows the opcode.
pub(super) struct Reader<'a, 'b> {
    pub(super) cursor: &'a mut Cursor<'b>,
    pub(super) prefixes: &'a Prefixes,
    pub(super) width: Width,
}

impl Reader<'_, '_> {
    // tidy: table
    fn read(&mut self, opcode: u8) -> Option<Instruction> {
        let is_long = self.prefixes.mode == Mode::Bits64;
        match opcode {
            0x00..=0x3D if opcode & 7 < 6 => self.arithmetic(opcode),
            0x06 | 0x07 => self.stack_segment(SegmentRegister::Es, opcode),
            0x0E => self.stack_segment(SegmentRegister::Cs, opcode),
            0x16 | 0x17 => self.stack_segment(SegmentRegister::Ss, opcode),
            0x1E | 0x1F => self.stack_segment(SegmentRegister::Ds, opcode),
            0x50..=0x5F => self.stack_register(opcode),
            0x63 if is_long && !self.prefixes.has_operand_size => self.modrm(Operation::LoadSign(Width::W32)),
            0x68 | 0x6A => self.push_constant(opcode),
            0x69 => self.multiply_by_constant(self.width),
            0x6B => {
                self.width = self.prefixes.operand_width();
                self.multiply_by_constant(Width::W8)
            }
            0x6C | 0x6D => self.port_text(Text::Input),
            0x6E | 0x6F => self.port_text(Text::Output),
            0x80 | 0x81 => self.group_1(self.width),
            0x82 if !is_long => self.group_1(Width::W8),
            0x83 => self.group_1(Width::W8),
            0x84 | 0x85 => self.modrm(Operation::Test(Form::ToOperand)),
            0x86 | 0x87 => self.modrm(Operation::Exchange),
            0x88 | 0x89 => self.modrm(Operation::Store),
            0x8A | 0x8B => self.modrm(Operation::LoadZero(self.width)),
            0x8C | 0x8E => {
                self.width = self.prefixes.operand_width();
                self.move_segment(opcode)
            }
            0x8F => self.pop(),
            0x9A => self.far_constant(FarCall),
            0xA0 | 0xA1 => self.absolute(Operation::LoadZero(self.width)),
            0xA2 | 0xA3 => self.absolute(Operation::Store),
            0xA4 | 0xA5 => self.text(Text::Move),
            0xA6 | 0xA7 => self.text(Text::Compare),
            0xA8 | 0xA9 => self.accumulator(Operation::Test(Form::Constant)),
            0xAA | 0xAB => self.text(Text::Store),
            0xAC | 0xAD => self.text(Text::Load),
            0xAE | 0xAF => self.text(Text::Scan),
            0xC0 | 0xC1 => self.shift(Count::Constant),
            0xC4 | 0xC5 if is_long || self.cursor.peek()? >= 0xC0 => {
                vector::read_vex(self.cursor, self.prefixes, opcode)
            }
            0xC4 | 0xC5 => {
                self.width = self.prefixes.operand_width();
                self.load_pointer(if opcode == 0xC4 { SegmentRegister::Es } else { SegmentRegister::Ds })
            }
            0xC6 | 0xC7 => self.group_11(),
            0xCA | 0xCB | 0xCF => self.far_return(opcode),
            0xCC..=0xCE => self.interrupt(opcode),
            0xD0 | 0xD1 => self.shift(Count::One),
            0xD2 | 0xD3 => self.shift(Count::Register),
            0xD7 => Some(self.plain(Operation::Translate)),
            0xEA => self.far_constant(FarJump),
            0xF6 | 0xF7 => self.group_3(),
            0xFE | 0xFF => self.group_4(),
            _ => None,
        }
    }

    fn instruction(&self, operation: Operation, operands: Operands) -> Instruction {
        Instruction {
            length: 0,
            operation,
            width: self.width,
            address_width: self.prefixes.address_width(),
            register: operands.register,
            operand: operands.operand,
            constant: 0,
            repeat: self.prefixes.repeat,
            segment: self.prefixes.segment,
            has_rex: self.prefixes.rex != 0,
        }
    }

    pub(super) fn modrm(&mut self, operation: Operation) -> Option<Instruction> {
        let operands = Operands::read(self.cursor, self.prefixes)?;
        Some(self.instruction(operation, operands))
    }

    /// ModR/M that may not name a register.
    pub(super) fn memory(&mut self, operation: Operation) -> Option<Instruction> {
        let found = self.modrm(operation)?;
        matches!(found.operand, Operand::Memory(_)).then_some(found)
    }

    /// An instruction without ModR/M, on the accumulator.
    pub(super) fn plain(&self, operation: Operation) -> Instruction {
        let operand = Operand::Register(ACCUMULATOR);
        self.instruction(operation, Operands { register: ACCUMULATOR, operand })
    }

    /// 00 to 3D: eight operations in six forms each.
    fn arithmetic(&mut self, opcode: u8) -> Option<Instruction> {
        let kind = Arithmetic::from_code(opcode >> 3);
        match opcode & 7 {
            0 | 1 => self.modrm(Operation::Arithmetic(kind, Form::ToOperand)),
            2 | 3 => self.modrm(Operation::Arithmetic(kind, Form::ToRegister)),
            _ => self.accumulator(Operation::Arithmetic(kind, Form::Constant)),
        }
    }

    /// The accumulator and a constant.
    fn accumulator(&mut self, operation: Operation) -> Option<Instruction> {
        let constant = self.constant(self.width)?;
        Some(Instruction { constant, ..self.plain(operation) })
    }

    /// The accumulator and memory at an absolute address (A0 to A3).
    fn absolute(&mut self, operation: Operation) -> Option<Instruction> {
        let width = self.prefixes.address_width();
        let raw = self.cursor.constant(width)?;
        let operand = Operand::Memory(Address::absolute(raw & width.mask()));
        Some(Instruction { operand, ..self.plain(operation) })
    }

    fn text(&mut self, text: Text) -> Option<Instruction> {
        Some(self.plain(Operation::Text(text)))
    }

    /// INS and OUTS have no 64-bit form: REX.W changes nothing.
    fn port_text(&mut self, text: Text) -> Option<Instruction> {
        if self.width == Width::W64 {
            self.width = Width::W32;
        }
        self.text(text)
    }

    /// 80 to 83: arithmetic with a constant.
    fn group_1(&mut self, constant: Width) -> Option<Instruction> {
        let mut found = self.modrm(Operation::Store)?;
        let kind = Arithmetic::from_code(found.register);
        found.operation = Operation::Arithmetic(kind, Form::Constant);
        found.constant = self.constant(constant)?;
        Some(found)
    }

    /// F6, F7.
    fn group_3(&mut self) -> Option<Instruction> {
        let mut found = self.modrm(Operation::Not)?;
        match found.register & 7 {
            0 | 1 => {
                found.operation = Operation::Test(Form::Constant);
                found.constant = self.constant(self.width)?;
            }
            2 => {}
            3 => found.operation = Operation::Negate,
            4 => found.operation = Operation::MultiplyWide(Sign::Unsigned),
            5 => found.operation = Operation::MultiplyWide(Sign::Signed),
            _ => return None,
        }
        Some(found)
    }

    /// FE, FF: the others of FF are near jumps and calls.
    fn group_4(&mut self) -> Option<Instruction> {
        let found = self.modrm(Operation::Increment)?;
        match found.register & 7 {
            0 => Some(found),
            1 => Some(Instruction { operation: Operation::Decrement, ..found }),
            code @ (3 | 5) if self.width != Width::W8 && matches!(found.operand, Operand::Memory(_)) => {
                let operation = Operation::System(if code == 3 { FarCall } else { FarJump });
                Some(Instruction { operation, ..found })
            }
            6 if self.width != Width::W8 => {
                Some(Instruction { operation: Operation::Push, width: self.stack_operand_width(), ..found })
            }
            _ => None,
        }
    }

    /// 8F: the other register fields begin XOP instructions.
    fn pop(&mut self) -> Option<Instruction> {
        self.width = self.stack_operand_width();
        let found = self.modrm(Operation::Pop)?;
        (found.register & 7 == 0).then_some(found)
    }

    /// PUSH and POP have 64 bits in 64-bit mode, or 16.
    pub(super) fn stack_operand_width(&self) -> Width {
        match self.prefixes.operand_width() {
            Width::W32 if self.prefixes.mode == Mode::Bits64 => Width::W64,
            width => width,
        }
    }

    /// C0, C1, D0 to D3.
    fn shift(&mut self, count: Count) -> Option<Instruction> {
        let mut found = self.modrm(Operation::Not)?;
        found.operation = Operation::Shift(Shift::from_code(found.register), count);
        if count == Count::Constant {
            found.constant = self.cursor.constant(Width::W8)?;
        }
        Some(found)
    }

    /// ModR/M and a constant of one byte.
    fn modrm_with_byte(&mut self, operation: Operation) -> Option<Instruction> {
        let found = self.modrm(operation)?;
        Some(Instruction { constant: self.cursor.constant(Width::W8)?, ..found })
    }

    /// 69, 6B.
    fn multiply_by_constant(&mut self, constant: Width) -> Option<Instruction> {
        let found = self.modrm(Operation::Multiply(Form::Constant))?;
        Some(Instruction { constant: self.constant(constant)?, ..found })
    }

    /// 0F 38 F0, 0F 38 F1: MOVBE.
    fn swapped(&mut self) -> Option<Instruction> {
        match self.cursor.next()? {
            0xF0 => self.memory(Operation::LoadSwapped),
            0xF1 => self.memory(Operation::StoreSwapped),
            _ => None,
        }
    }

    /// 0F C7: CMPXCHG8B and CMPXCHG16B.
    fn group_9(&mut self) -> Option<Instruction> {
        if self.width != Width::W64 {
            self.width = Width::W32;
        }
        let found = self.memory(Operation::CompareExchangePair)?;
        (found.register & 7 == 1).then_some(found)
    }

    /// C6, C7: only MOV.
    fn group_11(&mut self) -> Option<Instruction> {
        let found = self.modrm(Operation::StoreConstant)?;
        if found.register & 7 != 0 {
            return None;
        }
        Some(Instruction { constant: self.constant(self.width)?, ..found })
    }

    /// 0F BA: bit tests with a constant.
    fn bit_with_constant(&mut self) -> Option<Instruction> {
        let found = self.modrm(Operation::Not)?;
        let code = found.register & 7;
        if code < 4 {
            return None;
        }
        let operation = Operation::Bit(BitChange::from_code(code), Form::Constant);
        Some(Instruction { operation, constant: self.cursor.constant(Width::W8)?, ..found })
    }

    /// Constants have at most 32 bits.
    pub(super) fn constant(&mut self, width: Width) -> Option<u64> {
        self.cursor.constant(if width == Width::W64 { Width::W32 } else { width })
    }
}
