//! PCI functions, through configuration space in memory.

use crate::processor::{read_memory, write_memory};

/// Configuration space of bus 0.
pub(crate) const CONFIG: u64 = 0xe000_0000;
/// Bytes of a device's configuration space.
const DEVICE_BYTES: u64 = 1 << 15;
const DEVICES: u64 = 32;
const VIRTIO_VENDOR: u32 = 0x1af4;
/// Device ids of virtio 1.x start here.
const VIRTIO_FIRST: u32 = 0x1040;
/// Memory space and bus master.
const ENABLES: u32 = 6;
const CAPABILITY_VENDOR: u8 = 9;
/// Links of a list of capabilities at the most.
const CAPABILITIES_MAX: usize = 48;

/// A function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Function {
    /// Its configuration space.
    pub(crate) config: u64,
}

/// All functions that are there.
pub(crate) fn functions() -> impl Iterator<Item = Function> {
    let all = (0..DEVICES).map(|device| Function { config: CONFIG + device * DEVICE_BYTES });
    all.filter(|function| read_memory(function.config) as u16 != 0xffff)
}

/// The first virtio device of this type.
pub(crate) fn virtio(kind: u32) -> Option<Function> {
    let id = (VIRTIO_FIRST + kind) << 16 | VIRTIO_VENDOR;
    functions().find(|function| read_memory(function.config) == id)
}

impl Function {
    /// Lets it answer and reach memory.
    pub(crate) fn enable(&self) {
        write_memory(self.config + 4, ENABLES);
    }

    /// Where its first window lies, if it has one.
    pub(crate) fn window(&self) -> Option<u64> {
        let low = read_memory(self.config + 0x10);
        let high = if low >> 1 & 3 == 2 { read_memory(self.config + 0x14) } else { 0 };
        let base = u64::from(low & !0xf) | u64::from(high) << 32;
        (low & 1 == 0 && base != 0).then_some(base)
    }

    /// Offsets of its capabilities with this id.
    fn capabilities(&self, id: u8) -> impl Iterator<Item = u64> {
        let config = self.config;
        let mut at = u64::from(read_memory(config + 0x34) & 0xfc);
        let list = core::iter::from_fn(move || {
            let here = at;
            if here == 0 {
                return None;
            }
            at = u64::from(read_memory(config + here) >> 8 & 0xfc);
            Some(config + here)
        });
        list.take(CAPABILITIES_MAX).filter(move |place| read_memory(*place) as u8 == id)
    }

    /// Where a part of the virtio interface lies.
    pub(crate) fn virtio_part(&self, kind: u8) -> Option<u64> {
        let place =
            self.capabilities(CAPABILITY_VENDOR).find(|place| (read_memory(*place) >> 24) as u8 == kind)?;
        Some(self.window()? + u64::from(read_memory(place + 8)))
    }

    /// The MSI-X capability.
    pub(crate) fn msix(&self) -> Option<u64> {
        self.capabilities(0x11).next()
    }
}
