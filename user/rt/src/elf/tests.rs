use super::*;
use proptest::prelude::*;

/// The headers of a file as the linker script makes it, with room for changes.
struct File(Vec<u8>);

impl File {
    /// A read-only, a code and a data segment of one file page each; the last has .bss behind it.
    fn good() -> Self {
        let mut file = Self(std::vec![0; HEADER_BYTES]);
        file.0[..7].copy_from_slice(&IDENTIFICATION);
        file.set_u16(16, TYPE_EXEC).set_u16(18, MACHINE_X86_64);
        file.set_u64(24, IMAGE_BASE + 0x1010).set_u64(32, 64);
        file.set_u16(54, PROGRAM_HEADER_BYTES).set_u16(56, 3);
        file.segment(0, FLAG_READ, 0x1000, 0);
        file.segment(1, FLAG_READ | FLAG_EXECUTE, 0x2000, 0x1000);
        file.segment(2, FLAG_READ | FLAG_WRITE, 0x3000, 0x2000);
        file.set_u64(Self::header(2) + 40, 0x2345);
        file
    }

    fn header(index: usize) -> usize {
        64 + index * 56
    }

    fn segment(&mut self, index: usize, flags: u32, offset: u64, address: u64) {
        let at = Self::header(index);
        self.set_u32(at, PT_LOAD).set_u32(at + 4, flags);
        self.set_u64(at + 8, offset).set_u64(at + 16, IMAGE_BASE + address);
        self.set_u64(at + 32, 0x1000).set_u64(at + 40, 0x1000);
    }

    fn set_u16(&mut self, at: usize, value: u16) -> &mut Self {
        self.0[at..at + 2].copy_from_slice(&value.to_le_bytes());
        self
    }

    fn set_u32(&mut self, at: usize, value: u32) -> &mut Self {
        self.0[at..at + 4].copy_from_slice(&value.to_le_bytes());
        self
    }

    fn set_u64(&mut self, at: usize, value: u64) -> &mut Self {
        self.0[at..at + 8].copy_from_slice(&value.to_le_bytes());
        self
    }

    fn parse(&self) -> Result<Image, ElfError> {
        Image::parse(&self.0, 0x4000)
    }
}

#[test]
fn a_file_of_the_linker_script_is_taken() {
    let image = File::good().parse().unwrap();

    assert_eq!(image.entry, IMAGE_BASE + 0x1010);
    assert_eq!(image.segments.len(), 3);
    assert_eq!(image.segments[1].access, Access::ReadExecute);
    assert_eq!(image.segments[2].memory_bytes, 0x3000);
    assert_eq!(image.segments[2].zero_bytes(), 0x2000);
}

#[test]
fn files_for_other_machines_and_other_kinds_of_files_are_refused() {
    assert_eq!(Image::parse(b"#!/bin/sh\n", 10), Err(ElfError::Truncated));
    assert_eq!(Image::parse(&[0; HEADER_BYTES], 4096), Err(ElfError::NotForThisMachine));
    assert_eq!(File::good().set_u16(18, 183).parse(), Err(ElfError::NotForThisMachine));
    assert_eq!(File::good().set_u16(16, 3).parse(), Err(ElfError::NotStatic));
    assert_eq!(File::good().set_u32(File::header(0), PT_TLS).parse(), Err(ElfError::NotStatic));
}

#[test]
fn headers_past_the_first_page_are_refused() {
    assert_eq!(File::good().set_u64(32, 4000).parse(), Err(ElfError::Truncated));
    assert_eq!(File::good().set_u64(32, u64::MAX).parse(), Err(ElfError::Truncated));
    assert_eq!(File::good().set_u16(56, 17).parse(), Err(ElfError::SegmentCount));
    assert_eq!(File::good().set_u16(56, 0).parse(), Err(ElfError::SegmentCount));
}

#[test]
fn segments_that_are_not_whole_pages_of_the_file_are_refused() {
    let offset = File::header(1);

    assert_eq!(File::good().set_u64(offset + 8, 0x2001).parse(), Err(ElfError::NotWholePages));
    assert_eq!(File::good().set_u64(offset + 16, IMAGE_BASE + 1).parse(), Err(ElfError::NotWholePages));
    assert_eq!(File::good().set_u64(offset + 32, 0x800).parse(), Err(ElfError::NotWholePages));
    assert_eq!(File::good().set_u64(offset + 40, 0x800).parse(), Err(ElfError::NotWholePages));
    assert_eq!(File::good().set_u64(offset + 8, 0x4000).parse(), Err(ElfError::OutsideFile));
    assert_eq!(File::good().set_u64(offset + 8, 0u64.wrapping_sub(4096)).parse(), Err(ElfError::OutsideFile));
}

#[test]
fn segments_that_overlap_or_leave_the_range_are_refused() {
    let address = File::header(1) + 16;
    let memory = File::header(1) + 40;

    assert_eq!(File::good().set_u64(address, IMAGE_BASE).parse(), Err(ElfError::BadAddress));
    assert_eq!(File::good().set_u64(address, 0x1000).parse(), Err(ElfError::BadAddress));
    assert_eq!(File::good().set_u64(address, HEAP_LIMIT).parse(), Err(ElfError::BadAddress));
    assert_eq!(File::good().set_u64(memory, 0x1001).parse(), Err(ElfError::BadAddress));
    assert_eq!(File::good().set_u64(memory, u64::MAX).parse(), Err(ElfError::BadAddress));
}

#[test]
fn memory_is_never_both_writable_and_executable() {
    let flags = File::header(1) + 4;

    assert_eq!(File::good().set_u32(flags, 7).parse(), Err(ElfError::BadAccess));
    assert_eq!(File::good().set_u32(flags, 0).parse(), Err(ElfError::BadAccess));
    assert_eq!(File::good().set_u32(flags, FLAG_READ).parse(), Err(ElfError::BadEntry));
}

proptest! {
    #[test]
    fn damaged_headers_never_panic_and_what_is_taken_lies_in_range(
        damage in proptest::collection::vec((0usize..240, any::<u8>()), 0..12),
        length in 0usize..HEADER_BYTES,
        file_bytes in any::<u64>(),
    ) {
        let mut file = File::good();
        for (at, byte) in damage {
            file.0[at] = byte;
        }

        let _ = Image::parse(&file.0[..length], file_bytes);
        if let Ok(image) = Image::parse(&file.0, file_bytes) {
            let mut lowest = IMAGE_BASE;
            for segment in &image.segments {
                prop_assert!(segment.address >= lowest && segment.end() <= HEAP_LIMIT);
                prop_assert!(segment.file_offset + segment.file_bytes <= file_bytes);
                prop_assert!(segment.file_bytes <= segment.memory_bytes);
                lowest = segment.end();
            }
        }
    }
}
