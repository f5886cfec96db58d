//! The memory from 0xC0000 to 0xFFFFF: 13 segments, each of which shows RAM or what lies behind it, for reads and for
//! writes (Intel 3 Series data sheet, 5.1.20 to 5.1.26).

use alloc::boxed::Box;
use base_units::Gpa;
use core::ops::Range;
use vmm_bus::{Context, DirectId, DirectMemory, DirectRange};

/// Where the segments start ...
pub const SHADOW_START: Gpa = Gpa::new(0xC_0000);
/// ... and how many bytes they have together.
pub const SHADOW_BYTES: u64 = 0x4_0000;
/// Registers of the segments.
pub(super) const PAM_REGISTERS: usize = 7;
/// Bytes of each segment but the last.
const SEGMENT_BYTES: u64 = 0x4000;
/// Offset of the last segment, which register 0 is about, in its upper half.
const LAST_SEGMENT: u64 = 0x3_0000;
/// Attributes: reads show RAM.
const READ_RAM: u8 = 1 << 0;
/// Attributes: writes reach RAM.
const WRITE_RAM: u8 = 1 << 1;

/// What lies in and behind the segments.
pub struct Shadow {
    ram: DirectId,
    rom: Box<dyn DirectMemory>,
    rom_start: u64,
}

/// Where bytes come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Source {
    Ram,
    Rom,
    Nothing,
}

impl Shadow {
    /// RAM is `ram`, whose offsets are guest-physical addresses here. Behind it, ending with the last segment, lies the
    /// end of `rom`: `rom_bytes` of it, whole pages. Behind the rest lies nothing.
    pub fn new(ram: DirectId, rom: Box<dyn DirectMemory>, rom_bytes: u64) -> Self {
        let rom_start = SHADOW_BYTES.saturating_sub(rom_bytes.min(rom.bytes()));
        Self { ram, rom, rom_start }
    }

    /// What the byte at `offset` is read from, and whether RAM takes it.
    fn view(&self, registers: [u8; PAM_REGISTERS], offset: u64) -> (Source, bool) {
        let attributes = attributes(registers, offset);
        let source = if attributes & READ_RAM != 0 {
            Source::Ram
        } else if offset >= self.rom_start {
            Source::Rom
        } else {
            Source::Nothing
        };
        (source, attributes & WRITE_RAM != 0)
    }

    /// Reads the byte at `offset`.
    pub(super) fn read(&self, registers: [u8; PAM_REGISTERS], offset: u64, context: &Context<'_>) -> u8 {
        let mut byte = [0xFF];
        match self.view(registers, offset).0 {
            Source::Ram => {
                if let Some(at) = SHADOW_START.checked_add(offset) {
                    // It is RAM on every board; where it is not, nothing answers.
                    let _ = context.memory.read(at, &mut byte);
                }
            }
            Source::Rom => {
                let _ = self.rom.read(self.rom_offset(offset), &mut byte);
            }
            Source::Nothing => {}
        }
        let [byte] = byte;
        byte
    }

    /// Writes the byte at `offset`.
    pub(super) fn write(
        &self,
        registers: [u8; PAM_REGISTERS],
        (offset, byte): (u64, u8),
        context: &Context<'_>,
    ) {
        let (_, is_writable) = self.view(registers, offset);
        if let Some(at) = SHADOW_START.checked_add(offset).filter(|_| is_writable && offset < SHADOW_BYTES) {
            // As in `read`.
            let _ = context.memory.write(at, &[byte]);
        }
    }

    /// Calls `visit` with what the guest sees as memory now: as few ranges as can be.
    pub(super) fn direct_ranges(&self, registers: [u8; PAM_REGISTERS], visit: &mut dyn FnMut(DirectRange)) {
        let mut start = 0;
        while start < SHADOW_BYTES {
            let view = self.view(registers, start);
            let mut end = self.next(start);
            while end < SHADOW_BYTES && self.view(registers, end) == view {
                end = self.next(end);
            }
            self.visit_range(start..end, view, visit);
            start = end;
        }
    }

    /// The end of what must look as the byte at `offset` does.
    fn next(&self, offset: u64) -> u64 {
        let segment_end =
            if offset >= LAST_SEGMENT { SHADOW_BYTES } else { (offset / SEGMENT_BYTES + 1) * SEGMENT_BYTES };
        if offset < self.rom_start { segment_end.min(self.rom_start) } else { segment_end }
    }

    fn visit_range(&self, range: Range<u64>, view: (Source, bool), visit: &mut dyn FnMut(DirectRange)) {
        let address = SHADOW_START.raw().saturating_add(range.start);
        let (memory, offset, is_writable) = match view {
            (Source::Ram, is_writable) => (self.ram, address, is_writable),
            // Writes are seen, even if only to reach RAM behind what reads show.
            (Source::Rom, _) => (self.rom.id(), self.rom_offset(range.start), false),
            (Source::Nothing, _) => return,
        };
        let bytes = range.end.saturating_sub(range.start);
        visit(DirectRange { start: Gpa::new(address), bytes, memory, offset, is_writable });
    }

    /// The place in the ROM, whose end shows at the end of the last segment.
    fn rom_offset(&self, offset: u64) -> u64 {
        self.rom.bytes().saturating_sub(SHADOW_BYTES.saturating_sub(offset))
    }
}

/// The attributes of the segment that the byte at `offset` lies in.
fn attributes(registers: [u8; PAM_REGISTERS], offset: u64) -> u8 {
    let [last, others @ ..] = registers;
    if offset >= LAST_SEGMENT {
        return last >> 4 & 3;
    }
    let segment = offset / SEGMENT_BYTES;
    let register = others.into_iter().nth(usize::try_from(segment / 2).unwrap_or(usize::MAX)).unwrap_or(0);
    if segment.is_multiple_of(2) { register & 3 } else { register >> 4 & 3 }
}
