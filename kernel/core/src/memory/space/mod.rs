//! Address spaces of processes and guests.

mod copy;
mod kind;
mod mapping;
mod table;
#[cfg(test)]
mod tests;

pub use copy::Pinned;
pub use kind::{GUEST_END, GuestKind, Kind, ProcessKind, USER_END, USER_START};
pub use mapping::MAPPINGS_MAX;
pub(super) use table::SpaceTable;

use super::object::{Patience, View};
use super::residency::Residency;
use super::table::{Format, Leaf};
use super::{Access, FaultError, MemoryObject, Permissions};
use crate::group::Group;
use crate::machine::Machine;
use abi::Error;
use alloc::sync::Arc;
use base_units::{Gpa, Hpa, PAGE_BYTES, PageSize};
use core::marker::PhantomData;
use core::ops::Range;
use mapping::{Mapping, Mappings};
use spin::RwLock;
use table::{Owner, narrowed};

/// Memory of a process.
pub type AddressSpace<M> = Space<M, ProcessKind>;
/// Guest-physical memory of a virtual machine.
pub type GuestSpace<M> = Space<M, GuestKind>;

/// Which nested page tables the processor uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Nesting {
    /// AMD's nested page tables.
    Npt,
    /// Intel's extended page tables.
    Ept,
    /// The same, and the processor can log which pages it writes.
    LoggedEpt,
}

/// Mappings and the page table that faults fill from them.
pub struct Space<M: Machine, K: Kind> {
    table: Arc<SpaceTable<M>>,
    /// Faults read, mapping and unmapping write.
    mappings: RwLock<Mappings<M>>,
    _kind: PhantomData<fn() -> K>,
}

impl<M: Machine> Space<M, ProcessKind> {
    /// The empty memory of a process; its page tables are charged to `group`.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn new(group: &Arc<Group>) -> Result<Arc<Self>, Error> {
        Self::with(Owner::Process, Format::X86, false, group)
    }
}

impl<M: Machine> Space<M, GuestKind> {
    /// The empty memory of a guest; its page tables are charged to `group`.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn new(group: &Arc<Group>, nesting: Nesting) -> Result<Arc<Self>, Error> {
        let format = match nesting {
            Nesting::Npt => Format::X86,
            Nesting::Ept | Nesting::LoggedEpt => Format::EPT,
        };
        Self::with(Owner::Guest, format, nesting == Nesting::LoggedEpt, group)
    }

    /// Whether vCPUs are to log which pages they write. Asked whenever the generation has changed; once true it stays.
    pub fn is_logged(&self) -> bool {
        self.table.is_logged()
    }

    /// Notes a write that a processor has logged. What is not mapped any more was noted when it was unmapped.
    pub fn note_write(&self, address: Gpa) {
        let mappings = self.mappings.read();
        if let Some(mapping) = mappings.find(address.raw()) {
            mapping.memory.note_write(mapping.page(address.raw()));
        }
    }
}

impl<M: Machine, K: Kind> Space<M, K> {
    fn with(owner: Owner, format: Format, can_log: bool, group: &Arc<Group>) -> Result<Arc<Self>, Error> {
        let table = SpaceTable::new(owner, format, can_log, group)?;
        Ok(Arc::new(Self { table, mappings: RwLock::new(Mappings::new()), _kind: PhantomData }))
    }

    /// Its top-level table.
    #[inline]
    pub fn root(&self) -> Hpa {
        self.table.root()
    }

    /// Which processors are in it.
    #[inline]
    pub fn residency(&self) -> &Residency<M> {
        self.table.residency()
    }

    /// Maps whole pages of `memory`, at `wanted` or at a place of the kernel's choice. Nothing is in the page
    /// table yet: faults bring it there.
    ///
    /// # Errors
    /// `BadArgument`, `OutOfRange` for a range that is not in the object, `Exists`, `AccessDenied` if the memory may
    /// not be written, `LimitReached`, `NoMemory`.
    pub fn map(
        &self,
        memory: Arc<MemoryObject<M>>,
        offset: u64,
        bytes: u64,
        wanted: Option<K::Address>,
        permissions: Permissions,
    ) -> Result<K::Address, Error> {
        check_part(&memory, offset, bytes)?;
        if !K::permits(permissions) {
            return Err(Error::BadArgument);
        }
        if permissions.write && !memory.may_write() {
            return Err(Error::AccessDenied);
        }
        let mut mappings = self.mappings.write();
        mappings.reserve(1)?;
        let range = match wanted {
            Some(address) => check_place::<K>(K::raw(address), bytes)?,
            None => choose::<M, K>(&mappings, &memory, offset, bytes).ok_or(Error::NoMemory)?,
        };
        if !mappings.is_free(&range) {
            return Err(Error::Exists);
        }
        let start = range.start;
        let mapping = Mapping { range, memory, offset, permissions };
        mapping.memory.add_view(self.view(&mapping))?;
        mappings.insert(mapping);
        Ok(K::address(start))
    }

    /// Unmaps whole pages; parts of the range where nothing is mapped are left alone.
    ///
    /// # Errors
    /// `BadArgument`; `LimitReached` or `NoMemory` if a mapping has to be cut in two.
    pub fn unmap(&self, address: K::Address, bytes: u64) -> Result<(), Error> {
        let (mut address, mut bytes) = (address, bytes);
        while let Some(rest) = self.unmap_some(address, bytes)? {
            address = K::address(K::raw(address) + (bytes - rest));
            bytes = rest;
        }
        Ok(())
    }

    /// A step of [`Space::unmap`]: a bounded number of pages from the start of the range on. Answers how many bytes at its end are
    /// left to be unmapped.
    ///
    /// # Errors
    /// Those of [`Space::unmap`].
    pub fn unmap_some(&self, address: K::Address, bytes: u64) -> Result<Option<u64>, Error> {
        let whole = check_place::<K>(K::raw(address), bytes)?;
        let mut mappings = self.mappings.write();
        self.cut_at(&mut mappings, whole.start)?;
        self.cut_at(&mut mappings, whole.end)?;
        let stop = self.table.step_end(&whole);
        // Without room for one mapping more all is done at once.
        let has_border = stop < whole.end && self.cut_at(&mut mappings, stop).is_ok();
        let range = whole.start..if has_border { stop } else { whole.end };
        let left = whole.end - range.end;
        let removed = mappings.take_all(&range)?;
        self.table.unmap(range);
        for mapping in &removed {
            mapping.memory.remove_view(&self.table, mapping.range.start);
        }
        // The last references to large objects may go with these: not under the lock.
        drop(mappings);
        drop(removed);
        Ok((left > 0).then_some(left))
    }

    /// Resolves a fault at `address`, or says why it cannot be. A large page may take several faults: the access is tried again
    /// in any case.
    ///
    /// # Errors
    /// For a guest, `Unmapped` and `Denied` mean that the access is the VMM's business.
    #[inline]
    pub fn fault(&self, address: K::Address, access: Access) -> Result<(), FaultError> {
        self.fault_in(address, access, Patience::Again)
    }

    #[inline]
    fn fault_in(&self, address: K::Address, access: Access, patience: Patience) -> Result<(), FaultError> {
        let address = K::raw(address);
        let mappings = self.mappings.read();
        let mapping = mappings.find(address).ok_or(FaultError::Unmapped)?;
        if !mapping.permissions.allow(access) {
            return Err(FaultError::Denied);
        }
        let page = mapping.page(address);
        let address = address & !(PAGE_BYTES - 1);
        mapping.memory.resolve(page, access == Access::Write, patience, |resolved| {
            let leaf = Leaf {
                frame: resolved.frame,
                size: resolved.size,
                permissions: narrowed(mapping.permissions, resolved.is_writable),
                caching: resolved.caching,
            };
            self.table.install(address, &mapping.range, &leaf)
        })?;
        Ok(())
    }

    /// What a mapping at this address allows; `None` if there is none.
    pub fn permissions_at(&self, address: K::Address) -> Option<Permissions> {
        self.mappings.read().find(K::raw(address)).map(|mapping| mapping.permissions)
    }

    /// Cuts the mapping in two that lies on both sides of `border`.
    fn cut_at(&self, mappings: &mut Mappings<M>, border: u64) -> Result<(), Error> {
        let is_inside = |mapping: &&Mapping<M>| mapping.range.start < border;
        let Some(mapping) = mappings.find(border).filter(is_inside) else { return Ok(()) };
        let (left, right) =
            (mapping.part(mapping.range.start..border), mapping.part(border..mapping.range.end));
        mappings.reserve(1)?;
        left.memory.cut_view(left.range.start, self.view(&right))?;
        let whole = mappings.take(&left.range);
        mappings.insert(left);
        mappings.insert(right);
        drop(whole);
        Ok(())
    }

    fn view(&self, mapping: &Mapping<M>) -> View<M> {
        View { table: self.table.clone(), address: mapping.range.start, pages: mapping.pages() }
    }
}

impl<M: Machine, K: Kind> Drop for Space<M, K> {
    fn drop(&mut self) {
        self.table.unmap(K::RANGE);
        let mappings = self.mappings.get_mut();
        while let Some(mapping) = mappings.take(&K::RANGE) {
            mapping.memory.remove_view(&self.table, mapping.range.start);
        }
    }
}

/// Checks that a range of whole pages lies in the object.
fn check_part<M: Machine>(memory: &MemoryObject<M>, offset: u64, bytes: u64) -> Result<(), Error> {
    if bytes == 0 || !bytes.is_multiple_of(PAGE_BYTES) || !offset.is_multiple_of(PAGE_BYTES) {
        return Err(Error::BadArgument);
    }
    let end = offset.checked_add(bytes).filter(|end| *end <= memory.bytes());
    end.map(drop).ok_or(Error::OutOfRange)
}

/// Checks that a range of whole pages can be mapped.
fn check_place<K: Kind>(start: u64, bytes: u64) -> Result<Range<u64>, Error> {
    let end = start.checked_add(bytes).ok_or(Error::BadArgument)?;
    let is_aligned = start.is_multiple_of(PAGE_BYTES) && bytes.is_multiple_of(PAGE_BYTES);
    let is_inside = K::RANGE.start <= start && end <= K::RANGE.end;
    if bytes == 0 || !is_aligned || !is_inside {
        return Err(Error::BadArgument);
    }
    Ok(start..end)
}

/// A free place where large pages of the object can be mapped as such.
fn choose<M: Machine, K: Kind>(
    mappings: &Mappings<M>,
    memory: &MemoryObject<M>,
    offset: u64,
    bytes: u64,
) -> Option<Range<u64>> {
    let sizes = [memory.preferred_size(), PageSize::Large, PageSize::Small];
    let fits = |size: &PageSize| size.bytes() <= bytes && *size <= memory.preferred_size();
    let size = sizes.into_iter().find(fits).unwrap_or(PageSize::Small);
    mappings.choose(K::CHOICE, bytes, size, offset % size.bytes())
}
