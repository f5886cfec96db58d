//! Claims about what resets the machine. The clock's battery-backed memory remembers the first life.

use crate::Verdict;
use crate::processor::{halt_for_ever, read_port, write_port};

/// A byte of the clock's memory that nobody else uses, and what a first life leaves there.
const PLACE: u8 = 0x50;
const MARK: u8 = 0x5a;

pub(super) fn a_triple_fault() -> Verdict {
    in_second_life(|| unsafe {
        let nothing = [0u64; 2];
        core::arch::asm!("lidt [{}]", "int3", in(reg) &raw const nothing);
    })
}

pub(super) fn a_triple_fault_by_page_tables() -> Verdict {
    in_second_life(|| unsafe { core::arch::asm!("mov cr3, {}", in(reg) 0x10_0000_0000u64) })
}

pub(super) fn a_triple_fault_in_real_mode() -> Verdict {
    in_second_life(|| {
        let mut visit = crate::modes::real::visit(crate::modes::real::function::triple());
        visit.go();
    })
}

pub(super) fn a_triple_fault_of_another_processor() -> Verdict {
    in_second_life(|| {
        crate::apic::enable();
        crate::apic::start_one(2, || unsafe {
            let nothing = [0u64; 2];
            core::arch::asm!("lidt [{}]", "ud2", in(reg) &raw const nothing);
        });
    })
}

pub(super) fn a_triple_fault_on_a_bad_stack() -> Verdict {
    in_second_life(|| unsafe { core::arch::asm!("mov rsp, {}", "int3", in(reg) 0x7fff_0000_0000u64) })
}

pub(super) fn the_reset_register() -> Verdict {
    in_second_life(|| write_port(0xcf9, 6))
}

pub(super) fn the_keyboard_controller() -> Verdict {
    in_second_life(|| write_port(0x64, 0xfe))
}

/// Holds in the second life; ends the first with `reset`.
fn in_second_life(reset: impl FnOnce()) -> Verdict {
    write_port(0x70, PLACE);
    if read_port(0x71) == MARK {
        return Ok(());
    }
    write_port(0x70, PLACE);
    write_port(0x71, MARK);
    reset();
    loop {
        halt_for_ever();
    }
}
