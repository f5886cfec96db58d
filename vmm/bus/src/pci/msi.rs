//! The MSI capability with one 64-bit message (PCI 3.0, 6.8.1): its registers live in configuration space.

use crate::{interrupt::Msi, pci::ConfigSpace};
use spec::pci::{CAPABILITY_MSI, MSI_64, MSI_ENABLE};

/// Bytes of the capability behind id and link: control, address, data.
const BODY_BYTES: usize = 12;

/// Where a function's MSI capability is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MsiCapability {
    control: u16,
}

impl MsiCapability {
    /// Adds the capability at construction.
    pub fn add(config: &mut ConfigSpace) -> Self {
        let mut body = [0; BODY_BYTES];
        let [low, high] = MSI_64.to_le_bytes();
        let mut writable = [0xFF; BODY_BYTES];
        for (index, (content, mask)) in body.iter_mut().zip(&mut writable).enumerate() {
            match index {
                // One message: the number of enabled messages cannot be changed.
                0 => (*content, *mask) = (low, MSI_ENABLE.to_le_bytes()[0]),
                1 => (*content, *mask) = (high, 0),
                2 => *mask = 0xFC,
                _ => {}
            }
        }
        let place = config.add_capability(CAPABILITY_MSI, &body, &writable);
        Self { control: place.saturating_add(2) }
    }

    /// The message to send, if software switched MSI on.
    pub fn message(self, config: &ConfigSpace) -> Option<Msi> {
        if config.word(self.control) & MSI_ENABLE == 0 {
            return None;
        }
        let at = |offset: u16| config.dword(self.control.saturating_add(offset));
        let address = u64::from(at(6)) << 32 | u64::from(at(2));
        Some(Msi { address, data: at(10) & 0xFFFF })
    }
}
