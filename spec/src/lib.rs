//! Layouts that hardware manuals and wire standards prescribe, one file per standard.
#![no_std]
#![forbid(unsafe_code)]

pub mod pci;
