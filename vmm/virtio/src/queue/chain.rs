//! The buffers of one request.

use crate::fault::Fault;
use alloc::vec::Vec;
use base_units::Gpa;
use serde::{Deserialize, Serialize};
use vmm_bus::{GuestMemory, GuestRange};
use vmm_snapshot::RestoreError;

/// Buffers of one request at the most.
pub const SEGMENTS_MAX: usize = 1024;

/// Names a request that was taken from a queue and must be completed. It stays valid until the queue is
/// reset.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Token {
    /// Head descriptor (split) or buffer id (packed).
    pub(crate) id: u16,
    /// Descriptors that it takes in a packed ring.
    pub(crate) slots: u16,
}

/// The buffers of one request: those that the device reads, then those that it writes. Every buffer was
/// in the guest's RAM when the chain was taken. Reuse one value for many requests: it keeps its memory.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    token: Token,
    segments: Vec<GuestRange>,
    /// How many of the segments are for the device to read.
    readable: usize,
    readable_bytes: u64,
    writable_bytes: u64,
}

impl Chain {
    /// An empty chain.
    pub fn new() -> Self {
        Self::default()
    }

    /// What completes the request.
    pub fn token(&self) -> Token {
        self.token
    }

    /// What the device reads.
    pub fn readable(&self) -> Parts<'_> {
        let segments = self.segments.get(..self.readable).unwrap_or_default();
        Parts { segments, bytes: self.readable_bytes }
    }

    /// What the device writes.
    pub fn writable(&self) -> Parts<'_> {
        let segments = self.segments.get(self.readable..).unwrap_or_default();
        Parts { segments, bytes: self.writable_bytes }
    }

    /// What is saved of a request that was taken and not completed.
    pub fn save(&self) -> ChainState {
        let segments = self.segments.iter().map(|segment| (segment.start.raw(), segment.bytes)).collect();
        ChainState { token: self.token, segments, readable: self.readable }
    }

    /// Takes over a saved request. Its buffers are checked again at every access.
    pub fn restore(&mut self, state: &ChainState) -> Result<(), RestoreError> {
        if state.segments.len() > SEGMENTS_MAX || state.readable > state.segments.len() {
            return Err(RestoreError::Impossible("a request has an impossible number of buffers"));
        }
        self.clear();
        self.token = state.token;
        for (index, (start, bytes)) in state.segments.iter().enumerate() {
            let range = GuestRange { start: Gpa::new(*start), bytes: *bytes };
            let is_readable = index < state.readable;
            let pushed = if is_readable { self.push_readable(range) } else { self.push_writable(range) };
            pushed.map_err(|_| RestoreError::Impossible("a request's buffers are in the wrong order"))?;
        }
        Ok(())
    }

    pub(crate) fn clear(&mut self) {
        self.segments.clear();
        self.readable = 0;
        self.readable_bytes = 0;
        self.writable_bytes = 0;
    }

    pub(crate) fn set_token(&mut self, token: Token) {
        self.token = token;
    }

    /// Adds a buffer that the device reads.
    pub(crate) fn push_readable(&mut self, range: GuestRange) -> Result<(), Fault> {
        // 2.7.4.2: buffers for the device to read come first.
        if self.segments.len() != self.readable {
            return Err(Fault::WrongOrder);
        }
        self.push(range)?;
        self.readable = self.segments.len();
        self.readable_bytes = self.readable_bytes.saturating_add(range.bytes);
        Ok(())
    }

    /// Adds a buffer that the device writes.
    pub(crate) fn push_writable(&mut self, range: GuestRange) -> Result<(), Fault> {
        self.push(range)?;
        self.writable_bytes = self.writable_bytes.saturating_add(range.bytes);
        Ok(())
    }

    fn push(&mut self, range: GuestRange) -> Result<(), Fault> {
        if self.segments.len() >= SEGMENTS_MAX {
            return Err(Fault::ChainTooLong);
        }
        self.segments.push(range);
        Ok(())
    }
}

/// The part of a chain that is saved.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ChainState {
    token: Token,
    /// Start and bytes of each buffer.
    segments: Vec<(u64, u64)>,
    readable: usize,
}

/// The buffers of one direction, as one string of bytes.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    segments: &'a [GuestRange],
    bytes: u64,
}

impl<'a> Parts<'a> {
    /// Bytes of all of them.
    pub fn len(&self) -> u64 {
        self.bytes
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// The pieces of guest memory that hold `bytes` bytes from `offset` on; fewer if there is no more.
    pub fn pieces(&self, offset: u64, bytes: u64) -> impl Iterator<Item = GuestRange> + use<'a> {
        let mut skip = offset;
        let mut left = bytes;
        self.segments.iter().filter_map(move |segment| {
            let skipped = skip.min(segment.bytes);
            skip = skip.saturating_sub(skipped);
            let taken = segment.bytes.saturating_sub(skipped).min(left);
            left = left.saturating_sub(taken);
            let start = Gpa::new(segment.start.raw().wrapping_add(skipped));
            (taken > 0).then_some(GuestRange { start, bytes: taken })
        })
    }

    /// Copies out the bytes at `offset`. The whole of `into` must be there.
    pub fn read(&self, memory: &dyn GuestMemory, offset: u64, into: &mut [u8]) -> Result<(), Fault> {
        let mut rest = into;
        for piece in self.pieces(offset, rest.len() as u64) {
            let (part, after) = split_mut(rest, piece.bytes)?;
            memory.read(piece.start, part)?;
            rest = after;
        }
        if rest.is_empty() { Ok(()) } else { Err(Fault::BadRequest) }
    }

    /// Copies `from` in at `offset`. There must be room for all of it.
    pub fn write(&self, memory: &dyn GuestMemory, offset: u64, from: &[u8]) -> Result<(), Fault> {
        let mut rest = from;
        for piece in self.pieces(offset, rest.len() as u64) {
            let count = usize::try_from(piece.bytes).map_err(|_| Fault::BadRequest)?;
            let (part, after) = rest.split_at_checked(count).ok_or(Fault::BadRequest)?;
            memory.write(piece.start, part)?;
            rest = after;
        }
        if rest.is_empty() { Ok(()) } else { Err(Fault::BadRequest) }
    }
}

fn split_mut(bytes: &mut [u8], count: u64) -> Result<(&mut [u8], &mut [u8]), Fault> {
    let count = usize::try_from(count).map_err(|_| Fault::BadRequest)?;
    bytes.split_at_mut_checked(count).ok_or(Fault::BadRequest)
}
