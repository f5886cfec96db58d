//! The last bytes of a stream.

use alloc::{collections::VecDeque, vec::Vec};

/// A bounded memory of a byte stream. It grows with what it holds, up to its limit.
#[derive(Clone, Debug)]
pub struct ScrollBack {
    limit: usize,
    bytes: VecDeque<u8>,
    /// Bytes of the stream so far.
    total: u64,
}

impl ScrollBack {
    /// Keeps the last `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit, bytes: VecDeque::new(), total: 0 }
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.total = self.total.saturating_add(bytes.len() as u64);
        let kept = bytes.get(bytes.len().saturating_sub(self.limit)..).unwrap_or(bytes);
        let room = self.limit.saturating_sub(kept.len());
        let surplus = self.bytes.len().saturating_sub(room);
        self.bytes.drain(..surplus);
        self.bytes.extend(kept);
    }

    /// Bytes of the stream so far: a position for [`ScrollBack::since`].
    pub fn position(&self) -> u64 {
        self.total
    }

    /// What came after `position`, as far as it is still there, and how many bytes are lost.
    pub fn since(&self, position: u64) -> (Vec<u8>, u64) {
        let wanted = self.total.saturating_sub(position);
        let there = self.bytes.len().min(usize::try_from(wanted).unwrap_or(usize::MAX));
        let skipped = self.bytes.len().saturating_sub(there);
        (self.bytes.iter().skip(skipped).copied().collect(), wanted.saturating_sub(there as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_lost_is_counted() {
        let mut scroll_back = ScrollBack::new(4);
        scroll_back.push(b"abc");
        let position = scroll_back.position();
        scroll_back.push(b"defgh");

        assert_eq!(scroll_back.since(position), (b"efgh".to_vec(), 1));
        assert_eq!(scroll_back.since(scroll_back.position()), (Vec::new(), 0));
    }

    proptest! {
        #[test]
        fn it_is_the_end_of_the_stream(chunks in proptest::collection::vec(
            proptest::collection::vec(any::<u8>(), 0..20), 0..20), limit in 0usize..30)
        {
            let mut scroll_back = ScrollBack::new(limit);
            for chunk in &chunks {
                scroll_back.push(chunk);
            }
            let all = chunks.concat();
            let end = &all[all.len().saturating_sub(limit)..];
            prop_assert_eq!(scroll_back.since(0), (end.to_vec(), (all.len() - end.len()) as u64));
        }
    }
}
