//! What a card is plugged into.

/// The other end of a card's cable.
pub trait Wire: Send + 'static {
    /// Whether there is a link.
    fn is_up(&self) -> bool;

    /// Takes a frame. A wire without a link drops it.
    fn send(&mut self, frame: &[u8]);
}

/// A socket with nothing behind it: no link, and what is sent is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Nowhere;

impl Wire for Nowhere {
    fn is_up(&self) -> bool {
        false
    }

    fn send(&mut self, _frame: &[u8]) {}
}
