//! The kernel's ELF file: where its segments go (System V ABI, chapters 4 and 5).

use crate::failure::Failure;

/// Segments at the most.
const SEGMENTS_MAX: usize = 16;
const HEADER_BYTES: usize = 64;
const PROGRAM_HEADER_BYTES: usize = 56;
const LOADABLE: u32 = 1;
/// What the kernel is linked for: the top 2 GiB.
const IMAGE_OFFSET: u64 = 0xffff_ffff_8000_0000;
/// The largest image that the kernel's page tables take.
const IMAGE_BYTES_MAX: u64 = 64 << 20;

/// A part of the image.
#[derive(Clone, Copy, Default)]
pub(crate) struct Segment<'a> {
    /// Bytes from the start of the image.
    pub(crate) offset: u64,
    /// What the file holds of it; the rest is zero.
    pub(crate) content: &'a [u8],
    /// Bytes in memory.
    pub(crate) bytes: u64,
}

/// The file, checked: its segments lie in `bytes` bytes from `start` on, in order.
pub(crate) struct Image<'a> {
    /// Virtual address of the image; a multiple of 2 MiB.
    pub(crate) start: u64,
    /// Bytes in memory.
    pub(crate) bytes: u64,
    /// Virtual address of the first instruction.
    pub(crate) entry: u64,
    segments: [Segment<'a>; SEGMENTS_MAX],
    count: usize,
}

impl<'a> Image<'a> {
    /// Reads the headers.
    pub(crate) fn parse(file: &'a [u8]) -> Result<Self, Failure> {
        Self::read(file).ok_or(Failure::BadKernel("its headers make no sense"))
    }

    fn read(file: &'a [u8]) -> Option<Self> {
        let header = file.get(..HEADER_BYTES)?;
        // Magic, 64 bits, little-endian; executable for x86-64.
        let is_kernel = header.starts_with(b"\x7fELF\x02\x01") && header.get(16..20)? == [2, 0, 62, 0];
        if !is_kernel || u16_at(header, 54)? as usize != PROGRAM_HEADER_BYTES {
            return None;
        }
        let mut image = Self {
            start: 0,
            bytes: 0,
            entry: u64_at(header, 24)?,
            segments: [Segment::default(); SEGMENTS_MAX],
            count: 0,
        };
        let table = usize::try_from(u64_at(header, 32)?).ok()?;
        for index in 0..usize::from(u16_at(header, 56)?) {
            let at = table.checked_add(index.checked_mul(PROGRAM_HEADER_BYTES)?)?;
            let line = file.get(at..at.checked_add(PROGRAM_HEADER_BYTES)?)?;
            if u32_at(line, 0)? == LOADABLE {
                image.add(file, line)?;
            }
        }
        let is_inside = image.entry.checked_sub(image.start)? < image.bytes;
        (image.count > 0 && is_inside).then_some(image)
    }

    fn add(&mut self, file: &'a [u8], line: &[u8]) -> Option<()> {
        let address = u64_at(line, 16)?;
        if self.count == 0 {
            let is_placed = address >= IMAGE_OFFSET && address.is_multiple_of(2 << 20);
            self.start = is_placed.then_some(address)?;
        }
        let from = usize::try_from(u64_at(line, 8)?).ok()?;
        let length = u64_at(line, 32)?;
        let content = file.get(from..from.checked_add(usize::try_from(length).ok()?)?)?;
        let bytes = u64_at(line, 40)?;
        let offset = address.checked_sub(self.start)?;
        let end = offset.checked_add(bytes)?;
        if offset < self.bytes || length > bytes || end > IMAGE_BYTES_MAX {
            return None;
        }
        *self.segments.get_mut(self.count)? = Segment { offset, content, bytes };
        self.count += 1;
        self.bytes = end.next_multiple_of(4096);
        Some(())
    }

    /// The parts of the image.
    pub(crate) fn segments(&self) -> &[Segment<'a>] {
        self.segments.get(..self.count).unwrap_or(&[])
    }
}

fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(offset..offset.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(offset..offset.checked_add(4)?)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(offset..offset.checked_add(8)?)?.try_into().ok()?))
}
