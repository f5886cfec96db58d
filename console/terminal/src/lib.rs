//! The machine's own console as a value: what is typed and told goes in, what is shown and asked
//! comes out.
//!
//! There are two [`Session`]s, the serial line and the screen with its keyboard. Each looks at the
//! monitor (a line editor, commands, the kernel's log) or at the serial line of a VM; Ctrl-]
//! goes from one to the other. The screen can also show a VM's display ([`PictureScreen`]), which then has the keyboard
//! ([`Stroke`]s). [`Console`] joins them: it keeps what VMs say while nobody looks,
//! asks the supervisor and shows its answers. Everything typed is a stream of terminal bytes;
//! [`Keyboard`] makes them from scan codes and [`Screen`] draws a terminal's cells. The two devices
//! with ports, [`SerialPort`] and [`KeyboardController`], are driven through [`Ports`].
//!
//! ```text
//!   serial bytes ──▶ Session ──▶ Keys ──▶ LineEditor ──▶ Command ──▶ Question to the supervisor
//!   scan codes ──▶ Keyboard ─┘      └───▶ bytes to the VM            Notice ──▶ tables ──▶ output
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod command;
mod commands;
mod completion;
mod console;
mod displays;
mod editor;
mod font;
mod grid;
mod history;
mod key;
mod keyboard;
mod keyboard_controller;
mod mouse;
mod picture;
mod ports;
mod quantity;
mod render;
mod report;
mod scroll_back;
mod serial_port;
mod session;
mod stroke;
mod table;
mod terminal;
mod vm_lines;

pub use command::{Command, CommandError};
pub use console::{Console, Effect, SessionId};
pub use editor::{LINE_BYTES_MAX, LineEditor, Outcome};
pub use grid::{Cell, Grid, Position};
pub use key::{ESCAPE_KEY, Key, KeyDecoder};
pub use keyboard::Keyboard;
pub use keyboard_controller::{KeyboardController, Source};
pub use mouse::{Motion, MouseDecoder, Pointer};
pub use picture::PictureScreen;
pub use ports::Ports;
pub use render::{Canvas, PixelScreen, Screen, TextScreen};
pub use scroll_back::ScrollBack;
pub use serial_port::{SerialPort, TRANSMIT_BYTES_MAX};
pub use session::Session;
pub use stroke::{Stroke, StrokeDecoder};
pub use terminal::Terminal;
