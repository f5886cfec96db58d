//! The machine's own console on the serial line and the screen.
//!
//! This program only moves bytes: from the devices, the log, the VMs' serial lines and the
//! supervisor into [`console_terminal::Console`], and what that wants shown, asked or sent back
//! out. It sleeps in one port: nothing typed and nothing said costs nothing. It looks at a clock only while the screen
//! shows a VM's display.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod devices;
mod keys;
mod log_reader;
mod screen;
mod screens;
mod service;
mod startup;
mod vm_channels;

use service::Service;
use startup::Parts;
use user_rt::Startup;

user_rt::entry!(main);

/// The start message made no sense or a kernel object could not be made.
const EXIT_CODE_NO_PARTS: i64 = 1;
/// The supervisor is gone, so nobody is left to serve.
const EXIT_CODE_ORPHANED: i64 = 2;

fn main(startup: Startup) -> i64 {
    let Some(parts) = Parts::unpack(startup) else {
        user_rt::log!("the start message is not one");
        return EXIT_CODE_NO_PARTS;
    };
    match Service::new(parts) {
        Ok(mut service) => {
            service.run();
            EXIT_CODE_ORPHANED
        }
        Err(error) => {
            user_rt::log!("cannot start: {error:?}");
            EXIT_CODE_NO_PARTS
        }
    }
}
