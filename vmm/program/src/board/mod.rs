//! The devices of the machine and where they answer.

mod micro;
mod pc;

use crate::{direct::DirectMemories, inputs::Media, machine::Machine, platform::Platform, ram::Ram, vm::Vm};
use alloc::{format, string::String};
use base_units::Nanos;
use user_rt::{Group, Memory, PrivateBytes};
use vmm_bus::{Bus, BusError, ByteVolume, Context, DeviceId, Effects, volume::Access};
use vmm_chipset::{
    I8042, Lpc, PowerManagement, Uart, UnixSeconds,
    i8042::{Key, Motion, Stroke},
};
use vmm_devices::{Balloon, Block, BlockConfig, Console};
use vmm_display::{Frame, TextPage, Vga, VirtioVga};
use vmm_protocol::{DiskConfig, StartMessage, screen::PointerMove};
use vmm_usb::{Position, Xhci};
use vmm_virtio::VirtioPci;

pub(crate) use micro::assign_windows;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Names of the devices that the outside talks to.
#[derive(Clone, Copy)]
pub(crate) struct Board {
    pub(crate) uart: DeviceId<Uart>,
    pub(crate) console: DeviceId<VirtioPci<Console>>,
    balloon: DeviceId<VirtioPci<Balloon>>,
    power: PowerButton,
    /// The PC's keyboard controller.
    keyboard: Option<DeviceId<I8042>>,
    /// The USB controller with its keyboard and tablet.
    usb: Option<DeviceId<Xhci>>,
    display: Display,
}

/// The device that shows something.
#[derive(Clone, Copy)]
enum Display {
    None,
    Vga(DeviceId<Vga>),
    VirtioVga(DeviceId<VirtioVga>),
}

/// The device that has the power button.
#[derive(Clone, Copy)]
enum PowerButton {
    Micro(DeviceId<PowerManagement>),
    Pc(DeviceId<Lpc>),
}

impl Board {
    /// Lets `act` look at what the display shows, if there is one and it shows something.
    pub(crate) fn with_frame(&self, bus: &mut Bus, now: Nanos, act: impl FnOnce(&mut Frame<'_>)) {
        match self.display {
            Display::None => {}
            Display::Vga(vga) => act(&mut bus.device_mut(vga).frame(now)),
            Display::VirtioVga(display) => act(&mut bus.device_mut(display).frame(now)),
        }
    }

    /// The text that the display shows, in text modes.
    pub(crate) fn text(&self, bus: &mut Bus) -> Option<TextPage> {
        match self.display {
            Display::Vga(vga) => bus.device_mut(vga).text(),
            Display::VirtioVga(display) => bus.device_mut(display).text(),
            Display::None => None,
        }
    }

    /// A key goes down or up: on the keyboard that the guest uses, which is USB's once it has set that up. A PS/2
    /// keyboard that the guest does not read either loses it.
    pub(crate) fn strike(&self, bus: &mut Bus, key: Key, stroke: Stroke, context: &mut Context<'_>) {
        if let Some(usb) = self.usb
            && bus.device_mut(usb).stroke(key, stroke, context)
        {
            return;
        }
        if let Some(keyboard) = self.keyboard {
            let _ = bus.device_mut(keyboard).stroke(key, stroke, context.effects);
        }
    }

    /// The pointer moves: a tablet says where it is, a mouse how it came there.
    pub(crate) fn point(&self, bus: &mut Bus, to: PointerMove, context: &mut Context<'_>) {
        let PointerMove { x, y, right, down, wheel, buttons } = to;
        if let Some(usb) = self.usb
            && bus.device_mut(usb).point(Position { x, y, buttons, wheel }, context)
        {
            return;
        }
        if let Some(mouse) = self.keyboard {
            bus.device_mut(mouse).move_mouse(Motion { right, down, wheel, buttons }, context.effects);
        }
    }

    /// Presses the power button, which the guest may take as it likes.
    pub(crate) fn press_power_button(&self, bus: &mut Bus, effects: &mut Effects) {
        match self.power {
            PowerButton::Micro(power) => bus.device_mut(power).press_power_button(effects),
            PowerButton::Pc(chipset) => bus.device_mut(chipset).press_power_button(effects),
        }
    }
}

/// What a board is built from.
struct Parts<'a> {
    message: &'a StartMessage,
    group: &'a Group,
    ram: &'a Ram,
    media: Media,
}

/// A machine's devices and the memory that some of them own.
pub(crate) struct Built {
    bus: Bus,
    board: Board,
    direct: DirectMemories,
}

/// Puts the devices together. An error is a sentence for the machine's owner.
pub(crate) fn build(
    message: &StartMessage,
    platform: &mut Platform,
    (group, ram): (&Group, &Ram),
    media: Media,
) -> Result<Machine, String> {
    let parts = Parts { message, group, ram, media };
    let built = match platform {
        Platform::Micro { plan, .. } => micro::build(&parts, plan)?,
        Platform::Pc { plan, files } => pc::build(&parts, plan, files)?,
    };
    Ok(Machine::new(built.bus, built.board, built.direct))
}

/// A board is wired by our own plan, so this is our mistake, said rather than panicked over.
fn sentence(error: &BusError) -> String {
    format!("the devices do not fit the machine: {error:?}")
}

impl Parts<'_> {
    /// The time of day now.
    fn unix_seconds(&self) -> UnixSeconds {
        let now = user_rt::now();
        UnixSeconds(self.message.unix_nanos_at_zero.saturating_add(now.raw()) / NANOS_PER_SECOND)
    }

    /// The content of a drive whose writes stay with this VM: pages are copied when they are written.
    fn volume(&self, bytes: u64, memory: &Memory) -> Result<ByteVolume<PrivateBytes>, String> {
        PrivateBytes::copy_of(memory, 0, bytes, self.group)
            .map(ByteVolume::new)
            .map_err(|error| format!("a drive of {bytes} bytes cannot be made: {error:?}"))
    }

    /// A disk by its index.
    fn disk(&self, index: u8) -> Result<&(DiskConfig, Memory), String> {
        let disk = self.media.disks.get(usize::from(index));
        disk.ok_or_else(|| String::from("the plan has more disks than the machine"))
    }

    /// Bytes and content of a CD-ROM by its index.
    fn cdrom(&self, index: u8) -> Result<&(u64, Memory), String> {
        let cdrom = self.media.cdroms.get(usize::from(index));
        cdrom.ok_or_else(|| String::from("the plan has more CD-ROM drives than the machine"))
    }

    /// A virtio disk.
    fn virtio_disk(
        &self,
        config: &DiskConfig,
        memory: &Memory,
        index: u8,
    ) -> Result<Block<ByteVolume<PrivateBytes>>, String> {
        // A queue for each vCPU, up to what a disk can have.
        let queues = u16::try_from(self.message.machine.vcpus).unwrap_or(u16::MAX);
        let config_of_block = BlockConfig { access: access(config), id: serial(index), queues };
        Ok(Block::new(config_of_block, self.volume(config.bytes, memory)?))
    }
}

/// What a guest may do to a disk of this kind.
fn access(config: &DiskConfig) -> Access {
    if config.read_only { Access::ReadOnly } else { Access::ReadWrite }
}

/// The serial number of a disk is its place: "corten-0" is the first.
fn serial<const BYTES: usize>(index: u8) -> [u8; BYTES] {
    let mut serial = [0; BYTES];
    for (to, from) in serial.iter_mut().zip(format!("corten-{index}").bytes()) {
        *to = from;
    }
    serial
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
