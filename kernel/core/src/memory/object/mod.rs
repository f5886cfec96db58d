//! Memory objects: what can be mapped.
//!
//! An object of RAM is made of pages on first touch, in 4 KiB or, where its flags ask for it and memory allows,
//! 2 MiB and 1 GiB pieces. Clones share frames until one side writes; frames count their references, each object
//! marks what it may not write yet. Dirty tracking works by write protection: a page may be written through a
//! mapping only after the object has noted it. Guests whose processor can log writes keep the right to write after the first
//! fault; what the log says is noted at the vCPU's next exit. Other objects name fixed memory: device registers, the boot
//! bundle, a frame that ring 0 shares with a program.
//!
//! The object's lock orders everything about its pages: a frame enters a page table only under it, so whoever
//! holds it and has cleared all views ([`mapped`]) knows that nobody can reach the pages.

mod bytes;
mod clone;
mod dirty;
mod mapped;
mod ram;
mod remains;
mod slot;
mod step;
#[cfg(test)]
mod tests;
mod tree;

pub use mapped::MAPPINGS_PER_OBJECT_MAX;
pub(super) use mapped::View;
pub use remains::Remains;
pub use step::{DIRTY_STEP_PAGES, STEP_PAGES, Step};

use super::Caching;
use super::frames::KernelFrame;
use super::space::SpaceTable;
use crate::group::Group;
use crate::machine::Machine;
use abi::{Error, MemoryFlags, MemoryInfo};
use alloc::sync::Arc;
use base_units::{Hpa, PAGE_BYTES, PageSize};
use core::ops::Range;
pub(super) use ram::Patience;
use ram::Ram;

/// Bytes of an object at the most: half of what a guest or a process can address.
pub const OBJECT_BYTES_MAX: u64 = 1 << 47;

/// Memory that can be mapped.
pub struct MemoryObject<M: Machine> {
    bytes: u64,
    backing: Backing<M>,
}

enum Backing<M: Machine> {
    /// Pages on first touch.
    Ram(Ram<M>),
    /// A range of physical memory that the object does not own.
    Linear { start: Hpa, kind: Linear<M> },
}

enum Linear<M: Machine> {
    /// Device registers or a framebuffer: mapped, never read or written by ring 0.
    Device(Caching),
    /// RAM that is never written.
    Boot,
    /// A frame of ring 0's, kept alive by the object.
    Shared { _frame: KernelFrame<M> },
}

/// A page, ready to be mapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Resolved {
    /// The frame of the 4 KiB page.
    pub(super) frame: Hpa,
    /// The frames around it, aligned to this size, are the pages around it.
    pub(super) size: PageSize,
    /// Whether it may be written without asking the object again.
    pub(super) is_writable: bool,
    pub(super) caching: Caching,
}

impl<M: Machine> MemoryObject<M> {
    /// Zero-filled memory of `bytes` bytes (whole pages), charged to `group` page by page as it is touched.
    ///
    /// # Errors
    /// `BadArgument`, `NoMemory`.
    pub fn create(group: Arc<Group>, bytes: u64, flags: MemoryFlags) -> Result<Arc<Self>, Error> {
        check_size(bytes)?;
        let ram = Ram::new(group, bytes / PAGE_BYTES, flags)?;
        Ok(Arc::new(Self { bytes, backing: Backing::Ram(ram) }))
    }

    /// Device memory. The caller has checked that it is no RAM of ours ([`Machine::is_device_memory`]).
    ///
    /// # Errors
    /// `BadArgument`.
    pub fn physical(start: Hpa, bytes: u64, caching: Caching) -> Result<Arc<Self>, Error> {
        Self::linear(start, bytes, Linear::Device(caching))
    }

    /// RAM that the boot loader filled and no allocator owns; it is never written and never freed.
    ///
    /// # Errors
    /// `BadArgument`.
    pub fn boot(start: Hpa, bytes: u64) -> Result<Arc<Self>, Error> {
        Self::linear(start, bytes, Linear::Boot)
    }

    /// One frame of ring 0's for a program to map. It is freed with the object.
    ///
    /// # Errors
    /// None so far.
    pub fn shared_frame(frame: KernelFrame<M>) -> Result<Arc<Self>, Error> {
        Self::linear(frame.address(), PAGE_BYTES, Linear::Shared { _frame: frame })
    }

    fn linear(start: Hpa, bytes: u64, kind: Linear<M>) -> Result<Arc<Self>, Error> {
        check_size(bytes)?;
        let end = start.checked_add(bytes).ok_or(Error::BadArgument)?;
        // Physical addresses have at most 52 bits (AMD APM vol. 2, 5.1).
        if !start.is_aligned(PAGE_BYTES) || end.raw() > 1 << 52 {
            return Err(Error::BadArgument);
        }
        Ok(Arc::new(Self { bytes, backing: Backing::Linear { start, kind } }))
    }

    /// Size in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Size and pages in use.
    pub fn info(&self) -> MemoryInfo {
        let committed_bytes = match &self.backing {
            Backing::Ram(ram) => ram.own_pages() * PAGE_BYTES,
            Backing::Linear { .. } => 0,
        };
        MemoryInfo { bytes: self.bytes, committed_bytes }
    }

    /// Makes pages of the range, in a step of at most [`STEP_PAGES`]: as many as are new.
    ///
    /// # Errors
    /// `OutOfRange`, `BadArgument`, `NoMemory` (what was made until then stays).
    pub fn commit(&self, offset: u64, bytes: u64) -> Result<Step, Error> {
        let pages = self.page_range(offset, bytes)?;
        match &self.backing {
            Backing::Ram(ram) => ram.commit(pages),
            Backing::Linear { .. } => Ok(Step::default()),
        }
    }

    /// Gives pages of the range back, which read as zero again, in a step of about [`STEP_PAGES`]: as many as there were.
    ///
    /// # Errors
    /// `OutOfRange`, `BadArgument`, `Unsupported` for memory that is not made of pages, `NoMemory` to split a
    /// large page.
    pub fn decommit(&self, offset: u64, bytes: u64) -> Result<Step, Error> {
        let pages = self.page_range(offset, bytes)?;
        self.ram()?.decommit(pages)
    }

    /// Finds or makes a page and hands it to `install` under the object's lock, so that nobody can take it
    /// back before a table names it. A patient caller may have to come again: `install` was not called then.
    #[inline]
    pub(super) fn resolve(
        &self,
        page: u64,
        is_write: bool,
        patience: Patience,
        install: impl FnOnce(&Resolved) -> Result<(), Error>,
    ) -> Result<(), Error> {
        match &self.backing {
            Backing::Ram(ram) => ram.resolve(page, is_write, patience, install),
            Backing::Linear { start, kind } => {
                let is_writable = !matches!(kind, Linear::Boot);
                if is_write && !is_writable {
                    return Err(Error::AccessDenied);
                }
                let caching = match kind {
                    Linear::Device(caching) => *caching,
                    Linear::Boot | Linear::Shared { .. } => Caching::WriteBack,
                };
                let frame = Hpa::new(start.raw() + page * PAGE_BYTES);
                install(&Resolved { frame, size: PageSize::Huge, is_writable, caching })
            }
        }
    }

    /// Whether a mapping may allow writing.
    pub(super) fn may_write(&self) -> bool {
        !matches!(self.backing, Backing::Linear { kind: Linear::Boot, .. })
    }

    /// The alignment of addresses that lets large pages be mapped as such.
    pub(super) fn preferred_size(&self) -> PageSize {
        match &self.backing {
            Backing::Ram(ram) => ram.preferred_size(),
            Backing::Linear { kind: Linear::Shared { .. }, .. } => PageSize::Small,
            Backing::Linear { .. } => PageSize::Large,
        }
    }

    /// Notes a mapping.
    ///
    /// # Errors
    /// `LimitReached`, `NoMemory`.
    pub(super) fn add_view(&self, view: View<M>) -> Result<(), Error> {
        match &self.backing {
            Backing::Ram(ram) => ram.add_view(view),
            // Nothing ever changes about these pages.
            Backing::Linear { .. } => Ok(()),
        }
    }

    /// Ends the mapping that starts at `address` where `right`, a part of it so far, begins.
    ///
    /// # Errors
    /// `LimitReached`, `NoMemory`.
    pub(super) fn cut_view(&self, address: u64, right: View<M>) -> Result<(), Error> {
        match &self.backing {
            Backing::Ram(ram) => ram.lock().views.cut(address, right),
            Backing::Linear { .. } => Ok(()),
        }
    }

    /// Forgets the mapping that starts at `address` of `table`.
    pub(super) fn remove_view(&self, table: &Arc<SpaceTable<M>>, address: u64) {
        if let Backing::Ram(ram) = &self.backing {
            ram.remove_view(table, address);
        }
    }

    fn ram(&self) -> Result<&Ram<M>, Error> {
        match &self.backing {
            Backing::Ram(ram) => Ok(ram),
            Backing::Linear { .. } => Err(Error::Unsupported),
        }
    }

    /// Checks a range of whole pages.
    fn page_range(&self, offset: u64, bytes: u64) -> Result<Range<u64>, Error> {
        let end = offset.checked_add(bytes).filter(|end| *end <= self.bytes).ok_or(Error::OutOfRange)?;
        if !offset.is_multiple_of(PAGE_BYTES) || !bytes.is_multiple_of(PAGE_BYTES) {
            return Err(Error::BadArgument);
        }
        Ok(offset / PAGE_BYTES..end / PAGE_BYTES)
    }
}

fn check_size(bytes: u64) -> Result<(), Error> {
    let is_valid = bytes > 0 && bytes <= OBJECT_BYTES_MAX && bytes.is_multiple_of(PAGE_BYTES);
    if is_valid { Ok(()) } else { Err(Error::BadArgument) }
}
