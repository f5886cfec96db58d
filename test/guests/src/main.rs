//! Small bare test kernels, one claim each.
//!
//! All claims are in one image; the word `claim=NAME` of the kernel's command line chooses one, or several with commas
//! between them, if they leave the machine as they found it. A claim returns whether it holds; the
//! kernel prints `CLAIM NAME holds` or `CLAIM NAME fails: why` on the first serial line and turns the machine off in the
//! end. The name is the claim, spelled out. With `then=spin others=N` so many further processors and this one spin instead of turning
//! the machine off. Other words are arguments of single claims.
#![no_std]
#![no_main]
// These kernels are nothing but hardware access: they run in the machine that they test, alone.
#![allow(
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    clippy::missing_safety_doc
)]

mod apic;
mod claims;
mod descriptors;
mod entry;
mod modes;
mod pci;
mod processor;
mod rom;
mod serial;
mod startup;
mod traps;
mod twice;
mod virtio;

use core::fmt::Write;

/// What a claim returns: nothing, or why it fails.
pub(crate) type Verdict = Result<(), Failure>;

/// Why a claim fails: a sentence and two numbers that go with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure {
    /// What is wrong.
    pub(crate) what: &'static str,
    /// What was found.
    pub(crate) found: u64,
    /// What should have been.
    pub(crate) wanted: u64,
}

/// Fails with a sentence unless `found` is `wanted`.
pub(crate) fn expect(what: &'static str, found: u64, wanted: u64) -> Verdict {
    if found == wanted { Ok(()) } else { Err(Failure { what, found, wanted }) }
}

/// Fails with a sentence unless `holds`.
pub(crate) fn require(what: &'static str, holds: bool) -> Verdict {
    expect(what, u64::from(holds), 1)
}

/// Holds, with the reason why nothing was tried.
pub(crate) fn skip(reason: &str) -> Verdict {
    let _ = writeln!(serial::Serial, "skipped: {reason}");
    Ok(())
}

/// Called by the entry code with the address of PVH's start information.
pub(crate) fn run(start_info: u64) -> ! {
    descriptors::install();
    traps::install();
    startup::remember(start_info);
    for name in startup::word("claim=").unwrap_or("nothing").split(',') {
        modes::tables::forget_all();
        let verdict = match claims::ALL.iter().find(|(known, _)| *known == name) {
            Some((_, claim)) => claim(),
            None => Err(Failure { what: "no such claim", found: 0, wanted: 0 }),
        };
        tell(name, verdict);
    }
    if startup::word("then=") == Some("spin") {
        apic::spin_with(startup::number("others=").unwrap_or(0) as u32);
    }
    processor::power_off()
}

/// The line is one write with a marker at each end: other guests may share the host's log.
fn tell(name: &str, verdict: Verdict) {
    let mut serial = serial::Serial;
    let _ = match verdict {
        Ok(()) => writeln!(serial, "CLAIM {name} holds"),
        Err(why) => {
            let Failure { what, found, wanted } = why;
            writeln!(serial, "CLAIM {name} fails: {what} (found {found:#x}, wanted {wanted:#x})")
        }
    };
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    let _ = writeln!(serial::Serial, "CLAIM fails: panic: {info}");
    processor::power_off()
}
