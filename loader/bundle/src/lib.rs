//! The boot bundle: programs, system manifest, VM definitions and files in one blob.
//!
//! A bundle is a header, a table and the files, each of which starts on a page of its own, so that
//! the kernel can hand a file to a program without copying it. Header and table carry one
//! checksum and can be read without the files ([`Bundle::parse`]); each file has a checksum of
//! its own, which whoever uses the file verifies ([`Entry::verify`]). [`BundleWriter`] makes
//! bundles; the reader refuses everything that the writer would not have written.
//!
//! The crate also defines the kernel's table of symbols ([`symbols`]), one of the files.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod checksum;
mod layout;
mod reader;
mod refusal;
pub mod symbols;
mod writer;

pub use checksum::Checksum;
pub use layout::{ENTRIES_MAX, HEADER_BYTES, MAGIC, NAME_BYTES_MAX, VERSION, names};
pub use reader::{Bundle, Entries, Entry};
pub use refusal::Refusal;
pub use writer::{BundleWriter, WriteRefusal};
