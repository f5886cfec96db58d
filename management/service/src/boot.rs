//! What is to be run, from the bundle.

use crate::{
    boot_bundle::{BootBundle, BundleFailure},
    roots::Roots,
    wall_clock,
};
use alloc::{format, string::String};
use core::fmt;
use loader_bundle::names;
use management_config::{ConfigError, Program, SystemManifest, VmFile};

/// Everything that the image says.
pub(crate) struct Boot {
    pub(crate) bundle: BootBundle,
    pub(crate) manifest: SystemManifest,
    /// The program that each VM gets one of.
    pub(crate) vm_program: Program,
    pub(crate) vms: VmFile,
    /// Nanoseconds from 1970-01-01 00:00 UTC to the zero of the monotonic clock; 0 = unknown.
    pub(crate) unix_nanos_at_zero: u64,
}

/// Why nothing can be started.
pub(crate) enum BootFailure {
    /// The bundle or a file of it.
    Bundle(BundleFailure),
    /// What a file says.
    Config { file: &'static str, error: ConfigError },
    /// The manifest names no program for VMs; its parser would have said so.
    NoVmProgram,
}

impl From<BundleFailure> for BootFailure {
    fn from(failure: BundleFailure) -> Self {
        BootFailure::Bundle(failure)
    }
}

impl fmt::Display for BootFailure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BootFailure::Bundle(failure) => failure.fmt(out),
            BootFailure::Config { file, error } => write!(out, "{file}: {error}"),
            BootFailure::NoVmProgram => out.write_str("system.toml names no program for VMs"),
        }
    }
}

/// Reads the manifest and the VM definitions, and checks that every file they name is there. What
/// the files hold is verified when they are used.
pub(crate) fn read(roots: &Roots) -> Result<Boot, BootFailure> {
    let bundle = BootBundle::open(&roots.bundle)?;
    let config = |file| move |error| BootFailure::Config { file, error };
    let system = bundle.read(names::SYSTEM)?;
    let manifest = SystemManifest::parse_bytes(&system).map_err(config(names::SYSTEM))?;
    // An image without VM definitions is a machine without VMs.
    let vms = if bundle.has(names::VMS) { bundle.read(names::VMS)? } else { alloc::vec::Vec::new() };
    let vms = VmFile::parse_bytes(&vms).map_err(config(names::VMS))?;
    let missing = vms.files().into_iter().find(|file| !bundle.has(&bundle_name(file.as_str())));
    if let Some(file) = missing {
        return Err(config(names::VMS)(ConfigError::missing_file(file)));
    }
    let vm_program = manifest.vm_program().cloned().ok_or(BootFailure::NoVmProgram)?;
    let unix_nanos_at_zero = wall_clock::unix_nanos_at_zero(roots).unwrap_or(0);
    Ok(Boot { bundle, manifest, vm_program, vms, unix_nanos_at_zero })
}

/// The name under which the bundle holds a file that a VM definition names.
pub(crate) fn bundle_name(file: &str) -> String {
    format!("{}{file}", names::FILE_PREFIX)
}
