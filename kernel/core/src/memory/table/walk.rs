//! Walking page tables as a processor does, without a lock.

use super::super::Access;
use super::format::Format;
use super::{TOP, index, read, span};
use crate::machine::Machine;
use base_units::{Hpa, PAGE_BYTES};

/// The frame of the 4 KiB page that holds `address`, if it is mapped and allows `access`. The caller has
/// the space pinned or its table locked.
#[inline]
pub(in crate::memory) fn frame_of<M: Machine>(
    format: &Format,
    root: Hpa,
    address: u64,
    access: Access,
) -> Option<Hpa> {
    let mut table = root;
    let mut level = TOP;
    loop {
        let entry = read::<M>(table, index(address, level));
        if !entry.is_present() {
            return None;
        }
        if entry.is_leaf(level) {
            let is_allowed = match access {
                Access::Read => true,
                Access::Write => format.may_write(entry),
                Access::Execute => format.may_execute(entry),
            };
            let within = address & (span(level) - 1) & !(PAGE_BYTES - 1);
            return is_allowed.then(|| Hpa::new(entry.address().raw() | within));
        }
        table = entry.address();
        level -= 1;
    }
}
