//! The part of a vCPU that others may touch.
//!
//! Posting never loses a wake-up. The poster sets what it posts, then looks at `place`; the owner
//! writes `place`, then looks at what is posted; the pair is sequentially consistent on both sides,
//! so at least one of the two sees the other:
//! - `RUNNING` is set for the whole of `Vcpu::run`. A poster that sees it notifies that
//!   processor; the interrupt stays pending while ring 0 runs and ends the guest at its first
//!   instruction, or has hardware that can take what is posted ([`Posted`]). A poster that does not
//!   see it posted before the owner looks.
//! - `HALTED` is set before the owner looks at what is posted a last time. A poster that sees it calls
//!   [`Wake::wake`], possibly before the thread is parked: a wake-up is a token that is kept.
//! - `AWAY` (ring 3, or waiting for a processor): the next `run` looks at what is posted.

use super::posted::{POSTED_EXTERNAL, POSTED_INIT, POSTED_KICK, POSTED_NMI, POSTED_SIPI, Posted, SIPI_SHIFT};
use crate::machine::Machine;
use abi::{ExitCounter, VcpuStats};
use alloc::sync::Arc;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// Someone who can be woken.
pub trait Wake: Send + Sync {
    /// Lets the thread of this vCPU run again. A wake-up before it is parked makes its next parking
    /// return at once.
    fn wake(&self);
}

const PLACE_AWAY: u32 = 0;
const PLACE_HALTED: u32 = 1;
const PLACE_RUNNING: u32 = 2;

/// What others see of a vCPU.
pub struct VcpuShared<M: Machine> {
    apic_id: u32,
    wake: Arc<dyn Wake>,
    /// How interrupts find it: an [`super::lapic::Addressing`] packed. Written by the owner.
    addressing: AtomicU64,
    /// Where the vCPU is. Written by the owner.
    place: AtomicU32,
    posted: Posted,
    /// The PIC's output.
    is_external: AtomicBool,
    /// Counters; written by the owner only.
    exits: [AtomicU64; ExitCounter::COUNT],
    returns: AtomicU64,
    injected: AtomicU64,
    waited_ns: AtomicU64,
    _machine: PhantomData<fn() -> M>,
}

impl<M: Machine> VcpuShared<M> {
    /// One that is nowhere yet.
    pub(super) fn new(apic_id: u32, wake: Arc<dyn Wake>, addressing: u64) -> Self {
        Self {
            apic_id,
            wake,
            addressing: AtomicU64::new(addressing),
            place: AtomicU32::new(PLACE_AWAY),
            posted: Posted::new(),
            is_external: AtomicBool::new(false),
            exits: [const { AtomicU64::new(0) }; ExitCounter::COUNT],
            returns: AtomicU64::new(0),
            injected: AtomicU64::new(0),
            waited_ns: AtomicU64::new(0),
            _machine: PhantomData,
        }
    }

    /// Its APIC id.
    pub fn apic_id(&self) -> u32 {
        self.apic_id
    }

    /// Makes `vcpu_run` return with [`abi::ExitKind::Kicked`] soon.
    pub fn kick(&self) {
        self.post(POSTED_KICK);
    }

    /// Whether something waits for this vCPU: a parked thread that finds this true must run again.
    #[inline]
    pub fn has_pending(&self) -> bool {
        self.posted.is_any()
    }

    /// What is posted to it.
    pub fn posted(&self) -> &Posted {
        &self.posted
    }

    /// Its exits, returns and waiting time; the CPU time is for the caller to add.
    pub fn stats(&self) -> VcpuStats {
        VcpuStats {
            exits: core::array::from_fn(|index| self.exits[index].load(Ordering::Relaxed)),
            returns: self.returns.load(Ordering::Relaxed),
            injected: self.injected.load(Ordering::Relaxed),
            cpu_ns: 0,
            wait_ns: self.waited_ns.load(Ordering::Relaxed),
        }
    }

    /// Posts an interrupt.
    #[inline(always)]
    pub(super) fn post_interrupt(&self, vector: u8, is_level: bool) {
        if self.posted.is_apart(vector, is_level) {
            return self.post_apart(vector, is_level);
        }
        if self.posted.request(vector) {
            self.tell(M::notify_guest);
        }
    }

    /// Posts an interrupt that hardware must not take by itself.
    #[cold]
    fn post_apart(&self, vector: u8, is_level: bool) {
        if self.posted.request_apart(vector, is_level) {
            self.tell(M::notify);
        }
    }

    /// Posts INIT, which makes an earlier SIPI or NMI void.
    pub(super) fn post_init(&self) {
        self.posted.withdraw(POSTED_NMI | POSTED_SIPI | 0xff << SIPI_SHIFT);
        self.post(POSTED_INIT);
    }

    /// Posts a start-up IPI. One that is pending already stays as it is.
    pub(super) fn post_sipi(&self, vector: u8) {
        if !self.posted.has(POSTED_SIPI) {
            self.post(POSTED_SIPI | u32::from(vector) << SIPI_SHIFT);
        }
    }

    /// Sets the PIC's output. When it falls nobody is told: the owner finds it low when it looks.
    pub(super) fn set_external(&self, is_asserted: bool) {
        if !self.is_external.swap(is_asserted, Ordering::SeqCst) && is_asserted {
            self.post(POSTED_EXTERNAL);
        }
    }

    /// The PIC's output.
    #[inline]
    pub(super) fn is_external(&self) -> bool {
        self.is_external.load(Ordering::Relaxed)
    }

    /// Posts other `POSTED_*` bits.
    #[inline(never)]
    pub(super) fn post(&self, bits: u32) {
        if self.posted.post(bits) {
            self.tell(M::notify);
        }
    }

    /// Sees to it that what was posted is taken.
    #[inline(always)]
    fn tell(&self, notify: impl FnOnce(usize)) {
        match self.place.load(Ordering::SeqCst) {
            PLACE_AWAY => {}
            PLACE_HALTED => self.wake.wake(),
            running => {
                let cpu = (running - PLACE_RUNNING) as usize;
                if cpu != M::cpu() {
                    notify(cpu);
                }
            }
        }
    }

    /// Owner: it is in its run loop on the calling processor from now on.
    pub(super) fn set_running(&self) {
        // Processors are below `CPUS_MAX`, far from the end of a u32.
        self.place.store(PLACE_RUNNING + M::cpu() as u32, Ordering::SeqCst);
    }

    /// Owner: it leaves the run loop.
    pub(super) fn set_away(&self) {
        self.place.store(PLACE_AWAY, Ordering::Release);
    }

    /// Owner: it halts. False if something is pending, and then it does not halt.
    pub(super) fn try_halt(&self) -> bool {
        self.place.store(PLACE_HALTED, Ordering::SeqCst);
        !self.has_pending()
    }

    /// How interrupts find it, packed.
    pub(super) fn addressing(&self) -> u64 {
        self.addressing.load(Ordering::Relaxed)
    }

    /// Owner: tells senders how interrupts find it.
    pub(super) fn set_addressing(&self, packed: u64) {
        self.addressing.store(packed, Ordering::Relaxed);
    }

    /// Owner: counts an exit.
    #[inline]
    pub(super) fn count(&self, counter: ExitCounter) {
        bump(&self.exits[counter as usize], 1);
    }

    /// Owner: counts a return to ring 3.
    pub(super) fn count_return(&self) {
        bump(&self.returns, 1);
    }

    /// Owner: counts an interrupt that the guest took.
    pub(super) fn count_injected(&self) {
        bump(&self.injected, 1);
    }

    /// Owner: adds time that the vCPU was runnable but did not run; returns the sum.
    pub(super) fn add_wait(&self, nanos: u64) -> u64 {
        bump(&self.waited_ns, nanos);
        self.waited_ns.load(Ordering::Relaxed)
    }
}

/// Adds to a counter that only the caller writes: no locked instruction.
#[inline]
fn bump(counter: &AtomicU64, amount: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
}
