//! What the console is born with.

use alloc::{string::String, vec::Vec};
use serde::{Deserialize, Serialize};

/// The first message to the console. The handles that come with it stand in this order: its
/// scheduling group; then, each only where its field says so, the log; the serial line's I/O range
/// and interrupt; the screen's memory; the keyboard's data port, its status port, its
/// interrupt and that of the mouse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartMessage {
    /// The kernel's log comes along.
    pub has_log: bool,
    /// The serial line.
    pub serial: Option<SerialLine>,
    /// The screen.
    pub screen: Option<Screen>,
    /// The PS/2 keyboard and mouse.
    pub keyboard: Option<KeyboardPorts>,
    /// All VMs that are defined, in the order of their file.
    pub vms: Vec<VmConsole>,
    /// What this is, for the first line: product and build.
    pub banner: String,
}

/// A 16550 on I/O ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SerialLine {
    /// The first of its eight ports.
    pub port: u16,
}

/// The i8042's ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyboardPorts {
    /// Data.
    pub data: u16,
    /// Status.
    pub status: u16,
}

/// A linear framebuffer or the VGA text screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Screen {
    /// Width in pixels (text: columns).
    pub width: u32,
    /// Height in pixels (text: rows).
    pub height: u32,
    /// Bytes from one line to the next.
    pub stride_bytes: u32,
    /// Bits per pixel: 32 with blue in the lowest byte, or 16 for VGA text cells.
    pub bits: u32,
    /// Bytes between the start of the memory object and the first pixel.
    pub offset_bytes: u32,
}

/// A VM as the console must know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VmConsole {
    /// Its name.
    pub name: String,
    /// It has the machine's serial line.
    pub is_host: bool,
}
