//! AMD-V (AMD APM vol. 2, chapter 15).
//!
//! - `processor`: what each processor needs before it can run guests, and the identifiers that it
//!   tags their translations with;
//! - `permissions`: the maps of ports and MSRs that all guests share;
//! - `vcpu`: one vCPU and its control block; `backend`: the same as [`kernel_core::vcpu::VirtualCpu`];
//! - `entry`: what comes before an entry and after an exit, when there is anything;
//! - `switch`: the instructions that enter and leave a guest;
//! - `exit`: what an exit code means;
//! - `bochs`: what makes up for the faults of an emulator;
//! - `step`: running one instruction, and interrupt shadows on processors that forget them.
//!
//! All of it is right without next-RIP, decode assists, clean bits, flush-by-ASID or a pause filter, and uses
//! them where they are. Not used: AVIC (the local APIC's own path has no exits but for APIC accesses, and the
//! fallback has to exist anyway), virtual GIF (guests have no SVM) and LBR virtualisation.

pub mod bochs;
pub mod exit;

#[cfg(target_os = "none")]
mod backend;
#[cfg(target_os = "none")]
mod entry;
#[cfg(target_os = "none")]
mod permissions;
#[cfg(target_os = "none")]
mod processor;
#[cfg(target_os = "none")]
mod step;
#[cfg(target_os = "none")]
mod switch;
#[cfg(target_os = "none")]
mod vcpu;

#[cfg(target_os = "none")]
pub(crate) use processor::{check, enable};
#[cfg(target_os = "none")]
pub use vcpu::Svm;

use core::fmt;

/// Why guests cannot run on this machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unavailable {
    /// The processor has no AMD-V.
    NoSvm,
    /// The firmware has turned it off and locked that.
    Locked,
    /// The processor has AMD-V without nested paging.
    NoNestedPaging,
    /// No memory for what each processor needs.
    NoMemory,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Unavailable::NoSvm => "this processor has no AMD-V",
            Unavailable::Locked => {
                "AMD-V is there but the firmware has locked it off; switch on \"SVM Mode\" in the firmware's set-up"
            }
            Unavailable::NoNestedPaging => "this processor's AMD-V has no nested paging, which Corten needs",
            Unavailable::NoMemory => "no memory is left for AMD-V",
        })
    }
}
