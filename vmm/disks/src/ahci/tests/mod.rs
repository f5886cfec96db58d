//! The controller as its drivers see it.

mod atapi;
mod bench;
mod commands;
mod errors;
mod queued;
