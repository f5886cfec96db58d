//! Causes of interrupts, their masks and vectors (SDM 13.4; 82574, 10.2.4).

use super::model::{Model, VECTORS};
use serde::{Deserialize, Serialize};
use spec::e1000::{CTRL_EXT_EIAME, CTRL_EXT_IAME, cause};
use vmm_bus::{Effects, pci::Function};

/// Causes with a vector, in the order of their fields in IVAR.
const VECTORED_FIRST: u32 = cause::RECEIVE_QUEUE.trailing_zeros();
/// A field of IVAR is valid.
const VALID: u32 = 1 << 3;

/// Registers of interrupts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Interrupts {
    pub(super) causes: u32,
    pub(super) mask: u32,
    /// IAM.
    pub(super) auto_mask: u32,
    /// EIAC.
    pub(super) auto_clear: u32,
    /// IVAR.
    pub(super) vectors: u32,
    /// Causes for which a message was sent already.
    signalled: u32,
}

impl Interrupts {
    /// Something happened.
    pub(super) fn raise(&mut self, model: Model, causes: u32) {
        let other = if causes & cause::OTHERS != 0 { cause::OTHER } else { 0 };
        self.causes |= (causes | other) & model.causes();
    }

    /// Reads the causes, which clears them.
    ///
    /// The 82574 does not clear them if there are masked ones alone; and with MSI-X, those of EIAC are the
    /// messages' business.
    pub(super) fn take(&mut self, model: Model, extended_control: u32, function: &Function) -> u32 {
        let causes = self.causes;
        if model == Model::I82540em {
            self.causes = 0;
            return causes;
        }
        let keep = if function.uses_msix() { self.auto_clear } else { 0 };
        let is_asserted = causes & self.mask != 0;
        if is_asserted || self.mask == 0 {
            self.causes &= keep;
        }
        if is_asserted && extended_control & CTRL_EXT_IAME != 0 {
            self.mask &= !(self.auto_mask & !keep);
        }
        if is_asserted { causes | cause::ASSERTED } else { causes }
    }

    /// Tells the machine what changed.
    pub(super) fn update(&mut self, extended_control: u32, function: &mut Function, effects: &mut Effects) {
        if function.uses_msix() {
            self.send_messages(extended_control, function, effects);
            function.set_level(false, effects);
        } else {
            self.signalled = 0;
            function.set_level(self.causes & self.mask != 0, effects);
        }
    }

    fn send_messages(&mut self, extended_control: u32, function: &mut Function, effects: &mut Effects) {
        let active = self.causes & self.mask & cause::VECTORED;
        let new = active & !self.signalled;
        self.signalled = active;
        for field in 0..u32::from(VECTORS) {
            let bit = 1 << VECTORED_FIRST.wrapping_add(field);
            let vector = self.vectors >> field.wrapping_mul(4) & 0xF;
            if new & bit == 0 || vector & VALID == 0 {
                continue;
            }
            function.signal((vector & !VALID) as u16, effects);
            if extended_control & CTRL_EXT_EIAME != 0 {
                self.mask &= !(self.auto_mask & bit);
            }
            self.causes &= !(self.auto_clear & bit);
        }
        self.signalled &= self.causes & self.mask;
    }
}
