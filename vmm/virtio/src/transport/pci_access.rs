//! Access to the BAR through configuration space (4.1.4.9), for firmware that maps no memory.

use super::{BAR_BYTES, state::VirtioPci};
use crate::device::VirtioDevice;
use vmm_bus::{AccessSize, Context, Device};

/// Offset of the BAR's number in the capability.
const CAPABILITY_BAR: u16 = 4;
/// Offset of the offset.
const CAPABILITY_OFFSET: u16 = 8;
/// Offset of the length.
const CAPABILITY_LENGTH: u16 = 12;
/// Offset of the data.
const CAPABILITY_DATA: u16 = 16;

impl<D: VirtioDevice> VirtioPci<D> {
    /// Whether an access to configuration space is one to the data of the capability.
    pub(super) fn is_pci_data(&self, offset: u16) -> bool {
        self.places.pci.checked_add(CAPABILITY_DATA).is_some_and(|data| offset & !3 == data)
    }

    /// Reads what the capability points to; zero where it points to nothing sensible.
    pub(super) fn read_pci_data(&mut self, context: &mut Context<'_>) -> u32 {
        match self.pci_target() {
            Some((offset, size)) => size.cut(self.read(self.region(), offset, size, context)) as u32,
            None => 0,
        }
    }

    /// Writes what the capability points to.
    pub(super) fn write_pci_data(&mut self, value: u32, context: &mut Context<'_>) {
        if let Some((offset, size)) = self.pci_target() {
            self.write(self.region(), offset, size, size.cut(u64::from(value)), context);
        }
    }

    /// What the driver chose: it must be aligned, one, two or four bytes, and within the BAR.
    fn pci_target(&self) -> Option<(u64, AccessSize)> {
        let field = |offset: u16| {
            self.places.pci.checked_add(offset).map(|place| self.function.config().dword(place))
        };
        let bar = field(CAPABILITY_BAR)? & 0xFF;
        let offset = u64::from(field(CAPABILITY_OFFSET)?);
        let length = u8::try_from(field(CAPABILITY_LENGTH)?).ok()?;
        let size = AccessSize::from_bytes(length).filter(|size| *size <= AccessSize::Dword)?;
        let is_inside =
            bar == u32::from(self.bar) && offset < BAR_BYTES && offset.is_multiple_of(size.bytes());
        is_inside.then_some((offset, size))
    }
}
