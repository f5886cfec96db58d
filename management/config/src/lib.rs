//! VM definition files and the system manifest: TOML in, checked values out.
//!
//! Both files are written by people, so every refusal names the line, the column and what to do
//! about it ([`ConfigError`]). The same parser runs in the image builder, which wants to know
//! early, and in the supervisor, which trusts nobody. What comes out has been checked: names are
//! printable and unique, sizes are whole pages, numbers are in range.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod boot_definition;
mod disk_definition;
mod document;
mod error;
pub mod fuzz;
mod policy;
mod shares;
mod size;
mod suggestion;
mod system_manifest;
mod table;
mod text;
mod vm_definition;
mod vm_file;

pub use boot_definition::{
    BootDefinition, COMMAND_LINE_BYTES_MAX, FirmwareFile, FirmwareImage, KernelDefinition, PcDefinition,
};
pub use disk_definition::{DISKS_MAX, DiskDefinition};
pub use error::{ConfigError, Place, Problem};
pub use policy::{ConsoleKind, RestartPolicy, WhenAllStopped};
pub use shares::{CPU_NUMBER_MAX, Shares, WEIGHT_MAX};
pub use size::parse_size;
pub use system_manifest::{Capability, PROGRAMS_MAX, Program, StartedBy, SystemManifest};
pub use text::{FILE_NAME_BYTES_MAX, FileName, NAME_BYTES_MAX};
pub use vm_definition::{MEMORY_BYTES_MAX, MEMORY_BYTES_MIN, VCPUS_MAX, VmDefinition};
pub use vm_file::{VMS_MAX, VmFile};

/// Bytes of one configuration file at the most.
pub const TEXT_BYTES_MAX: usize = 1024 * 1024;
