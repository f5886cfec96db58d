//! What the PVH loader tells (Xen's public/arch-x86/hvm/start_info.h).

use core::sync::atomic::{AtomicU64, Ordering::SeqCst};

const COMMAND_LINE_OFFSET: u64 = 24;
const MEMORY_MAP_OFFSET: u64 = 40;
const COMMAND_LINE_MAX: usize = 1024;
/// RAM that may be used.
pub(crate) const USABLE: u32 = 1;

static INFO: AtomicU64 = AtomicU64::new(0);

/// A line of the memory map.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Range {
    /// First byte.
    pub(crate) start: u64,
    /// Bytes.
    pub(crate) bytes: u64,
    /// What it is.
    pub(crate) kind: u32,
    reserved: u32,
}

/// Takes note of where the start information lies.
pub(crate) fn remember(start_info: u64) {
    INFO.store(start_info, SeqCst);
}

fn word_at(offset: u64) -> u64 {
    unsafe { ((INFO.load(SeqCst) + offset) as *const u64).read_unaligned() }
}

/// The memory map.
pub(crate) fn memory_map() -> &'static [Range] {
    let (place, lines) = (word_at(MEMORY_MAP_OFFSET), word_at(MEMORY_MAP_OFFSET + 8) as u32);
    unsafe { core::slice::from_raw_parts(place as *const Range, lines as usize) }
}

/// The command line.
pub(crate) fn command_line() -> &'static str {
    let address = word_at(COMMAND_LINE_OFFSET);
    if address == 0 {
        return "";
    }
    let bytes = unsafe { core::slice::from_raw_parts(address as *const u8, COMMAND_LINE_MAX) };
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(0);
    core::str::from_utf8(&bytes[..end]).unwrap_or("")
}

/// What follows `key` in a word of the command line.
pub(crate) fn word(key: &str) -> Option<&'static str> {
    command_line().split_ascii_whitespace().find_map(|word| word.strip_prefix(key))
}

/// The number that follows `key`.
pub(crate) fn number(key: &str) -> Option<u64> {
    word(key)?.parse().ok()
}
