//! Devices at the places where every PC has them.

use super::{drives::Medium, isa};
use crate::board::Parts;
use vmm_bus::{Bus, BusError, DeviceId, Region};
use vmm_chipset::{
    DebugPort, Floppy, Hpet, I8042, Pit, Rtc, Uart, debug_port, floppy, hpet, i8042, interrupts, pit, rtc,
    uart16550,
};
use vmm_machine::pc::{PcPlan, layout};

/// Interrupt of the PIT.
const TIMER_INTERRUPT: u32 = 0;

/// The first of three numbers of the HPET's timers among the sources of a pin: above those of all slots.
const HPET_SOURCE: u8 = 40;

/// Those that the outside talks to.
pub(super) struct Named {
    /// The first serial line.
    pub(super) uart: DeviceId<Uart>,
    pub(super) keyboard: DeviceId<I8042>,
}

/// Adds them.
pub(super) fn add_all(
    bus: &mut Bus,
    parts: &Parts<'_>,
    plan: &PcPlan,
    floppy: Option<floppy::Disk<Medium>>,
) -> Result<Named, BusError> {
    for (region, port) in [
        (interrupts::FIRST_REGION, interrupts::FIRST_PORT),
        (interrupts::SECOND_REGION, interrupts::SECOND_PORT),
        (interrupts::TRIGGER_REGION, interrupts::TRIGGER_PORT),
    ] {
        bus.map_controller_ports(region, port, interrupts::PORTS)?;
    }
    add_timers(bus, parts, plan)?;
    let controller = bus.add(Floppy::new(isa(layout::FLOPPY_INTERRUPT), [floppy, None]))?;
    for (first, count) in floppy::PORTS {
        bus.map_ports(controller, floppy::region(first), first, count)?;
    }

    let keyboard = bus.add(I8042::new(isa(layout::KEYBOARD_INTERRUPT), isa(layout::MOUSE_INTERRUPT)))?;
    bus.map_ports(keyboard, i8042::DATA_REGION, i8042::DATA_PORT, 1)?;
    bus.map_ports(keyboard, i8042::COMMAND_REGION, i8042::COMMAND_PORT, 1)?;
    bus.map_ports(keyboard, i8042::FAST_REGION, i8042::FAST_PORT, 1)?;

    let uart = bus.add(Uart::new(isa(layout::COM1_INTERRUPT)))?;
    bus.map_ports(uart, Region(0), layout::COM1_PORT, uart16550::REGISTERS)?;
    let debug = bus.add(DebugPort::new())?;
    for port in [debug_port::FIRMWARE_PORT, debug_port::BOCHS_PORT] {
        bus.map_ports(debug, debug_port::REGION, port, 1)?;
    }
    Ok(Named { uart, keyboard })
}

fn add_timers(bus: &mut Bus, parts: &Parts<'_>, plan: &PcPlan) -> Result<(), BusError> {
    let (timer, clock) = (isa(TIMER_INTERRUPT), isa(layout::RTC_INTERRUPT));
    let pit = bus.add(Pit::new(timer))?;
    bus.map_ports(pit, pit::COUNTERS_REGION, pit::COUNTERS_PORT, pit::COUNTERS_PORTS)?;
    bus.map_ports(pit, pit::CONTROL_REGION, pit::CONTROL_PORT, 1)?;

    let mut rtc = Rtc::new(clock, parts.unix_seconds(), user_rt::now());
    for (index, value) in &plan.cmos {
        rtc.set_memory(*index, *value);
    }
    let rtc = bus.add(rtc)?;
    bus.map_ports(rtc, rtc::CLOCK_REGION, layout::RTC_PORT, rtc::PORTS)?;
    bus.map_ports(rtc, rtc::EXTENDED_REGION, rtc::EXTENDED_PORT, rtc::PORTS)?;

    let hpet = bus.add(Hpet::new(hpet::Wiring { first_source: HPET_SOURCE, timer, clock }))?;
    bus.map_memory(hpet, Region(0), hpet::ADDRESS, hpet::ADDRESS_BYTES)
}
