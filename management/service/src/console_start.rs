//! The start message of programs: what they are given, as their manifest says.

use crate::{devices::Devices, roots::Roots};
use alloc::{format, string::String, vec, vec::Vec};
use management_config::{Capability, ConsoleKind, Program, VmFile};
use management_protocol::{StartMessage, VmConsole};
use user_rt::{Error, Group, Object, OwnedHandle, system_info};

/// Characters of the build id that are shown.
const BUILD_ID_SHOWN: usize = 12;

/// The message and the handles for `program`, whose group is `group`.
pub(crate) fn compose(
    program: &Program,
    group: &Group,
    roots: &Roots,
    devices: &Devices,
    vms: &VmFile,
) -> Result<(StartMessage, Vec<OwnedHandle>), Error> {
    let serial = devices.serial.as_ref().filter(|_| program.has(Capability::Serial));
    let screen = devices.screen.as_ref().filter(|_| program.has(Capability::Screen));
    let keyboard = devices.keyboard.as_ref().filter(|_| program.has(Capability::Keyboard));
    let mut handles = vec![group.duplicate_all()?.into_handle()];
    if program.has(Capability::Log) {
        handles.push(roots.log.duplicate_all()?.into_handle());
    }
    if let Some(serial) = serial {
        handles.extend(serial.handles()?);
    }
    if let Some(screen) = screen {
        handles.extend(screen.handles()?);
    }
    if let Some(keyboard) = keyboard {
        handles.extend(keyboard.handles()?);
    }
    let message = StartMessage {
        has_log: program.has(Capability::Log),
        serial: serial.map(|device| device.description),
        screen: screen.map(|device| device.description),
        keyboard: keyboard.map(|device| device.description),
        vms: if program.has(Capability::VmConsoles) { consoles(vms) } else { Vec::new() },
        banner: banner(),
    };
    Ok((message, handles))
}

fn consoles(vms: &VmFile) -> Vec<VmConsole> {
    let console = |vm: &management_config::VmDefinition| VmConsole {
        name: vm.name.clone(),
        is_host: vm.console == ConsoleKind::Host,
    };
    vms.vms.iter().map(console).collect()
}

fn banner() -> String {
    let build: String = system_info()
        .build_id
        .iter()
        .take_while(|byte| byte.is_ascii_graphic())
        .take(BUILD_ID_SHOWN)
        .map(|byte| char::from(*byte))
        .collect();
    format!("Corten {} {build}", env!("CARGO_PKG_VERSION"))
}
