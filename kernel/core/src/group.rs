//! Groups: shares of processors and memory for a set of processes and guests (one per VM).
//!
//! Groups form a tree. Memory is charged to a group and to all groups above it; processor time
//! is shared by weight among all groups, bounded by a cap and backed by a reservation.

use abi::{Error, GroupInfo, GroupLimits};
use alloc::sync::Arc;
use base_units::{PAGE_BYTES, PageCount};
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

/// Largest weight.
pub const WEIGHT_MAX: u32 = 10_000;
/// Largest cap and reservation, in thousandths of a processor: 64 processors.
pub const MILLI_MAX: u32 = 64_000;
/// Groups above one another at the most; bounds every charge.
pub const DEPTH_MAX: u32 = 8;
/// Ring-0 memory on behalf of one group at the most, besides a share of its memory limit: no VMM can
/// exhaust the kernel's heap.
pub const KERNEL_BYTES_BASE: u64 = 32 << 20;
/// Which part of a group's memory limit it may have in ring-0 memory as well. Page tables and the tree
/// of a memory object take 8 bytes a page each, in the guest and in its VMM: less than a hundredth.
const KERNEL_BYTES_SHARE: u64 = 64;
/// The span over which caps and reservations hold, in nanoseconds.
pub const PERIOD_NS: u64 = 100_000_000;

/// Whether any group ever reserved processor time: as long as none has, nobody looks for one that is below its reservation.
static HAS_RESERVATIONS: AtomicBool = AtomicBool::new(false);

/// Shares of processors and memory.
#[derive(Debug)]
pub struct Group {
    parent: Option<Arc<Group>>,
    depth: u32,

    weight: AtomicU32,
    cap_milli: AtomicU32,
    reservation_milli: AtomicU32,
    /// Most pages; 0 = no limit of its own.
    page_limit: AtomicU64,

    /// Pages of memory objects, this group's and those of the groups below it.
    pages: AtomicU64,
    /// Bytes of kernel objects and page tables.
    kernel_bytes: AtomicU64,
    cpu_ns: AtomicU64,
    wait_ns: AtomicU64,
    /// Threads that run or want to.
    runnable: AtomicU32,
    /// Start of the present period.
    period_start_ns: AtomicU64,
    /// CPU time used in the present period.
    period_used_ns: AtomicU64,
}

impl Group {
    /// The group above all others, without limits.
    pub fn root() -> Arc<Self> {
        Arc::new(Self::with(None, 0, &GroupLimits::default()))
    }

    /// Makes a group below `parent`.
    ///
    /// # Errors
    /// `BadArgument` for limits out of range, `LimitReached` below [`DEPTH_MAX`] groups.
    pub fn below(parent: &Arc<Self>, limits: &GroupLimits) -> Result<Arc<Self>, Error> {
        check(limits)?;
        let depth = parent.depth + 1;
        if depth >= DEPTH_MAX {
            return Err(Error::LimitReached);
        }
        Ok(Arc::new(Self::with(Some(parent.clone()), depth, limits)))
    }

    fn with(parent: Option<Arc<Self>>, depth: u32, limits: &GroupLimits) -> Self {
        Self {
            parent,
            depth,
            weight: AtomicU32::new(limits.weight),
            cap_milli: AtomicU32::new(limits.cap_milli),
            reservation_milli: AtomicU32::new(limits.reservation_milli),
            page_limit: AtomicU64::new(limits.memory_bytes / PAGE_BYTES),
            pages: AtomicU64::new(0),
            kernel_bytes: AtomicU64::new(0),
            cpu_ns: AtomicU64::new(0),
            wait_ns: AtomicU64::new(0),
            runnable: AtomicU32::new(0),
            period_start_ns: AtomicU64::new(0),
            period_used_ns: AtomicU64::new(0),
        }
    }

    /// Changes the limits. Memory in use beyond a new limit stays; only growth is refused.
    ///
    /// # Errors
    /// `BadArgument` for limits out of range.
    pub fn set(&self, limits: &GroupLimits) -> Result<(), Error> {
        check(limits)?;
        self.weight.store(limits.weight, Relaxed);
        self.cap_milli.store(limits.cap_milli, Relaxed);
        self.reservation_milli.store(limits.reservation_milli, Relaxed);
        self.page_limit.store(limits.memory_bytes / PAGE_BYTES, Relaxed);
        Ok(())
    }

    /// What the group uses and may use.
    pub fn info(&self) -> GroupInfo {
        GroupInfo {
            cpu_ns: self.cpu_ns.load(Relaxed),
            wait_ns: self.wait_ns.load(Relaxed),
            memory_bytes: self.pages.load(Relaxed) * PAGE_BYTES,
            kernel_bytes: self.kernel_bytes.load(Relaxed),
            limits: GroupLimits {
                weight: self.weight.load(Relaxed),
                cap_milli: self.cap_milli.load(Relaxed),
                reservation_milli: self.reservation_milli.load(Relaxed),
                reserved: 0,
                memory_bytes: self.page_limit.load(Relaxed) * PAGE_BYTES,
            },
        }
    }

    /// Charges `count` pages to this group and all above it.
    ///
    /// # Errors
    /// `NoMemory` if that passes the limit of any of them; then nothing is charged.
    pub fn charge(&self, count: PageCount) -> Result<(), Error> {
        let mut group = Some(self);
        while let Some(this) = group {
            let limit = this.page_limit.load(Relaxed);
            let before = this.pages.fetch_add(count.raw(), Relaxed);
            if limit != 0 && before.saturating_add(count.raw()) > limit {
                self.uncharge_up_to(this, count);
                return Err(Error::NoMemory);
            }
            group = this.parent.as_deref();
        }
        Ok(())
    }

    /// Takes a charge back from this group up to `last`.
    fn uncharge_up_to(&self, last: &Self, count: PageCount) {
        let mut group = Some(self);
        while let Some(this) = group {
            this.pages.fetch_sub(count.raw(), Relaxed);
            group = if core::ptr::eq(this, last) { None } else { this.parent.as_deref() };
        }
    }

    /// Takes back a charge.
    pub fn release(&self, count: PageCount) {
        let mut group = Some(self);
        while let Some(this) = group {
            let before = this.pages.fetch_sub(count.raw(), Relaxed);
            assert!(before >= count.raw(), "a group released pages that it was not charged");
            group = this.parent.as_deref();
        }
    }

    /// Counts bytes of ring-0 memory that exist on this group's behalf.
    ///
    /// # Errors
    /// `NoMemory` beyond [`KERNEL_BYTES_BASE`] and the group's share. The root group has no such limit.
    pub fn charge_kernel(&self, bytes: u64) -> Result<(), Error> {
        let before = self.kernel_bytes.fetch_add(bytes, Relaxed);
        let share = self.page_limit.load(Relaxed) * (PAGE_BYTES / KERNEL_BYTES_SHARE);
        if self.parent.is_some() && before.saturating_add(bytes) > KERNEL_BYTES_BASE + share {
            self.kernel_bytes.fetch_sub(bytes, Relaxed);
            return Err(Error::NoMemory);
        }
        Ok(())
    }

    /// Takes back [`Group::charge_kernel`].
    pub fn release_kernel(&self, bytes: u64) {
        self.kernel_bytes.fetch_sub(bytes, Relaxed);
    }

    /// Accounts `ns` of processor time at `now`.
    #[inline]
    pub fn account_cpu(&self, ns: u64, now_ns: impl FnOnce() -> u64) {
        self.cpu_ns.fetch_add(ns, Relaxed);
        if self.cap_milli.load(Relaxed) | self.reservation_milli.load(Relaxed) != 0 {
            self.roll_period(now_ns());
            self.period_used_ns.fetch_add(ns, Relaxed);
        }
    }

    /// Accounts `ns` during which a thread waited for a processor.
    pub fn account_wait(&self, ns: u64) {
        self.wait_ns.fetch_add(ns, Relaxed);
    }

    /// A thread of the group begins to want a processor.
    pub fn enter_runnable(&self) {
        self.runnable.fetch_add(1, Relaxed);
    }

    /// A thread of the group sleeps or ends.
    pub fn leave_runnable(&self) {
        self.runnable.fetch_sub(1, Relaxed);
    }

    /// Threads that run or want to, for tests.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn runnable(&self) -> u32 {
        self.runnable.load(Relaxed)
    }

    /// Virtual time that `ns` of running cost one thread: the more threads share the group's weight,
    /// the more it costs each.
    pub fn virtual_time(&self, ns: u64) -> u64 {
        let sharers = u64::from(self.runnable.load(Relaxed).max(1));
        let weight = u64::from(self.weight.load(Relaxed).max(1));
        ns.saturating_mul(u64::from(abi::WEIGHT_DEFAULT) * sharers) / weight
    }

    /// Whether the group has a cap.
    #[inline]
    pub fn is_capped(&self) -> bool {
        self.cap_milli.load(Relaxed) != 0
    }

    /// Whether any group has, or had, reserved processor time.
    #[inline]
    pub fn has_reservations() -> bool {
        HAS_RESERVATIONS.load(Relaxed)
    }

    /// Until when (nanoseconds) the group may not run because its cap for the period is used up.
    pub fn throttled_until(&self, now_ns: u64) -> Option<u64> {
        let cap = u64::from(self.cap_milli.load(Relaxed));
        if cap == 0 {
            return None;
        }
        self.roll_period(now_ns);
        let quota = cap * (PERIOD_NS / 1000);
        let used = self.period_used_ns.load(Relaxed);
        (used >= quota).then(|| self.period_start_ns.load(Relaxed) + PERIOD_NS)
    }

    /// Time the group may still run in this period before its cap, if it has one.
    #[inline]
    pub fn cap_remaining_ns(&self, now_ns: impl FnOnce() -> u64) -> Option<u64> {
        let cap = u64::from(self.cap_milli.load(Relaxed));
        if cap == 0 {
            return None;
        }
        self.roll_period(now_ns());
        Some((cap * (PERIOD_NS / 1000)).saturating_sub(self.period_used_ns.load(Relaxed)))
    }

    /// Whether the group has not yet had what it reserved for this period.
    pub fn is_below_reservation(&self, now_ns: u64) -> bool {
        let reservation = u64::from(self.reservation_milli.load(Relaxed));
        if reservation == 0 {
            return false;
        }
        self.roll_period(now_ns);
        self.period_used_ns.load(Relaxed) < reservation * (PERIOD_NS / 1000)
    }

    /// Starts a new period when the old one has passed. What was used beyond a cap is owed.
    fn roll_period(&self, now_ns: u64) {
        let start = self.period_start_ns.load(Relaxed);
        let elapsed = now_ns.saturating_sub(start);
        if elapsed < PERIOD_NS {
            return;
        }
        let next = now_ns - elapsed % PERIOD_NS;
        if self.period_start_ns.compare_exchange(start, next, Relaxed, Relaxed).is_err() {
            return; // Another processor did it.
        }
        let quota = u64::from(self.cap_milli.load(Relaxed)) * (PERIOD_NS / 1000);
        let periods = elapsed / PERIOD_NS;
        let allowed = if quota == 0 { u64::MAX } else { quota.saturating_mul(periods) };
        let used = self.period_used_ns.load(Relaxed);
        self.period_used_ns.fetch_sub(used.min(allowed), Relaxed);
    }
}

/// Checks limits that are about to be set.
fn check(limits: &GroupLimits) -> Result<(), Error> {
    let fits = (1..=WEIGHT_MAX).contains(&limits.weight)
        && limits.cap_milli <= MILLI_MAX
        && limits.reservation_milli <= MILLI_MAX
        && limits.reserved == 0;
    if !fits {
        return Err(Error::BadArgument);
    }
    if limits.reservation_milli != 0 {
        HAS_RESERVATIONS.store(true, Relaxed);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(memory_bytes: u64, cap_milli: u32) -> GroupLimits {
        GroupLimits { memory_bytes, cap_milli, ..GroupLimits::default() }
    }

    #[test]
    fn a_refused_charge_leaves_no_trace_in_any_group() {
        let root = Group::root();
        let middle = Group::below(&root, &limits(10 * PAGE_BYTES, 0)).unwrap();
        let leaf = Group::below(&middle, &limits(0, 0)).unwrap();

        assert_eq!(leaf.charge(PageCount::new(11)), Err(Error::NoMemory));
        assert_eq!(leaf.charge(PageCount::new(10)), Ok(()));

        assert_eq!(root.info().memory_bytes, 10 * PAGE_BYTES);
        leaf.release(PageCount::new(10));
        assert_eq!(root.info().memory_bytes, 0);
        assert_eq!(middle.info().memory_bytes, 0);
    }

    #[test]
    fn a_capped_group_is_throttled_until_its_debt_is_paid() {
        let root = Group::root();
        let group = Group::below(&root, &limits(0, 500)).unwrap();

        group.account_cpu(PERIOD_NS, || PERIOD_NS);

        assert_eq!(group.throttled_until(PERIOD_NS + 1), Some(2 * PERIOD_NS));
        assert_eq!(group.throttled_until(2 * PERIOD_NS), Some(3 * PERIOD_NS));
        assert_eq!(group.throttled_until(3 * PERIOD_NS), None);
    }

    #[test]
    fn limits_out_of_range_are_refused() {
        let root = Group::root();
        for weight in [0, WEIGHT_MAX + 1] {
            let bad = GroupLimits { weight, ..GroupLimits::default() };
            assert_eq!(Group::below(&root, &bad).unwrap_err(), Error::BadArgument);
        }
    }

    #[test]
    fn a_thread_of_a_heavier_group_ages_slower() {
        let root = Group::root();
        let heavy = Group::below(&root, &GroupLimits { weight: 200, ..GroupLimits::default() }).unwrap();

        assert_eq!(heavy.virtual_time(1000), 500);
        assert_eq!(root.virtual_time(1000), 1000);
    }
}
