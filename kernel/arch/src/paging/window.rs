//! Temporary windows: how ring 0 reaches RAM that it does not map.
//!
//! Each processor has a few pages of address space of its own. A window keeps showing its frame
//! until another one is wanted; what it shows is used by the functions below only.

use super::WINDOW_BASE;
use super::kernel_half::WINDOWS as TABLE;
use super::table::DATA;
use crate::cpu::control;
use crate::cpu::local::local;
use crate::physical::Physical;
use base_units::{Hpa, PAGE_BYTES};
use core::arch::asm;
use core::sync::atomic::{AtomicU32, Ordering};

/// Windows of each processor: 64 processors' windows fill one page table.
pub(crate) const WINDOWS: usize = 8;
/// The window for reading, writing and zeroing.
const MAIN: usize = 0;
/// The window for the source of a copy.
const SOURCE: usize = 1;

/// Shows the frame at `frame` in the calling processor's window `slot`; the address of its first byte.
#[inline]
fn show<const SLOT: usize>(frame: u64) -> u64 {
    const { assert!(SLOT < WINDOWS) };
    let local = local();
    let number = local.index() * WINDOWS + SLOT;
    let address = WINDOW_BASE + number as u64 * PAGE_BYTES;
    let entry = frame | DATA & !super::table::GLOBAL;
    if local.windows[SLOT].get() != entry {
        TABLE.set(number, entry);
        control::invalidate_page(address);
        local.windows[SLOT].set(entry);
    }
    address
}

/// Copies `bytes` bytes.
///
/// # Safety
/// Source and destination are mapped, the destination is the caller's to write, and they do not overlap.
#[inline(always)]
unsafe fn copy(to: u64, from: u64, bytes: usize) {
    if bytes == 8 {
        // Page table entries and other single words: without the start-up cost of a string instruction.
        // SAFETY: the caller vouches for both ranges.
        unsafe {
            asm!("mov {word}, [{from}]", "mov [{to}], {word}",
                word = out(reg) _, from = in(reg) from, to = in(reg) to, options(nostack, preserves_flags));
        }
        return;
    }
    // SAFETY: the caller vouches for both ranges; DF is always clear in ring 0.
    unsafe {
        asm!("rep movsq", "mov ecx, {rest:e}", "rep movsb",
            rest = in(reg) bytes % 8, inout("rcx") bytes / 8 => _, inout("rdi") to => _, inout("rsi") from => _,
            options(nostack, preserves_flags));
    }
}

/// Panics where a caller of kernel code leaves its frame: a bug, not an input.
#[inline]
fn check_range(address: Hpa, bytes: usize) {
    assert!(address.page_offset() as usize + bytes <= PAGE_BYTES as usize, "access crosses a frame");
}

/// Reads bytes of one frame.
#[inline]
pub fn read_memory(address: Hpa, buffer: &mut [u8]) {
    check_range(address, buffer.len());
    let from = show::<MAIN>(address.page_start().raw()) + address.page_offset();
    // SAFETY: the window shows the frame; the buffer is ours. RAM that others write meanwhile is copied once, by
    // an instruction that Rust does not look into.
    unsafe { copy(buffer.as_mut_ptr() as u64, from, buffer.len()) };
}

/// Writes bytes of one frame.
#[inline]
pub fn write_memory(address: Hpa, bytes: &[u8]) {
    check_range(address, bytes.len());
    let to = show::<MAIN>(address.page_start().raw()) + address.page_offset();
    // SAFETY: the window shows the frame, which no Rust object lives in (kernel_core writes memory objects only).
    unsafe { copy(to, bytes.as_ptr() as u64, bytes.len()) };
}

/// Fills whole frames with zeros.
pub fn zero_pages(address: Hpa, pages: u64) {
    assert!(address.is_aligned(PAGE_BYTES), "frames start on pages");
    for page in 0..pages {
        let to = show::<MAIN>(address.raw() + page * PAGE_BYTES);
        // SAFETY: the window shows the frame, which no Rust object lives in.
        unsafe {
            asm!("rep stosq", in("rax") 0, inout("rcx") PAGE_BYTES / 8 => _, inout("rdi") to => _,
                options(nostack, preserves_flags));
        }
    }
}

/// Copies one frame.
pub fn copy_page(to: Hpa, from: Hpa) {
    let to = show::<MAIN>(to.page_start().raw());
    let from = show::<SOURCE>(from.page_start().raw());
    // SAFETY: both windows show their frames; no Rust object lives in the destination.
    unsafe { copy(to, from, PAGE_BYTES as usize) };
}

/// Exchanges the aligned `u32` at `address`, in RAM that other processors use with atomics too.
pub(crate) fn swap_u32(address: Hpa, value: u32) -> u32 {
    assert!(address.is_aligned(4), "atomics are aligned");
    let word = (show::<MAIN>(address.page_start().raw()) + address.page_offset()) as *const AtomicU32;
    // SAFETY: the window shows the frame for the length of this call; all that use the word use it atomically.
    unsafe { (*word).swap(value, Ordering::AcqRel) }
}

/// Entry `index` of the page table at `table`, wherever that lies.
pub(super) fn read_entry(table: u64, index: usize) -> u64 {
    let mut bytes = [0; 8];
    read_memory(Hpa::new(table + index as u64 * 8), &mut bytes);
    u64::from_le_bytes(bytes)
}

/// Writes entry `index` of the page table at `table`, wherever that lies.
pub(super) fn write_entry(table: u64, index: usize, entry: u64) {
    write_memory(Hpa::new(table + index as u64 * 8), &entry.to_le_bytes());
}

/// All physical memory, read through the windows: for the parsers of what the firmware left.
pub(crate) struct BoardMemory;

impl Physical for BoardMemory {
    fn read(&self, address: u64, buffer: &mut [u8]) -> bool {
        let bits = crate::cpu::features::physical_bits();
        let is_there = address.checked_add(buffer.len() as u64).is_some_and(|end| end <= 1 << bits);
        if !is_there {
            return false;
        }
        let mut next = address;
        let mut rest = buffer;
        while !rest.is_empty() {
            let room = (PAGE_BYTES - next % PAGE_BYTES) as usize;
            let (now, later) = rest.split_at_mut(room.min(rest.len()));
            read_memory(Hpa::new(next), now);
            next += now.len() as u64;
            rest = later;
        }
        true
    }
}
