//! Prefixes (AMD APM vol. 3, 1.2).

use super::{Cursor, Repeat};
use crate::{Mode, SegmentRegister, Width};

/// All prefixes of one instruction.
#[derive(Clone, Copy)]
pub(super) struct Prefixes {
    pub(super) mode: Mode,
    pub(super) has_lock: bool,
    pub(super) has_operand_size: bool,
    pub(super) has_address_size: bool,
    pub(super) repeat: Repeat,
    pub(super) segment: Option<SegmentRegister>,
    /// The REX byte, or zero.
    pub(super) rex: u8,
}

impl Prefixes {
    pub(super) fn read(cursor: &mut Cursor<'_>, mode: Mode) -> Option<Self> {
        let mut prefixes = Self {
            mode,
            has_lock: false,
            has_operand_size: false,
            has_address_size: false,
            repeat: Repeat::Once,
            segment: None,
            rex: 0,
        };
        while prefixes.take_legacy(cursor.peek()?) {
            cursor.next()?;
        }
        if mode == Mode::Bits64 {
            while cursor.peek()? & 0xF0 == 0x40 {
                // Of several REX prefixes the last counts; a legacy prefix after one makes it void, and no
                // compiler writes that.
                prefixes.rex = cursor.next()?;
            }
        }
        Some(prefixes)
    }

    fn take_legacy(&mut self, byte: u8) -> bool {
        match byte {
            0xF0 => self.has_lock = true,
            0xF2 => self.repeat = Repeat::WhileNotEqual,
            0xF3 => self.repeat = Repeat::WhileEqual,
            0x66 => self.has_operand_size = true,
            0x67 => self.has_address_size = true,
            // In 64-bit mode these four are ignored, and do not end an earlier FS or GS.
            0x26 => self.override_segment(SegmentRegister::Es),
            0x2E => self.override_segment(SegmentRegister::Cs),
            0x36 => self.override_segment(SegmentRegister::Ss),
            0x3E => self.override_segment(SegmentRegister::Ds),
            0x64 => self.segment = Some(SegmentRegister::Fs),
            0x65 => self.segment = Some(SegmentRegister::Gs),
            _ => return false,
        }
        true
    }

    fn override_segment(&mut self, segment: SegmentRegister) {
        if self.mode != Mode::Bits64 {
            self.segment = Some(segment);
        }
    }

    /// Width of operands that are not bytes.
    pub(super) fn operand_width(&self) -> Width {
        match (self.mode, self.has_operand_size) {
            (Mode::Bits64, _) if self.rex & 8 != 0 => Width::W64,
            (Mode::Bits16, false) | (Mode::Bits32 | Mode::Bits64, true) => Width::W16,
            (Mode::Bits16, true) | (Mode::Bits32 | Mode::Bits64, false) => Width::W32,
        }
    }

    /// Width of addresses.
    pub(super) fn address_width(&self) -> Width {
        match (self.mode, self.has_address_size) {
            (Mode::Bits64, false) => Width::W64,
            (Mode::Bits64, true) | (Mode::Bits32, false) | (Mode::Bits16, true) => Width::W32,
            (Mode::Bits32, true) | (Mode::Bits16, false) => Width::W16,
        }
    }
}
