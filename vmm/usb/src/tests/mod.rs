//! The controller as its drivers see it.

mod commands;
mod driver;
mod enumerate;
mod hostile;
mod input;
mod interrupts;
mod saved;
