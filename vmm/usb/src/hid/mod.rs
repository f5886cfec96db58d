//! Human interface devices (HID 1.11).

mod keyboard;
mod queue;
mod tablet;

pub(crate) use keyboard::Keyboard;
pub(crate) use queue::{Report, ReportQueue};
pub use tablet::Position;
pub(crate) use tablet::Tablet;
