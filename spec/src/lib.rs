//! Layouts that hardware manuals and wire standards prescribe, one file per standard.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

pub mod ahci;
pub mod apic;
pub mod ata;
pub mod control;
pub mod cpuid;
pub mod e1000;
pub mod elf;
pub mod msr;
pub mod nvme;
pub mod pci;
pub mod scsi_mmc;
pub mod svm;
pub mod usb;
pub mod vga;
pub mod virtio;
pub mod virtio_gpu;
pub mod vmx;
pub mod xhci;
