//! Which devices the machine has, and where.

use crate::machine::Machine;
use alloc::{boxed::Box, format, string::String, vec::Vec};
use base_units::Gpa;
use user_rt::{Group, Memory};
use vmm_bus::{AccessSize, Bus, BusError, Context, DeviceId, Line, Region, pci::Slot};
use vmm_chipset::{
    HostBridge, IoApic, KeyboardController, PowerManagement, Rtc, Uart, UnixSeconds, ioapic,
    keyboard_controller, pm, rtc, uart16550,
};
use vmm_machine::{MachinePlan, PciRole, PciSlot, layout};
use vmm_protocol::StartMessage;

const NANOS_PER_SECOND: u64 = 1_000_000_000;
/// Nobody else interrupts on the pins of the fixed devices.
const FIRST_SOURCE: u8 = 0;

/// Names of the devices that the outside talks to.
#[derive(Clone, Copy)]
pub(crate) struct Board {
    pub(crate) uart: DeviceId<Uart>,
    pub(crate) power: DeviceId<PowerManagement>,
}

/// Puts the devices together.
pub(crate) fn build(
    message: &StartMessage,
    plan: &MachinePlan,
    group: &Group,
    disks: Vec<Memory>,
) -> Result<Machine, String> {
    let mut bus = Bus::new(Box::new(sendable(IoApic::new())), layout::IO_APIC_START, ioapic::ADDRESS_BYTES)
        .map_err(|error| sentence(&error))?;
    let board = add_fixed(&mut bus, message).map_err(|error| sentence(&error))?;
    add_functions(&mut bus, message, plan, group, disks)?;
    Ok(Machine::new(bus, board))
}

/// The device itself. [`Machine`] moves between threads because every device passes through here.
fn sendable<T: Send>(device: T) -> T {
    device
}

fn sentence(error: &BusError) -> String {
    format!("the devices do not fit the machine: {error:?}")
}

/// The devices at fixed places.
fn add_fixed(bus: &mut Bus, message: &StartMessage) -> Result<Board, BusError> {
    bus.map_ecam(layout::ECAM_START)?;
    let uart = bus.add(sendable(Uart::new(fixed_line(layout::COM1_INTERRUPT))))?;
    bus.map_ports(uart, Region(0), layout::COM1_PORT, uart16550::REGISTERS)?;

    let now = user_rt::now();
    let seconds = message.unix_nanos_at_zero.saturating_add(now.raw()) / NANOS_PER_SECOND;
    let clock = bus.add(sendable(Rtc::new(fixed_line(layout::RTC_INTERRUPT), UnixSeconds(seconds), now)))?;
    bus.map_ports(clock, Region(0), layout::RTC_PORT, rtc::PORTS)?;

    let power = bus.add(sendable(PowerManagement::new(fixed_line(layout::SYSTEM_CONTROL_INTERRUPT))))?;
    bus.map_ports(power, pm::EVENT_REGION, layout::PM_EVENT_PORT, pm::EVENT_BYTES)?;
    bus.map_ports(power, pm::CONTROL_REGION, layout::PM_CONTROL_PORT, pm::CONTROL_BYTES)?;
    bus.map_ports(power, pm::TIMER_REGION, layout::PM_TIMER_PORT, pm::TIMER_BYTES)?;
    bus.map_ports(power, pm::RESET_REGION, layout::RESET_PORT, 1)?;

    let keyboard = bus.add(sendable(KeyboardController))?;
    bus.map_ports(keyboard, Region(0), keyboard_controller::PORT, 1)?;
    Ok(Board { uart, power })
}

fn fixed_line(pin: u32) -> Line {
    Line { pin: pin as u8, source: FIRST_SOURCE }
}

/// The PCI functions of the plan.
fn add_functions(
    bus: &mut Bus,
    message: &StartMessage,
    plan: &MachinePlan,
    group: &Group,
    disks: Vec<Memory>,
) -> Result<(), String> {
    let _ = (message, group, disks);
    for slot in plan.slots.iter() {
        let Some(place) = Slot::new(slot.device) else { continue };
        match slot.role {
            PciRole::HostBridge => {
                bus.add_function(place, sendable(HostBridge::new())).map_err(|error| sentence(&error))?;
            }
            PciRole::Console | PciRole::Entropy | PciRole::Balloon | PciRole::Disk(_) => {}
        }
    }
    Ok(())
}

/// Gives every function its window, as firmware would.
pub(crate) fn assign_windows(bus: &mut Bus, plan: &MachinePlan, context: &mut Context<'_>) {
    for slot in plan.slots.iter().filter(|slot| slot.role != PciRole::HostBridge) {
        bus.memory_write(bar_register(&slot), AccessSize::Dword, slot.window.raw(), context);
    }
}

/// Where BAR 0 of a function lies in ECAM (PCI Express 4.0, 7.2.2).
fn bar_register(slot: &PciSlot) -> Gpa {
    const BAR0: u64 = 0x10;
    Gpa::new(layout::ECAM_START.raw() + (u64::from(slot.device) << 15) + BAR0)
}

/// Asks the guest to give up so many bytes of its memory.
pub(crate) fn set_balloon(_vm: &crate::vm::Vm, _bytes: u64) {}
