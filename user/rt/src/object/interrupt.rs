//! Hardware interrupt lines.

use super::{System, object};
use crate::handle::OwnedHandle;
use crate::syscall::{call1, call3};
use abi::{Error, Syscall};

/// A hardware interrupt line, waited for through a port ([`abi::Signals::INTERRUPT`]).
#[derive(Debug)]
pub struct Interrupt(pub(crate) OwnedHandle);
object!(Interrupt);

/// How an interrupt line works and how it is numbered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u64)]
pub enum InterruptTrigger {
    /// An ISA IRQ: number, trigger and polarity are mapped by the firmware's tables.
    Isa = 1 << 2,
    /// Edge-triggered, active high.
    Edge = 0,
    /// Level-triggered, active low (PCI).
    LevelLow = 0b11,
    /// Level-triggered, active high.
    LevelHigh = 0b01,
}

impl Interrupt {
    /// Takes the line with this global interrupt number (or ISA IRQ number).
    pub fn create(system: &System, number: u32, trigger: InterruptTrigger) -> Result<Self, Error> {
        // SAFETY: the call takes no pointers.
        let (raw, _) =
            unsafe { call3(Syscall::InterruptCreate, system.0.raw(), u64::from(number), trigger as u64) }?;
        OwnedHandle::made(raw).map(Self)
    }

    /// Unmasks the line after it was delivered.
    pub fn acknowledge(&self) -> Result<(), Error> {
        // SAFETY: the call takes no pointers.
        unsafe { call1(Syscall::InterruptAck, self.0.raw()) }?;
        Ok(())
    }
}
