//! The keyboard controller of a PC with a keyboard and a mouse (Intel 8042; IBM PS/2 Hardware Interface Technical
//! Reference, "keyboard and auxiliary device controller"; Microsoft, "PS/2 mouse: wheel support"), and port 0x92.
//!
//! The outside presses keys ([`I8042::stroke`]) and moves the mouse ([`I8042::move_mouse`]). Both devices have
//! bounded queues: what does not fit is not taken (keys) or added up until there is room (movement). The controller has
//! one byte of output buffer; taking it lets the next byte in, with an edge on interrupt 1 or 12.
//!
//! Address line 20 can always be used: software sees the switch that it set, and nothing wraps at 1 MiB.

mod bus;
mod controller;
mod key;
mod keyboard;
mod mouse;
mod packet;
mod scan_code;
#[cfg(test)]
mod tests;

pub use bus::{COMMAND_PORT, COMMAND_REGION, DATA_PORT, DATA_REGION, FAST_PORT, FAST_REGION};
pub use controller::I8042;
pub use key::{Key, Motion, Stroke};
