//! A VM definition file and the files that it names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use management_config::{ConfigError, FirmwareImage, VmFile};

use crate::{Failure, places, setup};

/// A VM definition that is fit to be packed: it parses and all its files are there.
pub(crate) struct Definition {
    text: String,
    /// Name as the definition gives it, and where the file lies.
    files: Vec<(String, PathBuf)>,
    /// Firmware of PCs.
    firmware: BTreeSet<FirmwareImage>,
}

impl Definition {
    /// No virtual machines.
    pub(crate) fn empty() -> Self {
        Self { text: String::new(), files: Vec::new(), firmware: BTreeSet::new() }
    }

    /// Reads a definition file; the files that it names are relative to it.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let bytes = places::read(path)?;
        let parsed = VmFile::parse_bytes(&bytes).map_err(|error| refusal(path, &error))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        Self::check(path, String::from_utf8_lossy(&bytes).into_owned(), &parsed, folder)
    }

    /// Takes the text of a definition whose files lie in `folder`.
    pub(crate) fn from_text(text: &str, folder: &Path) -> Result<Self, Failure> {
        let name = Path::new("vms.toml");
        let parsed = VmFile::parse(text).map_err(|error| refusal(name, &error))?;
        Self::check(name, text.into(), &parsed, folder)
    }

    fn check(path: &Path, text: String, parsed: &VmFile, folder: &Path) -> Result<Self, Failure> {
        let mut files = Vec::new();
        for name in parsed.files() {
            let file = folder.join(name.as_str());
            if !file.is_file() {
                return Err(refusal(path, &ConfigError::missing_file(name)));
            }
            files.push((name.as_str().to_string(), file));
        }
        let firmware: BTreeSet<FirmwareImage> =
            parsed.vms.iter().flat_map(|vm| vm.firmware_images()).collect();
        if !firmware.is_empty() {
            setup::ensure(&[setup::Need::GuestFirmware])?;
        }
        Ok(Self { text, files, firmware })
    }

    /// The definition as it was written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The files by name.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.files.iter().map(|(name, path)| (name.as_str(), path.as_path()))
    }

    /// The firmware images: name in the bundle, and where Debian keeps them.
    pub(crate) fn firmware(&self) -> impl Iterator<Item = (&'static str, &'static Path)> {
        self.firmware.iter().map(|image| (image.bundle_name(), Path::new(place_of(*image))))
    }
}

/// Where Debian's packages ovmf and seabios keep an image.
fn place_of(image: FirmwareImage) -> &'static str {
    match image {
        FirmwareImage::UefiCode => "/usr/share/OVMF/OVMF_CODE_4M.fd",
        FirmwareImage::UefiVariables => "/usr/share/OVMF/OVMF_VARS_4M.fd",
        FirmwareImage::Bios => "/usr/share/seabios/bios-256k.bin",
        FirmwareImage::VideoBios => "/usr/share/seabios/vgabios-stdvga.bin",
        FirmwareImage::GpuVideoBios => "/usr/share/seabios/vgabios-virtio.bin",
    }
}

fn refusal(path: &Path, error: &ConfigError) -> Failure {
    Failure::new(format!("{}: {error}", path.display()))
}
