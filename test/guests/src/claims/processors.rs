//! Claims about several vCPUs.

use crate::{Verdict, apic, expect, require};
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// The definition that goes with these claims has so many vCPUs.
const OTHERS: u32 = 3;

static SUM: AtomicU64 = AtomicU64::new(0);
static SEEN: AtomicU64 = AtomicU64::new(0);

fn add() {
    SEEN.fetch_or(1 << apic::id(), SeqCst);
    for _ in 0..10_000 {
        SUM.fetch_add(1, SeqCst);
    }
}

pub(super) fn all_start() -> Verdict {
    apic::enable();
    require("the others come", apic::start_others(OTHERS, add))?;
    expect("each with its own id", SEEN.load(SeqCst), 0b1110)
}

pub(super) fn share_memory() -> Verdict {
    apic::enable();
    require("the others come", apic::start_others(OTHERS, add))?;
    expect("no addition is lost", SUM.load(SeqCst), u64::from(OTHERS) * 10_000)?;
    expect("all are done", apic::others_done(), u64::from(OTHERS))
}
