//! Which virtualisation this machine has, and what AMD-V and VT-x share.
//!
//! - [`require`] and [`prepare`] choose between `svm` and `vmx`, once and for good;
//! - [`Processor`]: a vCPU on either of them;
//! - `facts`: what guests may have of this processor;
//! - `registers`: the guest's general registers, as both vendors load and store them;
//! - `tags`: the numbers that tag translations;
//! - `residue`: what guests leave on a processor and no control block switches.

pub(crate) mod facts;
mod processor;
pub(crate) mod registers;
pub(crate) mod residue;
pub(crate) mod tags;

pub use processor::Processor;
pub(crate) use tags::Tag;

use crate::cpu::features::cpuid;
use crate::{X86, panic, svm, vmx};
use abi::{GUEST_TSC_RATE, GUEST_XSAVES};
use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use kernel_core::vcpu::AnyVcpu;

/// [`kernel_core::vcpu::Facts::vendor`] of AMD-V.
const AMD: u32 = 1;
/// [`kernel_core::vcpu::Facts::vendor`] of VT-x.
const INTEL: u32 = 2;

/// Whose virtualisation it is: 0 until [`require`] has looked.
static VENDOR: AtomicU32 = AtomicU32::new(0);

/// Why there can be no guests.
enum Unavailable {
    /// Neither kind is there.
    Missing,
    Svm(svm::Unavailable),
    Vmx(vmx::Unavailable),
}

impl fmt::Display for Unavailable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unavailable::Missing => out.write_str(
                "this processor has no hardware virtualisation (AMD-V or Intel VT-x), or it is switched off in the \
                 firmware's set-up",
            ),
            Unavailable::Svm(why) => why.fmt(out),
            Unavailable::Vmx(why) => why.fmt(out),
        }
    }
}

/// Refuses to run where the machine cannot hold a guest. On the boot processor, before anything else.
pub(crate) fn require() {
    let is_intel_like = cpuid(1, 0).ecx & 1 << 5 != 0;
    let vendor = if is_intel_like { INTEL } else { AMD };
    VENDOR.store(vendor, Relaxed);
    let checked = match vendor {
        INTEL => vmx::check().map_err(Unavailable::Vmx),
        _ => svm::check().map_err(|why| match why {
            svm::Unavailable::NoSvm => Unavailable::Missing,
            why => Unavailable::Svm(why),
        }),
    };
    if let Err(why) = checked {
        panic::refuse(why);
    }
}

/// Turns virtualisation on, on the calling processor, or the machine stops with a sentence that says why it cannot be
/// used. The boot processor comes first.
pub(crate) fn prepare() {
    let done = match vendor() {
        INTEL => vmx::enable().map_err(Unavailable::Vmx),
        _ => svm::enable().map_err(Unavailable::Svm),
    };
    if let Err(why) = done {
        panic::refuse(why);
    }
}

/// Whether both the host's tables and those of guests may map pages of 1 GiB.
pub(crate) fn has_huge_pages() -> bool {
    // AMD-V's nested tables are as the host's; EPT has a capability of its own.
    let is_nested = vendor() != INTEL || vmx::has_huge_pages();
    is_nested && cpuid(0x8000_0001, 0).edx & 1 << 26 != 0
}

/// [`abi::SystemInfo::guest_features`].
pub(crate) fn guest_features() -> u64 {
    let facts = <Processor as AnyVcpu<X86>>::facts();
    let bit = |is_there: bool, bit: u64| if is_there { bit } else { 0 };
    bit(facts.has_xsaves, GUEST_XSAVES) | bit(facts.tsc_fraction_bits != 0, GUEST_TSC_RATE)
}

/// Whose virtualisation this machine has, as in [`kernel_core::vcpu::Facts::vendor`].
pub(crate) fn vendor() -> u32 {
    VENDOR.load(Relaxed)
}
