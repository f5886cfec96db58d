//! The kernel's heap: pieces of kernel blocks, handed out by `talc`.
//!
//! It grows by whole blocks of frames, on demand; when there are none an allocation fails, and
//! only what `kernel_core` cannot refuse ends in a panic.

use crate::machine::X86;
use crate::paging::direct;
use base_units::PageCount;
use core::alloc::Layout;
use core::sync::atomic::{AtomicBool, Ordering};
use kernel_core::Machine;
use talc::TalcLock;
use talc::base::Talc;
use talc::base::binning::Binning;
use talc::lock_api::{GuardSend, RawMutex};
use talc::source::Source;

/// Pages by which the heap grows at least.
const GROWTH_PAGES: u64 = 32;
/// Pages that it can grow by at once.
const GROWTH_PAGES_MAX: u64 = 512;
/// Bytes of a fresh piece that the allocator needs for itself, at the most.
const OVERHEAD_BYTES: u64 = 4096;

#[global_allocator]
static HEAP: TalcLock<Spin, KernelBlocks> = TalcLock::new(KernelBlocks);

/// Adds kernel memory that is left over: mapped for good, nobody else's.
pub(crate) fn add(start: u64, end: u64) {
    if end > start {
        // SAFETY: the caller gives the range away.
        let _ = unsafe { HEAP.lock().claim(start as *mut u8, (end - start) as usize) };
    }
}

/// The heap's lock. Ring 0 takes no interrupts, so spinning is enough.
struct Spin(AtomicBool);

// SAFETY: the exchange below succeeds for one holder at a time, until it stores `false`.
unsafe impl RawMutex for Spin {
    // `lock_api` wants a constant to start from; each lock gets a copy of its own.
    #[expect(clippy::declare_interior_mutable_const)]
    const INIT: Self = Self(AtomicBool::new(false));
    type GuardMarker = GuardSend;

    fn lock(&self) {
        while !self.try_lock() {
            while self.0.load(Ordering::Relaxed) {
                core::hint::spin_loop();
            }
        }
    }

    fn try_lock(&self) -> bool {
        self.0.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    unsafe fn unlock(&self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Frames of ring 0 as a source of heap.
#[derive(Debug)]
struct KernelBlocks;

// SAFETY: what `acquire` claims are frames that nobody else owns, mapped for good.
unsafe impl Source for KernelBlocks {
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        let wanted = PageCount::holding(layout.size() as u64 + layout.align() as u64 + OVERHEAD_BYTES).raw();
        if wanted > GROWTH_PAGES_MAX {
            return Err(());
        }
        let pages = wanted.next_power_of_two().max(GROWTH_PAGES);
        let frames = X86::frames();
        let (start, pages) = frames
            .allocate_kernel_block(PageCount::new(pages))
            .map(|start| (start, pages))
            .or_else(|| Some((frames.allocate_kernel_block(PageCount::new(wanted))?, wanted)))
            .ok_or(())?;
        let bytes = pages as usize * 4096;
        // SAFETY: the frames are ours now and stay mapped.
        unsafe { talc.claim(direct::address(start) as *mut u8, bytes) }.map(|_| ()).ok_or(())
    }
}
