//! Layouts that hardware manuals and wire standards prescribe, one file per standard.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

pub mod apic;
pub mod control;
pub mod cpuid;
pub mod elf;
pub mod msr;
pub mod pci;
pub mod svm;
pub mod vga;
pub mod virtio;
