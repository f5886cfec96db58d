//! PUSH and POP.

use super::{Step, virtual_memory::Place};
use crate::{Fault, FullProcessor, Platform, SegmentRegister, Width, decode::Operand, paging::Intent};

/// Index of RSP.
const STACK_POINTER: u8 = 4;

impl<C: FullProcessor, P: Platform> Step<'_, C, P> {
    pub(super) fn push(&mut self) -> Result<(), Fault> {
        let width = self.instruction.width;
        // A device is read only when its value can be stored.
        let place = self.stack_place(width.bytes(), width)?;
        let value = self.read_operand(width)?;
        self.write_place(&place, width, value);
        self.drop_from_stack(0u64.wrapping_sub(width.bytes()));
        Ok(())
    }

    /// Pushes a value of the operation's width.
    pub(super) fn push_value(&mut self, value: u64) -> Result<(), Fault> {
        let width = self.instruction.width;
        let place = self.stack_place(width.bytes(), width)?;
        self.write_place(&place, width, value);
        self.drop_from_stack(0u64.wrapping_sub(width.bytes()));
        Ok(())
    }

    /// Where something lies that is pushed so many bytes below the top.
    pub(super) fn stack_place(&self, below: u64, width: Width) -> Result<Place, Fault> {
        let top = self.stack_pointer().wrapping_sub(below) & self.cpu.stack_width().mask();
        let place = self.segmented(SegmentRegister::Ss, top, width.bytes(), Intent::Write)?;
        self.place(place, width, Intent::Write)
    }

    /// What lies so many bytes above the top.
    pub(super) fn stack_value(&mut self, above: u64, width: Width) -> Result<u64, Fault> {
        let top = self.stack_pointer().wrapping_add(above) & self.cpu.stack_width().mask();
        let place = self.segmented(SegmentRegister::Ss, top, width.bytes(), Intent::Read)?;
        self.read_memory(place, width)
    }

    /// Moves the stack pointer up.
    pub(super) fn drop_from_stack(&mut self, bytes: u64) {
        self.drop_from_stack_of(self.cpu.stack_width(), bytes);
    }

    /// Moves a stack pointer of this width up.
    pub(super) fn drop_from_stack_of(&mut self, width: Width, bytes: u64) {
        let old = self.read_register(STACK_POINTER, width);
        self.write_register(STACK_POINTER, width, old.wrapping_add(bytes));
    }

    pub(super) fn pop(&mut self) -> Result<(), Fault> {
        let width = self.instruction.width;
        let top = self.stack_pointer();
        let value = self.stack_value(0, width)?;
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
                let place = self.linear_address(&address, width.bytes(), Intent::Write)?;
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
