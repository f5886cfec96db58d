//! The machine's devices that programs may be given.
//!
//! They are taken once; a program that is started again gets second handles to the same objects.

use crate::roots::Roots;
use alloc::vec::Vec;
use base_units::PAGE_BYTES;
use management_protocol::{KeyboardPorts, Screen, SerialLine};
use user_rt::{
    Error, Interrupt, InterruptTrigger, IoRange, Memory, Object, OwnedHandle, PhysicalCaching, system_info,
};

/// Ports of a 16550.
const SERIAL_PORTS: u16 = 8;
/// COM1 and COM3 share IRQ 4, COM2 and COM4 IRQ 3 (IBM PC/AT Technical Reference).
const SERIAL_IRQS: [(u16, u32); 4] = [(0x3f8, 4), (0x2f8, 3), (0x3e8, 4), (0x2e8, 3)];
const KEYBOARD: KeyboardPorts = KeyboardPorts { data: 0x60, status: 0x64 };
const KEYBOARD_IRQ: u32 = 1;
const MOUSE_IRQ: u32 = 12;

/// A device and what describes it.
pub(crate) struct Device<Description> {
    pub(crate) description: Description,
    objects: Vec<OwnedHandle>,
}

impl<Description> Device<Description> {
    /// Second handles to the device's objects.
    pub(crate) fn handles(&self) -> Result<Vec<OwnedHandle>, Error> {
        self.objects.iter().map(OwnedHandle::duplicate_all).collect()
    }
}

/// The devices that there are.
pub(crate) struct Devices {
    pub(crate) serial: Option<Device<SerialLine>>,
    pub(crate) screen: Option<Device<Screen>>,
    pub(crate) keyboard: Option<Device<KeyboardPorts>>,
}

impl Devices {
    /// Takes what there is. What the kernel refuses is not there.
    pub(crate) fn take(roots: &Roots) -> Self {
        Self { serial: take_serial(roots), screen: take_screen(roots), keyboard: take_keyboard(roots) }
    }
}

fn take_serial(roots: &Roots) -> Option<Device<SerialLine>> {
    let port = u16::try_from(system_info().serial_port).ok().filter(|port| *port != 0)?;
    let (_, irq) = SERIAL_IRQS.into_iter().find(|(known, _)| *known == port)?;
    let ports = noted("serial ports", IoRange::create(&roots.system, port, SERIAL_PORTS))?;
    let interrupt = noted("serial interrupt", isa(roots, irq))?;
    let objects = [ports.into_handle(), interrupt.into_handle()].into();
    Some(Device { description: SerialLine { port }, objects })
}

fn take_screen(roots: &Roots) -> Option<Device<Screen>> {
    let info = system_info();
    let address = info.framebuffer_address;
    let start = address - address % PAGE_BYTES;
    let offset_bytes = u32::try_from(address % PAGE_BYTES).ok()?;
    let bytes = u64::from(info.framebuffer_stride).checked_mul(u64::from(info.framebuffer_height))?;
    if address == 0 || bytes == 0 {
        return None;
    }
    let bytes = bytes.checked_add(u64::from(offset_bytes))?.next_multiple_of(PAGE_BYTES);
    let memory = Memory::physical(&roots.system, start, bytes, PhysicalCaching::WriteCombining);
    let memory = noted("screen memory", memory)?;
    let description = Screen {
        width: info.framebuffer_width,
        height: info.framebuffer_height,
        stride_bytes: info.framebuffer_stride,
        bits: info.framebuffer_bits,
        offset_bytes,
    };
    Some(Device { description, objects: [memory.into_handle()].into() })
}

fn take_keyboard(roots: &Roots) -> Option<Device<KeyboardPorts>> {
    let port = |port| noted("keyboard ports", IoRange::create(&roots.system, port, 1));
    let (data, status) = (port(KEYBOARD.data)?, port(KEYBOARD.status)?);
    let interrupt = noted("keyboard interrupt", isa(roots, KEYBOARD_IRQ))?;
    let mouse = noted("mouse interrupt", isa(roots, MOUSE_IRQ))?;
    let interrupts = [interrupt.into_handle(), mouse.into_handle()];
    let objects = [data.into_handle(), status.into_handle()].into_iter().chain(interrupts).collect();
    Some(Device { description: KEYBOARD, objects })
}

fn isa(roots: &Roots, irq: u32) -> Result<Interrupt, Error> {
    Interrupt::create(&roots.system, irq, InterruptTrigger::Isa)
}

/// Says in the log that a device is left out.
fn noted<Kind>(what: &str, result: Result<Kind, Error>) -> Option<Kind> {
    result.inspect_err(|error| user_rt::log!("without {what}: {error:?}")).ok()
}
