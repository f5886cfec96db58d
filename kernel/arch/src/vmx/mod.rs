//! Intel VT-x (Intel SDM vol. 3, chapters 24 to 31).
//!
//! - `processor`: what each processor needs before it can run guests;
//! - `firmware`: whether the firmware allows it;
//! - `controls`: which controls a processor's capabilities allow;
//! - `permissions`: the map of MSRs that all guests share;
//! - `vmcs`: reading and writing control structures, and which processor has which;
//! - `vcpu`: one vCPU and its control structure; `backend`: the same as [`kernel_core::vcpu::VirtualCpu`];
//! - `host`: the host's state around a run;
//! - `entry`: what comes before an entry and after an exit, when there is anything;
//! - `directory`: the four entries that 32-bit PAE paging loads;
//! - `switch`: the instructions that enter and leave a guest;
//! - `interrupts`: those that the processor delivers by itself; `log`: the log of the pages that a guest writes;
//! - `leaks`: which of the processor's buffers guests could read;
//! - `exit`: what an exit means; `segment`: how segment registers are kept.
//!
//! Needed: EPT with four levels, write-back tables, 2 MiB pages and INVEPT, unrestricted guest, virtual NMIs, the TPR shadow,
//! and loading EFER and PAT: all that came with unrestricted guest (Westmere). Used where offered:
//! - VPID, 1 GiB pages, PAUSE-loop exiting, RDTSCP, INVPCID, MSR bitmaps, intercepting ENCLS and ENCLV;
//! - virtual-interrupt delivery with APIC-register virtualisation, while a guest's local APIC is in x2APIC mode. In xAPIC mode,
//!   and without it, the local APIC in `kernel_core` injects interrupts with entries;
//! - with it, posted interrupts: what another processor posts while the guest runs goes to the guest without an exit. What is posted
//!   always lies in a descriptor of the processor's form (`kernel_core::vcpu::Posted`) and always has its own notification vector,
//!   which is an interrupt like any other where nobody takes it; so the way there is the same on all machines, and one control
//!   bit makes the difference. It wants host interrupts acknowledged by the exit, which they are wherever that is offered:
//!   the vector arrives (`crate::interrupt`) when the run ends. No emulator has posted interrupts;
//! - for guests whose memory is tracked, the page-modification log and with it EPT's accessed and dirty bits. Others are tracked
//!   by write protection;
//! - TSC scaling, for VMs that were saved where the TSC had another rate;
//! - XSAVES. Guests have no supervisor components, so nothing more is switched;
//! - VERW and the flush of the first-level data cache, on processors that leak without.
//!
//! The guest owns most of CR0 and CR4: the processor itself carries out what it writes there, with the
//! faults and table loads that belong to it. Ring 0 sees only what the guest must not have.
//!
//! Not used:
//! - self-IPIs without an exit (the x2APIC register for them): ring 0 would not hear of what is requested, and could not keep Bochs
//!   from delivering it with interrupts off (`interrupts`).
//! - the APIC-access page: xAPIC mode stays with the model.
//! - the preemption timer, but on an emulator that holds host interrupts back while a guest has interrupts off (`processor`).

pub mod controls;
pub mod exit;
pub mod firmware;
pub mod leaks;
pub mod segment;

#[cfg(target_os = "none")]
mod backend;
#[cfg(target_os = "none")]
mod directory;
#[cfg(target_os = "none")]
mod entry;
#[cfg(target_os = "none")]
mod host;
#[cfg(target_os = "none")]
mod interrupts;
#[cfg(target_os = "none")]
mod log;
#[cfg(target_os = "none")]
mod permissions;
#[cfg(target_os = "none")]
mod processor;
#[cfg(target_os = "none")]
mod switch;
#[cfg(target_os = "none")]
mod vcpu;
#[cfg(target_os = "none")]
mod vmcs;

#[cfg(target_os = "none")]
pub(crate) use processor::{check, enable, has_huge_pages};
#[cfg(target_os = "none")]
pub use vcpu::Vmx;
#[cfg(target_os = "none")]
pub(crate) use vmcs::give_back;

use core::fmt;

/// Why guests cannot run on this machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unavailable {
    /// The firmware has turned VT-x off and locked that.
    Locked,
    /// No EPT, or one that lacks what every processor with unrestricted guest has.
    NoEpt,
    /// No unrestricted guest.
    NoUnrestricted,
    /// Another control is missing.
    NoControl,
    /// VMXON failed.
    Refused,
    /// No memory for what each processor needs.
    NoMemory,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Unavailable::Locked => {
                "Intel VT-x is there but the firmware has locked it off; switch on \"Intel Virtualization \
                 Technology\" in the firmware's set-up"
            }
            Unavailable::NoEpt => "this processor's Intel VT-x has no extended page tables (EPT), which Corten needs",
            Unavailable::NoUnrestricted => {
                "this processor's Intel VT-x cannot run real-mode guests (unrestricted guest), which Corten needs"
            }
            Unavailable::NoControl => "this processor's Intel VT-x is too old: it lacks controls that Corten needs",
            Unavailable::Refused => "Intel VT-x could not be turned on (VMXON failed)",
            Unavailable::NoMemory => "no memory is left for Intel VT-x",
        })
    }
}
