//! Carries an instruction out.

mod bits;
mod descriptor;
mod far;
mod flags;
mod multiply;
mod operand;
mod pair;
mod shift;
mod stack;
mod strings;
mod system;
mod task;
mod vector;
mod virtual_memory;

use crate::{
    Fault, FullProcessor, InstructionBytes, Mode, Platform, Processor, Width,
    decode::{ACCUMULATOR, Arithmetic, Form, Instruction, Operand, Operation, decode},
};

pub use task::{TaskCause, TaskSwitch, switch_task};

/// How far an instruction came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// It is done; RIP is behind it.
    Done,
    /// A repeated string instruction is not finished: RIP is still at it, the registers say how far it came.
    /// Let the guest run: it comes back, after interrupts had their chance.
    Repeat,
}

/// Emulates the instruction at RIP.
pub fn emulate<C: FullProcessor, P: Platform>(
    cpu: &mut C,
    platform: &mut P,
    bytes: &InstructionBytes,
) -> Result<Progress, Fault> {
    let instruction = decode(bytes.as_slice(), cpu.mode()).ok_or(Fault::Unsupported)?;
    let next = next_instruction(cpu, &instruction);
    let mut step = Step { cpu, platform, instruction: &instruction, next };
    let progress = step.run()?;
    let next = step.next;
    if progress == Progress::Done {
        cpu.set_instruction_pointer(next);
    }
    Ok(progress)
}

/// RIP behind the instruction. It wraps where the code segment's width says.
fn next_instruction(cpu: &impl Processor, instruction: &Instruction) -> u64 {
    let next = cpu.instruction_pointer().wrapping_add(u64::from(instruction.length));
    match cpu.mode() {
        Mode::Bits64 => next,
        _ => next & 0xFFFF_FFFF,
    }
}

/// One instruction on its way.
struct Step<'a, C, P> {
    cpu: &'a mut C,
    platform: &'a mut P,
    instruction: &'a Instruction,
    /// RIP behind the instruction, for relative addresses; far transfers replace it.
    next: u64,
}

impl<C: FullProcessor, P: Platform> Step<'_, C, P> {
    // tidy: table
    fn run(&mut self) -> Result<Progress, Fault> {
        match self.instruction.operation {
            Operation::LoadZero(width) => self.load(width, |value| value),
            Operation::LoadSign(width) => self.load(width, |value| width.sign_extend(value)),
            Operation::Store => self.store(self.register()),
            Operation::StoreConstant => self.store(self.instruction.constant),
            Operation::Arithmetic(kind, form) => self.arithmetic(kind, form),
            Operation::Test(form) => self.test(form),
            Operation::Not => self.change(|value, width, flags| (!value & width.mask(), flags)),
            Operation::Negate => self.change(|value, width, flags| {
                flags::arithmetic(Arithmetic::Subtract, 0, value, width, flags)
            }),
            Operation::Increment => self.change(|value, width, flags| {
                flags::keep_carry(flags, flags::arithmetic(Arithmetic::Add, value, 1, width, flags))
            }),
            Operation::Decrement => self.change(|value, width, flags| {
                flags::keep_carry(flags, flags::arithmetic(Arithmetic::Subtract, value, 1, width, flags))
            }),
            Operation::Exchange => self.exchange(),
            Operation::ExchangeAdd => self.exchange_add(),
            Operation::CompareExchange => self.compare_exchange(),
            Operation::Bit(change, form) => self.bit(change, form),
            Operation::SetCondition(code) => {
                let holds = flags::condition(code, self.cpu.flags());
                self.store(u64::from(holds))
            }
            Operation::MoveCondition(code) => self.move_condition(code),
            Operation::Shift(shift, count) => self.shift(shift, count),
            Operation::ShiftLeftFrom(count) => self.shift_from(count, shift::left_from),
            Operation::ShiftRightFrom(count) => self.shift_from(count, shift::right_from),
            Operation::MultiplyWide(sign) => self.multiply_wide(sign),
            Operation::Multiply(form) => self.multiply(form),
            Operation::ScanForward => self.scan_bits(u64::trailing_zeros),
            Operation::ScanReverse => self.scan_bits(u64::ilog2),
            Operation::LoadSwapped => {
                let width = self.instruction.width;
                self.load(width, |value| width.swap_bytes(value))
            }
            Operation::StoreSwapped => self.store(self.instruction.width.swap_bytes(self.register())),
            Operation::CompareExchangePair => self.compare_exchange_pair(),
            Operation::Push => self.push(),
            Operation::PushConstant => self.push_value(self.instruction.constant),
            Operation::Pop => self.pop(),
            Operation::Translate => self.table_byte(),
            Operation::System(operation) => self.system(operation),
            Operation::Vector(found) => self.vector_move(found),
            Operation::Text(text) => return self.text(text),
        }?;
        Ok(Progress::Done)
    }

    fn load(&mut self, width: Width, extend: impl Fn(u64) -> u64) -> Result<(), Fault> {
        let value = self.read_operand(width)?;
        self.set_register(extend(value));
        Ok(())
    }

    fn store(&mut self, value: u64) -> Result<(), Fault> {
        self.write_operand(self.instruction.width, value)
    }

    fn arithmetic(&mut self, kind: Arithmetic, form: Form) -> Result<(), Fault> {
        let width = self.instruction.width;
        let operand =
            self.read_operand_to_change(width, form != Form::ToRegister && kind != Arithmetic::Compare)?;
        let (left, right) = match form {
            Form::ToOperand => (operand, self.register()),
            Form::ToRegister => (self.register(), operand),
            Form::Constant => (operand, self.instruction.constant),
        };
        let (value, flags) = flags::arithmetic(kind, left, right & width.mask(), width, self.cpu.flags());
        if kind != Arithmetic::Compare {
            match form {
                Form::ToRegister => self.set_register(value),
                Form::ToOperand | Form::Constant => self.write_operand(width, value)?,
            }
        }
        self.cpu.set_flags(flags);
        Ok(())
    }

    fn test(&mut self, form: Form) -> Result<(), Fault> {
        let width = self.instruction.width;
        let left = self.read_operand(width)?;
        let right = if form == Form::Constant { self.instruction.constant } else { self.register() };
        let (_, flags) =
            flags::arithmetic(Arithmetic::And, left, right & width.mask(), width, self.cpu.flags());
        self.cpu.set_flags(flags);
        Ok(())
    }

    /// Reads the operand, changes it and the flags, and writes it back.
    fn change(&mut self, new: impl Fn(u64, Width, u64) -> (u64, u64)) -> Result<(), Fault> {
        let width = self.instruction.width;
        let old = self.read_operand_to_change(width, true)?;
        let (value, flags) = new(old, width, self.cpu.flags());
        self.write_operand(width, value)?;
        self.cpu.set_flags(flags);
        Ok(())
    }

    fn exchange(&mut self) -> Result<(), Fault> {
        let width = self.instruction.width;
        let old = self.read_operand_to_change(width, true)?;
        self.write_operand(width, self.register())?;
        self.set_register(old);
        Ok(())
    }

    fn exchange_add(&mut self) -> Result<(), Fault> {
        let width = self.instruction.width;
        let old = self.read_operand_to_change(width, true)?;
        let (sum, flags) = flags::arithmetic(Arithmetic::Add, old, self.register(), width, self.cpu.flags());
        // Memory first: its address may be made of the register. Where both are the same register, the sum stays.
        if let Operand::Register(_) = self.instruction.operand {
            self.set_register(old);
            self.write_operand(width, sum)?;
        } else {
            self.write_operand(width, sum)?;
            self.set_register(old);
        }
        self.cpu.set_flags(flags);
        Ok(())
    }

    fn compare_exchange(&mut self) -> Result<(), Fault> {
        let width = self.instruction.width;
        let old = self.read_operand_to_change(width, true)?;
        let accumulator = self.cpu.register(usize::from(ACCUMULATOR));
        let (difference, flags) =
            flags::arithmetic(Arithmetic::Compare, accumulator & width.mask(), old, width, self.cpu.flags());
        if difference == 0 {
            self.write_operand(width, self.register())?;
        } else {
            // The processor writes the old value back, too.
            self.write_operand(width, old)?;
            self.cpu.set_register(usize::from(ACCUMULATOR), width.merge(accumulator, old));
        }
        self.cpu.set_flags(flags);
        Ok(())
    }

    /// The operand is read and, with 32 bits, the upper half of the register cleared in any case.
    fn move_condition(&mut self, code: u8) -> Result<(), Fault> {
        let value = self.read_operand(self.instruction.width)?;
        let holds = flags::condition(code, self.cpu.flags());
        let old = self.register();
        self.set_register(if holds { value } else { old });
        Ok(())
    }
}

#[cfg(test)]
mod reference;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_segment;
#[cfg(test)]
mod tests_system;
#[cfg(test)]
mod tests_vector;
