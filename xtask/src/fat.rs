//! FAT file systems, made with mtools.

use std::path::Path;
use std::process::Command;

use crate::{Failure, process};

/// A FAT file system in an image that exists and is large enough.
pub(crate) struct Fat {
    /// As mtools names it: the image, and the byte in it where the file system begins.
    image: String,
}

impl Fat {
    /// Makes one of `bytes` bytes that begins at byte `start` of `image`. `serial` is its number: eight hexadecimal
    /// digits, always the same so that the same input gives the same image.
    pub(crate) fn make(
        image: &Path,
        start: usize,
        bytes: u64,
        serial: &str,
        label: &str,
    ) -> Result<Self, Failure> {
        let fat = Self { image: format!("{}@@{start}", image.display()) };
        let sectors = (bytes / 512).to_string();
        // mformat has to be told how many sectors a track of this disk has, which it has not.
        let geometry = ["-T", &sectors, "-h", "16", "-s", "63", "-N", serial, "-v", label, "::"];
        process::output(fat.tool("mformat").args(geometry))?;
        Ok(fat)
    }

    /// Puts the UEFI program where firmware looks for it.
    pub(crate) fn add_loader(&self, program: &Path) -> Result<(), Failure> {
        process::output(self.tool("mmd").args(["::EFI", "::EFI/BOOT"]))?;
        self.add_file(program, "EFI/BOOT/BOOTX64.EFI")
    }

    /// Puts a file in a folder that is there.
    pub(crate) fn add_file(&self, file: &Path, name: &str) -> Result<(), Failure> {
        process::output(self.tool("mcopy").arg(file).arg(format!("::{name}"))).map(drop)
    }

    fn tool(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("MTOOLS_SKIP_CHECK", "1").arg("-i").arg(&self.image);
        command
    }
}
