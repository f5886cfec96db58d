//! The PCI Express capability, version 2 (PCI Express 4.0, 7.5.3): a link of one lane at 2.5 GT/s that is always up.

use super::ConfigSpace;
use spec::pci::CAPABILITY_PCI_EXPRESS;

/// What a function is on its link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExpressRole {
    /// An endpoint behind a port.
    Endpoint,
    /// A root port.
    RootPort {
        /// Number of its link and its slot, as a person counts.
        number: u8,
    },
}

/// Bytes of the capability behind id and link.
const BODY_BYTES: usize = 58;
/// Version 2; the kind of function follows from bit 4 on.
const VERSION: u16 = 2;
const ROOT_PORT: u16 = 4 << 4;
/// There is a slot behind the port.
const HAS_SLOT: u16 = 1 << 8;
/// Device capabilities: errors are reported by their roles.
const DEVICE_CAPABILITIES: u32 = 1 << 15;
/// Link capabilities: 2.5 GT/s, one lane; the port's number follows in the upper byte.
const LINK_CAPABILITIES: u32 = 1 | 1 << 4;
/// Link status: 2.5 GT/s, one lane.
const LINK_STATUS: u16 = 1 | 1 << 4;
/// Slot status: something is plugged in.
const SLOT_PRESENT: u16 = 1 << 6;

/// The bytes of a capability behind id and link, and which of their bits software may change.
struct Body {
    content: [u8; BODY_BYTES],
    writable: [u8; BODY_BYTES],
}

impl Body {
    fn put(&mut self, offset: usize, content: &[u8], writable: &[u8]) {
        copy(&mut self.content, offset, content);
        copy(&mut self.writable, offset, writable);
    }
}

/// Adds the capability at construction.
pub fn add(config: &mut ConfigSpace, role: ExpressRole) {
    let mut body = Body { content: [0; BODY_BYTES], writable: [0; BODY_BYTES] };
    let (kind, number) = match role {
        ExpressRole::Endpoint => (VERSION, 0),
        ExpressRole::RootPort { number } => (VERSION | ROOT_PORT | HAS_SLOT, number),
    };
    // Offsets are those of the capability less two for id and link.
    body.put(0, &kind.to_le_bytes(), &[]);
    body.put(2, &DEVICE_CAPABILITIES.to_le_bytes(), &[]);
    // Device control: error reports, payload sizes, relaxed ordering; no reset of the function.
    body.put(6, &[0; 2], &[0xFF, 0x7F]);
    let link = LINK_CAPABILITIES | u32::from(number) << 24;
    body.put(10, &link.to_le_bytes(), &[]);
    // Link control: power states, common clock.
    body.put(14, &[0; 2], &[0xC3, 0x00]);
    body.put(16, &LINK_STATUS.to_le_bytes(), &[]);
    if matches!(role, ExpressRole::RootPort { .. }) {
        // Slot: its number in the upper bits; nothing can be plugged.
        let slot = u32::from(number) << 19;
        body.put(18, &slot.to_le_bytes(), &[]);
        body.put(24, &SLOT_PRESENT.to_le_bytes(), &[]);
        // Root control: error reports, PME.
        body.put(26, &[0; 2], &[0x0F, 0x00]);
    }
    // Link control 2: 2.5 GT/s.
    body.put(46, &[1, 0], &[]);
    config.add_capability(CAPABILITY_PCI_EXPRESS, &body.content, &body.writable);
}

fn copy(to: &mut [u8; BODY_BYTES], offset: usize, from: &[u8]) {
    for (place, byte) in to.iter_mut().skip(offset).zip(from) {
        *place = *byte;
    }
}
