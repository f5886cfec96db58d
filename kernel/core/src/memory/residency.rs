//! When frames may be reused: who may still reach them.
//!
//! A translation that was taken out of a page table may live on in the TLB of a processor that runs ring 3
//! or a guest of that space, and ring 0 under a [`Stay`] may be about to use the frame that it just looked up.
//! So each processor announces in its own slot which space it is in, and whoever took translations away
//! ([`Residency::shoot_down`]) waits until every processor that it finds in the space has left it once.
//!
//! A processor leaves the space with every exit to ring 0 ([`Residency::leave`], one store), before it takes
//! any lock. That makes waiting under locks safe: whoever is waited for runs ring 3, a guest or a handful of
//! instructions under a stay, never waits itself, and an interrupt ([`Machine::notify`]) brings it back.
//! TLB entries survive in ring 0, where nothing uses them; before it enters the space again the processor
//! compares the space's generation with the one that it saw last, and forgets its TLB if they differ.
//!
//! # Why no stale translation is used
//!
//! Entering is: (1) slot := space, (2) SeqCst fence, (3) read generation, flush if it changed, (4) run or walk.
//! Shooting down is: (a) change entries, (b) generation += 1, (c) SeqCst fence, (d) read all slots, wait
//! for those that name the space, (e) free frames.
//! The two fences are ordered one way or the other. If (2) comes before (c), (d) sees the slot and waits until it
//! has changed: the slot also counts visits, so a processor that left and entered again meanwhile is not
//! waited for, and rightly so, because its slot's later value was written after (d) read the earlier one, hence
//! after (c), which puts its second (2) after (c). If (c) comes before (2), then (3) sees (b), and with it (a):
//! the processor flushes and can only see the new entries. For a stay there is no step (3): its walk in (4)
//! comes after the fence, so it sees (a) itself. This is Dekker's argument; `tests` checks it by running
//! all interleavings of the steps.

use crate::machine::{CPUS_MAX, Machine};
use core::marker::PhantomData;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use core::sync::atomic::{AtomicU32, AtomicU64, fence};

#[cfg(test)]
mod tests;

/// Numbers for spaces. They come round after 2^32 spaces; two spaces of one number wait for each other's
/// processors without need, nothing worse.
static NEXT_SPACE: AtomicU32 = AtomicU32::new(1);

const VISIT_MASK: u64 = 0x7fff_ffff;
/// Marks a stay, so that its value of the slot is never that of a visit.
const STAY: u64 = 1 << 31;
const SPACE_SHIFT: u32 = 32;

/// In which space a processor is: number in the upper half (0 = ring 0), visits in the
/// lower.
/// Written by its own processor only. A cache line of its own, because it is written at each entry.
#[repr(align(64))]
pub(in crate::memory) struct Presence(AtomicU64);

impl Presence {
    pub(in crate::memory) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Steps 1 and 2.
    #[inline]
    fn enter(&self, space: u32, mark: u64) {
        let visits = self.0.load(Relaxed) & VISIT_MASK;
        self.0.store(u64::from(space) << SPACE_SHIFT | mark | visits, Relaxed);
        fence(SeqCst);
    }

    #[inline]
    fn leave(&self) {
        let visits = (self.0.load(Relaxed) & VISIT_MASK).wrapping_add(1);
        // Release: what was read under the visit was read before it ends.
        self.0.store(visits & VISIT_MASK, Release);
    }

    fn look(&self) -> u64 {
        self.0.load(Acquire)
    }

    fn is_in(value: u64, space: u32) -> bool {
        value >> SPACE_SHIFT == u64::from(space)
    }
}

/// Which processors may hold translations of one space.
pub struct Residency<M> {
    number: u32,
    /// Grows whenever translations were taken away or narrowed.
    generation: AtomicU64,
    /// The generation that each processor saw when it entered last. Written by that processor only.
    seen: [AtomicU64; CPUS_MAX],
    _machine: PhantomData<fn() -> M>,
}

impl<M: Machine> Residency<M> {
    pub(super) fn new() -> Self {
        Self {
            number: NEXT_SPACE.fetch_add(1, Relaxed).max(1),
            generation: AtomicU64::new(1),
            seen: [const { AtomicU64::new(0) }; CPUS_MAX],
            _machine: PhantomData,
        }
    }

    /// Announces that the calling processor, `cpu`, enters the space now. Returns whether it has to forget
    /// the translations of this space that it may hold from earlier visits.
    ///
    /// [`Residency::leave`] must follow as soon as the processor is back in ring 0, before it takes any lock.
    #[inline]
    pub fn enter(&self, cpu: usize) -> bool {
        let generation = self.enter_tagged(cpu);
        let Some(seen) = self.seen.get(cpu) else { return true };
        if seen.load(Relaxed) == generation {
            return false;
        }
        seen.store(generation, Relaxed);
        true
    }

    /// [`Residency::enter`] for a visitor with translations of its own (a vCPU with its own address space tag).
    /// Returns the generation: the visitor must forget its translations if it is not the one of its last visit, or if
    /// that was on another processor.
    #[inline]
    pub fn enter_tagged(&self, cpu: usize) -> u64 {
        M::frames().presence()[cpu].enter(self.number, 0);
        self.generation.load(Acquire)
    }

    /// Announces that the calling processor, `cpu`, is back in ring 0.
    #[inline]
    pub fn leave(cpu: usize) {
        M::frames().presence()[cpu].leave();
    }

    /// The calling processor, `cpu`, as a visitor: saves whoever comes and goes often from finding its slot each
    /// time.
    pub fn visitor(&self, cpu: usize) -> Visitor {
        let presence = &M::frames().presence()[cpu];
        let visits = presence.0.load(Relaxed) & VISIT_MASK;
        Visitor { presence, number: u64::from(self.number) << SPACE_SHIFT, visits }
    }

    /// [`Residency::enter_tagged`] for a visitor of this space; it leaves with [`Visitor::leave`].
    #[inline(always)]
    pub fn visit(&self, visitor: &Visitor) -> u64 {
        visitor.presence.0.store(visitor.number | visitor.visits, Relaxed);
        fence(SeqCst);
        self.generation.load(Acquire)
    }

    /// Lets the calling processor use frames that it finds in this space's tables until the stay is dropped.
    #[inline]
    pub(super) fn stay(&self) -> Stay<M> {
        let cpu = M::cpu();
        let presence = &M::frames().presence()[cpu];
        debug_assert_eq!(presence.look() >> SPACE_SHIFT, 0, "a processor stays in two spaces");
        presence.enter(self.number, STAY);
        Stay { cpu, _machine: PhantomData }
    }

    /// Waits until no processor can use a translation that was taken away before this call. The caller is in no
    /// space.
    pub(super) fn shoot_down(&self) {
        self.generation.fetch_add(1, Release);
        fence(SeqCst);
        let slots = || M::frames().presence().iter().take(M::cpu_count().min(CPUS_MAX));
        let this = M::cpu();
        let mut waiting = [None; CPUS_MAX];
        for (cpu, (slot, wait)) in slots().zip(&mut waiting).enumerate() {
            let value = slot.look();
            if cpu != this && Presence::is_in(value, self.number) {
                *wait = Some(value);
                M::notify(cpu);
            }
        }
        for (slot, wait) in slots().zip(&waiting) {
            while wait.is_some_and(|value| slot.look() == value) {
                M::relax();
            }
        }
    }
}

/// A processor that enters one space again and again. Used by that processor only.
///
/// It counts visits by itself and does not see the stays between them, so the value of a stay may come twice:
/// whoever waits for the first may wait for the second too, which ends as soon. The value of a visit never comes
/// twice: a visit may last, and the notification that ends it is sent but once.
pub struct Visitor {
    presence: &'static Presence,
    /// The space's number, in place.
    number: u64,
    visits: u64,
}

impl Visitor {
    /// Announces that the processor is back in ring 0.
    #[inline(always)]
    pub fn leave(&mut self) {
        self.visits = self.visits.wrapping_add(1) & VISIT_MASK;
        // Release: what was read under the visit was read before it ends.
        self.presence.0.store(self.visits, Release);
    }
}

/// A claim of the calling processor on all frames of a space: none of them is reused while it is held. Its
/// holder takes no lock and enters no space.
#[must_use]
pub(super) struct Stay<M: Machine> {
    cpu: usize,
    _machine: PhantomData<fn() -> M>,
}

impl<M: Machine> Drop for Stay<M> {
    #[inline]
    fn drop(&mut self) {
        Residency::<M>::leave(self.cpu);
    }
}
