//! Devices at the places where every PC has them.

use super::isa;
use crate::board::Parts;
use vmm_bus::{Bus, BusError, DeviceId, Region};
use vmm_chipset::{I8042, Pit, Rtc, Uart, i8042, interrupts, pit, rtc, uart16550};
use vmm_machine::pc::{PcPlan, layout};

/// Interrupt of the PIT.
const TIMER_INTERRUPT: u32 = 0;

/// Those that the outside talks to.
pub(super) struct Named {
    /// The first serial line.
    pub(super) uart: DeviceId<Uart>,
    pub(super) keyboard: DeviceId<I8042>,
}

/// Adds them.
pub(super) fn add_all(bus: &mut Bus, parts: &Parts<'_>, plan: &PcPlan) -> Result<Named, BusError> {
    for (region, port) in [
        (interrupts::FIRST_REGION, interrupts::FIRST_PORT),
        (interrupts::SECOND_REGION, interrupts::SECOND_PORT),
        (interrupts::TRIGGER_REGION, interrupts::TRIGGER_PORT),
    ] {
        bus.map_controller_ports(region, port, interrupts::PORTS)?;
    }
    let timer = bus.add(Pit::new(isa(TIMER_INTERRUPT)))?;
    bus.map_ports(timer, pit::COUNTERS_REGION, pit::COUNTERS_PORT, pit::COUNTERS_PORTS)?;
    bus.map_ports(timer, pit::CONTROL_REGION, pit::CONTROL_PORT, 1)?;

    let mut clock = Rtc::new(isa(layout::RTC_INTERRUPT), parts.unix_seconds(), user_rt::now());
    for (index, value) in &plan.cmos {
        clock.set_memory(*index, *value);
    }
    let clock = bus.add(clock)?;
    bus.map_ports(clock, Region(0), layout::RTC_PORT, rtc::PORTS)?;

    let keyboard = bus.add(I8042::new(isa(layout::KEYBOARD_INTERRUPT), isa(layout::MOUSE_INTERRUPT)))?;
    bus.map_ports(keyboard, i8042::DATA_REGION, i8042::DATA_PORT, 1)?;
    bus.map_ports(keyboard, i8042::COMMAND_REGION, i8042::COMMAND_PORT, 1)?;
    bus.map_ports(keyboard, i8042::FAST_REGION, i8042::FAST_PORT, 1)?;

    let uart = bus.add(Uart::new(isa(layout::COM1_INTERRUPT)))?;
    bus.map_ports(uart, Region(0), layout::COM1_PORT, uart16550::REGISTERS)?;
    Ok(Named { uart, keyboard })
}
