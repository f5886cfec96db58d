//! Bodies of capabilities that more than one device has.

use spec::pci::{MSIX_ENABLE, MSIX_FUNCTION_MASK};

/// The MSI-X capability without id and link (PCI 3.0, 6.8.2): message control, table, pending bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MsixCapability {
    /// Number of vectors, 1 to 2048.
    pub vectors: u16,
    /// The BAR that holds the table and the pending bits.
    pub bar: u8,
    /// Offset of the table in the BAR, a multiple of 8.
    pub table: u32,
    /// Offset of the pending bits in the BAR, a multiple of 8.
    pub pending: u32,
}

impl MsixCapability {
    /// The body for [`crate::pci::ConfigSpace::add_capability`].
    pub fn body(&self) -> [u8; 10] {
        let mut body = [0; 10];
        let control = self.vectors.saturating_sub(1) & 0x7FF;
        let bar = u32::from(self.bar & 7);
        let parts: [&[u8]; 3] = [
            &control.to_le_bytes(),
            &(self.table & !7 | bar).to_le_bytes(),
            &(self.pending & !7 | bar).to_le_bytes(),
        ];
        for (to, from) in body.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        body
    }

    /// The bits that software may change: enable and function mask.
    pub fn writable() -> [u8; 2] {
        (MSIX_ENABLE | MSIX_FUNCTION_MASK).to_le_bytes()
    }
}
