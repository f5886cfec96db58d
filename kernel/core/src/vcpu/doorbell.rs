//! Doorbells: guest writes that ring something instead of leaving `vcpu_run`.

use abi::{DoorbellKind, Error};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};
use spin::RwLock;

/// Doorbells of one kind in one guest at the most.
pub const DOORBELLS_MAX: usize = 256;

/// Something that a doorbell rings.
pub trait Ring: Send + Sync {
    /// Rings it. Called with interrupts off on the path of a guest exit: short, no allocation.
    fn ring(&self);
}

/// The doorbells of one address space of a guest, sorted by address, without overlaps.
pub(super) struct Doorbells {
    /// First address with a doorbell; above `high` while there is none.
    low: AtomicU64,
    /// Last address with a doorbell.
    high: AtomicU64,
    /// Lock order: nothing is taken while it is held for writing; `Ring::ring` is called after it is let go.
    bells: RwLock<Vec<Doorbell>>,
}

struct Doorbell {
    first: u64,
    last: u64,
    bell: Arc<dyn Ring>,
}

impl Doorbells {
    pub(super) const fn new() -> Self {
        Self { low: AtomicU64::new(u64::MAX), high: AtomicU64::new(0), bells: RwLock::new(Vec::new()) }
    }

    /// Rings the doorbell at `address`; false if there is none. A guest without doorbells near the
    /// address pays two loads.
    #[inline]
    pub(super) fn ring(&self, address: u64) -> bool {
        if address < self.low.load(Ordering::Relaxed) || address > self.high.load(Ordering::Relaxed) {
            return false;
        }
        self.ring_listed(address)
    }

    /// Whether there is a doorbell at `address`.
    pub(super) fn is_listed(&self, address: u64) -> bool {
        if address < self.low.load(Ordering::Relaxed) || address > self.high.load(Ordering::Relaxed) {
            return false;
        }
        find(&self.bells.read(), address).is_some()
    }

    fn ring_listed(&self, address: u64) -> bool {
        let bell = find(&self.bells.read(), address).map(|found| found.bell.clone());
        let Some(bell) = bell else { return false };
        bell.ring();
        true
    }

    /// Puts a doorbell on `bytes` bytes from `address` on.
    pub(super) fn add(&self, address: u64, bytes: u64, bell: Arc<dyn Ring>) -> Result<(), Error> {
        let last = bytes.checked_sub(1).and_then(|more| address.checked_add(more));
        let last = last.ok_or(Error::BadArgument)?;
        let mut bells = self.bells.write();
        if bells.len() >= DOORBELLS_MAX {
            return Err(Error::LimitReached);
        }
        let place = bells.partition_point(|bell| bell.last < address);
        if bells.get(place).is_some_and(|next| next.first <= last) {
            return Err(Error::Exists);
        }
        bells.try_reserve(1).map_err(|_| Error::NoMemory)?;
        bells.insert(place, Doorbell { first: address, last, bell });
        self.set_bounds(&bells);
        Ok(())
    }

    /// Takes away the doorbell that [`Doorbells::add`] put on exactly this range.
    pub(super) fn remove(&self, address: u64, bytes: u64) -> Result<(), Error> {
        let mut bells = self.bells.write();
        let place = bells
            .iter()
            .position(|bell| bell.first == address && bell.last - bell.first == bytes.wrapping_sub(1));
        let removed = bells.remove(place.ok_or(Error::NotFound)?);
        self.set_bounds(&bells);
        drop(bells);
        drop(removed);
        Ok(())
    }

    fn set_bounds(&self, bells: &[Doorbell]) {
        let low = bells.first().map_or(u64::MAX, |bell| bell.first);
        let high = bells.last().map_or(0, |bell| bell.last);
        self.low.store(low, Ordering::Relaxed);
        self.high.store(high, Ordering::Relaxed);
    }
}

fn find(bells: &[Doorbell], address: u64) -> Option<&Doorbell> {
    let place = bells.partition_point(|bell| bell.last < address);
    bells.get(place).filter(|bell| bell.first <= address)
}

/// Checks a doorbell's range against its address space.
pub(super) fn is_range_valid(kind: DoorbellKind, address: u64, bytes: u64) -> bool {
    let Some(end) = address.checked_add(bytes) else { return false };
    bytes != 0 && (kind == DoorbellKind::Memory || end <= 0x1_0000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::AtomicU32;

    struct Counter(AtomicU32);

    impl Ring for Counter {
        fn ring(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_doorbell_rings_in_its_range_only() {
        let bells = Doorbells::new();
        let counter = Arc::new(Counter(AtomicU32::new(0)));
        bells.add(0x1000, 4, counter.clone()).unwrap();
        bells.add(0x2000, 4, counter.clone()).unwrap();

        let rung: Vec<u64> = (0xff0..0x2010).filter(|&address| bells.ring(address)).collect();

        assert_eq!(rung, [0x1000, 0x1001, 0x1002, 0x1003, 0x2000, 0x2001, 0x2002, 0x2003]);
        assert_eq!(counter.0.load(Ordering::Relaxed), 8);
    }

    #[test]
    fn overlapping_doorbells_are_refused() {
        let bells = Doorbells::new();
        let counter = Arc::new(Counter(AtomicU32::new(0)));
        bells.add(0x1000, 4, counter.clone()).unwrap();

        assert_eq!(bells.add(0x1003, 1, counter.clone()), Err(Error::Exists));
        assert_eq!(bells.add(0xfff, 2, counter.clone()), Err(Error::Exists));
        assert_eq!(bells.add(0x1004, 1, counter), Ok(()));
    }

    #[test]
    fn a_removed_doorbell_is_silent() {
        let bells = Doorbells::new();
        bells.add(5, 2, Arc::new(Counter(AtomicU32::new(0)))).unwrap();

        assert_eq!(bells.remove(5, 1), Err(Error::NotFound));
        assert_eq!(bells.remove(5, 2), Ok(()));
        assert!(!bells.ring(5));
    }

    #[test]
    fn a_range_past_the_last_port_is_refused() {
        assert!(is_range_valid(DoorbellKind::Port, 0xffff, 1));
        assert!(!is_range_valid(DoorbellKind::Port, 0xffff, 2));
        assert!(!is_range_valid(DoorbellKind::Memory, u64::MAX, 2));
        assert!(!is_range_valid(DoorbellKind::Memory, 0, 0));
    }
}
