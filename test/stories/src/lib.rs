//! Whole-system stories: boot, kill, restart, power off.
//!
//! A [`Story`] is one claim about the whole system, or many that share a machine, told as a function over a [`World`]: it
//! asks for an image with certain virtual machines, starts an emulated machine with it, and waits for what that
//! prints. [`all`] lists them; `cargo xtask test` runs them.
#![forbid(unsafe_code)]

mod bochs_pc;
mod claims;
mod debian;
mod isolation;
mod linux;
mod lives;
mod machines;
mod monitor;
mod pc;
mod reading;
mod refusals;
mod ring3;
mod saving;
mod software;
mod story;
mod uefi;
mod usb;
mod vms;

pub use claims::claims;
pub use monitor::Monitor;
pub use story::{Extent, Images, Report, Story, World};

/// All stories, the longest first so that they do not end up alone at the end.
pub fn all() -> Vec<Story> {
    let mut stories = debian::stories();
    stories.extend(linux::stories());
    stories.extend(bochs_pc::stories());
    stories.extend(pc::stories());
    stories.extend(software::stories());
    stories.extend(usb::stories());
    stories.extend(uefi::stories());
    stories.extend(lives::stories());
    stories.extend(saving::stories());
    stories.extend(isolation::stories());
    stories.extend(ring3::stories());
    stories.extend(machines::stories());
    stories.extend(refusals::stories());
    stories
}
