//! One virtual machine: the program that the supervisor starts for each.
//!
//! Everything that can be decided without the kernel is decided in the crates beside this one; here
//! they are put together and connected to kernel objects:
//!
//! - [`inputs`]: the start message. [`vm`]: what all threads share. [`ram`]: guest memory.
//! - [`platform`]: everything that is decided before. [`board`]: which devices there are, for each platform.
//! - [`machine`]: devices and effects behind one lock. [`direct`]: memory of devices that the guest sees.
//! - [`vcpu`]: one thread for each vCPU, which runs it and answers its exits.
//! - [`device_loop`]: the main thread: doorbells, timers, console, supervisor.
//! - [`screen`]: the display for somebody who looks at it.
//! - [`lifecycle`]: start, reset, renewal and end of the machine. [`saving`]: its state as a snapshot.
//!
//! A guest access to a device is: `vcpu_run` returns on the vCPU's thread, the thread takes the lock,
//! calls the device, carries out the effects and runs the guest again. Nothing on this path allocates.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod board;
mod console;
mod control;
mod device_loop;
mod direct;
mod doorbells;
mod entropy;
mod inputs;
mod kernel_file;
mod lifecycle;
mod loading;
mod machine;
mod platform;
mod ram;
mod saving;
mod screen;
mod vcpu;
mod vm;

use user_rt::Startup;

user_rt::entry!(main);

/// The guest turned its machine off.
const EXIT_CODE_POWERED_OFF: i64 = 0;
/// The machine could not be built, or the guest broke it.
const EXIT_CODE_FAILED: i64 = 1;
/// The start message made no sense.
const EXIT_CODE_NO_INPUTS: i64 = 2;
/// The supervisor is gone.
const EXIT_CODE_ORPHANED: i64 = 3;

fn main(startup: Startup) -> i64 {
    let Some(inputs) = inputs::Inputs::unpack(startup) else {
        user_rt::log!("the start message is not one");
        return EXIT_CODE_NO_INPUTS;
    };
    match vm::Vm::build(inputs) {
        Ok(vm) => device_loop::run(vm),
        Err((channel, sentence)) => {
            control::report_last(&channel, vmm_protocol::Report::Refused(sentence));
            EXIT_CODE_FAILED
        }
    }
}
