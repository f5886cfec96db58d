//! The UEFI program that carries the bundle and starts the kernel.
//!
//! The bundle is part of the program and is used where the firmware has put it. The kernel is one
//! of its files. Everything that the program allocates besides counts as free RAM for the kernel, which
//! leaves it before it takes any.
#![cfg_attr(target_os = "uefi", no_std, no_main)]

#[cfg(target_os = "uefi")]
extern crate alloc;

#[cfg(target_os = "uefi")]
mod carried;
#[cfg(target_os = "uefi")]
mod elf;
#[cfg(target_os = "uefi")]
mod failure;
#[cfg(target_os = "uefi")]
mod firmware;
#[cfg(target_os = "uefi")]
mod jump;
#[cfg(target_os = "uefi")]
mod kernel;
#[cfg(target_os = "uefi")]
mod memory_map;
#[cfg(target_os = "uefi")]
mod tables;

#[cfg(target_os = "uefi")]
use uefi::{Status, entry};

/// The program's steps.
#[cfg(target_os = "uefi")]
#[entry]
fn main() -> Status {
    let entry_tsc = jump::read_tsc();
    if let Err(status) = firmware::greet() {
        return status;
    }
    match start(entry_tsc) {
        Ok(never) => match never {},
        Err(failure) => firmware::report(failure),
    }
}

#[cfg(target_os = "uefi")]
fn start(entry_tsc: u64) -> Result<core::convert::Infallible, failure::Failure> {
    jump::check_processor()?;
    let bundle = carried::bundle();
    let kernel = kernel::load(bundle)?;
    let info = firmware::describe(&kernel, bundle, entry_tsc)?;
    let tables = tables::build(&kernel, info)?;
    jump::leave(&kernel, info, tables)
}

/// On the host the loader is an empty program, so that plain `cargo check` works.
#[cfg(not(target_os = "uefi"))]
fn main() {}
