//! The stacks of each processor, between pages that are not there.
//!
//! 128 KiB of address space each: the kernel's stack at the top of the lower half, then four
//! interrupt stacks, each at the top of 16 KiB.

use super::STACK_BASE;
use super::carve::Carve;
use super::kernel_half::STACKS;
use super::table::{DATA, ENTRIES};
use crate::cpu::local::Local;
use crate::trap::INTERRUPT_STACK_BYTES;
use base_units::PAGE_BYTES;

/// Bytes of the stack on which a processor runs the kernel.
const KERNEL_STACK_BYTES: u64 = 32 * 1024;
/// Address space of one processor.
const AREA_BYTES: u64 = 128 * 1024;
/// Address space of one interrupt stack: as much again is empty below it.
const SLOT_BYTES: u64 = 2 * INTERRUPT_STACK_BYTES;

/// The stacks of one processor: where each ends.
#[derive(Clone, Copy)]
pub(crate) struct Area {
    /// The stack on which it runs.
    pub(crate) kernel: u64,
    /// For `cpu::STACKED_VECTORS`.
    pub(crate) interrupt: [u64; 4],
}

/// Pages of RAM that the stacks of one processor take.
pub(crate) const AREA_PAGES: u64 = (KERNEL_STACK_BYTES + 4 * INTERRUPT_STACK_BYTES) / PAGE_BYTES;

/// Makes the stacks of processor `cpu`.
pub(crate) fn new_area(carve: &mut Carve, cpu: usize, local: &'static Local) -> Area {
    let base = STACK_BASE + cpu as u64 * AREA_BYTES;
    let kernel = base + AREA_BYTES / 2;
    map(carve, kernel - KERNEL_STACK_BYTES, KERNEL_STACK_BYTES / PAGE_BYTES);
    let mut interrupt = [0; 4];
    for (slot, end) in (0..).zip(&mut interrupt) {
        let top = kernel + (slot + 1) * SLOT_BYTES;
        map(carve, top - INTERRUPT_STACK_BYTES, INTERRUPT_STACK_BYTES / PAGE_BYTES);
        // The last word holds the processor's `Local`; the one before keeps the stack aligned.
        // SAFETY: the page was just mapped for this processor, and nothing lives there yet.
        unsafe { ((top - 8) as *mut u64).write(local as *const Local as u64) };
        *end = top - 16;
    }
    Area { kernel, interrupt }
}

fn map(carve: &mut Carve, start: u64, pages: u64) {
    let frames = carve.take_zeroed(pages).raw();
    for page in 0..pages {
        let number = ((start - STACK_BASE) / PAGE_BYTES + page) as usize;
        if let Some(table) = STACKS.get(number / ENTRIES) {
            table.set(number % ENTRIES, (frames + page * PAGE_BYTES) | DATA);
        }
    }
}

/// Whether `bytes` bytes at `address` lie in mapped stack pages.
pub(crate) fn is_mapped_stack(address: u64, bytes: u64) -> bool {
    let is_page_mapped = |address: u64| {
        let Some(offset) = address.checked_sub(STACK_BASE) else { return false };
        let page = (offset / PAGE_BYTES) as usize;
        STACKS.get(page / ENTRIES).is_some_and(|table| table.get(page % ENTRIES) != 0)
    };
    is_page_mapped(address) && is_page_mapped(address + bytes - 1)
}
