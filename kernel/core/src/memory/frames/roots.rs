//! Top-level tables of processes.
//!
//! After a process has ended, an idle processor may still have its top-level table loaded. Such a table is
//! never used for anything else: emptied but for the kernel's half it is harmless, and it serves the next process.

use super::records::NO_FRAME;
use super::{Frames, address_of, number_of};
use crate::machine::Machine;
use base_units::Hpa;

/// Entries of the lower half.
const USER_ENTRIES: usize = 256;

impl<M: Machine> Frames<M> {
    /// A top-level table whose lower half is empty and whose upper half maps the kernel.
    pub(in crate::memory) fn allocate_root(&self) -> Option<Hpa> {
        {
            let mut head = self.roots.lock();
            if *head != NO_FRAME {
                let frame = *head;
                *head = self.records.next(frame);
                return Some(address_of(frame));
            }
        }
        let root = self.allocate_kernel()?.into_address();
        M::share_kernel_half(root);
        Some(root)
    }

    /// Keeps a table of [`Frames::allocate_root`] for the next process.
    pub(in crate::memory) fn retire_root(&self, root: Hpa) {
        (0..USER_ENTRIES).for_each(|index| M::write_entry(root, index, 0));
        let frame = number_of(root);
        let mut head = self.roots.lock();
        self.records.set_next(frame, *head);
        *head = frame;
    }
}
