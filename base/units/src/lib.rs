//! Addresses, sizes and times as types.
//!
//! A bare `u64` says nothing about what it counts. Each type here names its unit and its
//! arithmetic is checked: what may overflow returns `Option`.
#![no_std]
#![forbid(unsafe_code)]

mod address;
mod page;
mod time;

pub use address::{Gpa, Gva, Hpa, Uva};
pub use page::{PAGE_BYTES, PAGE_SHIFT, PageCount, PageSize};
pub use time::Nanos;
