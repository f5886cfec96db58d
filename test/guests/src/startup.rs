//! What the PVH loader tells (Xen's public/arch-x86/hvm/start_info.h).

const COMMAND_LINE_OFFSET: u64 = 24;
const COMMAND_LINE_MAX: usize = 1024;

/// The command line.
pub(crate) fn command_line(start_info: u64) -> &'static str {
    let address = unsafe { ((start_info + COMMAND_LINE_OFFSET) as *const u64).read_unaligned() };
    if address == 0 {
        return "";
    }
    let bytes = unsafe { core::slice::from_raw_parts(address as *const u8, COMMAND_LINE_MAX) };
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(0);
    core::str::from_utf8(&bytes[..end]).unwrap_or("")
}

/// What follows `key` in a word of the command line.
pub(crate) fn word<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.split_ascii_whitespace().find_map(|word| word.strip_prefix(key))
}
