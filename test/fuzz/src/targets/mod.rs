//! The targets, one file each. Each has `run`, which takes any bytes.

pub mod acpi;
pub mod bundle;
pub mod chipset;
pub mod console;
pub mod device_restore;
pub mod disks;
pub mod display;
pub mod elf_program;
pub mod kernel_file;
pub mod keyboard;
pub mod loader_tables;
pub mod machine;
pub mod messages;
pub mod pci;
pub mod registers;
pub mod snapshot;
pub mod symbols;
pub mod syscall;
pub mod system_manifest;
pub mod terminal;
pub mod virtio_devices;
pub mod virtio_function;
pub mod virtqueue;
pub mod vm_file;
pub mod x86_decode;
pub mod x86_emulate;
