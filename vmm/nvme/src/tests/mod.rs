//! The controller as its drivers see it.

mod admin;
mod bench;
mod doorbells;
mod hostile;
mod io;
