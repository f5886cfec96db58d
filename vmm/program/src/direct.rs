//! Device memory that the guest reaches without being left: kernel objects that are mapped here, and into the
//! guest where their devices want them.

use crate::vm::Vm;
use alloc::{boxed::Box, vec::Vec};
use base_units::{Gpa, PAGE_BYTES};
use user_rt::{Error, Group, GuestMapFlags, MapFlags, Memory, MemoryFlags, Object};
use vmm_bus::{Bus, DirectId, DirectMemory, DirectRange, GuestMemory};
use vmm_memory::{MappedRam, RamRegion};

/// Ranges in the guest at the most.
const RANGES_MAX: usize = 64;

/// The device memories of a machine, and where the guest sees them now.
#[derive(Default)]
pub(crate) struct DirectMemories {
    memories: Vec<Memory>,
    mapped: Vec<DirectRange>,
}

impl DirectMemories {
    /// Makes zeroed memory for a device.
    pub(crate) fn create(&mut self, bytes: u64, group: &Group) -> Result<Box<dyn DirectMemory>, Error> {
        self.adopt(Memory::create(group, whole_pages(bytes)?, MemoryFlags::empty())?, bytes)
    }

    /// Makes the first `bytes` of a file's memory object, which is this VM's own copy, memory of a device.
    pub(crate) fn share(&mut self, file: &Memory, bytes: u64) -> Result<Box<dyn DirectMemory>, Error> {
        self.adopt(file.duplicate_all()?, bytes)
    }

    fn adopt(&mut self, memory: Memory, bytes: u64) -> Result<Box<dyn DirectMemory>, Error> {
        let id = DirectId(u16::try_from(self.memories.len()).map_err(|_| Error::OutOfRange)?);
        let bytes = whole_pages(bytes)?;
        let mapping = memory.map(0, bytes, MapFlags::READ | MapFlags::WRITE)?;
        // The device lives as long as the process, and so do its pages.
        let region = RamRegion { start: Gpa::new(0), bytes: mapping.leak_atomic_bytes()? };
        let content = MappedRam::new(&[region]).map_err(|_| Error::BadArgument)?;
        self.memories.push(memory);
        Ok(Box::new(Mapped { id, bytes, content }))
    }

    /// Shows the guest what devices want it to see now, and nothing else. A range that cannot be mapped (it would
    /// cover something else) is reached through its device.
    pub(crate) fn update(&mut self, vm: &Vm, bus: &Bus) {
        let mut wanted: Vec<DirectRange> = Vec::new();
        bus.direct_ranges(|range| {
            if wanted.len() < RANGES_MAX {
                wanted.push(range);
            }
        });
        for gone in self.mapped.extract_if(.., |range| !wanted.contains(range)) {
            // It is mapped: the kernel has no reason to refuse.
            let _ = vm.guest.unmap(gone.start, gone.bytes);
        }
        for range in wanted {
            if !self.mapped.contains(&range) && self.map(vm, &range).is_ok() {
                self.mapped.push(range);
            }
        }
    }

    fn map(&self, vm: &Vm, range: &DirectRange) -> Result<(), Error> {
        let memory = self.memories.get(usize::from(range.memory.0)).ok_or(Error::OutOfRange)?;
        let write = if range.is_writable { GuestMapFlags::WRITE } else { GuestMapFlags::empty() };
        vm.guest.map(memory, range.offset, range.bytes, range.start, write | GuestMapFlags::EXECUTE)
    }
}

/// The end of a file's last page is zeros and belongs to the object.
fn whole_pages(bytes: u64) -> Result<u64, Error> {
    bytes.max(1).checked_next_multiple_of(PAGE_BYTES).ok_or(Error::BadArgument)
}

/// Device memory as its device reaches it.
struct Mapped {
    id: DirectId,
    bytes: u64,
    /// The pages from address zero on.
    content: MappedRam,
}

impl DirectMemory for Mapped {
    fn id(&self) -> DirectId {
        self.id
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> bool {
        self.content.read(Gpa::new(offset), into).is_ok()
    }

    fn write(&mut self, offset: u64, from: &[u8]) -> bool {
        self.content.write(Gpa::new(offset), from).is_ok()
    }
}
