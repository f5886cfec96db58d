//! Layouts that hardware manuals and wire standards prescribe, one file per standard.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

pub mod elf;
pub mod pci;
