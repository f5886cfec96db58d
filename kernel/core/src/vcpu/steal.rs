//! Steal time: the guest's record of the time that it was ready but had no processor (Linux
//! Documentation/virt/kvm/x86/msr.rst, MSR_KVM_STEAL_TIME).

use crate::machine::Machine;
use crate::memory::GuestSpace;
use base_units::Gpa;

/// Bytes of the record, and its alignment.
const RECORD_BYTES: u64 = 64;

/// Where the record is and what stands in it.
pub(super) struct StealRecord {
    /// `None` = the guest does not want to know.
    address: Option<Gpa>,
    /// Waiting time when the record was set.
    base_ns: u64,
    steal_ns: u64,
    version: u32,
}

impl StealRecord {
    pub(super) const fn new() -> Self {
        Self { address: None, base_ns: 0, steal_ns: 0, version: 0 }
    }

    /// Puts the record at `address` (0 = nowhere). False if it is not aligned.
    pub(super) fn set(&mut self, address: u64, waited_ns: u64) -> bool {
        if !address.is_multiple_of(RECORD_BYTES) {
            return false;
        }
        self.address = (address != 0).then_some(Gpa::new(address));
        self.base_ns = waited_ns.saturating_sub(self.steal_ns);
        true
    }

    /// Where the record is; 0 = nowhere.
    pub(super) fn address(&self) -> u64 {
        self.address.map_or(0, Gpa::raw)
    }

    /// Notes the whole waiting time. True if the record has to be written.
    pub(super) fn note(&mut self, waited_ns: u64) -> bool {
        self.steal_ns = waited_ns.saturating_sub(self.base_ns);
        self.address.is_some()
    }

    /// Writes the record: `steal` (8 bytes), `version` (odd while it changes), `flags` (0). A guest that
    /// takes its memory away gets nothing.
    pub(super) fn write<M: Machine>(&mut self, space: &GuestSpace<M>) {
        let Some(address) = self.address else { return };
        let at = |offset: u64| Gpa::new(address.raw().wrapping_add(offset));
        self.version = self.version.wrapping_add(1) | 1;
        let _ = space
            .write(at(8), &self.version.to_le_bytes())
            .and_then(|()| space.write(address, &self.steal_ns.to_le_bytes()))
            .and_then(|()| {
                self.version = self.version.wrapping_add(1);
                space.write(at(8), &self.version.to_le_bytes())
            });
    }
}
