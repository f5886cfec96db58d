//! What the display promises.

mod machine;
mod memory;
mod modes;
mod registers;
