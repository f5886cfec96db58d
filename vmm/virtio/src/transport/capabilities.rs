//! The capabilities that lead a driver to the parts (4.1.4).

use super::layout::{COMMON, DEVICE, ISR, MSIX_PENDING, MSIX_TABLE, NOTIFY, NOTIFY_STRIDE, PART_BYTES};
use spec::{
    pci::CAPABILITY_VENDOR,
    virtio::{
        CAPABILITY_COMMON, CAPABILITY_DEVICE, CAPABILITY_ISR, CAPABILITY_NOTIFY, CAPABILITY_PCI, COMMON_BYTES,
    },
};
use vmm_bus::pci::{Function, function::MsixPlace};

/// Bytes of `struct virtio_pci_cap`.
const CAPABILITY_BYTES: u8 = 16;
/// The same without id and link, which configuration space adds.
const BODY_BYTES: usize = 14;

/// Where the capabilities are that the transport must look at again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    /// Access through configuration space.
    pub(super) pci: u16,
}

/// Adds all capabilities at construction.
pub(super) fn add(mut function: Function, bar: u8, vectors: u16) -> (Function, Places) {
    let config = function.config_mut();
    let plain = CAPABILITY_BYTES;
    let longer = CAPABILITY_BYTES.saturating_add(4);
    let stride = (NOTIFY_STRIDE as u32).to_le_bytes();
    config.add_capability(
        CAPABILITY_VENDOR,
        &body(bar, CAPABILITY_COMMON, plain, (COMMON, COMMON_BYTES)),
        &[],
    );
    config.add_capability(CAPABILITY_VENDOR, &body(bar, CAPABILITY_ISR, plain, (ISR, 1)), &[]);
    config.add_capability(CAPABILITY_VENDOR, &body(bar, CAPABILITY_DEVICE, plain, (DEVICE, PART_BYTES)), &[]);
    let notify = followed_by(body(bar, CAPABILITY_NOTIFY, longer, (NOTIFY, PART_BYTES)), stride);
    config.add_capability(CAPABILITY_VENDOR, &notify, &[]);
    // 4.1.4.9: the driver chooses BAR, offset and length here, then reads or writes the data behind.
    let window = followed_by(body(bar, CAPABILITY_PCI, longer, (0, 0)), [0; 4]);
    let pci = config.add_capability(CAPABILITY_VENDOR, &window, &PCI_WRITABLE);
    let msix = MsixPlace { vectors, bar, table: MSIX_TABLE as u32, pending: MSIX_PENDING as u32 };
    (function.with_msix(msix), Places { pci })
}

/// BAR, offset and length may be changed; the data behind them is computed.
const PCI_WRITABLE: [u8; BODY_BYTES] = [0, 0, 0xFF, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];

fn body(bar: u8, kind: u8, bytes: u8, (offset, length): (u64, u64)) -> [u8; BODY_BYTES] {
    let [o0, o1, o2, o3] = (offset as u32).to_le_bytes();
    let [l0, l1, l2, l3] = (length as u32).to_le_bytes();
    [bytes, kind, bar, 0, 0, 0, o0, o1, o2, o3, l0, l1, l2, l3]
}

fn followed_by(body: [u8; BODY_BYTES], tail: [u8; 4]) -> [u8; BODY_BYTES + 4] {
    let mut whole = [0; BODY_BYTES + 4];
    for (to, from) in whole.iter_mut().zip(body.into_iter().chain(tail)) {
        *to = from;
    }
    whole
}
