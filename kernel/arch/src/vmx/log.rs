//! The log of the pages that a guest writes (Intel SDM vol. 3, 29.3.6).
//!
//! The processor logs a page when it sets the dirty bit of its EPT entry, so logging brings dirty bits along. They are used
//! for nothing else and stay off until somebody tracks the guest's memory: with them the processor's own reads of guest page
//! tables count as writes, which unshares cloned tables and makes tables in ROM the emulator's business.

use super::vcpu::{TODO_MEMORY, Vmx};
use super::vmcs::{read, write};
use crate::X86;
use base_units::{Gpa, Hpa};
use kernel_core::Machine;
use spec::vmx::{EPT_POINTER_DIRTY, field, secondary};

/// Entries of the log; it is filled from the last one down.
const ENTRIES: u16 = 512;

impl Vmx {
    /// Turns the log on; it stays on.
    pub(super) fn start_log(&mut self) {
        let Some(log) = &self.log else { return };
        write(field::WRITE_LOG, log.address().raw());
        write(field::WRITE_LOG_INDEX, u64::from(ENTRIES - 1));
        self.pointer |= EPT_POINTER_DIRTY;
        write(field::EPT_POINTER, self.pointer);
        self.set_secondary(secondary::WRITE_LOG, true);
        self.todo |= TODO_MEMORY;
    }

    /// Empties the log.
    #[inline]
    pub(super) fn empty_log(&mut self, mut note: impl FnMut(Gpa)) {
        let Some(log) = &self.log else { return };
        let index = read(field::WRITE_LOG_INDEX) as u16;
        if index == ENTRIES - 1 {
            return;
        }
        let log = log.address();
        // A full log has the index below 0.
        for entry in index.wrapping_add(1)..ENTRIES {
            note(Gpa::new(entry_of(log, entry)));
        }
        write(field::WRITE_LOG_INDEX, u64::from(ENTRIES - 1));
    }
}

fn entry_of(log: Hpa, entry: u16) -> u64 {
    X86::read_entry(log, usize::from(entry))
}
