//! What the cards promise.

mod bench;
mod hostile;
mod offload;
mod others;
mod registers;
mod rings;
