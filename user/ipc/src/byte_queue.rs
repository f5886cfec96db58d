//! A bounded queue of bytes.

use alloc::boxed::Box;
use alloc::vec;

/// A first-in-first-out queue of bytes with a fixed capacity. Its memory is taken once, when it is made.
#[derive(Debug)]
pub struct ByteQueue {
    storage: Box<[u8]>,
    /// Index of the oldest byte; below the capacity.
    head: usize,
    /// Bytes held; at most the capacity.
    length: usize,
}

impl ByteQueue {
    /// Makes an empty queue for `capacity` bytes.
    pub fn new(capacity: usize) -> Self {
        Self { storage: vec![0; capacity].into_boxed_slice(), head: 0, length: 0 }
    }

    /// Bytes held.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether no byte is held.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Bytes that can be added.
    pub fn free(&self) -> usize {
        self.storage.len() - self.length
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.head = 0;
        self.length = 0;
    }

    /// Adds as many of `bytes` as fit; returns how many.
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(self.free());
        let (first, second) = self.free_slices();
        let (accepted, _) = bytes.split_at(count);
        let at_first = accepted.len().min(first.len());
        let (to_first, to_second) = accepted.split_at(at_first);
        copy_prefix(first, to_first);
        copy_prefix(second, to_second);
        self.length += count;
        count
    }

    /// Adds all of `bytes`, or as much of their end as the capacity holds, at the cost of the oldest
    /// bytes. Returns how many bytes were lost.
    pub fn push_over(&mut self, bytes: &[u8]) -> usize {
        let skipped = bytes.len().saturating_sub(self.storage.len());
        let (_, kept) = bytes.split_at(skipped);
        let crowded_out = kept.len().saturating_sub(self.free());
        self.consume(crowded_out);
        self.push(kept);
        skipped + crowded_out
    }

    /// Moves the oldest bytes into `target`; returns how many.
    pub fn pop(&mut self, target: &mut [u8]) -> usize {
        let (first, second) = self.as_slices();
        let at_first = copy_prefix(target, first);
        let at_second = target.get_mut(at_first..).map_or(0, |rest| copy_prefix(rest, second));
        self.consume(at_first + at_second);
        at_first + at_second
    }

    /// The bytes held, oldest first, in two pieces.
    pub fn as_slices(&self) -> (&[u8], &[u8]) {
        let (before, from_head) = self.storage.split_at(self.head);
        let at_end = self.length.min(from_head.len());
        let (first, _) = from_head.split_at(at_end);
        let (second, _) = before.split_at(self.length - at_end);
        (first, second)
    }

    /// Drops up to `count` of the oldest bytes, after they were used through [`ByteQueue::as_slices`].
    pub fn consume(&mut self, count: usize) {
        let count = count.min(self.length);
        self.length -= count;
        self.head += count;
        if self.head >= self.storage.len() {
            self.head -= self.storage.len();
        }
    }

    /// The room behind the newest byte, in two pieces.
    fn free_slices(&mut self) -> (&mut [u8], &mut [u8]) {
        let capacity = self.storage.len();
        let tail = self.head + self.length;
        if tail >= capacity {
            let (_, from_tail) = self.storage.split_at_mut(tail - capacity);
            let (room, _) = from_tail.split_at_mut(capacity - self.length);
            return (room, &mut []);
        }
        let (before_tail, from_tail) = self.storage.split_at_mut(tail);
        let (room, _) = before_tail.split_at_mut(self.head);
        (from_tail, room)
    }
}

/// Copies as much of `source` as fits to the start of `target`; returns how many bytes.
fn copy_prefix(target: &mut [u8], source: &[u8]) -> usize {
    let count = target.len().min(source.len());
    let (target, _) = target.split_at_mut(count);
    let (source, _) = source.split_at(count);
    target.copy_from_slice(source);
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::VecDeque;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn a_full_queue_takes_nothing_more() {
        let mut queue = ByteQueue::new(4);

        assert_eq!(queue.push(b"abcdef"), 4);
        assert_eq!(queue.push(b"g"), 0);

        let mut out = [0; 8];
        assert_eq!(queue.pop(&mut out), 4);
        assert_eq!(&out[..4], b"abcd");
    }

    #[test]
    fn pushing_over_loses_the_oldest_bytes() {
        let mut queue = ByteQueue::new(4);
        queue.push(b"abc");

        assert_eq!(queue.push_over(b"de"), 1);
        assert_eq!(queue.push_over(b"0123456"), 7);

        assert_eq!([queue.as_slices().0, queue.as_slices().1].concat(), b"3456");
    }

    #[test]
    fn a_queue_without_room_is_harmless() {
        let mut queue = ByteQueue::new(0);

        assert_eq!(queue.push(b"a"), 0);
        assert_eq!(queue.push_over(b"a"), 1);
        assert_eq!(queue.pop(&mut [0; 3]), 0);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(Vec<u8>),
        PushOver(Vec<u8>),
        Pop(usize),
        Consume(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..24);
        prop_oneof![
            bytes().prop_map(Step::Push),
            bytes().prop_map(Step::PushOver),
            (0usize..24).prop_map(Step::Pop),
            (0usize..24).prop_map(Step::Consume),
        ]
    }

    proptest! {
        #[test]
        fn the_queue_does_what_a_deque_does(capacity in 1usize..20, steps in proptest::collection::vec(step(), 0..60)) {
            let mut queue = ByteQueue::new(capacity);
            let mut model = VecDeque::new();
            for step in steps {
                match step {
                    Step::Push(bytes) => {
                        let count = queue.push(&bytes);
                        prop_assert_eq!(count, bytes.len().min(capacity - model.len()));
                        model.extend(&bytes[..count]);
                    }
                    Step::PushOver(bytes) => {
                        let lost = queue.push_over(&bytes);
                        model.extend(&bytes);
                        prop_assert_eq!(lost, model.len().saturating_sub(capacity));
                        model.drain(..lost);
                    }
                    Step::Pop(count) => {
                        let mut out = std::vec![0; count];
                        let popped = queue.pop(&mut out);
                        prop_assert_eq!(&out[..popped], &model.drain(..count.min(model.len())).collect::<Vec<_>>()[..]);
                    }
                    Step::Consume(count) => {
                        queue.consume(count);
                        model.drain(..count.min(model.len()));
                    }
                }
                let (first, second) = queue.as_slices();
                prop_assert_eq!([first, second].concat(), model.iter().copied().collect::<Vec<_>>());
                prop_assert_eq!(queue.free(), capacity - model.len());
            }
        }
    }
}
