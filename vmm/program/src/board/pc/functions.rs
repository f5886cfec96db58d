//! PCI functions.

use super::{drives, isa};
use crate::{
    board::{Display, Parts, sentence},
    direct::DirectMemories,
    entropy::ProcessorEntropy,
};
use alloc::{format, string::String, vec::Vec};
use vmm_bus::{Bus, Device, DeviceId, Line, pci::Place};
use vmm_chipset::{
    Lpc, Mch, RootPort, lpc,
    mch::{self, Shadow},
};
use vmm_devices::{Balloon, Console, ConsoleSize, Rng};
use vmm_disks::ide;
use vmm_display::{Size, Vga, VirtioVga, vga};
use vmm_machine::pc::{PcFunction, PcPlan, PcRole, layout};
use vmm_nic::{E1000, MacAddress, Nowhere, VirtioNet, e1000};
use vmm_protocol::NicModel;
use vmm_usb::Xhci;
use vmm_virtio::{VirtioDevice, VirtioPci};

/// The size that the screen of virtio-gpu asks for.
const GPU_SIZE: Size = Size { width: 1280, height: 800 };

/// The functions that the outside talks to.
pub(super) struct Named {
    pub(super) chipset: DeviceId<Lpc>,
    pub(super) console: DeviceId<VirtioPci<Console>>,
    pub(super) balloon: DeviceId<VirtioPci<Balloon>>,
    pub(super) usb: Option<DeviceId<Xhci>>,
    pub(super) display: Display,
}

/// Adds all functions of the plan.
pub(super) fn add_all(
    bus: &mut Bus,
    direct: &mut DirectMemories,
    parts: &Parts<'_>,
    (plan, shadow): (&PcPlan, Shadow),
) -> Result<Named, String> {
    let mut functions = Functions { bus, direct, parts, plan, ports: Vec::new() };
    let mut shadow = Some(shadow);
    let (mut chipset, mut console, mut balloon) = (None, None, None);
    let (mut usb, mut display) = (None, Display::None);
    for function in &plan.functions {
        match function.role {
            PcRole::HostBridge => functions.add_host_bridge(function, shadow.take())?,
            PcRole::IsaBridge => chipset = Some(functions.add_chipset(function)?),
            PcRole::Console => {
                console = Some(functions.add_virtio(function, Console::new(ConsoleSize::default()))?);
            }
            PcRole::Balloon => balloon = Some(functions.add_virtio(function, Balloon::new())?),
            PcRole::Usb => usb = Some(functions.add(function, Xhci::new(line(function)))?),
            PcRole::Display(kind) => display = functions.add_display(function, kind)?,
            _ => functions.add_other(function)?,
        }
    }
    let missing = || String::from("the plan has no place for the chipset, the console or the balloon");
    Ok(Named {
        chipset: chipset.ok_or_else(missing)?,
        console: console.ok_or_else(missing)?,
        balloon: balloon.ok_or_else(missing)?,
        usb,
        display,
    })
}

struct Functions<'a, 'p> {
    bus: &'a mut Bus,
    direct: &'a mut DirectMemories,
    parts: &'a Parts<'p>,
    plan: &'a PcPlan,
    /// The root ports so far, by their slots.
    ports: Vec<(u8, DeviceId<RootPort>)>,
}

impl Functions<'_, '_> {
    fn add_other(&mut self, function: &PcFunction) -> Result<(), String> {
        match function.role {
            PcRole::Entropy => match ProcessorEntropy::find() {
                Some(source) => self.add_virtio(function, Rng::new(source)).map(drop),
                None => Ok(()),
            },
            PcRole::VirtioDisk { index } => {
                let (config, memory) = self.parts.disk(index)?;
                let block = self.parts.virtio_disk(config, memory, index)?;
                self.add_virtio(function, block).map(drop)
            }
            PcRole::Ahci => {
                let controller = drives::ahci(self.parts, self.plan, line(function))?;
                self.add(function, controller).map(drop)
            }
            PcRole::RootPort => self.add_port(function),
            PcRole::Ide => self.add_ide(function),
            PcRole::Nvme { index } => {
                let controller = drives::nvme(self.parts, index, line(function))?;
                self.add(function, controller).map(drop)
            }
            PcRole::Nic { index, model } => self.add_nic(function, index, model),
            // The caller names these.
            PcRole::HostBridge
            | PcRole::IsaBridge
            | PcRole::Console
            | PcRole::Balloon
            | PcRole::Display(_)
            | PcRole::Usb => Ok(()),
        }
    }

    /// Numbers its slot as the slot of bus 0 that it is in.
    fn add_port(&mut self, function: &PcFunction) -> Result<(), String> {
        let port = RootPort::new(place(function)?, function.slot, line(function).pin);
        let id = self.add(function, port)?;
        self.ports.push((function.slot, id));
        Ok(())
    }

    fn add_nic(&mut self, function: &PcFunction, index: u8, model: NicModel) -> Result<(), String> {
        let address = MacAddress::of(&self.parts.message.machine.name, index);
        match model {
            NicModel::Virtio => self.add_virtio(function, VirtioNet::new(address, Nowhere)).map(drop),
            NicModel::E1000e => self.add_e1000(function, e1000::Model::I82574l, address),
            NicModel::E1000 => self.add_e1000(function, e1000::Model::I82540em, address),
        }
    }

    fn add_e1000(
        &mut self,
        function: &PcFunction,
        model: e1000::Model,
        address: MacAddress,
    ) -> Result<(), String> {
        self.add(function, E1000::new(model, address, line(function), Nowhere)).map(drop)
    }

    fn add_ide(&mut self, function: &PcFunction) -> Result<(), String> {
        let controller = drives::ide(self.parts, self.plan, function.slot)?;
        let id = self.add(function, controller)?;
        for (region, first, count) in ide::FIXED_PORTS {
            self.bus.map_ports(id, region, first, count).map_err(|error| sentence(&error))?;
        }
        Ok(())
    }

    fn add_host_bridge(&mut self, function: &PcFunction, shadow: Option<Shadow>) -> Result<(), String> {
        let shadow = shadow.ok_or_else(|| String::from("the plan has two host bridges"))?;
        let id = self.add(function, Mch::new(self.plan.memory.low_end(), shadow))?;
        self.bus
            .map_memory(id, mch::SHADOW_REGION, mch::SHADOW_START, mch::SHADOW_BYTES)
            .map_err(|error| sentence(&error))
    }

    fn add_chipset(&mut self, function: &PcFunction) -> Result<DeviceId<Lpc>, String> {
        let id = self.add(function, Lpc::new(isa(layout::SYSTEM_CONTROL_INTERRUPT)))?;
        let reset = self.bus.map_ports(id, lpc::RESET_REGION, lpc::RESET_PORT, 1);
        reset
            .and_then(|()| self.bus.map_ports(id, lpc::SMI_REGION, lpc::SMI_PORT, lpc::SMI_PORTS))
            .map_err(|error| sentence(&error))?;
        Ok(id)
    }

    fn add_display(&mut self, function: &PcFunction, kind: vmm_protocol::Display) -> Result<Display, String> {
        let memory = self
            .direct
            .create(vga::MEMORY_BYTES, self.parts.group)
            .map_err(|error| format!("the display's memory cannot be made: {error:?}"))?;
        let place = place(function)?;
        let added = match kind {
            vmm_protocol::Display::VirtioGpu => VirtioVga::new(memory, GPU_SIZE, line(function))
                .attach(self.bus, place)
                .map(Display::VirtioVga),
            _ => Vga::new(memory).attach(self.bus, place).map(Display::Vga),
        };
        added.map_err(|error| sentence(&error))
    }

    fn add<T: Device>(&mut self, function: &PcFunction, device: T) -> Result<DeviceId<T>, String> {
        let place = place(function)?;
        let added = match function.behind {
            None => self.bus.add_function(place, device),
            Some(slot) => {
                let port = self.ports.iter().find(|(port, _)| *port == slot).map(|(_, id)| *id);
                let port = port.ok_or_else(|| String::from("the plan has a function behind no port"))?;
                self.bus.add_function_behind(port, place, device)
            }
        };
        added.map_err(|error| sentence(&error))
    }

    fn add_virtio<D: VirtioDevice>(
        &mut self,
        function: &PcFunction,
        device: D,
    ) -> Result<DeviceId<VirtioPci<D>>, String> {
        self.add(function, VirtioPci::new(device, line(function)))
    }
}

fn place(function: &PcFunction) -> Result<Place, String> {
    Place::new(function.slot, function.function)
        .ok_or_else(|| String::from("the plan has a function outside of the bus"))
}

/// Where a function's pin comes in. Functions that share a pin have different slots.
fn line(function: &PcFunction) -> Line {
    Line { pin: function.interrupt.map_or(0, |interrupt| interrupt.line), source: function.root_slot() }
}
