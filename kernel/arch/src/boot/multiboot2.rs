//! What a multiboot2 loader leaves (Multiboot2 1.6, 3.6).

use super::{pvh, regions};
use crate::physical::{Physical, field_u32, field_u64};
use abi::{BootInfo, Framebuffer};

/// Tags that are looked at.
const TAGS_MAX: usize = 128;
/// Bytes of a tag that are copied; longer tags (the memory map) are read piece by piece.
const TAG_BYTES: usize = 64;
/// Memory map entries that are looked at.
const ENTRIES_MAX: u64 = 256;

/// Fills in what the tags at `address` say; `false` if there are none.
pub fn read(memory: &impl Physical, address: u64, info: &mut BootInfo) -> bool {
    let Some(total) = memory.read_u32(address) else { return false };
    let end = address.saturating_add(u64::from(total));
    let mut tag = address.saturating_add(8);
    for _ in 0..TAGS_MAX {
        let (Some(kind), Some(bytes)) = (memory.read_u32(tag), memory.read_u32(tag.wrapping_add(4))) else {
            break;
        };
        let bytes = u64::from(bytes);
        if kind == 0 || bytes < 8 || tag.saturating_add(bytes) > end {
            break;
        }
        read_tag(memory, kind, tag, bytes, info);
        tag = tag.saturating_add(bytes.next_multiple_of(8));
    }
    true
}

fn read_tag(memory: &impl Physical, kind: u32, tag: u64, bytes: u64, info: &mut BootInfo) {
    let mut copy = [0; TAG_BYTES];
    let length = usize::try_from(bytes).unwrap_or(TAG_BYTES).min(TAG_BYTES);
    let Some(content) = copy.get_mut(..length) else { return };
    if !memory.read(tag, content) {
        return;
    }
    match kind {
        3 if info.bundle_bytes == 0 => {
            let start = field_u32(content, 8).unwrap_or(0);
            info.bundle_start = u64::from(start);
            info.bundle_bytes = u64::from(field_u32(content, 12).unwrap_or(0).saturating_sub(start));
        }
        6 => read_map(memory, tag, bytes, info),
        8 => info.framebuffer = framebuffer(content).unwrap_or_default(),
        // A copy of the RSDP, of ACPI 1 (14) or later (15): the copy will do.
        14 if info.rsdp == 0 => info.rsdp = tag.wrapping_add(8),
        15 => info.rsdp = tag.wrapping_add(8),
        _ => {}
    }
}

fn read_map(memory: &impl Physical, tag: u64, bytes: u64, info: &mut BootInfo) {
    let entry_bytes = u64::from(memory.read_u32(tag.wrapping_add(8)).unwrap_or(0));
    if entry_bytes < 20 {
        return;
    }
    let count = (bytes.saturating_sub(16) / entry_bytes).min(ENTRIES_MAX);
    for index in 0..count {
        let mut entry = [0; 20];
        if !memory.read(tag.wrapping_add(16 + index * entry_bytes), &mut entry) {
            return;
        }
        let field = |offset| field_u64(&entry, offset).unwrap_or(0);
        regions::push(info, field(0), field(8), pvh::kind_of(field_u32(&entry, 16).unwrap_or(0)));
    }
}

/// Type 1 is RGB, of which only 32 bits with blue lowest is taken; type 2 is the VGA text screen.
fn framebuffer(tag: &[u8]) -> Option<Framebuffer> {
    let kind = *tag.get(29)?;
    let bits = u32::from(*tag.get(28)?);
    let is_text = kind == 2;
    // Position and size of red, green, blue.
    let is_blue_lowest = tag.get(32..38)? == [16, 8, 8, 8, 0, 8];
    let is_pixels = kind == 1 && bits == 32 && is_blue_lowest;
    if !is_text && !is_pixels {
        return None;
    }
    Some(Framebuffer {
        address: field_u64(tag, 8)?,
        stride: field_u32(tag, 16)?,
        width: field_u32(tag, 20)?,
        height: field_u32(tag, 24)?,
        bits: if is_text { 16 } else { 32 },
    })
}
