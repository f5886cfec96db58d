//! The micro platform: virtio devices and what Linux cannot do without.

use super::{Board, Built, Display, Parts, PowerButton, sentence};
use crate::{direct::DirectMemories, entropy::ProcessorEntropy};
use alloc::{boxed::Box, string::String};
use base_units::Gpa;
use vmm_bus::{AccessSize, Bus, BusError, Context, Device, DeviceId, Line, Region, pci::Place};
use vmm_chipset::{
    HostBridge, IoApic, KeyboardController, PowerManagement, Rtc, Uart, ioapic, keyboard_controller, pm, rtc,
    uart16550,
};
use vmm_devices::{Balloon, Console, ConsoleSize, Rng};
use vmm_machine::{MachinePlan, PciRole, PciSlot, layout};
use vmm_virtio::{VirtioDevice, VirtioPci};

/// Nobody else interrupts on the pins of the fixed devices.
const FIRST_SOURCE: u8 = 0;

/// Puts the devices together.
pub(super) fn build(parts: &Parts<'_>, plan: &MachinePlan) -> Result<Built, String> {
    let mut bus = Bus::new(Box::new(IoApic::new()), layout::IO_APIC_START, ioapic::ADDRESS_BYTES)
        .map_err(|error| sentence(&error))?;
    let (uart, power) = add_fixed(&mut bus, parts).map_err(|error| sentence(&error))?;
    let functions = Functions { bus: &mut bus, parts };
    let (console, balloon) = functions.add_all(plan)?;
    let power = PowerButton::Micro(power);
    let board = Board { uart, power, console, balloon, keyboard: None, usb: None, display: Display::None };
    Ok(Built { bus, board, direct: DirectMemories::default() })
}

/// The devices at fixed places.
fn add_fixed(
    bus: &mut Bus,
    parts: &Parts<'_>,
) -> Result<(DeviceId<Uart>, DeviceId<PowerManagement>), BusError> {
    bus.map_ecam(layout::ECAM_START)?;
    let uart = bus.add(Uart::new(fixed_line(layout::COM1_INTERRUPT)))?;
    bus.map_ports(uart, Region(0), layout::COM1_PORT, uart16550::REGISTERS)?;

    let clock = Rtc::new(fixed_line(layout::RTC_INTERRUPT), parts.unix_seconds(), user_rt::now());
    let clock = bus.add(clock)?;
    bus.map_ports(clock, Region(0), layout::RTC_PORT, rtc::PORTS)?;

    let power = bus.add(PowerManagement::new(fixed_line(layout::SYSTEM_CONTROL_INTERRUPT)))?;
    bus.map_ports(power, pm::EVENT_REGION, layout::PM_EVENT_PORT, pm::EVENT_BYTES)?;
    bus.map_ports(power, pm::CONTROL_REGION, layout::PM_CONTROL_PORT, pm::CONTROL_BYTES)?;
    bus.map_ports(power, pm::TIMER_REGION, layout::PM_TIMER_PORT, pm::TIMER_BYTES)?;
    bus.map_ports(power, pm::RESET_REGION, layout::RESET_PORT, 1)?;

    let keyboard = bus.add(KeyboardController)?;
    bus.map_ports(keyboard, Region(0), keyboard_controller::PORT, 1)?;
    Ok((uart, power))
}

fn fixed_line(pin: u32) -> Line {
    Line { pin: pin as u8, source: FIRST_SOURCE }
}

/// The functions that the outside talks to.
type Named = (DeviceId<VirtioPci<Console>>, DeviceId<VirtioPci<Balloon>>);

/// The PCI functions, as far as they are there.
struct Functions<'a, 'p> {
    bus: &'a mut Bus,
    parts: &'a Parts<'p>,
}

impl Functions<'_, '_> {
    /// Adds the functions of all slots.
    fn add_all(mut self, plan: &MachinePlan) -> Result<Named, String> {
        let (mut console, mut balloon) = (None, None);
        for slot in plan.slots.iter() {
            match slot.role {
                PciRole::HostBridge => {
                    self.add(&slot, HostBridge::new())?;
                }
                PciRole::Console => {
                    console = Some(self.add_virtio(&slot, Console::new(ConsoleSize::default()))?);
                }
                PciRole::Balloon => balloon = Some(self.add_virtio(&slot, Balloon::new())?),
                PciRole::Entropy => {
                    if let Some(source) = ProcessorEntropy::find() {
                        self.add_virtio(&slot, Rng::new(source))?;
                    }
                }
                PciRole::Disk(index) => {
                    let (config, memory) = self.parts.disk(index)?;
                    self.add_virtio(&slot, self.parts.virtio_disk(config, memory, index)?)?;
                }
            }
        }
        let missing = || String::from("the plan has no place for the console or the balloon");
        Ok((console.ok_or_else(missing)?, balloon.ok_or_else(missing)?))
    }

    fn add<T: Device>(&mut self, slot: &PciSlot, device: T) -> Result<DeviceId<T>, String> {
        let place = Place::slot(slot.device).ok_or_else(|| String::from("the plan has too many slots"))?;
        self.bus.add_function(place, device).map_err(|error| sentence(&error))
    }

    fn add_virtio<D: VirtioDevice>(
        &mut self,
        slot: &PciSlot,
        device: D,
    ) -> Result<DeviceId<VirtioPci<D>>, String> {
        let line = Line { pin: slot.interrupt as u8, source: slot.device };
        self.add(slot, VirtioPci::new(device, line))
    }
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
