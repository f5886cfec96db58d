//! Requests that the guest puts in its memory: select an item, and read or skip bytes of it.
//!
//! A request may ask for up to 4 GiB. It is carried out in steps of [`STEP_BYTES`]; the guest sees that it is
//! under way by the control word, which becomes zero at the end, as the interface wants it.

use crate::content::{Content, Key};
use base_units::Gpa;
use serde::{Deserialize, Serialize};
use vmm_bus::{GuestMemory, GuestRange, MemoryError};

/// Bytes that one step moves at the most.
pub const STEP_BYTES: u32 = 1 << 20;
/// Bytes that are copied at a time.
const CHUNK_BYTES: usize = 4096;
/// Bytes of a request: control and length of 32 bits each, address of 64, all big-endian.
const REQUEST_BYTES: usize = 16;

/// Control bit: the request failed.
const ERROR: u32 = 1 << 0;
/// Control bit: copy from the item to memory.
const READ: u32 = 1 << 1;
/// Control bit: skip bytes of the item.
const SKIP: u32 = 1 << 2;
/// Control bit: select the item that bits 31..16 name first.
const SELECT: u32 = 1 << 3;
/// Control bit: copy from memory to the item. No item can be written.
const WRITE: u32 = 1 << 4;

/// Bits of a selector that name an item. The other one chose between reading and writing once.
const KEY_BITS: u16 = 0xBFFF;

/// What is selected and how far it was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cursor {
    key: u16,
    offset: u32,
}

impl Default for Cursor {
    fn default() -> Self {
        Self::select(Key::SIGNATURE.0)
    }
}

impl Cursor {
    /// The first byte of the item with this number.
    pub fn select(key: u16) -> Self {
        Self { key: key & KEY_BITS, offset: 0 }
    }

    /// The number of the item.
    pub fn key(self) -> Key {
        Key(self.key)
    }

    /// Bytes read so far.
    pub fn offset(self) -> u32 {
        self.offset
    }

    /// Reads into the whole of `into` and goes on behind it; zeros where there is nothing.
    pub fn read(&mut self, content: &Content, into: &mut [u8]) {
        match content.item(self.key()) {
            Some(item) => item.read(self.offset, into),
            None => into.fill(0),
        }
        self.skip(u32::try_from(into.len()).unwrap_or(u32::MAX));
    }

    /// Whether there are bytes left to read.
    fn is_inside(self, content: &Content) -> bool {
        content.item(self.key()).is_some_and(|item| self.offset < item.bytes())
    }

    fn skip(&mut self, bytes: u32) {
        // What lies behind the end reads as zero, wherever it is.
        self.offset = self.offset.saturating_add(bytes);
    }
}

/// A request that is under way. Its result goes to where it came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Transfer {
    /// Where the request's control word is.
    control_at: u64,
    /// Where the next byte goes.
    to: u64,
    /// Bytes still to be moved.
    left: u32,
}

impl Transfer {
    /// Takes a request from guest memory: selects, skips, and returns what is left to copy. A request
    /// that is over already has its result written.
    pub fn begin(memory: &dyn GuestMemory, request_at: Gpa, cursor: &mut Cursor) -> Option<Self> {
        let mut request = [0; REQUEST_BYTES];
        if memory.read(request_at, &mut request).is_err() {
            finish(memory, request_at, ERROR);
            return None;
        }
        let [c0, c1, c2, c3, l0, l1, l2, l3, address @ ..] = request;
        let control = u32::from_be_bytes([c0, c1, c2, c3]);
        let length = u32::from_be_bytes([l0, l1, l2, l3]);
        if control & SELECT != 0 {
            *cursor = Cursor::select((control >> 16) as u16);
        }
        let mut result = 0;
        if control & READ != 0 && length > 0 {
            let to = u64::from_be_bytes(address);
            return Some(Self { control_at: request_at.raw(), to, left: length });
        } else if control & READ == 0 && control & WRITE != 0 {
            result = if length > 0 { ERROR } else { 0 };
            cursor.skip(length);
        } else if control & SKIP != 0 {
            cursor.skip(length);
        }
        finish(memory, request_at, result);
        None
    }

    /// Moves up to [`STEP_BYTES`]. Returns what is left; `None` = the result has been written.
    pub fn step(mut self, memory: &dyn GuestMemory, content: &Content, cursor: &mut Cursor) -> Option<Self> {
        let end = self.left.saturating_sub(STEP_BYTES);
        while self.left > end {
            let count = (self.left - end).min(CHUNK_BYTES as u32);
            if self.copy(count, memory, content, cursor).is_err() {
                finish(memory, Gpa::new(self.control_at), ERROR);
                return None;
            }
            self.left -= count;
        }
        if self.left > 0 {
            return Some(self);
        }
        finish(memory, Gpa::new(self.control_at), 0);
        None
    }

    fn copy(
        &mut self,
        count: u32,
        memory: &dyn GuestMemory,
        content: &Content,
        cursor: &mut Cursor,
    ) -> Result<(), MemoryError> {
        let to = Gpa::new(self.to);
        self.to = self.to.checked_add(u64::from(count)).ok_or(MemoryError::OutOfRange)?;
        if !cursor.is_inside(content) {
            cursor.skip(count);
            return memory.fill(GuestRange { start: to, bytes: u64::from(count) }, 0);
        }
        let mut chunk = [0; CHUNK_BYTES];
        let chunk = chunk.get_mut(..count as usize).ok_or(MemoryError::OutOfRange)?;
        cursor.read(content, chunk);
        memory.write(to, chunk)
    }
}

/// Writes a request's result. A request outside of memory has nobody to tell.
fn finish(memory: &dyn GuestMemory, control_at: Gpa, result: u32) {
    let _ = memory.write(control_at, &result.to_be_bytes());
}
