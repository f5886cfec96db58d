//! Claims about the local APIC's interrupts and what holds them back.

use crate::apic::{self, register};
use crate::traps::count;
use crate::{Verdict, expect, require};
use core::arch::asm;

/// Fixed delivery, level assert.
const FIXED: u32 = 0x4000;
/// NMI delivery.
const NMI: u32 = 0x4400;

fn self_ipi() -> Verdict {
    apic::enable();
    for round in 1..=20 {
        apic::send(apic::id(), FIXED | 0xf0);
        require("it arrives", apic::wait_for(0xf0, round))?;
    }
    expect("each came once", count(0xf0), 20)
}

pub(super) fn self_ipi_xapic() -> Verdict {
    self_ipi()
}

pub(super) fn self_ipi_x2apic() -> Verdict {
    apic::use_x2apic();
    self_ipi()
}

pub(super) fn higher_vectors_come_first() -> Verdict {
    apic::use_x2apic();
    apic::enable();
    apic::send(apic::id(), FIXED | 0x50);
    apic::send(apic::id(), FIXED | 0xb0);
    require("both wait", apic::read(register::REQUEST + 0x20) & 1 << 16 != 0)?;
    require("both wait", apic::read(register::REQUEST + 0x50) & 1 << 16 != 0)?;
    unsafe { asm!("sti", "nop", "cli") };
    require("the higher came", apic::wait_for(0xb0, 1))?;
    require("the lower came too", apic::wait_for(0x50, 1))?;
    expect("nothing is in service", u64::from(apic::read(register::IN_SERVICE + 0x50)), 0)
}

pub(super) fn task_priority() -> Verdict {
    apic::enable();
    apic::write(register::TASK_PRIORITY, 0x60);
    apic::send(apic::id(), FIXED | 0x50);
    unsafe { asm!("sti", "nop", "nop", "cli") };
    expect("a lower vector is held back", count(0x50), 0)?;
    apic::send(apic::id(), FIXED | 0x70);
    require("a higher one is not", apic::wait_for(0x70, 1))?;
    expect("the lower still waits", count(0x50), 0)?;
    unsafe { asm!("mov cr8, {}", in(reg) 0u64) };
    require("CR8 lets it in", apic::wait_for(0x50, 1))
}

pub(super) fn sti_shadow() -> Verdict {
    apic::use_x2apic();
    apic::enable();
    apic::send(apic::id(), FIXED | 0xf0);
    let flags: u64;
    // The interrupt waits; STI shields CLI, so it must not come between them.
    unsafe { asm!("sti", "cli", "pushfq", "pop {}", out(reg) flags) };
    expect("it did not come in the shadow", count(0xf0), 0)?;
    require("interrupts are off", flags & 1 << 9 == 0)?;
    require("it comes later", apic::wait_for(0xf0, 1))
}

pub(super) fn nmi_blocking() -> Verdict {
    apic::enable();
    apic::send(apic::id(), NMI);
    require("an NMI comes with interrupts off", apic::wait_for(2, 1))?;
    apic::send(apic::id(), NMI);
    require("and the next after its IRET", apic::wait_for(2, 2))
}
