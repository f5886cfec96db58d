//! The first process: starts and watches programs and VMs.
//!
//! The kernel starts it with the handles of the machine. It reads the boot bundle, starts the
//! programs of `system.toml` with the capabilities that stand there, and one `vmm` for each VM of
//! `vms.toml` that is to run. What happens then is decided by
//! [`management_supervisor::Supervisor`]; this program carries it out. It sleeps in one port; its one
//! timer is armed only while a restart or a time limit is pending.
//!
//! # Lines in the log
//!
//! Tools and tests match these lines, so they are stable. Besides those of
//! [`management_supervisor::Effect::Log`] there are:
//!
//! | line | meaning |
//! |---|---|
//! | `corten: up, N vms defined` | the machine is up; VMs that start by themselves are started now |
//! | `cannot start: REASON` | bundle damaged, a file missing, a mistake in a definition file: nothing is started |
//! | `cannot start: powering off in N s` | and this is what happens next |
//! | `cannot power off: ERROR` | the machine stays on, everything is stopped |
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod boot;
mod boot_bundle;
mod console_start;
mod devices;
mod figures;
mod hopeless;
mod kept_file;
mod keys;
mod link;
mod power;
mod programs;
mod roots;
mod service;
mod vm_files;
mod vms;
mod wall_clock;

use roots::Roots;
use user_rt::Startup;

user_rt::entry!(main);

/// The kernel's start message is not what this program was built for.
const EXIT_CODE_NO_ROOTS: i64 = 1;

fn main(startup: Startup) -> i64 {
    let Some(roots) = Roots::unpack(startup) else {
        user_rt::log!("cannot start: the kernel gave other handles than expected");
        return EXIT_CODE_NO_ROOTS;
    };
    match boot::read(&roots) {
        Ok(boot) => service::run(roots, boot),
        Err(failure) => hopeless::give_up(&roots, &failure),
    }
}
