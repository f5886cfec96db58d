//! ELF files of ring-3 programs.

use spec::elf::{HEADERS_BYTES_MAX, Program, SEGMENTS_MAX, Segment};

/// No address of a program may reach this one.
const ADDRESS_END: u64 = 1 << 47;
const PAGE: u64 = 4096;

/// Reads the bytes as the first page of a program. A loader reads no more than that, so the file may be longer
/// than the bytes: the first byte says how much.
pub fn run(data: &[u8]) {
    let Some((more, bytes)) = data.split_first() else { return };
    let file_bytes = bytes.len() as u64 + u64::from(*more) * PAGE;
    let first = bytes.get(..HEADERS_BYTES_MAX).unwrap_or(bytes);
    let Ok(program) = Program::parse(first, file_bytes, ADDRESS_END) else { return };
    let segments = program.segments();
    assert!((1..=SEGMENTS_MAX).contains(&segments.len()));
    for segment in segments {
        check_segment(segment, file_bytes);
    }
    let holds_entry = |segment: &&Segment| {
        segment.is_executable
            && (segment.address..segment.address + segment.memory_bytes).contains(&program.entry)
    };
    assert!(segments.iter().any(|segment| holds_entry(&segment)), "an entry outside of the code");
    let mut spans: Vec<_> =
        segments.iter().map(|segment| (segment.page_start(), segment.page_end())).collect();
    spans.sort_unstable();
    assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0), "segments share a page");
}

fn check_segment(segment: &Segment, file_bytes: u64) {
    assert!(segment.page_start() >= PAGE && segment.page_end() <= ADDRESS_END);
    assert!(segment.page_start() < segment.page_end());
    assert!(segment.file_bytes <= segment.memory_bytes);
    assert!(segment.offset.checked_add(segment.file_bytes).is_some_and(|end| end <= file_bytes));
    assert_eq!(segment.offset % PAGE, segment.address % PAGE);
    assert!(!(segment.is_writable && segment.is_executable));
}
