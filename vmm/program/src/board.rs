//! Which devices the machine has, and where.

use crate::{entropy::ProcessorEntropy, inputs::Media, machine::Machine, vm::Vm};
use alloc::{boxed::Box, format, string::String, vec::Vec};
use base_units::Gpa;
use user_rt::{Group, Memory, PrivateBytes};
use vmm_bus::{AccessSize, Bus, BusError, Context, DeviceId, Line, Region, pci::Place};
use vmm_bus::{ByteVolume, Device};
use vmm_chipset::{
    HostBridge, IoApic, KeyboardController, PowerManagement, Rtc, Uart, UnixSeconds, ioapic,
    keyboard_controller, pm, rtc, uart16550,
};
use vmm_devices::{Access, Balloon, Block, BlockConfig, Console, ConsoleSize, Rng};
use vmm_machine::{MachinePlan, PciRole, PciSlot, layout};
use vmm_protocol::{DiskConfig, StartMessage};
use vmm_virtio::{VirtioDevice, VirtioPci};

const NANOS_PER_SECOND: u64 = 1_000_000_000;
/// Nobody else interrupts on the pins of the fixed devices.
const FIRST_SOURCE: u8 = 0;

/// Names of the devices that the outside talks to.
#[derive(Clone, Copy)]
pub(crate) struct Board {
    pub(crate) uart: DeviceId<Uart>,
    pub(crate) power: DeviceId<PowerManagement>,
    pub(crate) console: DeviceId<VirtioPci<Console>>,
    balloon: DeviceId<VirtioPci<Balloon>>,
}

/// Puts the devices together.
pub(crate) fn build(
    message: &StartMessage,
    plan: &MachinePlan,
    group: &Group,
    media: Media,
) -> Result<Machine, String> {
    let mut bus = Bus::new(Box::new(IoApic::new()), layout::IO_APIC_START, ioapic::ADDRESS_BYTES)
        .map_err(|error| sentence(&error))?;
    let (uart, power) = add_fixed(&mut bus, message).map_err(|error| sentence(&error))?;
    let functions = Functions { bus: &mut bus, plan, vcpus: message.machine.vcpus };
    let (console, balloon) = functions.add_all(&message.machine.disks, group, media.disks)?;
    Ok(Machine::new(bus, Board { uart, power, console, balloon }))
}

fn sentence(error: &BusError) -> String {
    format!("the devices do not fit the machine: {error:?}")
}

/// The devices at fixed places.
fn add_fixed(
    bus: &mut Bus,
    message: &StartMessage,
) -> Result<(DeviceId<Uart>, DeviceId<PowerManagement>), BusError> {
    bus.map_ecam(layout::ECAM_START)?;
    let uart = bus.add(Uart::new(fixed_line(layout::COM1_INTERRUPT)))?;
    bus.map_ports(uart, Region(0), layout::COM1_PORT, uart16550::REGISTERS)?;

    let now = user_rt::now();
    let seconds = message.unix_nanos_at_zero.saturating_add(now.raw()) / NANOS_PER_SECOND;
    let clock = bus.add(Rtc::new(fixed_line(layout::RTC_INTERRUPT), UnixSeconds(seconds), now))?;
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

/// The PCI functions, as far as they are there.
struct Functions<'a> {
    bus: &'a mut Bus,
    plan: &'a MachinePlan,
    vcpus: u32,
}

impl Functions<'_> {
    /// Adds the functions of all slots.
    fn add_all(
        mut self,
        configs: &[DiskConfig],
        group: &Group,
        disks: Vec<Memory>,
    ) -> Result<(DeviceId<VirtioPci<Console>>, DeviceId<VirtioPci<Balloon>>), String> {
        let (mut console, mut balloon) = (None, None);
        let mut disks = configs.iter().zip(disks);
        for slot in self.plan.slots.iter() {
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
                    if let Some((config, memory)) = disks.next() {
                        let block = disk(
                            config,
                            &memory,
                            group,
                            BlockConfig { queues: self.queues(), ..block_config(config, index) },
                        )?;
                        self.add_virtio(&slot, block)?;
                    }
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

    /// A queue for each vCPU, up to what a disk can have.
    fn queues(&self) -> u16 {
        u16::try_from(self.vcpus).unwrap_or(u16::MAX)
    }
}

/// A disk whose writes stay with this VM: the pages are copied when they are written.
fn disk(
    config: &DiskConfig,
    memory: &Memory,
    group: &Group,
    block: BlockConfig,
) -> Result<Block<ByteVolume<PrivateBytes>>, String> {
    let bytes = PrivateBytes::copy_of(memory, 0, config.bytes, group)
        .map_err(|error| format!("a disk of {} bytes cannot be made: {error:?}", config.bytes))?;
    Ok(Block::new(block, ByteVolume::new(bytes)))
}

/// The serial number of a disk is its place: "corten-0" is the first.
fn block_config(config: &DiskConfig, index: u8) -> BlockConfig {
    let access = if config.read_only { Access::ReadOnly } else { Access::ReadWrite };
    let mut id = [0; vmm_devices::virtio_blk::ID_BYTES];
    for (to, from) in id.iter_mut().zip(format!("corten-{index}").bytes()) {
        *to = from;
    }
    BlockConfig { access, id, queues: 1 }
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
pub(crate) fn set_balloon(vm: &Vm, bytes: u64) {
    let mut machine = vm.machine.lock();
    machine.with_bus(vm, |bus, board, context| {
        // A broken device waits for its driver; the size is asked for again with the next request.
        let _ = bus.device_mut(board.balloon).with_device(context, |balloon, guest| {
            balloon.set_target(bytes, guest);
            Ok(())
        });
    });
}
