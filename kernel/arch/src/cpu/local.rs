//! What each processor keeps for itself.
//!
//! GS points at the processor's [`Local`] whenever ring 0 runs (the stubs in `trap` see to it). Only
//! its own processor touches the cells; what others may read of it stands in [`apic_id`].

use core::arch::asm;
use core::cell::Cell;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use kernel_core::machine::CPUS_MAX;

/// One processor's own data. The first fields are named by offset in assembler.
#[repr(C, align(64))]
pub struct Local {
    /// Where this structure lies: GS:0 is how Rust finds it.
    this: Cell<*const Local>,
    /// RSP to return to from ring 3. Written and read by `trap::user`.
    pub(crate) kernel_stack: Cell<u64>,
    /// The registers of the thread in ring 3. Written and read by `trap::user`.
    pub(crate) user_registers: Cell<u64>,
    /// One word for the entry of SYSCALL. Used by `trap::stubs` only.
    scratch: Cell<u64>,
    /// Index of this processor.
    index: Cell<usize>,
    /// Vectors that arrived and were not taken yet, 64 in a word.
    pub(crate) pending: [Cell<u64>; 4],
    /// The TSC value that the timer is set to; `u64::MAX` = not set.
    pub(crate) timer_deadline: Cell<u64>,
    /// The timer's clock, where the timer does not compare the TSC.
    pub(crate) count_down: crate::clock::CountDown,
    /// The address of the registers whose FS base is loaded; 0 = none.
    pub(crate) fs_owner: Cell<u64>,
    /// The FS base that is loaded.
    pub(crate) fs_base: Cell<u64>,
    /// XCR0 as loaded.
    pub(crate) xcr0: Cell<u64>,
    /// CR3 as loaded.
    pub(crate) root: Cell<u64>,
    /// What the temporary windows show.
    pub(crate) windows: [Cell<u64>; crate::paging::WINDOWS],
}

/// Offset of [`Local::kernel_stack`].
pub(crate) const KERNEL_STACK: usize = core::mem::offset_of!(Local, kernel_stack);
/// Offset of [`Local::user_registers`].
pub(crate) const USER_REGISTERS: usize = core::mem::offset_of!(Local, user_registers);

/// Offset of the scratch word.
pub(crate) const SCRATCH: usize = core::mem::offset_of!(Local, scratch);

impl Local {
    /// The data of processor `index` before it runs.
    pub(crate) const fn new(index: usize) -> Self {
        Self {
            this: Cell::new(core::ptr::null()),
            kernel_stack: Cell::new(0),
            user_registers: Cell::new(0),
            scratch: Cell::new(0),
            index: Cell::new(index),
            pending: [const { Cell::new(0) }; 4],
            timer_deadline: Cell::new(u64::MAX),
            count_down: crate::clock::CountDown::new(),
            fs_owner: Cell::new(0),
            fs_base: Cell::new(0),
            xcr0: Cell::new(0),
            root: Cell::new(0),
            windows: [const { Cell::new(0) }; crate::paging::WINDOWS],
        }
    }

    /// Index of this processor.
    #[inline(always)]
    pub(crate) fn index(&self) -> usize {
        self.index.get()
    }

    /// Makes this the calling processor's own data.
    ///
    /// # Safety
    /// Nobody else uses it, now or ever.
    pub(crate) unsafe fn install(&'static self) {
        self.this.set(self);
        let address = self as *const Self as u64;
        // SAFETY: GS is the kernel's while ring 0 runs; this is its proper value.
        unsafe { super::msr::write(super::msr::GS_BASE, address) };
        // Ring 3 runs with the base 0, which SWAPGS fetches from here.
        // SAFETY: as above.
        unsafe { super::msr::write(super::msr::KERNEL_GS_BASE, 0) };
    }
}

/// The calling processor's own data.
#[inline(always)]
pub(crate) fn local() -> &'static Local {
    let address: *const Local;
    // SAFETY: GS:0 holds the structure's own address from `install` on.
    unsafe { asm!("mov {}, gs:[0]", out(reg) address, options(nostack, preserves_flags, readonly, pure)) };
    // SAFETY: `install` was given a `&'static`; interrupts do not touch the structure while ring 0 runs other code.
    unsafe { &*address }
}

/// The calling processor's index.
#[inline(always)]
pub fn index() -> usize {
    local().index.get()
}

/// The calling processor's index, or `None` as long as it has no data of its own.
pub(crate) fn try_index() -> Option<usize> {
    // SAFETY: every 64-bit processor has this MSR.
    let base = unsafe { super::msr::read(super::msr::GS_BASE) };
    (base >> 47 != 0).then(index)
}

/// Forgets which FS base is loaded: after a guest ran.
#[inline(always)]
pub fn forget_fs_base() {
    local().fs_owner.set(0);
}

static APIC_IDS: [AtomicU32; CPUS_MAX] = [const { AtomicU32::new(0) }; CPUS_MAX];
static COUNT: AtomicUsize = AtomicUsize::new(1);

/// The local APIC's id of processor `cpu`.
pub(crate) fn apic_id(cpu: usize) -> u32 {
    APIC_IDS.get(cpu).map_or(0, |id| id.load(Ordering::Relaxed))
}

/// Notes the local APIC's id of processor `cpu`.
pub(crate) fn set_apic_id(cpu: usize, id: u32) {
    if let Some(slot) = APIC_IDS.get(cpu) {
        slot.store(id, Ordering::Relaxed);
    }
}

/// Processors that are up.
pub fn count() -> usize {
    COUNT.load(Ordering::Relaxed)
}

/// Notes how many processors are up.
pub(crate) fn set_count(count: usize) {
    COUNT.store(count, Ordering::Relaxed);
}
