//! Instruction bytes.

use crate::{
    Fault, Mode, Platform, Processor, SegmentRegister,
    paging::{Intent, Paging, left_in_page},
};
use vmm_bus::GuestMemory;

/// Bytes of an instruction at the most (Intel SDM vol. 2, 2.3.11).
pub const INSTRUCTION_BYTES_MAX: usize = 15;

/// The first bytes at RIP.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct InstructionBytes {
    bytes: [u8; 16],
    length: u8,
}

impl InstructionBytes {
    /// The bytes that the processor delivered with the exit.
    pub fn new(bytes: [u8; 16], length: u8) -> Self {
        Self { bytes, length: length.min(INSTRUCTION_BYTES_MAX as u8) }
    }

    /// The bytes.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// All sixteen bytes as a little-endian integer; those that were not read are zero.
    #[inline]
    pub(crate) fn as_u128(&self) -> u128 {
        u128::from_le_bytes(self.bytes)
    }
}

/// Reads the bytes at RIP through the guest's page tables: as many as an instruction can have, or
/// fewer where the next page cannot be read.
#[inline]
pub fn fetch<P: Platform>(cpu: &impl Processor, platform: &P) -> Result<InstructionBytes, Fault> {
    let start = linear_address(cpu, cpu.instruction_pointer());
    let paging = Paging::of(cpu);
    let at = paging.translate(platform.memory(), start, Intent::Fetch)?;
    let mut bytes = [0; 16];
    if left_in_page(start) >= bytes.len() as u64 {
        let (first, second) = (platform.code().read_u64(at), at.checked_add(8));
        let second = second.map(|at| platform.code().read_u64(at));
        let (Ok(first), Some(Ok(second))) = (first, second) else { return Err(Fault::Unsupported) };
        bytes = (u128::from(first) | u128::from(second) << 64).to_le_bytes();
        return Ok(InstructionBytes { bytes, length: INSTRUCTION_BYTES_MAX as u8 });
    }
    fetch_across_pages(cpu, platform, &paging, start)
}

#[cold]
fn fetch_across_pages<P: Platform>(
    cpu: &impl Processor,
    platform: &P,
    paging: &Paging,
    start: u64,
) -> Result<InstructionBytes, Fault> {
    let mut read = InstructionBytes::default();
    for (index, byte) in (0u64..).zip(read.bytes.iter_mut().take(INSTRUCTION_BYTES_MAX)) {
        let address = match cpu.mode() {
            Mode::Bits64 => start.wrapping_add(index),
            _ => start.wrapping_add(index) & 0xFFFF_FFFF,
        };
        let Ok(at) = paging.translate(platform.memory(), address, Intent::Fetch) else { break };
        let Ok(value) = platform.code().read_u8(at) else { break };
        *byte = value;
        read.length += 1;
    }
    if read.length == 0 { Err(Fault::Unsupported) } else { Ok(read) }
}

/// The linear address of code at `offset`.
fn linear_address(cpu: &impl Processor, offset: u64) -> u64 {
    match cpu.mode() {
        Mode::Bits64 => offset,
        _ => cpu.segment_base(SegmentRegister::Cs).wrapping_add(offset) & 0xFFFF_FFFF,
    }
}
