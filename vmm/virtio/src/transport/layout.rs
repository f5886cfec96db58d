//! Where each part of the transport lies in the BAR.

/// The BAR that holds everything, if the device has no others of its own.
pub const BAR: u8 = 0;
/// Its size.
pub const BAR_BYTES: u64 = 0x8000;

/// Bytes of each part: a page, so that parts can be mapped apart.
pub(super) const PART_BYTES: u64 = 0x1000;
pub(super) const COMMON: u64 = 0x0000;
pub(super) const ISR: u64 = 0x1000;
pub(super) const DEVICE: u64 = 0x2000;
pub(super) const NOTIFY: u64 = 0x3000;
pub(super) const MSIX_TABLE: u64 = 0x4000;
pub(super) const MSIX_PENDING: u64 = 0x6000;

/// Bytes between the notification addresses of two queues.
pub(super) const NOTIFY_STRIDE: u64 = 4;
/// Bytes that a driver writes to notify.
pub(super) const NOTIFY_BYTES: u64 = 2;

/// Which part an offset belongs to, and the offset in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    Common(u64),
    Isr(u64),
    Device(u64),
    Notify(u64),
    /// The function's business, which knows the offsets itself.
    Msix,
    Nothing,
}

impl Part {
    pub(super) fn at(offset: u64) -> Self {
        let within = offset % PART_BYTES;
        match offset - within {
            COMMON => Part::Common(within),
            ISR => Part::Isr(within),
            DEVICE => Part::Device(within),
            NOTIFY => Part::Notify(within),
            MSIX_TABLE | MSIX_PENDING => Part::Msix,
            _ => Part::Nothing,
        }
    }
}
