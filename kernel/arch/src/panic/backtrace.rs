//! Who called whom, with names from the bundle.

use crate::boot;
use crate::paging::BoardMemory;
use crate::physical::Physical;
use core::fmt::{self, Write};
use loader_bundle::symbols::Symbols;
use loader_bundle::{Bundle, HEADER_BYTES, names};

/// Callers that are shown.
const DEPTH_MAX: usize = 32;
/// Room for the bundle's table or for the symbols.
const BUFFER_BYTES: usize = 256 * 1024;

struct Buffer(core::cell::UnsafeCell<[u8; BUFFER_BYTES]>);

// SAFETY: used by the one processor that panics.
unsafe impl Sync for Buffer {}

static BUFFER: Buffer = Buffer(core::cell::UnsafeCell::new([0; BUFFER_BYTES]));

/// Writes the chain of callers: the instruction at `rip` (0 = none), then the frames from `frame_pointer` on.
pub(super) fn write(out: &mut dyn Write, rip: u64, frame_pointer: u64) -> fmt::Result {
    let symbols = read_symbols();
    if rip != 0 {
        line(out, symbols, rip)?;
    }
    let mut frame = frame_pointer;
    for _ in 0..DEPTH_MAX {
        if !is_stack(frame) {
            break;
        }
        // SAFETY: an aligned address within a mapped stack or the image's data.
        let [next, return_address] = unsafe { (frame as *const [u64; 2]).read() };
        if !is_code(return_address) {
            break;
        }
        // The address after the call may belong to the next function already.
        line(out, symbols, return_address - 1)?;
        if next <= frame {
            break;
        }
        frame = next;
    }
    Ok(())
}

fn line(out: &mut dyn Write, symbols: Option<Symbols<'_>>, address: u64) -> fmt::Result {
    let (start, _) = boot::image_symbols();
    let offset = u32::try_from(address.wrapping_sub(start)).ok();
    match offset.and_then(|offset| symbols?.find(offset)) {
        Some(symbol) => writeln!(out, "  {address:016x}  {} + {:#x}", symbol.name, symbol.inside),
        None => writeln!(out, "  {address:016x}"),
    }
}

fn is_code(address: u64) -> bool {
    let (start, [(text_end, _), ..]) = boot::image_symbols();
    (start + 1..=text_end).contains(&address)
}

/// Whether two words at `frame` can be read: on the boot stack (in the image) or on a processor's stack.
fn is_stack(frame: u64) -> bool {
    let (start, _) = boot::image_symbols();
    let is_in_image = frame >= start && frame + 16 <= start + boot::image_bytes();
    frame % 8 == 0 && (is_in_image || crate::paging::is_mapped_stack(frame, 16))
}

/// The symbols, read from the bundle with whatever still works.
fn read_symbols() -> Option<Symbols<'static>> {
    let info = boot::info();
    // SAFETY: only the panicking processor comes here, once; the others are stopped.
    let buffer = unsafe { &mut *BUFFER.0.get() };
    let present = info.bundle_bytes;
    let read = |offset: u64, bytes: &mut [u8]| {
        let end = offset.checked_add(bytes.len() as u64)?;
        (info.bundle_start != 0 && end <= present && BoardMemory.read(info.bundle_start + offset, bytes))
            .then_some(())
    };
    let header = buffer.get_mut(..HEADER_BYTES)?;
    read(0, header)?;
    let table_end = Bundle::table_end(header).ok()?;
    let table = buffer.get_mut(..table_end)?;
    read(0, table)?;
    let entry = Bundle::parse(table, present).ok()?.find(names::KERNEL_SYMBOLS).ok()?;
    let (offset, bytes) = (entry.offset, usize::try_from(entry.bytes).ok()?);
    let content = buffer.get_mut(..bytes)?;
    read(offset, content)?;
    Symbols::parse(content).ok()
}
