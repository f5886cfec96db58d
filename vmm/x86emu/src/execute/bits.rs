//! BT, BTS, BTR, BTC; BSF and BSR.

use super::{
    Step,
    flags::{CARRY, ZERO},
};
use crate::{
    Fault, FullProcessor, Platform,
    decode::{BitChange, Form, Operand},
    paging::Intent,
};

impl<C: FullProcessor, P: Platform> Step<'_, C, P> {
    pub(super) fn bit(&mut self, change: BitChange, form: Form) -> Result<(), Fault> {
        let width = self.instruction.width;
        let in_word = u64::from(width.bits() - 1);
        let number = if form == Form::Constant { self.instruction.constant } else { self.register() };
        let old = match self.instruction.operand {
            // A register as bit number reaches beyond the operand: whole words before or behind it.
            Operand::Memory(mut address) if form != Form::Constant => {
                let words = width.sign_extend(number) as i64 >> width.bits().trailing_zeros();
                let distance = (words as u64).wrapping_mul(width.bytes());
                address.displacement = address.displacement.wrapping_add(distance);
                let intent = if change == BitChange::None { Intent::Read } else { Intent::Write };
                let place = self.linear_address(&address, width.bytes(), intent)?;
                if change != BitChange::None {
                    self.check_writable(place, width)?;
                }
                let old = self.read_memory(place, width)?;
                if change != BitChange::None {
                    self.write_memory(place, width, changed(old, change, number & in_word))?;
                }
                old
            }
            _ => {
                let old = self.read_operand_to_change(width, change != BitChange::None)?;
                if change != BitChange::None {
                    self.write_operand(width, changed(old, change, number & in_word))?;
                }
                old
            }
        };
        let flags = self.cpu.flags() & !CARRY | old >> (number & in_word) & 1;
        self.cpu.set_flags(flags);
        Ok(())
    }

    /// The number of a bit that is set goes to the register. Without one the register stays as it is: AMD
    /// promises it, all processors do it.
    pub(super) fn scan_bits(&mut self, find: impl Fn(u64) -> u32) -> Result<(), Fault> {
        let value = self.read_operand(self.instruction.width)?;
        let flags = self.cpu.flags() & !ZERO;
        if value == 0 {
            self.cpu.set_flags(flags | ZERO);
        } else {
            self.set_register(u64::from(find(value)));
            self.cpu.set_flags(flags);
        }
        Ok(())
    }
}

fn changed(value: u64, change: BitChange, number: u64) -> u64 {
    let bit = 1 << number;
    match change {
        BitChange::None => value,
        BitChange::Set => value | bit,
        BitChange::Reset => value & !bit,
        BitChange::Complement => value ^ bit,
    }
}
