//! What of a program goes where: the plan that [`crate::spawn_program`] carries out.

use crate::address_space::{HEAP_LIMIT, IMAGE_BASE};
use abi::MapFlags;
use alloc::vec::Vec;
use base_units::PAGE_BYTES;
use spec::elf::{Program, Segment};

/// Why a file cannot be loaded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileRefusal {
    /// It is no program.
    Elf(spec::elf::Refusal),
    /// It is linked for other addresses than those of programs.
    BadAddress,
}

/// Where the pages of a part of a program come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    /// Pages of the file, shared by all processes.
    File {
        /// First page in the file.
        offset: u64,
    },
    /// Copies of pages of the file, of which only the first `kept` bytes are the program's; zeros follow.
    Copy {
        /// First page in the file.
        offset: u64,
        /// Bytes that stay.
        kept: u64,
    },
    /// Zeros.
    Zeros,
}

/// Whole pages of a program that come from one place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Part {
    pub(crate) source: Source,
    pub(crate) address: u64,
    pub(crate) bytes: u64,
    pub(crate) access: MapFlags,
}

/// Plans the parts of a program from the first bytes of its file of `file_bytes` bytes. Returns the entry
/// and the parts.
pub(crate) fn plan(first_bytes: &[u8], file_bytes: u64) -> Result<(u64, Vec<Part>), FileRefusal> {
    let program = Program::parse(first_bytes, file_bytes, HEAP_LIMIT).map_err(FileRefusal::Elf)?;
    if program.segments().iter().any(|segment| segment.page_start() < IMAGE_BASE) {
        return Err(FileRefusal::BadAddress);
    }
    let parts = program.segments().iter().flat_map(parts_of).flatten();
    Ok((program.entry, parts.collect()))
}

/// The pages of a segment that the file fills, and those behind them. The numbers were checked when the segment
/// was made: nothing here can overflow.
fn parts_of(segment: &Segment) -> [Option<Part>; 2] {
    let access = access_of(segment);
    let address = segment.page_start();
    let into_page = segment.address - address;
    let kept = into_page + segment.file_bytes;
    let offset = segment.offset - into_page;
    let from_file = if segment.file_bytes == 0 { 0 } else { kept.next_multiple_of(PAGE_BYTES) };
    let zeros = segment.page_end() - address - from_file;
    let source = if segment.is_writable { Source::Copy { offset, kept } } else { Source::File { offset } };
    [
        (from_file > 0).then_some(Part { source, address, bytes: from_file, access }),
        (zeros > 0).then_some(Part {
            source: Source::Zeros,
            address: address + from_file,
            bytes: zeros,
            access,
        }),
    ]
}

fn access_of(segment: &Segment) -> MapFlags {
    let mut access = MapFlags::READ;
    access.set(MapFlags::WRITE, segment.is_writable);
    access.set(MapFlags::EXECUTE, segment.is_executable);
    access
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn segment(address: u64, file_bytes: u64, memory_bytes: u64, is_writable: bool) -> Segment {
        let offset = 0x3000 + address % PAGE_BYTES;
        Segment { offset, address, file_bytes, memory_bytes, is_writable, is_executable: false }
    }

    #[test]
    fn code_is_shared_and_data_is_copied() {
        let code = parts_of(&segment(IMAGE_BASE, 0x2000, 0x2000, false));
        let data = parts_of(&segment(IMAGE_BASE, 0x1000, 0x3000, true));

        let [Some(code), None] = code else { panic!("{code:?}") };
        assert_eq!((code.source, code.bytes), (Source::File { offset: 0x3000 }, 0x2000));
        let [Some(data), Some(zeros)] = data else { panic!("{data:?}") };
        assert_eq!((data.source, data.bytes), (Source::Copy { offset: 0x3000, kept: 0x1000 }, 0x1000));
        assert_eq!((zeros.source, zeros.address, zeros.bytes), (Source::Zeros, IMAGE_BASE + 0x1000, 0x2000));
    }

    #[test]
    fn a_segment_without_bytes_in_the_file_is_all_zeros() {
        let [None, Some(zeros)] = parts_of(&segment(IMAGE_BASE + 0x10, 0, 0x1800, true)) else { panic!() };

        assert_eq!((zeros.address, zeros.bytes), (IMAGE_BASE, 0x2000));
    }

    #[test]
    fn files_that_are_no_programs_are_refused() {
        assert_eq!(plan(b"#!/bin/sh", 9), Err(FileRefusal::Elf(spec::elf::Refusal::NotElf)));
    }

    proptest! {
        #[test]
        fn parts_cover_the_pages_of_a_segment_exactly(
            start in 0u64..0x10_0000, file in 0u64..0x9000, behind in 0u64..0x9000, is_writable: bool,
        ) {
            prop_assume!(file + behind > 0);
            let segment = segment(IMAGE_BASE + start, file, file + behind, is_writable);

            let mut address = segment.page_start();
            for part in parts_of(&segment).into_iter().flatten() {
                prop_assert_eq!(part.address, address);
                prop_assert!(part.bytes > 0 && part.bytes % PAGE_BYTES == 0);
                if let Source::Copy { kept, .. } = part.source {
                    prop_assert!(kept <= part.bytes && part.bytes - kept < PAGE_BYTES);
                }
                address += part.bytes;
            }
            prop_assert_eq!(address, segment.page_end());
        }
    }
}
