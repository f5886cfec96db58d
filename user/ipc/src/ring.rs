//! One-way rings in memory that two processes share.
//!
//! A ring is a power of two of bytes and two counters that only grow (modulo 2^32): the producer owns
//! `tail`, the consumer owns `head`, and `tail - head` bytes are in the ring. Each side keeps its own
//! counter and the last good value of the other one privately; what it reads from shared memory is
//! believed only if it is a step that an honest peer could have made. A peer that breaks
//! the rules is given up for good ([`RingError::PeerBroken`]): it can then neither make this side touch
//! memory outside of the ring nor make it loop.
//!
//! A ring is used either for plain bytes ([`Producer::write`], [`Consumer::read`]) or for records
//! ([`Producer::write_record`], [`Consumer::read_record`]), never for both.

/// The shared memory of a ring: [`DATA_OFFSET`] bytes with the counters, then the data.
pub trait RingMemory {
    /// Reads a counter with acquire ordering.
    fn load(&self, counter: Counter) -> u32;
    /// Writes a counter with release ordering.
    fn store(&self, counter: Counter, value: u32);
    /// Copies into the data at `offset`; the caller stays within the capacity.
    fn copy_in(&self, offset: u32, source: &[u8]);
    /// Copies out of the data at `offset`; the caller stays within the capacity.
    fn copy_out(&self, offset: u32, target: &mut [u8]);
}

/// The two counters of a ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counter {
    /// Bytes ever taken out.
    Head,
    /// Bytes ever put in.
    Tail,
}

/// Where the head lies in the shared memory.
pub const HEAD_OFFSET: usize = 0;
/// Where the tail lies: in another cache line than the head, which another CPU writes.
pub const TAIL_OFFSET: usize = 64;
/// Where the data starts.
pub const DATA_OFFSET: usize = 128;
/// Bytes of data of one ring at the most, so that sums of offsets and lengths fit 32 bits.
pub const CAPACITY_MAX: u32 = 1 << 30;
/// Bytes in front of each record: its length, little-endian.
const RECORD_HEADER_BYTES: u32 = 4;

/// Why a ring refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RingError {
    /// The capacity is not a power of two between 8 and [`CAPACITY_MAX`]; the caller is at fault.
    BadCapacity,
    /// The peer broke the rules of the ring. It stays broken.
    PeerBroken,
    /// There is not enough room now.
    Full,
    /// No ring of this capacity can ever hold the record.
    TooLong,
    /// The next record is longer than the caller's buffer; it stays in the ring.
    BufferTooSmall,
}

/// A checked capacity: a power of two.
#[derive(Clone, Copy, Debug)]
struct Capacity(u32);

impl Capacity {
    fn new(bytes: u32) -> Result<Self, RingError> {
        let fits = bytes.is_power_of_two() && (8..=CAPACITY_MAX).contains(&bytes);
        if fits { Ok(Self(bytes)) } else { Err(RingError::BadCapacity) }
    }

    /// Where the byte with this running number lies, and how many bytes follow it before the end.
    fn place(self, counter: u32) -> (u32, u32) {
        let offset = counter & (self.0 - 1);
        (offset, self.0 - offset)
    }
}

/// The side that puts bytes in.
#[derive(Debug)]
pub struct Producer<M> {
    memory: M,
    capacity: Capacity,
    /// Our counter; the copy in shared memory is only ever written.
    tail: u32,
    /// The last good value of the consumer's counter.
    head: u32,
    is_broken: bool,
}

impl<M: RingMemory> Producer<M> {
    /// Takes the producer's side of a fresh ring: counters zero.
    pub fn new(memory: M, capacity: u32) -> Result<Self, RingError> {
        Ok(Self { memory, capacity: Capacity::new(capacity)?, tail: 0, head: 0, is_broken: false })
    }

    /// Bytes that can be put in now.
    pub fn free(&mut self) -> Result<u32, RingError> {
        Ok(self.capacity.0 - self.used()?)
    }

    /// Puts in as many of `bytes` as fit; returns how many.
    pub fn write(&mut self, bytes: &[u8]) -> Result<usize, RingError> {
        let room = self.free()? as usize;
        let (accepted, _) = bytes.split_at(bytes.len().min(room));
        self.copy_in(self.tail, accepted);
        self.publish(accepted.len() as u32);
        Ok(accepted.len())
    }

    /// Puts in one record, whole or not at all ([`RingError::Full`]).
    pub fn write_record(&mut self, record: &[u8]) -> Result<(), RingError> {
        let length = u32::try_from(record.len()).map_err(|_| RingError::TooLong)?;
        let needed = record_bytes(length).filter(|needed| *needed <= self.capacity.0);
        let needed = needed.ok_or(RingError::TooLong)?;
        if needed > self.free()? {
            return Err(RingError::Full);
        }
        self.copy_in(self.tail, &length.to_le_bytes());
        self.copy_in(self.tail.wrapping_add(RECORD_HEADER_BYTES), record);
        self.publish(needed);
        Ok(())
    }

    /// Bytes in the ring, after a look at the consumer's counter: it may only have moved towards ours.
    fn used(&mut self) -> Result<u32, RingError> {
        let used_before = self.tail.wrapping_sub(self.head);
        let head = self.memory.load(Counter::Head);
        let used = self.tail.wrapping_sub(head);
        if self.is_broken || used > used_before {
            self.is_broken = true;
            return Err(RingError::PeerBroken);
        }
        self.head = head;
        Ok(used)
    }

    /// Copies bytes to where the running number `counter` lies; the caller checked that there is room.
    fn copy_in(&self, counter: u32, bytes: &[u8]) {
        let (offset, until_end) = self.capacity.place(counter);
        let (first, second) = bytes.split_at(bytes.len().min(until_end as usize));
        self.memory.copy_in(offset, first);
        if !second.is_empty() {
            self.memory.copy_in(0, second);
        }
    }

    fn publish(&mut self, bytes: u32) {
        self.tail = self.tail.wrapping_add(bytes);
        self.memory.store(Counter::Tail, self.tail);
    }
}

/// The side that takes bytes out.
#[derive(Debug)]
pub struct Consumer<M> {
    memory: M,
    capacity: Capacity,
    /// Our counter; the copy in shared memory is only ever written.
    head: u32,
    /// The last good value of the producer's counter.
    tail: u32,
    is_broken: bool,
}

impl<M: RingMemory> Consumer<M> {
    /// Takes the consumer's side of a fresh ring: counters zero.
    pub fn new(memory: M, capacity: u32) -> Result<Self, RingError> {
        Ok(Self { memory, capacity: Capacity::new(capacity)?, head: 0, tail: 0, is_broken: false })
    }

    /// Bytes that can be taken out now, after a look at the producer's counter: it may only have moved
    /// away from ours, by no more than the capacity.
    pub fn available(&mut self) -> Result<u32, RingError> {
        let available_before = self.tail.wrapping_sub(self.head);
        let tail = self.memory.load(Counter::Tail);
        let available = tail.wrapping_sub(self.head);
        if self.is_broken || available < available_before || available > self.capacity.0 {
            return Err(self.give_up());
        }
        self.tail = tail;
        Ok(available)
    }

    /// Takes out as many bytes as there are and `target` holds; returns how many.
    pub fn read(&mut self, target: &mut [u8]) -> Result<usize, RingError> {
        let count = target.len().min(self.available()? as usize);
        let (taken, _) = target.split_at_mut(count);
        self.copy_out(self.head, taken);
        self.release(count as u32);
        Ok(count)
    }

    /// Takes out one record into the start of `target` and returns its length; `None` if there is none.
    pub fn read_record(&mut self, target: &mut [u8]) -> Result<Option<usize>, RingError> {
        let available = self.available()?;
        if available == 0 {
            return Ok(None);
        }
        if available < RECORD_HEADER_BYTES {
            return Err(self.give_up());
        }
        let mut header = [0; RECORD_HEADER_BYTES as usize];
        self.copy_out(self.head, &mut header);
        // From here on only our copy of the length counts; the one in the ring may change.
        let length = u32::from_le_bytes(header);
        let Some(needed) = record_bytes(length).filter(|needed| *needed <= available) else {
            return Err(self.give_up());
        };
        let target = target.get_mut(..length as usize).ok_or(RingError::BufferTooSmall)?;
        self.copy_out(self.head.wrapping_add(RECORD_HEADER_BYTES), target);
        self.release(needed);
        Ok(Some(length as usize))
    }

    fn give_up(&mut self) -> RingError {
        self.is_broken = true;
        RingError::PeerBroken
    }

    /// Copies bytes from where the running number `counter` lies; the caller checked that they are there.
    fn copy_out(&self, counter: u32, target: &mut [u8]) {
        let (offset, until_end) = self.capacity.place(counter);
        let (first, second) = target.split_at_mut(target.len().min(until_end as usize));
        self.memory.copy_out(offset, first);
        if !second.is_empty() {
            self.memory.copy_out(0, second);
        }
    }

    fn release(&mut self, bytes: u32) {
        self.head = self.head.wrapping_add(bytes);
        self.memory.store(Counter::Head, self.head);
    }
}

/// Bytes that a record of `length` bytes takes in the ring: header and record, rounded up to words so
/// that a header never wraps around the end.
fn record_bytes(length: u32) -> Option<u32> {
    length.checked_add(RECORD_HEADER_BYTES)?.checked_next_multiple_of(RECORD_HEADER_BYTES)
}

#[cfg(test)]
mod tests;
