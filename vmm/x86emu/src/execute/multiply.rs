//! MUL and IMUL. Only carry and overflow are defined; the other flags stay as they were.

use super::{ACCUMULATOR, Step, flags};
use crate::{
    Fault, FullProcessor, Platform, Width,
    decode::{Form, Sign},
};

/// Index of RDX.
const HIGH: u8 = 2;

impl<C: FullProcessor, P: Platform> Step<'_, C, P> {
    /// The whole product, to AX or to RDX and RAX.
    pub(super) fn multiply_wide(&mut self, sign: Sign) -> Result<(), Fault> {
        let width = self.instruction.width;
        let right = self.read_operand(width)?;
        let left = self.read_register(ACCUMULATOR, width);
        let (product, is_long) = match sign {
            Sign::Unsigned => {
                let product = u128::from(left) * u128::from(right);
                (product, product >> width.bits() != 0)
            }
            Sign::Signed => signed_product(left, right, width),
        };
        if width == Width::W8 {
            self.write_register(ACCUMULATOR, Width::W16, product as u64);
        } else {
            self.write_register(ACCUMULATOR, width, product as u64);
            self.write_register(HIGH, width, (product >> width.bits()) as u64);
        }
        self.set_product_flags(is_long);
        Ok(())
    }

    /// The lower half of a signed product, to the register.
    pub(super) fn multiply(&mut self, form: Form) -> Result<(), Fault> {
        let width = self.instruction.width;
        let right = self.read_operand(width)?;
        let left = if form == Form::Constant { self.instruction.constant } else { self.register() };
        let (product, is_long) = signed_product(left, right, width);
        self.set_register(product as u64 & width.mask());
        self.set_product_flags(is_long);
        Ok(())
    }

    fn set_product_flags(&mut self, is_long: bool) {
        let flags = flags::carry_and_overflow(is_long, is_long, self.cpu.flags());
        self.cpu.set_flags(flags);
    }
}

/// The product, and whether it needs more than `width`.
fn signed_product(left: u64, right: u64, width: Width) -> (u128, bool) {
    let signed = |value: u64| i128::from(width.sign_extend(value) as i64);
    let product = signed(left) * signed(right);
    (product as u128, signed(product as u64) != product)
}
