//! Instructions that load and store what only systems use: selectors, descriptor tables, far pointers.

use super::{ACCUMULATOR, Instruction, Operand, Operation, opcode::Reader};
use crate::{Mode, SegmentRegister, SystemSegment, Table, Width};

/// What a system instruction does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SystemOperation {
    /// SLDT, STR.
    StoreSelector(SystemSegment),
    /// LLDT, LTR.
    LoadSelector(SystemSegment),
    /// SGDT, SIDT.
    StoreTable(Table),
    /// LGDT, LIDT.
    LoadTable(Table),
    /// SMSW.
    StoreStatus,
    /// LMSW.
    LoadStatus,
    /// MOV from a segment register.
    StoreSegment(SegmentRegister),
    /// MOV to a segment register.
    LoadSegment(SegmentRegister),
    /// LDS, LES, LFS, LGS, LSS: a far pointer to the register and a segment register.
    LoadPointer(SegmentRegister),
    /// PUSH of a segment register.
    PushSegment(SegmentRegister),
    /// POP of a segment register.
    PopSegment(SegmentRegister),
    /// JMP to a far pointer: the constant, or memory.
    FarJump,
    /// CALL of a far pointer.
    FarCall,
    /// RETF; the constant is added to the stack pointer.
    FarReturn,
    /// IRET.
    InterruptReturn,
    /// INT n, INT3, INTO: only task switches ask for how long they are.
    Interrupt,
}

use SystemOperation::*;

const SEGMENTS: [SegmentRegister; 6] = [
    SegmentRegister::Es,
    SegmentRegister::Cs,
    SegmentRegister::Ss,
    SegmentRegister::Ds,
    SegmentRegister::Fs,
    SegmentRegister::Gs,
];

impl Reader<'_, '_> {
    fn is_long(&self) -> bool {
        self.prefixes.mode == Mode::Bits64
    }

    fn system(&mut self, operation: SystemOperation) -> Option<Instruction> {
        self.modrm(Operation::System(operation))
    }

    fn plain_system(&mut self, operation: SystemOperation) -> Option<Instruction> {
        Some(self.plain(Operation::System(operation)))
    }

    /// 0F 00.
    pub(super) fn group_6(&mut self) -> Option<Instruction> {
        let found = self.system(StoreStatus)?;
        let operation = match found.register & 7 {
            0 => StoreSelector(SystemSegment::LocalTable),
            1 => StoreSelector(SystemSegment::Task),
            2 => LoadSelector(SystemSegment::LocalTable),
            3 => LoadSelector(SystemSegment::Task),
            _ => return None,
        };
        Some(Instruction { operation: Operation::System(operation), ..found })
    }

    /// 0F 01, as far as memory is meant.
    pub(super) fn group_7(&mut self) -> Option<Instruction> {
        let found = self.memory(Operation::System(StoreStatus))?;
        let operation = match found.register & 7 {
            0 => StoreTable(Table::Global),
            1 => StoreTable(Table::Interrupt),
            2 => LoadTable(Table::Global),
            3 => LoadTable(Table::Interrupt),
            4 => StoreStatus,
            6 => LoadStatus,
            _ => return None,
        };
        Some(Instruction { operation: Operation::System(operation), ..found })
    }

    /// 8C and 8E.
    pub(super) fn move_segment(&mut self, opcode: u8) -> Option<Instruction> {
        let found = self.system(StoreStatus)?;
        let segment = *SEGMENTS.get(usize::from(found.register & 7))?;
        let operation = match opcode {
            0x8C => StoreSegment(segment),
            _ if segment == SegmentRegister::Cs => return None,
            _ => LoadSegment(segment),
        };
        Some(Instruction { operation: Operation::System(operation), ..found })
    }

    /// LDS and the like.
    pub(super) fn load_pointer(&mut self, segment: SegmentRegister) -> Option<Instruction> {
        self.memory(Operation::System(LoadPointer(segment)))
    }

    /// 06 to 1F without 64-bit mode; behind 0F: A0, A1, A8, A9.
    pub(super) fn stack_segment(&mut self, segment: SegmentRegister, opcode: u8) -> Option<Instruction> {
        let is_program = matches!(segment, SegmentRegister::Fs | SegmentRegister::Gs);
        if self.is_long() && !is_program {
            return None;
        }
        self.width = self.stack_operand_width();
        self.plain_system(if opcode & 1 == 0 { PushSegment(segment) } else { PopSegment(segment) })
    }

    /// 9A and EA: selector and offset stand in the instruction.
    pub(super) fn far_constant(&mut self, operation: SystemOperation) -> Option<Instruction> {
        if self.is_long() {
            return None;
        }
        self.width = self.prefixes.operand_width();
        let offset = self.cursor.constant(self.width)? & self.width.mask();
        let selector = self.cursor.constant(Width::W16)? & 0xFFFF;
        let found = self.plain_system(operation)?;
        Some(Instruction { constant: selector << 32 | offset, ..found })
    }

    /// CA, CB, CF.
    pub(super) fn far_return(&mut self, opcode: u8) -> Option<Instruction> {
        self.width = self.prefixes.operand_width();
        let constant = if opcode == 0xCA { self.cursor.constant(Width::W16)? & 0xFFFF } else { 0 };
        let found = self.plain_system(if opcode == 0xCF { InterruptReturn } else { FarReturn })?;
        Some(Instruction { constant, ..found })
    }

    /// CC, CD, CE.
    pub(super) fn interrupt(&mut self, opcode: u8) -> Option<Instruction> {
        if opcode == 0xCE && self.is_long() {
            return None;
        }
        let constant = if opcode == 0xCD { self.cursor.constant(Width::W8)? & 0xFF } else { 0 };
        let found = self.plain_system(Interrupt)?;
        Some(Instruction { constant, ..found })
    }

    /// 50 to 5F: PUSH and POP of registers.
    pub(super) fn stack_register(&mut self, opcode: u8) -> Option<Instruction> {
        self.width = self.stack_operand_width();
        let operand = Operand::Register(opcode & 7 | self.prefixes.rex << 3 & 8);
        let operation = if opcode < 0x58 { Operation::Push } else { Operation::Pop };
        Some(Instruction { operand, ..self.plain(operation) })
    }

    /// 68 and 6A.
    pub(super) fn push_constant(&mut self, opcode: u8) -> Option<Instruction> {
        self.width = self.stack_operand_width();
        let constant = if opcode == 0x6A { Width::W8 } else { self.width };
        let constant = self.constant(constant)?;
        Some(Instruction { constant, ..self.plain(Operation::PushConstant) })
    }
}

impl Instruction {
    /// Stands for no instruction at all: what the processor does by itself.
    pub(crate) const NONE: Self = Self {
        length: 0,
        operation: Operation::System(Interrupt),
        width: Width::W32,
        address_width: Width::W32,
        register: ACCUMULATOR,
        operand: Operand::Register(ACCUMULATOR),
        constant: 0,
        repeat: super::Repeat::Once,
        segment: None,
        has_rex: false,
    };
}
