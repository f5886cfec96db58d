//! PUSH and POP of memory.

use super::Step;
use crate::{Fault, Platform, Processor, SegmentRegister, decode::Operand, paging::Intent};

/// Index of RSP.
const STACK_POINTER: u8 = 4;

impl<C: Processor, P: Platform> Step<'_, C, P> {
    pub(super) fn push(&mut self) -> Result<(), Fault> {
        let width = self.instruction.width;
        let top = self.stack_pointer().wrapping_sub(width.bytes());
        let place = self.segmented(SegmentRegister::Ss, top & self.cpu.stack_width().mask())?;
        // A device is read only when its value can be stored.
        let place = self.place(place, width, Intent::Write)?;
        let value = self.read_operand(width)?;
        self.write_place(&place, width, value);
        self.set_stack_pointer(top);
        Ok(())
    }

    pub(super) fn pop(&mut self) -> Result<(), Fault> {
        let width = self.instruction.width;
        let top = self.stack_pointer();
        let value = self.read_memory(self.segmented(SegmentRegister::Ss, top)?, width)?;
        let behind = top.wrapping_add(width.bytes());
        match self.instruction.operand {
            Operand::Register(register) => {
                // The value stays where RSP itself is the target.
                self.set_stack_pointer(behind);
                self.write_register(register, width, value);
            }
            Operand::Memory(mut address) => {
                // An address made of RSP is made of what it will be.
                if address.base == Some(STACK_POINTER) {
                    address.displacement = address.displacement.wrapping_add(width.bytes());
                }
                let place = self.linear_address(&address)?;
                self.write_memory(place, width, value)?;
                self.set_stack_pointer(behind);
            }
        }
        Ok(())
    }

    fn stack_pointer(&self) -> u64 {
        self.read_register(STACK_POINTER, self.cpu.stack_width())
    }

    fn set_stack_pointer(&mut self, value: u64) {
        self.write_register(STACK_POINTER, self.cpu.stack_width(), value);
    }
}
