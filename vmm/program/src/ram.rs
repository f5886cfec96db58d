//! Guest RAM: one memory object, mapped here and into the guest.

use alloc::vec::Vec;
use base_units::Gpa;
use core::sync::atomic::AtomicU8;
use user_rt::{Error, Group, Guest, GuestMapFlags, MapFlags, Memory, MemoryFlags};
use vmm_bus::{GuestMemory, GuestRange};
use vmm_machine::{MemoryMap, RamRegion};
use vmm_memory::MappedRam;

/// From this size on RAM is made of 2 MiB pages where the host has them.
const LARGE_PAGES_FROM: u64 = 128 << 20;
/// Bytes that are moved at a time from files to RAM.
const COPY_BYTES: usize = 16 << 10;

/// The RAM of the VM.
pub(crate) struct Ram {
    memory: Memory,
    pages: &'static [AtomicU8],
    mapped: MappedRam,
    regions: Vec<RamRegion>,
    /// What is mapped into the guest for good.
    fixed: Vec<RamRegion>,
}

impl Ram {
    /// Makes RAM as the plan wants it and maps it into the guest.
    pub(crate) fn create(map: &MemoryMap, group: &Group, guest: &Guest) -> Result<Self, Error> {
        let bytes = map.ram_bytes();
        let flags = if bytes >= LARGE_PAGES_FROM { MemoryFlags::LARGE_PAGES } else { MemoryFlags::empty() };
        let memory = Memory::create(group, bytes, flags)?;
        let mapping = memory.map(0, bytes, MapFlags::READ | MapFlags::WRITE)?;
        let regions: Vec<RamRegion> = map.regions().collect();
        let fixed: Vec<RamRegion> = map.fixed_regions().collect();
        for region in &fixed {
            let access = GuestMapFlags::WRITE | GuestMapFlags::EXECUTE;
            guest.map(&memory, region.offset, region.bytes, region.start, access)?;
        }
        // The VM lives as long as the process, and so do its pages.
        let pages = mapping.leak_atomic_bytes()?;
        Ok(Self { memory, pages, mapped: view(pages, &regions)?, regions, fixed })
    }

    /// The object and its bytes.
    pub(crate) fn object(&self) -> (&Memory, &'static [AtomicU8]) {
        (&self.memory, self.pages)
    }

    /// The parts that the guest sees whatever its chipset says.
    pub(crate) fn fixed(&self) -> impl Iterator<Item = RamRegion> {
        self.fixed.iter().copied()
    }

    /// RAM as devices reach it.
    #[inline]
    pub(crate) fn memory(&self) -> &MappedRam {
        &self.mapped
    }

    /// Copies part of a file to RAM.
    pub(crate) fn copy_from(&self, file: &Memory, offset: u64, bytes: u64, to: Gpa) -> Result<(), Error> {
        let mut buffer = alloc::vec![0; COPY_BYTES];
        let mut done = 0;
        while done < bytes {
            let step = (bytes - done).min(COPY_BYTES as u64);
            let part = buffer.get_mut(..step as usize).ok_or(Error::OutOfRange)?;
            file.read(offset + done, part)?;
            self.write(Gpa::new(to.raw() + done), part)?;
            done += step;
        }
        Ok(())
    }

    /// Copies bytes to RAM.
    pub(crate) fn write(&self, to: Gpa, bytes: &[u8]) -> Result<(), Error> {
        self.mapped.write(to, bytes).map_err(|_| Error::OutOfRange)
    }

    /// Gives pages back to the host: they read as zero from now on.
    pub(crate) fn give_back(&self, range: GuestRange) -> Result<(), Error> {
        let offset = self.offset_of(range)?;
        self.memory.decommit(offset, range.bytes).map(|_| ())
    }

    /// Gives all pages back.
    pub(crate) fn clear(&self) -> Result<(), Error> {
        let bytes: u64 = self.regions.iter().map(|region| region.bytes).sum();
        self.memory.decommit(0, bytes).map(|_| ())
    }

    /// Bytes in use.
    pub(crate) fn committed_bytes(&self) -> u64 {
        self.memory.info().map_or(0, |info| info.committed_bytes)
    }

    /// The place of a range in the memory object.
    fn offset_of(&self, range: GuestRange) -> Result<u64, Error> {
        for region in &self.regions {
            let Some(offset) = range.start.offset_from(region.start) else { continue };
            if offset.checked_add(range.bytes).is_some_and(|end| end <= region.bytes) {
                return Ok(region.offset + offset);
            }
        }
        Err(Error::OutOfRange)
    }
}

/// The mapped pages as guest-physical memory.
fn view(pages: &'static [AtomicU8], regions: &[RamRegion]) -> Result<MappedRam, Error> {
    let part = |region: &RamRegion| {
        let start = usize::try_from(region.offset).ok()?;
        let end = start.checked_add(usize::try_from(region.bytes).ok()?)?;
        Some(vmm_memory::RamRegion { start: region.start, bytes: pages.get(start..end)? })
    };
    let parts: Option<Vec<vmm_memory::RamRegion>> = regions.iter().map(part).collect();
    MappedRam::new(&parts.ok_or(Error::OutOfRange)?).map_err(|_| Error::BadArgument)
}

/// Replaces a record of the kind that a guest reads without a lock: its first word is a version that is odd
/// while the rest changes (Linux, Documentation/virt/kvm/x86/msr.rst).
pub(crate) fn publish(memory: &MappedRam, at: Gpa, record: &[u8]) -> Result<(), vmm_bus::MemoryError> {
    use core::sync::atomic::{Ordering, fence};
    let odd = memory.read_u32(at)? | 1;
    let body = record.get(4..).unwrap_or_default();
    let body_at = at.checked_add(4).ok_or(vmm_bus::MemoryError::OutOfRange)?;
    memory.check(GuestRange { start: at, bytes: record.len() as u64 })?;
    memory.write_u32(at, odd)?;
    fence(Ordering::SeqCst);
    memory.write(body_at, body)?;
    fence(Ordering::SeqCst);
    memory.write_u32(at, odd.wrapping_add(1))
}
