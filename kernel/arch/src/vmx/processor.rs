//! What each processor has for its guests.

use super::controls::{self, Controls};
use super::leaks::{self, Leaks};
use super::{Unavailable, firmware, host, permissions, vmcs};
use crate::X86;
use crate::cpu::features::{cpuid, is_bochs};
use crate::cpu::{control, msr};
use crate::virtualization::{facts, residue};
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use kernel_core::Machine;
use kernel_core::vcpu::Facts;
use spec::control::CR4_VMXE;
use spec::msr::{ARCH_CAPABILITIES, FEATURE_CONTROL};
use spec::vmx::{TSC_FRACTION_BITS, capability, secondary};
use spin::Once;

/// Ticks that a guest runs at the most where host interrupts may fail to end it.
const TIMER_TICKS: u64 = 20_000;
/// Virtual-processor identifiers, the host's 0 included.
const TAGS: u32 = 1 << 16;

/// What all processors of this machine have.
#[derive(Clone, Copy)]
pub(super) struct Capabilities {
    pub(super) controls: Controls,
    /// What EPT and VPID can do.
    pub(super) translation: u64,
    pub(super) revision: u32,
    /// Identifiers; 0 where there are none.
    pub(super) tags: u32,
    /// What the preemption timer starts from.
    pub(super) timer: u64,
    /// Entries may deliver software interrupts of length 0.
    pub(super) takes_zero_length: bool,
    /// CR4 bits that must be 1.
    pub(super) cr4_fixed: u64,
    pub(super) has_branch_barrier: bool,
    pub(super) has_tsc_aux: bool,
    pub(super) leaks: Leaks,
    /// Posted interrupts go to the guest without ring 0 while the processor keeps its interrupts.
    pub(super) takes_posts: bool,
    /// Interrupts that the processor keeps may come with IF off (`interrupts`).
    pub(super) lets_interrupts_slip: bool,
    pub(super) facts: Facts,
}

static CAPABILITIES: Once<Capabilities> = Once::new();
static IS_ENABLED: AtomicBool = AtomicBool::new(false);

/// Whether this processor can have guests.
pub(crate) fn check() -> Result<(), Unavailable> {
    firmware::feature_control(msr::try_read(FEATURE_CONTROL))?;
    controls::choose(capability_of, false).map(|_| ())
}

/// Turns VT-x on, on the calling processor. The boot processor comes first.
pub(crate) fn enable() -> Result<(), Unavailable> {
    check()?;
    if CAPABILITIES.get().is_none() {
        let found = find_capabilities()?;
        CAPABILITIES.call_once(|| found);
        permissions::set_up()?;
    }
    if let Some(features) = firmware::feature_control(msr::try_read(FEATURE_CONTROL))? {
        // SAFETY: the MSR exists and is not locked; nothing but VMXON outside of SMX is allowed.
        unsafe { msr::try_write(FEATURE_CONTROL, features) };
    }
    let region = X86::frames().allocate_kernel().ok_or(Unavailable::NoMemory)?;
    X86::write_entry(region.address(), 0, u64::from(capabilities().revision));
    // SAFETY: CPUID says VMX.
    unsafe { control::write_cr4(control::read_cr4() | CR4_VMXE) };
    // SAFETY: the region is forgotten below, that is never freed.
    if !unsafe { vmcs::turn_on(region.address()) } {
        return Err(Unavailable::Refused);
    }
    core::mem::forget(region);
    host::note();
    IS_ENABLED.store(true, Relaxed);
    Ok(())
}

/// Whether guests can run.
pub(super) fn is_enabled() -> bool {
    IS_ENABLED.load(Relaxed)
}

/// Whether EPT may map pages of 1 GiB.
pub(crate) fn has_huge_pages() -> bool {
    capabilities().translation & capability::EPT_HUGE != 0
}

/// What the processors have. After [`enable`].
pub(super) fn capabilities() -> &'static Capabilities {
    match CAPABILITIES.get() {
        Some(capabilities) => capabilities,
        None => unreachable!("VT-x is not turned on yet"),
    }
}

/// A capability MSR; 0 allows nothing.
fn capability_of(number: u32) -> u64 {
    msr::try_read(number).unwrap_or(0)
}

fn find_capabilities() -> Result<Capabilities, Unavailable> {
    // Bochs ends a guest for a host interrupt only once the guest has had interrupts on. The preemption timer ends it too.
    let controls = controls::choose(capability_of, is_bochs())?;
    let misc = capability_of(capability::MISC);
    let mut facts = facts::facts(2);
    facts.cr4_valid &= capability_of(capability::CR4_FIXED1);
    facts.has_xsaves &= controls.secondary & secondary::XSAVES != 0;
    facts.tsc_fraction_bits = if controls::has_tsc_scaling(capability_of) { TSC_FRACTION_BITS } else { 0 };
    facts.keeps_interrupts = controls::keeps_interrupts(capability_of, controls.primary);
    facts.has_write_log = controls::has_write_log(capability_of);
    Ok(Capabilities {
        controls,
        translation: capability_of(capability::EPT_VPID),
        revision: (capability_of(capability::BASIC) & capability::BASIC_REVISION) as u32,
        tags: if controls.secondary & secondary::VPID != 0 { TAGS } else { 0 },
        timer: (TIMER_TICKS >> (misc & capability::MISC_TIMER_SHIFT)).max(1),
        takes_zero_length: misc & capability::MISC_ZERO_LENGTH != 0,
        cr4_fixed: capability_of(capability::CR4_FIXED0),
        has_branch_barrier: residue::has_branch_barrier(),
        has_tsc_aux: controls.secondary & secondary::RDTSCP != 0 && residue::has_tsc_aux(),
        takes_posts: controls::takes_posts(capability_of, controls),
        lets_interrupts_slip: is_bochs(),
        leaks: leaks::find(cpuid(7, 0).edx, || capability_of(ARCH_CAPABILITIES)),
        facts,
    })
}
