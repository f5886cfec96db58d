//! FADT: power and reset (ACPI 6.5, 5.2.9).

use super::Table;
use crate::physical::{Physical, field_u32, field_u64};

/// Bytes of the newest version that are looked at.
const FADT_BYTES: usize = 276;

/// Where a register lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RegisterSpace {
    /// In RAM's address space.
    Memory,
    /// An I/O port.
    Port,
    /// In the configuration space of PCI bus 0: device in bits 47..32, function in 31..16, offset in 15..0.
    Pci,
}

/// A register, as a "generic address structure" names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Register {
    /// Kind of address.
    pub space: RegisterSpace,
    /// Address.
    pub address: u64,
}

/// The table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fadt {
    /// Physical address of the DSDT.
    pub dsdt: u64,
    /// Port that switches to ACPI mode, 0 = always in it.
    pub command_port: u16,
    /// What to write there.
    pub enable_value: u8,
    /// PM1a and PM1b event registers (status, then enable) and their length.
    pub events: [Option<Register>; 2],
    /// Bytes of one event block.
    pub event_bytes: u8,
    /// PM1a and PM1b control.
    pub controls: [Option<Register>; 2],
    /// Port of the PM timer.
    pub timer: Option<Register>,
    /// The reset register and what to write there.
    pub reset: Option<(Register, u8)>,
    /// Hardware-reduced ACPI: the sleep control register instead of PM1.
    pub sleep_control: Option<Register>,
    /// There is no fixed hardware (PM1, PM timer).
    pub is_hardware_reduced: bool,
}

impl Fadt {
    pub(super) fn read(memory: &impl Physical, table: Table) -> Option<Self> {
        let mut copy = [0; FADT_BYTES];
        let length = usize::try_from(table.bytes).ok()?.min(FADT_BYTES);
        if !memory.read(table.start, copy.get_mut(..length)?) {
            return None;
        }
        // What an older, shorter table lacks reads as zero, which means "not there".
        Self::parse(&copy)
    }

    fn parse(table: &[u8]) -> Option<Self> {
        let flags = field_u32(table, 112)?;
        let long_dsdt = field_u64(table, 140)?;
        let short_dsdt = u64::from(field_u32(table, 40)?);
        // Bit 10: the reset register is supported.
        let reset = if flags & 1 << 10 != 0 { register(table, 116) } else { None };
        Some(Self {
            dsdt: if long_dsdt != 0 { long_dsdt } else { short_dsdt },
            command_port: u16::try_from(field_u32(table, 48)?).unwrap_or(0),
            enable_value: *table.get(52)?,
            events: [either(table, 148, 56), either(table, 160, 60)],
            event_bytes: *table.get(88)?,
            controls: [either(table, 172, 64), either(table, 184, 68)],
            timer: either(table, 208, 76),
            reset: reset.zip(table.get(128).copied()),
            sleep_control: register(table, 244),
            is_hardware_reduced: flags & 1 << 20 != 0,
        })
    }

    /// Whether ports `first..first + count` hold one of the fixed registers.
    pub fn covers_port(&self, first: u16, count: u16) -> bool {
        let end = u64::from(first) + u64::from(count);
        let hits = |register: Option<Register>, bytes: u64| {
            register.is_some_and(|register| {
                register.space == RegisterSpace::Port
                    && register.address < end
                    && register.address.saturating_add(bytes) > u64::from(first)
            })
        };
        let command = Register { space: RegisterSpace::Port, address: u64::from(self.command_port) };
        self.events.iter().any(|&register| hits(register, u64::from(self.event_bytes)))
            || self.controls.iter().any(|&register| hits(register, 2))
            || hits(self.reset.map(|(register, _)| register), 1)
            || hits(self.sleep_control, 1)
            || (self.command_port != 0 && hits(Some(command), 1))
    }
}

/// The extended form of a register if it is there, else the 32-bit port number.
fn either(table: &[u8], extended: usize, old: usize) -> Option<Register> {
    let port = field_u32(table, old).filter(|&port| port != 0 && port <= 0xffff);
    register(table, extended)
        .or_else(|| port.map(|port| Register { space: RegisterSpace::Port, address: u64::from(port) }))
}

/// A generic address structure (ACPI 6.5, 5.2.3.2); `None` if it is empty or of a kind that nobody uses.
fn register(table: &[u8], offset: usize) -> Option<Register> {
    let space = match *table.get(offset)? {
        0 => RegisterSpace::Memory,
        1 => RegisterSpace::Port,
        2 => RegisterSpace::Pci,
        _ => return None,
    };
    let address = field_u64(table, offset.checked_add(4)?)?;
    let is_possible = address != 0 && (space != RegisterSpace::Port || address <= 0xffff);
    is_possible.then_some(Register { space, address })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_the_power_registers_are_covered() {
        let mut table = [0; FADT_BYTES];
        table[64..68].copy_from_slice(&0x604_u32.to_le_bytes());
        let fadt = Fadt::parse(&table).unwrap();

        assert!(fadt.covers_port(0x605, 1));
        assert!(fadt.covers_port(0x600, 8));
        assert!(!fadt.covers_port(0x606, 2));
    }
}
