//! Segments of all widths and privileges, and task states.
//!
//! The entry code's small table serves until [`install`] and for further processors; the first selectors
//! mean the same in both.

use core::arch::asm;
use core::ptr::addr_of_mut;

/// Selectors.
pub(crate) mod selector {
    /// Ring 0, 64-bit code.
    pub(crate) const CODE_64: u16 = 0x08;
    /// Ring 0, flat data.
    pub(crate) const DATA: u16 = 0x10;
    /// Ring 0, 32-bit code.
    pub(crate) const CODE_32: u16 = 0x18;
    /// Ring 0, 16-bit code.
    pub(crate) const CODE_16: u16 = 0x20;
    // 0x30 to 0x40 are ring 3: 64-bit code, flat data, 32-bit code. Assembly names them by number.
    /// The task state of 64-bit mode; two entries.
    pub(crate) const TASK_64: u16 = 0x48;
    /// A task state of 32-bit mode, for the task that jumps.
    pub(crate) const TASK_OLD: u16 = 0x58;
    /// A task state of 32-bit mode, for the task that is jumped to.
    pub(crate) const TASK_NEW: u16 = 0x60;
    /// Data with any base.
    pub(crate) const DATA_BASED: u16 = 0x68;
}

const ENTRIES: usize = 14;
/// Bytes of a task state in either format.
pub(crate) const TASK_BYTES: u64 = 104;
/// Type of an available task state that is present, shifted to its place.
const TASK_AVAILABLE: u64 = 0x89 << 40;

#[repr(C, align(16))]
struct Table([u64; ENTRIES]);

static mut TABLE: Table = Table([
    0,
    0x00af_9b00_0000_ffff,
    0x00cf_9300_0000_ffff,
    0x00cf_9b00_0000_ffff,
    0x0000_9b00_0000_ffff,
    0x0000_9300_0000_ffff,
    0x00af_fb00_0000_ffff,
    0x00cf_f300_0000_ffff,
    0x00cf_fb00_0000_ffff,
    0,
    0,
    0,
    0,
    0,
]);

#[repr(C, align(16))]
struct Stack([u8; 8192]);

static mut RING_0_STACK: Stack = Stack([0; 8192]);
static mut TASK: [u32; 26] = [0; 26];

/// Loads the table and the task state of 64-bit mode on this processor.
pub(crate) fn install() {
    let stack = &raw mut RING_0_STACK as u64 + 8192;
    unsafe {
        let task = addr_of_mut!(TASK);
        (*task)[1] = stack as u32;
        (*task)[2] = (stack >> 32) as u32;
        (*task)[25] = TASK_BYTES as u32;
    }
    let pointer = [((ENTRIES * 8 - 1) as u64) << 48, &raw const TABLE as u64];
    unsafe { asm!("lgdt [{pointer}]", pointer = in(reg) (&raw const pointer as u64) + 6) };
    reload_task();
}

/// Loads the task state of 64-bit mode (again).
pub(crate) fn reload_task() {
    set_task(selector::TASK_64, &raw const TASK as u64);
    unsafe { asm!("ltr {0:x}", in(reg) selector::TASK_64) };
}

/// Makes `selector` an available task state at `base`, which is below 4 GiB.
pub(crate) fn set_task(selector: u16, base: u64) {
    let low = (TASK_BYTES - 1) | (base & 0xff_ffff) << 16 | TASK_AVAILABLE | (base >> 24 & 0xff) << 56;
    set(selector, low);
}

/// Fills an entry.
pub(crate) fn set(selector: u16, descriptor: u64) {
    unsafe { addr_of_mut!(TABLE.0).cast::<u64>().add(usize::from(selector >> 3)).write_volatile(descriptor) };
}

/// Reads an entry.
pub(crate) fn get(selector: u16) -> u64 {
    unsafe { addr_of_mut!(TABLE.0).cast::<u64>().add(usize::from(selector >> 3)).read_volatile() }
}
