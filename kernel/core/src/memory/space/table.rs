//! A page table with the processors that use it: the part of a space that memory objects know.

use super::super::frames::KernelFrame;
use super::super::residency::{Residency, Stay};
use super::super::table::{self, Detached, Format, Leaf, MapError, Table};
use super::super::{Access, Permissions};
use crate::group::Group;
use crate::lock::Lock;
use crate::machine::Machine;
use abi::Error;
use alloc::sync::Arc;
use base_units::{Hpa, PageSize};
use core::ops::Range;
use core::sync::atomic::{AtomicBool, Ordering};

/// Addresses that four levels of tables translate.
pub(super) const ADDRESS_END: u64 = 1 << 48;

/// Whose table it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::memory) enum Owner {
    /// A process: the upper half is the kernel's.
    Process,
    /// A guest.
    Guest,
}

/// The tables of a space. It knows no memory objects, so that objects can keep it alive.
pub(in crate::memory) struct SpaceTable<M: Machine> {
    owner: Owner,
    format: Format,
    root: Hpa,
    residency: Residency<M>,
    /// The processor can log which pages it writes.
    can_log: bool,
    /// It does.
    is_logged: AtomicBool,
    table: Lock<Table<M>>,
}

impl Owner {
    /// The first address that is not the owner's.
    const fn end(self) -> u64 {
        match self {
            Owner::Process => ADDRESS_END / 2,
            Owner::Guest => ADDRESS_END,
        }
    }
}

impl<M: Machine> SpaceTable<M> {
    pub(super) fn new(
        owner: Owner,
        format: Format,
        can_log: bool,
        group: &Arc<Group>,
    ) -> Result<Arc<Self>, Error> {
        let root = M::frames().allocate_kernel().map(KernelFrame::into_address).ok_or(Error::NoMemory)?;
        if owner == Owner::Process {
            M::share_kernel_half(root);
        }
        let table = Lock::new(Table::new(format, root, group.clone()));
        let is_logged = AtomicBool::new(false);
        Ok(Arc::new(Self { owner, format, root, residency: Residency::new(), can_log, is_logged, table }))
    }

    pub(super) fn root(&self) -> Hpa {
        self.root
    }

    pub(super) fn residency(&self) -> &Residency<M> {
        &self.residency
    }

    /// Maps the page at `address` and as much around it as `leaf` and `within` allow. The lock of the object
    /// that owns the frame is held, so nobody takes it away meanwhile.
    #[inline]
    pub(super) fn install(&self, address: u64, within: &Range<u64>, leaf: &Leaf) -> Result<(), Error> {
        let mut table = self.table.lock();
        if leaf.size == PageSize::Small {
            return Ok(table.map_small(address, leaf)?);
        }
        for size in [PageSize::Huge, PageSize::Large] {
            if size > leaf.size || size == PageSize::Huge && !M::has_huge_pages() {
                continue;
            }
            let Some((base, large)) = widen(address, within, leaf, size) else { continue };
            match table.map(base, &large) {
                Err(MapError::HasTable) => {}
                done => return done.map_err(Error::from),
            }
        }
        Ok(table.map(address, &Leaf { size: PageSize::Small, ..*leaf })?)
    }

    /// Takes all translations of the range away and waits until no processor uses one.
    pub(in crate::memory) fn clear(&self, range: Range<u64>) {
        let has_changed = self.table.lock().clear(range);
        if has_changed {
            self.residency.shoot_down();
        }
    }

    /// Makes all translations of the range read-only and waits until no processor uses an older one.
    pub(in crate::memory) fn protect(&self, range: Range<u64>) {
        let has_changed = self.table.lock().protect(range);
        if has_changed {
            self.residency.shoot_down();
        }
    }

    /// Where a step ends that begins with `range`: a bounded number of pages is mapped before.
    pub(super) fn step_end(&self, range: &Range<u64>) -> u64 {
        self.table.lock().step_end(range)
    }

    /// Has processors log their writes from the next entry on, if they can; for good, because other objects of the space may
    /// come to rely on it. When this returns no processor is in the space that does not.
    pub(in crate::memory) fn start_log(&self) {
        if self.can_log && !self.is_logged.swap(true, Ordering::Release) {
            self.residency.shoot_down();
        }
    }

    /// Whether processors log their writes.
    pub(in crate::memory) fn is_logged(&self) -> bool {
        self.is_logged.load(Ordering::Acquire)
    }

    /// Waits until every processor that logs its writes has left the space once.
    pub(in crate::memory) fn expel(&self) {
        if self.is_logged() {
            self.residency.shoot_down();
        }
    }

    /// Sees to it that the next write to each page of the range is noticed: logged, or else stopped. Waits until no processor
    /// uses an older translation.
    pub(in crate::memory) fn rearm(&self, range: Range<u64>) {
        if !self.is_logged() {
            return self.protect(range);
        }
        let has_changed = self.table.lock().rearm(range);
        if has_changed {
            self.residency.shoot_down();
        }
    }

    /// [`SpaceTable::clear`] that frees tables too.
    pub(super) fn unmap(&self, range: Range<u64>) {
        // Each turn but the last frees a batch of tables.
        loop {
            let mut detached = Detached::new();
            let mut table = self.table.lock();
            let has_changed = table.clear(range.clone());
            let is_done = table.detach(range.clone(), &mut detached);
            if has_changed || !detached.is_empty() {
                self.residency.shoot_down();
            }
            table.free(detached);
            if is_done {
                return;
            }
        }
    }

    #[inline]
    pub(super) fn stay(&self) -> Stay<M> {
        self.residency.stay()
    }

    /// The frame of a page; under a stay. What ring 3 or a guest cannot name is not found.
    #[inline]
    pub(super) fn frame_of(&self, address: u64, access: Access) -> Option<Hpa> {
        if address >= self.owner.end() {
            return None;
        }
        table::frame_of::<M>(&self.format, self.root, address, access)
    }
}

impl<M: Machine> Drop for SpaceTable<M> {
    fn drop(&mut self) {
        self.unmap(0..self.owner.end());
        // No processor has it loaded: each holds the space of the table that it has (`Cpu::load_table`).
        drop(KernelFrame::<M>::adopt(self.root));
    }
}

impl From<MapError> for Error {
    fn from(_: MapError) -> Self {
        Error::NoMemory
    }
}

/// The leaf of `size` around the page at `address`, if it lies `within` the mapping and the frames line up.
fn widen(address: u64, within: &Range<u64>, leaf: &Leaf, size: PageSize) -> Option<(u64, Leaf)> {
    let mask = size.bytes() - 1;
    let base = address & !mask;
    let end = base.checked_add(size.bytes())?;
    let has_room = within.start <= base && end <= within.end;
    let lines_up = (address & mask) == (leaf.frame.raw() & mask);
    (has_room && lines_up).then(|| (base, Leaf { frame: leaf.frame.align_down(size.bytes()), size, ..*leaf }))
}

/// What a translation may allow: what the mapping allows, and what the page's state allows.
pub(super) fn narrowed(permissions: Permissions, is_writable: bool) -> Permissions {
    Permissions { write: permissions.write && is_writable, execute: permissions.execute }
}
