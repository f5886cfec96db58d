//! The pc platform: a Q35 board.

mod drives;
mod firmware;
mod fixed;
mod functions;
mod kernel;

use super::{Board, Built, Parts, PowerButton, sentence};
use crate::{direct::DirectMemories, inputs::FirmwareFiles};
use alloc::{boxed::Box, string::String};
use vmm_bus::{Bus, Line};
use vmm_chipset::{PcInterrupts, ioapic};
use vmm_machine::pc::{PcPlan, layout};

/// The only device on an interrupt line of the ISA bus.
const FIRST_SOURCE: u8 = 0;

/// Puts the devices together.
pub(super) fn build(parts: &Parts<'_>, plan: &mut PcPlan, files: &FirmwareFiles) -> Result<Built, String> {
    let mut bus = Bus::new(Box::new(PcInterrupts::new()), layout::IO_APIC_START, ioapic::ADDRESS_BYTES)
        .map_err(|error| sentence(&error))?;
    let mut direct = DirectMemories::default();
    firmware::add_memory(&mut bus, &mut direct, plan, files)?;
    firmware::add_configuration(&mut bus, plan, files)?;
    let floppy = drives::floppy(parts)?;
    let fixed = fixed::add_all(&mut bus, parts, plan, floppy).map_err(|error| sentence(&error))?;
    let shadow = firmware::shadow(&mut direct, parts.ram, plan, files)?;
    let named = functions::add_all(&mut bus, &mut direct, parts, (plan, shadow))?;
    let board = Board {
        uart: fixed.uart,
        power: PowerButton::Pc(named.chipset),
        console: named.console,
        balloon: named.balloon,
        keyboard: Some(fixed.keyboard),
        usb: named.usb,
        display: named.display,
    };
    Ok(Built { bus, board, direct })
}

/// An interrupt of the ISA bus.
fn isa(interrupt: u32) -> Line {
    Line { pin: interrupt as u8, source: FIRST_SOURCE }
}
