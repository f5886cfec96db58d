//! Why the kernel cannot be started.

use core::fmt;
use loader_bundle::Refusal;
use uefi::Status;

/// What went wrong. The words of [`fmt::Display`] are for whoever stands before the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Failure {
    /// The program was built without a bundle.
    NoBundle,
    /// The bundle is damaged or has no kernel.
    Bundle(Refusal),
    /// The kernel in the bundle is no kernel.
    BadKernel(&'static str),
    /// The firmware has no memory for something.
    NoMemory(&'static str, Status),
    /// The processor cannot run the kernel.
    Processor(&'static str),
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::NoBundle => out.write_str(
                "this corten.efi was built without a boot bundle; make it with `cargo xtask image`",
            ),
            Failure::Bundle(why) => {
                write!(out, "the boot bundle cannot be used: {why}; write corten.efi again")
            }
            Failure::BadKernel(why) => {
                write!(out, "the kernel in corten.efi is damaged: {why}; write the file again")
            }
            Failure::NoMemory(what, status) => {
                write!(out, "the firmware has no memory for {what} ({status}); give the machine more")
            }
            Failure::Processor(why) => write!(out, "this processor cannot run Corten: {why}"),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(why: Refusal) -> Self {
        Failure::Bundle(why)
    }
}
