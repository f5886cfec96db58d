//! An NVM Express controller with one namespace over a [`vmm_bus::Volume`].
//!
//! - [`controller`]: the device as a value and how it takes commands from its queues.
//! - [`registers`], [`bus`]: what software reaches through the window.
//! - [`queues`], [`doorbell_buffer`]: rings in guest memory, and doorbells there: with these, software's writes to the
//!   window mean only "look", and a kernel can turn them into events.
//! - [`command`], [`prp`]: what a command says and where its data lies.
//! - [`admin`], [`io`]: what commands do.
//!
//! Sections cited are those of the NVM Express Base Specification 1.4. Commands are done one after the other, a
//! bounded number in each call; the rest is continued through the device's deadline.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod admin;
mod bus;
mod command;
mod controller;
mod doorbell_buffer;
mod io;
mod prp;
mod queues;
mod registers;
mod saved;
#[cfg(test)]
mod tests;

pub use controller::{BAR, BAR_BYTES, Nvme, NvmeConfig, QUEUES_MAX, SERIAL_BYTES};
