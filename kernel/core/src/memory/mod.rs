//! Frames, memory objects, address spaces and page tables.

use crate::group::Group;
use crate::machine::Machine;
use abi::{Error, MemoryFlags, MemoryInfo};
use alloc::sync::Arc;
use base_units::{Gpa, Hpa, PageCount, Uva};
use core::marker::PhantomData;
use core::sync::atomic::AtomicU32;

/// The first address after those that a process may use. The last page below the canonical hole stays
/// unmapped: a SYSCALL at its end would return to a non-canonical address (Intel SDM vol. 2, SYSRET).
pub const USER_END: u64 = 0x7fff_ffff_f000;

/// What somebody wants from memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// To read.
    Read,
    /// To write.
    Write,
    /// To fetch an instruction.
    Execute,
}

/// What a mapping allows beyond reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Permissions {
    /// Writing.
    pub write: bool,
    /// Executing.
    pub execute: bool,
}

/// How the processor caches a mapping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Caching {
    /// RAM.
    WriteBack,
    /// Device registers.
    Uncached,
    /// Screens.
    WriteCombining,
}

/// Why a fault cannot be resolved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultError {
    /// Nothing is mapped there.
    Unmapped,
    /// The mapping does not allow that access.
    Denied,
    /// Neither the machine nor the group has memory left.
    NoMemory,
}

impl From<FaultError> for Error {
    fn from(error: FaultError) -> Self {
        match error {
            FaultError::Unmapped | FaultError::Denied => Error::BadAddress,
            FaultError::NoMemory => Error::NoMemory,
        }
    }
}

/// A range of physical memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PhysicalRange {
    /// First byte.
    pub start: Hpa,
    /// Bytes.
    pub bytes: u64,
}

/// A range of physical memory that belongs to a NUMA node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NodeRange {
    /// The range.
    pub range: PhysicalRange,
    /// Its node, numbered from 0.
    pub node: usize,
}

/// What the frame allocator starts from.
pub struct FramesSetup<'a> {
    /// Zeroed RAM for [`Frames::table_words`] words, itself in `kernel`.
    pub table: &'static [AtomicU32],
    /// RAM, without overlaps.
    pub usable: &'a [PhysicalRange],
    /// What ring 0 has taken of it already: image, this table, early page tables.
    pub kernel: &'a [PhysicalRange],
    /// What nobody may take: boot bundle, low memory.
    pub reserved: &'a [PhysicalRange],
    /// NUMA nodes; empty = one.
    pub nodes: &'a [NodeRange],
}

/// Figures of the frame allocator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameCounts {
    /// All RAM.
    pub total: PageCount,
    /// Free.
    pub free: PageCount,
    /// Ring 0's.
    pub kernel: PageCount,
    /// In memory objects.
    pub object: PageCount,
}

/// The frame allocator.
pub struct Frames<M> {
    _machine: PhantomData<fn() -> M>,
}

/// A 4 KiB frame that ring 0 can reach; freed when dropped.
pub struct KernelFrame<M: Machine> {
    address: Hpa,
    _machine: PhantomData<fn() -> M>,
}

impl<M: Machine> KernelFrame<M> {
    /// Where it is.
    pub fn address(&self) -> Hpa {
        self.address
    }
}

impl<M: Machine> Frames<M> {
    /// Words of the table for a machine whose last frame number is below `frames`.
    pub const fn table_words(frames: u64) -> u64 {
        frames * 3
    }
    /// An allocator.
    pub fn new(_setup: &FramesSetup<'_>) -> Self {
        todo!()
    }
    /// Its figures.
    pub fn counts(&self) -> FrameCounts {
        todo!()
    }
    /// A zeroed frame for ring 0.
    pub fn allocate_kernel(&self) -> Option<KernelFrame<M>> {
        todo!()
    }
    /// `pages` (at most 512) contiguous frames for ring 0, not zeroed.
    pub fn allocate_kernel_block(&self, _pages: PageCount) -> Option<Hpa> {
        todo!()
    }
    /// Gives back what [`Frames::allocate_kernel_block`] gave.
    pub fn free_kernel_block(&self, _address: Hpa, _pages: PageCount) {
        todo!()
    }
}

/// A memory object.
pub struct MemoryObject<M: Machine> {
    _machine: PhantomData<fn() -> M>,
}

impl<M: Machine> MemoryObject<M> {
    /// Zero-filled memory.
    pub fn create(_group: Arc<Group>, _bytes: u64, _flags: MemoryFlags) -> Result<Arc<Self>, Error> {
        todo!()
    }
    /// Device memory.
    pub fn physical(_start: Hpa, _bytes: u64, _caching: Caching) -> Result<Arc<Self>, Error> {
        todo!()
    }
    /// RAM that the boot loader filled: never written, never freed.
    pub fn boot(_start: Hpa, _bytes: u64) -> Result<Arc<Self>, Error> {
        todo!()
    }
    /// One frame of ring 0's that a process may map (a vCPU page). Lives as long as this object.
    pub fn shared_frame(_frame: KernelFrame<M>) -> Result<Arc<Self>, Error> {
        todo!()
    }
    /// A copy-on-write clone.
    pub fn clone_range(&self, _offset: u64, _bytes: u64, _group: Arc<Group>) -> Result<Arc<Self>, Error> {
        todo!()
    }
    /// Size in bytes.
    pub fn bytes(&self) -> u64 {
        todo!()
    }
    /// Figures.
    pub fn info(&self) -> MemoryInfo {
        todo!()
    }
    /// Makes pages; how many are new.
    pub fn commit(&self, _offset: u64, _bytes: u64) -> Result<u64, Error> {
        todo!()
    }
    /// Gives pages back; how many.
    pub fn decommit(&self, _offset: u64, _bytes: u64) -> Result<u64, Error> {
        todo!()
    }
    /// Starts dirty tracking.
    pub fn start_tracking(&self) -> Result<(), Error> {
        todo!()
    }
    /// Stops it.
    pub fn stop_tracking(&self) {
        todo!()
    }
    /// Sets a bit for each dirty page of the range and clears its mark; how many.
    pub fn collect_dirty(&self, _offset: u64, _bytes: u64, _bitmap: &mut [u8]) -> Result<u64, Error> {
        todo!()
    }
    /// Copies out.
    pub fn read(&self, _offset: u64, _buffer: &mut [u8]) -> Result<(), Error> {
        todo!()
    }
    /// Copies in.
    pub fn write(&self, _offset: u64, _bytes: &[u8]) -> Result<(), Error> {
        todo!()
    }
}

/// Which processors may hold translations of a space.
pub struct Residency<M> {
    _machine: PhantomData<fn() -> M>,
}

impl<M: Machine> Residency<M> {
    /// Announces that processor `cpu`, the calling one, enters the space now. Whether it has to forget cached
    /// translations first. Followed by [`Residency::leave`] as soon as it is back in ring 0, before any lock.
    pub fn enter(&self, _cpu: usize) -> bool {
        todo!()
    }
    /// The same for whoever keeps the generation itself (a vCPU, for its own address space tag): flush if it is not
    /// the one of the last entry, or if that was on another processor.
    pub fn enter_tagged(&self, _cpu: usize) -> u64 {
        todo!()
    }
    /// Announces that `cpu`, the calling one, is back in ring 0.
    pub fn leave(_cpu: usize) {
        todo!()
    }
}

/// Memory of a process.
pub struct AddressSpace<M: Machine> {
    _machine: PhantomData<fn() -> M>,
}

impl<M: Machine> AddressSpace<M> {
    /// An empty space.
    pub fn new(_group: &Arc<Group>) -> Result<Arc<Self>, Error> {
        todo!()
    }
    /// Its top-level table, for [`Machine::activate_table`].
    pub fn root(&self) -> Hpa {
        todo!()
    }
    /// Who runs in it.
    pub fn residency(&self) -> &Residency<M> {
        todo!()
    }
    /// Maps whole pages; `None` chooses a place.
    pub fn map(
        &self,
        _memory: Arc<MemoryObject<M>>,
        _offset: u64,
        _bytes: u64,
        _wanted: Option<Uva>,
        _permissions: Permissions,
    ) -> Result<Uva, Error> {
        todo!()
    }
    /// Unmaps whole pages.
    pub fn unmap(&self, _address: Uva, _bytes: u64) -> Result<(), Error> {
        todo!()
    }
    /// Resolves a page fault.
    pub fn fault(&self, _address: Uva, _access: Access) -> Result<(), FaultError> {
        todo!()
    }
    /// Copies from the process' memory.
    pub fn copy_in(&self, _address: Uva, _buffer: &mut [u8]) -> Result<(), Error> {
        todo!()
    }
    /// Copies to the process' memory.
    pub fn copy_out(&self, _address: Uva, _bytes: &[u8]) -> Result<(), Error> {
        todo!()
    }
}

/// Which nested page tables the processor uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Nesting {
    /// AMD's NPT.
    Npt,
    /// Intel's EPT.
    Ept,
}

/// Guest-physical memory.
pub struct GuestSpace<M: Machine> {
    _machine: PhantomData<fn() -> M>,
}

impl<M: Machine> GuestSpace<M> {
    /// An empty space.
    pub fn new(_group: &Arc<Group>, _nesting: Nesting) -> Result<Arc<Self>, Error> {
        todo!()
    }
    /// Its top-level table, for the VMCB or VMCS.
    pub fn root(&self) -> Hpa {
        todo!()
    }
    /// Who runs in it.
    pub fn residency(&self) -> &Residency<M> {
        todo!()
    }
    /// Maps whole pages at `wanted`.
    pub fn map(
        &self,
        _memory: Arc<MemoryObject<M>>,
        _offset: u64,
        _bytes: u64,
        _wanted: Option<Gpa>,
        _permissions: Permissions,
    ) -> Result<Gpa, Error> {
        todo!()
    }
    /// Unmaps whole pages.
    pub fn unmap(&self, _address: Gpa, _bytes: u64) -> Result<(), Error> {
        todo!()
    }
    /// Resolves a nested page fault. `Unmapped` and `Denied` are device accesses.
    pub fn fault(&self, _address: Gpa, _access: Access) -> Result<(), FaultError> {
        todo!()
    }
    /// Whether a mapping covers the address.
    pub fn is_mapped(&self, _address: Gpa) -> bool {
        todo!()
    }
    /// Reads guest-physical memory, faulting pages in; may cross pages.
    pub fn read(&self, _address: Gpa, _buffer: &mut [u8]) -> Result<(), FaultError> {
        todo!()
    }
    /// Writes guest-physical memory as the guest may.
    pub fn write(&self, _address: Gpa, _bytes: &[u8]) -> Result<(), FaultError> {
        todo!()
    }
    /// Keeps the frames of this space from being reused while held. No lock may be taken meanwhile.
    pub fn pin(&self) -> Pin<'_, M> {
        todo!()
    }
}

/// A claim on the frames of a space.
pub struct Pin<'a, M: Machine> {
    _space: PhantomData<&'a M>,
}

impl<M: Machine> Pin<'_, M> {
    /// The frame that holds the page of this guest-physical address, if it is present, and allows `access`.
    pub fn frame_of(&self, _address: u64, _access: Access) -> Option<Hpa> {
        todo!()
    }
}
