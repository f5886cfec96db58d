//! Control structures: their fields, and which processor has which.
//!
//! A processor keeps parts of a structure to itself from VMPTRLD to VMCLEAR, so a structure is active on one
//! processor at most, and must be cleared there before another one takes it or its frame is freed
//! (Intel SDM vol. 3, 25.11.1). Here a processor has at most one active structure, the current one, and keeps it after
//! a run: a vCPU that comes back to the same processor finds it as it was. [`CURRENT`] says what each has. Only the
//! processor itself clears; others ask it to ([`Block::attach`]), or leave it a frame that nobody needs any more.

use crate::X86;
use crate::cpu::local::index;
use crate::interrupt::{GIVE_BACK, local_apic};
use base_units::Hpa;
use core::arch::asm;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use kernel_core::Machine;
use kernel_core::machine::CPUS_MAX;
use kernel_core::memory::KernelFrame;
use spin::Mutex;

/// In [`CURRENT`]: the vCPU is gone, and the frame is in [`ORPHANS`].
const ORPHAN: u64 = 1;
/// No processor.
const NOWHERE: usize = usize::MAX;

/// The structure that each processor has active; 0 = none.
static CURRENT: [AtomicU64; CPUS_MAX] = [const { AtomicU64::new(0) }; CPUS_MAX];
/// Somebody waits for the processor to clear its structure.
static WANTED: [AtomicBool; CPUS_MAX] = [const { AtomicBool::new(false) }; CPUS_MAX];
/// Frames to be freed when the processor has cleared them.
static ORPHANS: [Mutex<Option<KernelFrame<X86>>>; CPUS_MAX] = [const { Mutex::new(None) }; CPUS_MAX];

/// Reads a field of the current structure.
#[inline(always)]
pub(super) fn read(field: u64) -> u64 {
    let value: u64;
    // SAFETY: VMREAD changes nothing but the register and the flags; the processor is in VMX operation wherever a vCPU is.
    unsafe { asm!("vmread {}, {}", out(reg) value, in(reg) field, options(nomem, nostack)) };
    value
}

/// Writes a field of the current structure.
#[inline(always)]
pub(super) fn write(field: u64, value: u64) {
    // SAFETY: changes the structure only; what the fields may hold so that the guest stays in is up to `vcpu` and
    // `backend`, the only ones that write the fields which matter for it.
    unsafe { asm!("vmwrite {}, {}", in(reg) field, in(reg) value, options(nomem, nostack)) };
}

/// Runs a VMX instruction with the address of `$operand`; whether it succeeded.
macro_rules! succeeds {
    ($instruction:literal, $operand:expr) => {{
        let operand: u64 = $operand;
        let is_done: u8;
        asm!(concat!($instruction, " [{}]"), "seta {}", in(reg) &raw const operand, out(reg_byte) is_done, options(nostack));
        is_done != 0
    }};
}

/// Enters VMX operation with the region at `region`.
///
/// # Safety
/// The region is a kernel frame that is never freed and begins with the revision; CR4.VMXE is set.
pub(super) unsafe fn turn_on(region: Hpa) -> bool {
    // SAFETY: the caller vouches for the region.
    unsafe { succeeds!("vmxon", region.raw()) }
}

/// Forgets translations that came from the table of `pointer` (an EPT pointer), or all of them.
pub(super) fn invalidate_memory(kind: u64, pointer: u64) {
    let descriptor = [pointer, 0];
    // SAFETY: forgetting translations changes nothing that Rust can observe.
    unsafe {
        asm!("invept {}, [{}]", in(reg) kind, in(reg) &raw const descriptor, options(nostack, readonly))
    };
}

/// Forgets translations that carry an identifier, or all of them.
pub(super) fn invalidate_tag(kind: u64, tag: u32) {
    let descriptor = [u64::from(tag), 0];
    // SAFETY: as in `invalidate_memory`.
    unsafe {
        asm!("invvpid {}, [{}]", in(reg) kind, in(reg) &raw const descriptor, options(nostack, readonly))
    };
}

/// A control structure.
pub(super) struct Block {
    /// `Some` until it is dropped.
    frame: Option<KernelFrame<X86>>,
    address: u64,
    /// The processor that had it last.
    cpu: usize,
}

impl Block {
    /// An empty one.
    pub(super) fn new(revision: u32) -> Option<Self> {
        let frame = X86::frames().allocate_kernel()?;
        let address = frame.address();
        X86::write_entry(address, 0, u64::from(revision));
        clear(address.raw());
        Some(Self { address: address.raw(), frame: Some(frame), cpu: NOWHERE })
    }

    /// Makes it the calling processor's current one. True: it was cleared since it was here, the next entry is a VMLAUNCH.
    #[inline]
    pub(super) fn attach(&mut self) -> bool {
        let here = index();
        if CURRENT[here].load(Ordering::Relaxed) == self.address {
            return false;
        }
        self.fetch(here);
        true
    }

    #[cold]
    fn fetch(&mut self, here: usize) {
        self.call_back(here);
        release(here);
        // SAFETY: a structure with our revision that is active nowhere.
        let is_done = unsafe { succeeds!("vmptrld", self.address) };
        assert!(is_done, "VMPTRLD refused a control structure");
        self.cpu = here;
        CURRENT[here].store(self.address, Ordering::Release);
    }

    /// Waits until no other processor has it. The other one is in ring 3, idle, in its guest or on its way out of ring 0:
    /// the interrupt reaches it. Two that wait for one another serve one another.
    fn call_back(&self, here: usize) {
        let Some(there) = CURRENT.get(self.cpu).filter(|_| self.cpu != here) else { return };
        if there.load(Ordering::Acquire) != self.address {
            return;
        }
        WANTED[self.cpu].store(true, Ordering::Release);
        local_apic::send(self.cpu, local_apic::Message::Vector(GIVE_BACK));
        while there.load(Ordering::Acquire) == self.address {
            if WANTED[here].swap(false, Ordering::Acquire) {
                release(here);
            }
            core::hint::spin_loop();
        }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let here = index();
        if self.cpu == here && CURRENT[here].load(Ordering::Relaxed) == self.address {
            release(here);
        } else if let Some(there) = CURRENT.get(self.cpu) {
            // Nobody waits here: locks may be held. The other processor frees the frame when it clears it.
            let mut orphan = ORPHANS[self.cpu].lock();
            let swapped = there.compare_exchange(
                self.address,
                self.address | ORPHAN,
                Ordering::AcqRel,
                Ordering::Acquire,
            );
            if swapped.is_ok() {
                *orphan = self.frame.take();
            }
        }
    }
}

/// Clears the structure that the calling processor, `here`, has active.
fn release(here: usize) {
    let address = CURRENT[here].load(Ordering::Relaxed) & !ORPHAN;
    if address == 0 {
        return;
    }
    clear(address);
    if CURRENT[here].swap(0, Ordering::AcqRel) & ORPHAN != 0 {
        drop(ORPHANS[here].lock().take());
    }
}

/// Another processor wants the structure that this one has: called when its interrupt arrives, never during a run. What
/// has changed hands meanwhile is cleared without need, and taken again.
#[cold]
pub(crate) fn give_back() {
    let here = index();
    let is_wanted = WANTED[here].swap(false, Ordering::Acquire);
    if is_wanted && CURRENT[here].load(Ordering::Relaxed) & ORPHAN == 0 {
        release(here);
    }
}

/// VMCLEAR.
fn clear(address: u64) {
    // SAFETY: the frame of a structure; the processor writes to that frame only.
    let is_done = unsafe { succeeds!("vmclear", address) };
    assert!(is_done, "VMCLEAR refused a control structure");
}
