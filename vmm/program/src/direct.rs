//! Memory that the guest reaches without being left, where devices say so: kernel objects that are mapped here, and into
//! the guest where their devices want them. That is memory of devices, and RAM that a chipset can hide.
//!
//! [`Seen`] is what follows for the emulator, which must find what the processor would.

use crate::{ram::Ram, vm::Vm};
use alloc::{boxed::Box, vec::Vec};
use base_units::{Gpa, PAGE_BYTES};
use core::sync::atomic::AtomicU8;
use user_rt::{Error, Group, GuestMapFlags, MapFlags, Memory, MemoryFlags, Object};
use vmm_bus::{Bus, DirectId, DirectMemory, DirectRange, GuestMemory};
use vmm_memory::{MappedRam, REGIONS_MAX, RamRegion};

/// Ranges in the guest at the most.
const RANGES_MAX: usize = 64;

/// An object, and where this process sees it.
struct Shared {
    memory: Memory,
    pages: &'static [AtomicU8],
}

/// What the guest reaches without being left now.
struct Seen {
    /// What it may read.
    code: MappedRam,
    /// What it may also write.
    data: MappedRam,
}

/// The memories of a machine that devices show, and where the guest sees them now.
#[derive(Default)]
pub(crate) struct DirectMemories {
    memories: Vec<Shared>,
    /// RAM that is always there.
    fixed: Vec<DirectRange>,
    mapped: Vec<DirectRange>,
    seen: Option<Seen>,
}

impl DirectMemories {
    /// Lets devices show parts of RAM. Offsets in it are those of the object.
    pub(crate) fn share_ram(&mut self, ram: &Ram) -> Result<DirectId, Error> {
        let (memory, pages) = ram.object();
        let id = self.keep(memory.duplicate_all()?, pages)?;
        self.fixed = ram
            .fixed()
            .map(|region| DirectRange {
                start: region.start,
                bytes: region.bytes,
                memory: id,
                offset: region.offset,
                is_writable: true,
            })
            .collect();
        Ok(id)
    }

    /// Makes zeroed memory for a device.
    pub(crate) fn create(&mut self, bytes: u64, group: &Group) -> Result<Box<dyn DirectMemory>, Error> {
        self.adopt(Memory::create(group, whole_pages(bytes)?, MemoryFlags::empty())?, bytes)
    }

    /// Makes the first `bytes` of a file's memory object, which is this VM's own copy, memory of a device.
    pub(crate) fn share(&mut self, file: &Memory, bytes: u64) -> Result<Box<dyn DirectMemory>, Error> {
        self.adopt(file.duplicate_all()?, bytes)
    }

    fn adopt(&mut self, memory: Memory, bytes: u64) -> Result<Box<dyn DirectMemory>, Error> {
        let bytes = whole_pages(bytes)?;
        let mapping = memory.map(0, bytes, MapFlags::READ | MapFlags::WRITE)?;
        // The device lives as long as the process, and so do its pages.
        let pages = mapping.leak_atomic_bytes()?;
        let region = RamRegion { start: Gpa::new(0), bytes: pages };
        let content = MappedRam::new(&[region]).map_err(|_| Error::BadArgument)?;
        Ok(Box::new(Mapped { id: self.keep(memory, pages)?, bytes, content }))
    }

    fn keep(&mut self, memory: Memory, pages: &'static [AtomicU8]) -> Result<DirectId, Error> {
        let id = DirectId(u16::try_from(self.memories.len()).map_err(|_| Error::OutOfRange)?);
        self.memories.push(Shared { memory, pages });
        Ok(id)
    }

    /// What the guest may read and write without being left, if that is not simply all RAM.
    #[inline]
    pub(crate) fn data(&self) -> Option<&MappedRam> {
        self.seen.as_ref().map(|seen| &seen.data)
    }

    /// What it may read.
    pub(crate) fn code(&self) -> Option<&MappedRam> {
        self.seen.as_ref().map(|seen| &seen.code)
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
        self.look();
    }

    /// Finds out what the guest sees now.
    fn look(&mut self) {
        if self.fixed.is_empty() {
            return;
        }
        let all = || self.fixed.iter().chain(&self.mapped).copied();
        let code = self.view(all());
        let data = self.view(all().filter(|range| range.is_writable));
        self.seen = code.zip(data).map(|(code, data)| Seen { code, data });
    }

    /// Ranges as memory. Those beyond [`REGIONS_MAX`] are left out: their devices answer for them.
    fn view(&self, ranges: impl Iterator<Item = DirectRange>) -> Option<MappedRam> {
        let mut merged: Vec<DirectRange> = Vec::new();
        let mut sorted: Vec<DirectRange> = ranges.collect();
        sorted.sort_unstable_by_key(|range| range.start);
        for range in sorted {
            match merged.last_mut() {
                Some(last) if continues(last, &range) => last.bytes += range.bytes,
                _ => merged.push(range),
            }
        }
        let region = |range: &DirectRange| {
            let start = usize::try_from(range.offset).ok()?;
            let end = start.checked_add(usize::try_from(range.bytes).ok()?)?;
            let pages = self.memories.get(usize::from(range.memory.0))?.pages;
            Some(RamRegion { start: range.start, bytes: pages.get(start..end)? })
        };
        let regions: Vec<RamRegion> = merged.iter().filter_map(region).take(REGIONS_MAX).collect();
        MappedRam::new(&regions).ok()
    }

    fn map(&self, vm: &Vm, range: &DirectRange) -> Result<(), Error> {
        let shared = self.memories.get(usize::from(range.memory.0)).ok_or(Error::OutOfRange)?;
        let write = if range.is_writable { GuestMapFlags::WRITE } else { GuestMapFlags::empty() };
        vm.guest.map(&shared.memory, range.offset, range.bytes, range.start, write | GuestMapFlags::EXECUTE)
    }
}

/// Whether a range goes on where another one ends, here and there.
fn continues(first: &DirectRange, second: &DirectRange) -> bool {
    first.memory == second.memory
        && first.start.checked_add(first.bytes) == Some(second.start)
        && first.offset.checked_add(first.bytes) == Some(second.offset)
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
