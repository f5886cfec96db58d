//! ELF64 executables for x86-64 (System V ABI, generic part chapters 4 and 5; AMD64 supplement
//! chapter 4), as far as a loader of fixed-address programs needs them.

/// Bytes from the start of a file that [`Program::parse`] wants to see at the most.
pub const HEADERS_BYTES_MAX: usize = 4096;
/// Loadable segments of one program at the most.
pub const SEGMENTS_MAX: usize = 16;

const HEADER_BYTES: usize = 64;
const PROGRAM_HEADER_BYTES: usize = 56;
const ET_EXEC: u16 = 2;
const EM_X86_64: u16 = 62;
const PT_LOAD: u32 = 1;
const PT_INTERP: u32 = 3;
const PT_TLS: u32 = 7;
const PAGE: u64 = 4096;

/// Why a file is no program that can be loaded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// It does not begin with an ELF header.
    NotElf,
    /// It is not a 64-bit little-endian executable for x86-64 linked at a fixed address.
    WrongKind,
    /// Its program headers lie outside of the first page.
    HeadersTooFar,
    /// It has no or too many loadable segments.
    SegmentCount,
    /// A segment is not page-congruent, overlaps another, wraps, lies outside of the file or is
    /// writable and executable.
    BadSegment,
    /// It wants an interpreter or thread-local storage.
    Unsupported,
    /// Its entry is not in an executable segment.
    BadEntry,
}

/// A loadable segment. Having one proves: page-congruent, inside the file and the lower half, not
/// writable and executable at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Segment {
    /// Where it is in the file.
    pub offset: u64,
    /// Where it goes.
    pub address: u64,
    /// Bytes taken from the file.
    pub file_bytes: u64,
    /// Bytes in memory; what exceeds the file's is zero.
    pub memory_bytes: u64,
    /// May be written.
    pub is_writable: bool,
    /// May be executed.
    pub is_executable: bool,
}

impl Segment {
    /// First page's address.
    pub fn page_start(&self) -> u64 {
        self.address & !(PAGE - 1)
    }

    /// Address after the last page.
    pub fn page_end(&self) -> u64 {
        (self.address + self.memory_bytes).next_multiple_of(PAGE)
    }
}

/// A program. Having one proves that its segments do not overlap, not even in a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Program {
    /// Address of the first instruction, inside of an executable segment.
    pub entry: u64,
    segments: [Segment; SEGMENTS_MAX],
    count: usize,
}

impl Program {
    /// Reads the headers of a program from the first bytes of a file of `file_bytes` bytes; no address
    /// may reach `address_end`.
    ///
    /// # Errors
    /// A [`Refusal`]; foreign bytes never do more harm than that.
    pub fn parse(first_bytes: &[u8], file_bytes: u64, address_end: u64) -> Result<Self, Refusal> {
        let header = first_bytes.get(..HEADER_BYTES).ok_or(Refusal::NotElf)?;
        if header.get(..4) != Some(b"\x7fELF".as_slice()) {
            return Err(Refusal::NotElf);
        }
        check_kind(header).ok_or(Refusal::WrongKind)?;
        let entry = u64_at(header, 24).ok_or(Refusal::NotElf)?;
        let table = u64_at(header, 32).ok_or(Refusal::NotElf)?;
        let count = usize::from(u16_at(header, 56).ok_or(Refusal::NotElf)?);
        let mut program = Self { entry, segments: [Segment::default(); SEGMENTS_MAX], count: 0 };
        for index in 0..count {
            let start =
                usize::try_from(table).ok().and_then(|table| table.checked_add(index * PROGRAM_HEADER_BYTES));
            let line =
                start.and_then(|start| first_bytes.get(start..start.checked_add(PROGRAM_HEADER_BYTES)?));
            let line = line.ok_or(Refusal::HeadersTooFar)?;
            match u32_at(line, 0) {
                Some(PT_LOAD) => program.add(read_segment(line, file_bytes, address_end)?)?,
                Some(PT_INTERP | PT_TLS) => return Err(Refusal::Unsupported),
                _ => {}
            }
        }
        program.check_entry()
    }

    /// The segments, in the order of the file.
    pub fn segments(&self) -> &[Segment] {
        self.segments.get(..self.count).unwrap_or_default()
    }

    fn add(&mut self, segment: Segment) -> Result<(), Refusal> {
        let overlaps = |other: &Segment| {
            segment.page_start() < other.page_end() && other.page_start() < segment.page_end()
        };
        if segment.memory_bytes == 0 {
            return Ok(());
        }
        if self.segments().iter().any(overlaps) {
            return Err(Refusal::BadSegment);
        }
        *self.segments.get_mut(self.count).ok_or(Refusal::SegmentCount)? = segment;
        self.count += 1;
        Ok(())
    }

    fn check_entry(self) -> Result<Self, Refusal> {
        if self.count == 0 {
            return Err(Refusal::SegmentCount);
        }
        let holds = |segment: &Segment| {
            let end = segment.address + segment.memory_bytes;
            segment.is_executable && (segment.address..end).contains(&self.entry)
        };
        if self.segments().iter().any(holds) { Ok(self) } else { Err(Refusal::BadEntry) }
    }
}

fn check_kind(header: &[u8]) -> Option<()> {
    let is_64_bit_little_endian = header.get(4..6)? == [2, 1];
    let is_right = is_64_bit_little_endian
        && u16_at(header, 16)? == ET_EXEC
        && u16_at(header, 18)? == EM_X86_64
        && usize::from(u16_at(header, 54)?) == PROGRAM_HEADER_BYTES;
    is_right.then_some(())
}

fn read_segment(line: &[u8], file_bytes: u64, address_end: u64) -> Result<Segment, Refusal> {
    let field = |offset| u64_at(line, offset).ok_or(Refusal::BadSegment);
    let flags = u32_at(line, 4).ok_or(Refusal::BadSegment)?;
    let segment = Segment {
        offset: field(8)?,
        address: field(16)?,
        file_bytes: field(32)?,
        memory_bytes: field(40)?,
        is_writable: flags & 2 != 0,
        is_executable: flags & 1 != 0,
    };
    let is_in_file = segment.offset.checked_add(segment.file_bytes).is_some_and(|end| end <= file_bytes);
    let end =
        segment.address.checked_add(segment.memory_bytes).and_then(|end| end.checked_next_multiple_of(PAGE));
    let is_in_memory = segment.address >= PAGE && end.is_some_and(|end| end <= address_end);
    let is_congruent = segment.offset % PAGE == segment.address % PAGE;
    let is_small_enough = segment.file_bytes <= segment.memory_bytes;
    let is_write_xor_execute = !(segment.is_writable && segment.is_executable);
    if is_in_file && is_in_memory && is_congruent && is_small_enough && is_write_xor_execute {
        Ok(segment)
    } else {
        Err(Refusal::BadSegment)
    }
}

fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    bytes.get(offset..offset + 2)?.try_into().ok().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..offset + 4)?.try_into().ok().map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    bytes.get(offset..offset + 8)?.try_into().ok().map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const END: u64 = 1 << 47;

    fn put(bytes: &mut [u8], offset: usize, value: &[u8]) {
        bytes[offset..offset + value.len()].copy_from_slice(value);
    }

    fn with_segments(segments: &[(u32, u64, u64, u64, u64)]) -> Vec<u8> {
        let mut file = vec![0; 4096];
        put(&mut file, 0, b"\x7fELF\x02\x01\x01");
        put(&mut file, 16, &ET_EXEC.to_le_bytes());
        put(&mut file, 18, &EM_X86_64.to_le_bytes());
        put(&mut file, 24, &0x40_0000u64.to_le_bytes());
        put(&mut file, 32, &64u64.to_le_bytes());
        put(&mut file, 54, &56u16.to_le_bytes());
        put(&mut file, 56, &(segments.len() as u16).to_le_bytes());
        for (index, (flags, offset, address, file_bytes, memory_bytes)) in segments.iter().enumerate() {
            let at = 64 + index * 56;
            put(&mut file, at, &PT_LOAD.to_le_bytes());
            put(&mut file, at + 4, &flags.to_le_bytes());
            for (place, value) in [(8, offset), (16, address), (32, file_bytes), (40, memory_bytes)] {
                put(&mut file, at + place, &value.to_le_bytes());
            }
        }
        file
    }

    #[test]
    fn a_well_formed_program_is_read_as_it_is() {
        let file = with_segments(&[(5, 0x1000, 0x40_0000, 0x800, 0x800), (6, 0x2000, 0x40_1000, 4, 0x3000)]);

        let program = Program::parse(&file, 0x3000, END).unwrap();

        assert_eq!(program.entry, 0x40_0000);
        assert_eq!(program.segments().len(), 2);
        assert_eq!(program.segments()[1].page_end(), 0x40_4000);
    }

    #[test]
    fn segments_that_break_a_rule_are_refused() {
        let text = (5, 0x1000, 0x40_0000, 0x800, 0x800);
        let cases = [
            (7, 0x2000, 0x40_1000, 4, 4),                // writable and executable
            (6, 0x2001, 0x40_1000, 4, 4),                // not congruent
            (6, 0x2000, 0x40_0000, 4, 4),                // overlaps the text
            (6, 0x2000, 0x40_1000, 0x9000, 0x9000),      // outside of the file
            (6, 0x2000, 0x40_1000, 8, 4),                // smaller in memory
            (6, 0x2000, 0xffff_ffff_ffff_f000, 4, 4096), // wraps
            (6, 0x2000, 0, 4, 4),                        // page zero
        ];
        for case in cases {
            let file = with_segments(&[text, case]);
            assert_eq!(Program::parse(&file, 0x3000, END), Err(Refusal::BadSegment), "{case:x?}");
        }
    }

    #[test]
    fn an_entry_in_data_is_refused() {
        let file = with_segments(&[(6, 0x1000, 0x40_0000, 0x800, 0x800)]);
        assert_eq!(Program::parse(&file, 0x3000, END), Err(Refusal::BadEntry));
    }

    proptest! {
        #[test]
        fn mutated_headers_never_yield_segments_out_of_bounds(
            changes in prop::collection::vec((0usize..512, any::<u8>()), 0..12),
        ) {
            let mut file = with_segments(&[(5, 0x1000, 0x40_0000, 0x800, 0x800), (6, 0x2000, 0x40_1000, 4, 0x3000)]);
            for (at, value) in changes {
                file[at] = value;
            }
            if let Ok(program) = Program::parse(&file, 0x3000, END) {
                for segment in program.segments() {
                    prop_assert!(segment.offset + segment.file_bytes <= 0x3000);
                    prop_assert!(segment.page_end() <= END);
                }
            }
        }
    }
}
