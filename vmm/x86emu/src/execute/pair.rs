//! CMPXCHG8B and CMPXCHG16B.

use super::{ACCUMULATOR, Step, flags::ZERO};
use crate::{Fault, FullProcessor, Platform, Width, decode::Operand, paging::Intent};

/// Indexes of RCX, RDX and RBX.
const NEW_HIGH: u8 = 1;
const OLD_HIGH: u8 = 2;
const NEW_LOW: u8 = 3;

impl<C: FullProcessor, P: Platform> Step<'_, C, P> {
    pub(super) fn compare_exchange_pair(&mut self) -> Result<(), Fault> {
        let width = self.instruction.width;
        // The decoder lets no register through.
        let Operand::Memory(address) = self.instruction.operand else { return Err(Fault::Unsupported) };
        let low_at = self.linear_address(&address, 2 * width.bytes(), Intent::Write)?;
        let high_at = self.behind(low_at, width.bytes());
        // Only the 16-byte form demands alignment.
        if width == Width::W64 && low_at % 16 != 0 {
            return Err(Fault::GENERAL_PROTECTION);
        }
        let low_place = self.place(low_at, width, Intent::Write)?;
        let high_place = self.place(high_at, width, Intent::Write)?;
        let low = self.read_place(&low_place, width);
        let high = self.read_place(&high_place, width);
        let expected = (self.read_register(ACCUMULATOR, width), self.read_register(OLD_HIGH, width));
        let is_equal = expected == (low, high);
        let (new_low, new_high) = if is_equal {
            (self.read_register(NEW_LOW, width), self.read_register(NEW_HIGH, width))
        } else {
            // The processor writes the old value back, too.
            (low, high)
        };
        self.write_place(&low_place, width, new_low);
        self.write_place(&high_place, width, new_high);
        let flags = self.cpu.flags() & !ZERO;
        if is_equal {
            self.cpu.set_flags(flags | ZERO);
        } else {
            self.write_register(ACCUMULATOR, width, low);
            self.write_register(OLD_HIGH, width, high);
            self.cpu.set_flags(flags);
        }
        Ok(())
    }
}
