//! Operands: registers and memory by address.

use super::Step;
use crate::{
    Fault, FullProcessor, Mode, Platform, SegmentRegister, Width,
    decode::{Address, Operand},
    paging::Intent,
};

impl<C: FullProcessor, P: Platform> Step<'_, C, P> {
    /// The register operand, cut to the operation's width.
    pub(super) fn register(&self) -> u64 {
        self.read_register(self.instruction.register, self.instruction.width)
    }

    /// Replaces the register operand.
    pub(super) fn set_register(&mut self, value: u64) {
        self.write_register(self.instruction.register, self.instruction.width, value);
    }

    /// Reads the register or memory operand.
    pub(super) fn read_operand(&mut self, width: Width) -> Result<u64, Fault> {
        self.read_operand_to_change(width, false)
    }

    /// Reads the operand; if it is going to be changed, a page that may not be written is reported now,
    /// before anything has happened.
    pub(super) fn read_operand_to_change(&mut self, width: Width, is_changed: bool) -> Result<u64, Fault> {
        match self.instruction.operand {
            Operand::Register(register) => Ok(self.read_register(register, width)),
            Operand::Memory(address) => {
                let intent = if is_changed { Intent::Write } else { Intent::Read };
                let address = self.linear_address(&address, width.bytes(), intent)?;
                if is_changed {
                    self.check_writable(address, width)?;
                }
                self.read_memory(address, width)
            }
        }
    }

    /// Writes the register or memory operand.
    pub(super) fn write_operand(&mut self, width: Width, value: u64) -> Result<(), Fault> {
        match self.instruction.operand {
            Operand::Register(register) => {
                self.write_register(register, width, value);
                Ok(())
            }
            Operand::Memory(address) => {
                let address = self.linear_address(&address, width.bytes(), Intent::Write)?;
                self.write_memory(address, width, value)
            }
        }
    }

    /// The linear address of a memory operand of so many bytes.
    pub(super) fn linear_address(&self, address: &Address, bytes: u64, intent: Intent) -> Result<u64, Fault> {
        self.segmented(self.operand_segment(address), self.offset(address), bytes, intent)
    }

    /// The segment of a memory operand.
    pub(super) fn operand_segment(&self, address: &Address) -> SegmentRegister {
        self.instruction.segment.unwrap_or(address.segment)
    }

    /// The offset of a memory operand in its segment.
    pub(super) fn offset(&self, address: &Address) -> u64 {
        let part = |register: Option<u8>| register.map_or(0, |index| self.cpu.register(usize::from(index)));
        let mut sum = address.displacement.wrapping_add(part(address.base));
        sum = sum.wrapping_add(part(address.index) << address.scale);
        if address.is_relative {
            sum = sum.wrapping_add(self.next);
        }
        sum & self.instruction.address_width.mask()
    }

    /// The linear address of an offset in a segment, if the segment allows the access to all the bytes there.
    pub(super) fn segmented(
        &self,
        segment: SegmentRegister,
        offset: u64,
        bytes: u64,
        intent: Intent,
    ) -> Result<u64, Fault> {
        let refused = if segment == SegmentRegister::Ss { Fault::STACK } else { Fault::GENERAL_PROTECTION };
        if self.cpu.mode() != Mode::Bits64 {
            let state = self.cpu.segment(segment);
            // Real mode knows limits and nothing else.
            let is_allowed = self.cpu.has_plain_segments() || state.allows(intent);
            if !is_allowed || !state.contains(offset, bytes) {
                return Err(refused);
            }
            return Ok(state.base.wrapping_add(offset) & 0xFFFF_FFFF);
        }
        let base = match segment {
            SegmentRegister::Fs | SegmentRegister::Gs => self.cpu.segment_base(segment),
            _ => 0,
        };
        let linear = base.wrapping_add(offset);
        let last = linear.wrapping_add(bytes.saturating_sub(1));
        let paging = self.paging();
        if paging.is_canonical(linear) && paging.is_canonical(last) {
            return Ok(linear);
        }
        Err(refused)
    }

    /// Whether a byte register number means AH to BH.
    fn is_high_byte(&self, register: u8, width: Width) -> bool {
        width == Width::W8 && !self.instruction.has_rex && (4..8).contains(&register)
    }

    pub(super) fn read_register(&self, register: u8, width: Width) -> u64 {
        if self.is_high_byte(register, width) {
            return self.cpu.register(usize::from(register & 3)) >> 8 & 0xFF;
        }
        self.cpu.register(usize::from(register)) & width.mask()
    }

    pub(super) fn write_register(&mut self, register: u8, width: Width, value: u64) {
        if self.is_high_byte(register, width) {
            let index = usize::from(register & 3);
            let old = self.cpu.register(index);
            self.cpu.set_register(index, old & !0xFF00 | (value & 0xFF) << 8);
            return;
        }
        let index = usize::from(register);
        let old = self.cpu.register(index);
        self.cpu.set_register(index, width.merge(old, value));
    }

    /// Reports the fault that writing there would raise.
    pub(super) fn check_writable(&self, address: u64, width: Width) -> Result<(), Fault> {
        self.place(address, width, Intent::Write).map(|_| ())
    }

    /// A linear address so many bytes on: without 64-bit mode it wraps at 4 GiB.
    pub(super) fn behind(&self, address: u64, bytes: u64) -> u64 {
        let sum = address.wrapping_add(bytes);
        if self.cpu.mode() == Mode::Bits64 { sum } else { sum & 0xFFFF_FFFF }
    }
}
