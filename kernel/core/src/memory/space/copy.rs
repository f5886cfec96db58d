//! How ring 0 reads and writes the memory of a space: through its page table, as its owner would.

use super::{Kind, Space};
use crate::machine::Machine;
use crate::memory::access::in_page;
use crate::memory::object::Patience;
use crate::memory::residency::Stay;
use crate::memory::{Access, FaultError};
use abi::Error;
use base_units::{Hpa, PAGE_BYTES};

/// Times that a page is faulted in for one access. More than one is needed only if others keep taking it away.
const ATTEMPTS_MAX: u32 = 64;

/// A claim of the calling processor on the frames of a space: what [`Pinned::frame_of`] finds stays valid until
/// it is dropped. Meanwhile its holder takes no lock, does not fault and enters no space.
pub struct Pinned<'a, M: Machine, K: Kind> {
    space: &'a Space<M, K>,
    _stay: Stay<M>,
}

impl<M: Machine, K: Kind> Pinned<'_, M, K> {
    /// The frame of the 4 KiB page that holds `address`, if the page table has it and allows `access` now.
    #[inline]
    pub fn frame_of(&self, address: K::Address, access: Access) -> Option<Hpa> {
        self.space.table.frame_of(K::raw(address), access)
    }
}

impl<M: Machine, K: Kind> Space<M, K> {
    /// Keeps frames of this space from being reused while the calling processor looks at them.
    #[inline]
    pub fn pin(&self) -> Pinned<'_, M, K> {
        Pinned { space: self, _stay: self.table.stay() }
    }

    /// Copies bytes from the space. Pages are faulted in as if its owner read them.
    ///
    /// # Errors
    /// Those of [`Space::fault`]; a part may have been copied.
    #[inline]
    pub fn read(&self, address: K::Address, buffer: &mut [u8]) -> Result<(), FaultError> {
        let mut at = check_range::<K>(address, buffer.len())?;
        let mut rest = buffer;
        while !rest.is_empty() {
            let (part, tail) = rest.split_at_mut(in_page(at, rest.len()));
            self.with_frame(at, Access::Read, |from| M::read_memory(from, part))?;
            at += part.len() as u64;
            rest = tail;
        }
        Ok(())
    }

    /// Copies bytes to the space. Pages are faulted in as if its owner wrote them.
    ///
    /// # Errors
    /// Those of [`Space::fault`]; a part may have been copied.
    #[inline]
    pub fn write(&self, address: K::Address, bytes: &[u8]) -> Result<(), FaultError> {
        let mut at = check_range::<K>(address, bytes.len())?;
        let mut rest = bytes;
        while !rest.is_empty() {
            let (part, tail) = rest.split_at(in_page(at, rest.len()));
            self.with_frame(at, Access::Write, |to| M::write_memory(to, part))?;
            at += part.len() as u64;
            rest = tail;
        }
        Ok(())
    }

    /// [`Space::read`] for system calls.
    ///
    /// # Errors
    /// `BadAddress`, `NoMemory`.
    #[inline]
    pub fn copy_in(&self, address: K::Address, buffer: &mut [u8]) -> Result<(), Error> {
        Ok(self.read(address, buffer)?)
    }

    /// [`Space::write`] for system calls.
    ///
    /// # Errors
    /// `BadAddress`, `NoMemory`.
    #[inline]
    pub fn copy_out(&self, address: K::Address, bytes: &[u8]) -> Result<(), Error> {
        Ok(self.write(address, bytes)?)
    }

    /// Calls `with` with the physical address of the byte at `at`.
    #[inline]
    fn with_frame(&self, at: u64, access: Access, mut with: impl FnMut(Hpa)) -> Result<(), FaultError> {
        for _ in 0..ATTEMPTS_MAX {
            let pinned = self.pin();
            if let Some(frame) = pinned.frame_of(K::address(at), access) {
                with(Hpa::new(frame.raw() | (at & (PAGE_BYTES - 1))));
                return Ok(());
            }
            drop(pinned);
            self.fault_in(K::address(at), access, Patience::Now)?;
        }
        Err(FaultError::NoMemory)
    }
}

/// The first address of a range that lies in the space.
#[inline]
fn check_range<K: Kind>(address: K::Address, len: usize) -> Result<u64, FaultError> {
    let start = K::raw(address);
    let end = start.checked_add(len as u64).ok_or(FaultError::Unmapped)?;
    // A process' table holds the kernel's half too, which is not ring 3's to name.
    if end > K::RANGE.end { Err(FaultError::Unmapped) } else { Ok(start) }
}
