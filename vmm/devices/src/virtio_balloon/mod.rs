//! A memory balloon (5.5): the guest gives pages back, on demand or because they are free.
//!
//! The owner sets a target; the guest inflates its balloon with pages that it no longer touches, and
//! the device asks the outside to give them back ([`vmm_bus::Effects::return_pages`]). Taking one out
//! again costs nothing: the first touch brings a zeroed page.

mod device;
mod pages;
mod state;
mod statistics;
#[cfg(test)]
mod tests;

pub use state::Balloon;
pub use statistics::MemoryStatistics;
