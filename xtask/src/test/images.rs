//! Makes the images that stories ask for.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use test_emulator::Failure as StoryFailure;
use test_stories::Images;

use crate::build::{System, build_hostile_program, build_test_guests};
use crate::guest_files::{Linux, boot_disk, fetch_software};
use crate::image::{Definition, Image};
use crate::{Failure, bench, elf, places, run};

/// The folder of images in a story's folder.
pub(super) const FOLDER: &str = "image";
/// First bytes of the disk that stories give to guests.
const DISK_LABEL: &[u8] = b"CORTEN TEST DISK";
/// Bytes of that disk.
const DISK_BYTES: usize = 1 << 20;

/// The images of one test run.
pub(super) struct TestImages<'s> {
    system: &'s System,
    /// Holds the files that definitions name.
    guests: PathBuf,
    /// One image is linked or packed at a time: the tools for that use all processors by themselves.
    tools: Mutex<()>,
}

impl<'s> TestImages<'s> {
    /// Prepares the guests.
    pub(super) fn new(system: &'s System) -> Result<Self, Failure> {
        let guests = run::demo_folder()?;
        bench::build_guests(&guests)?;
        let test_guest = build_test_guests(&system.toolchain)?;
        places::write(&guests.join("test-guest.elf"), elf::strip(&test_guest)?)?;
        places::write(&guests.join("test-guest.rom"), elf::flat(&test_guest)?)?;
        let hostile = elf::strip(&build_hostile_program(&system.toolchain)?)?;
        places::write(&guests.join("ring3.elf"), hostile)?;
        places::write(&guests.join("corten.elf"), elf::strip(&system.kernel)?)?;
        let mut disk = DISK_LABEL.to_vec();
        disk.resize(DISK_BYTES, 0);
        places::write(&guests.join("disk.img"), disk)?;
        boot_disk(&Linux::fetch()?, &guests.join("pc.img"), &places::folder("pc-disk")?)?;
        Ok(Self { system, guests, tools: Mutex::new(()) })
    }

    fn image(&self, definition: &str, folder: &Path) -> Result<Image<'s>, Failure> {
        fetch_software(definition, &self.guests)?;
        let definition = Definition::from_text(definition, &self.guests)?;
        Image::new(self.system, &definition, &folder.join(FOLDER))
    }

    fn with_tools<Made>(&self, make: impl FnOnce() -> Result<Made, Failure>) -> Result<Made, StoryFailure> {
        let _held = self.tools.lock().unwrap_or_else(PoisonError::into_inner);
        make().map_err(|failure| StoryFailure::Host(failure.to_string()))
    }
}

impl Images for TestImages<'_> {
    fn direct(&self, definition: &str, folder: &Path) -> Result<(PathBuf, PathBuf), StoryFailure> {
        self.with_tools(|| {
            let image = self.image(definition, folder)?;
            Ok((image.elf(), image.bundle()))
        })
    }

    fn efi(&self, definition: &str, folder: &Path) -> Result<PathBuf, StoryFailure> {
        self.with_tools(|| {
            let image = self.image(definition, folder)?;
            image.make_efi()?;
            Ok(image.efi())
        })
    }

    fn iso(&self, definition: &str, folder: &Path) -> Result<PathBuf, StoryFailure> {
        self.with_tools(|| {
            let image = self.image(definition, folder)?;
            image.make_efi()?;
            image.make_iso()?;
            Ok(image.iso())
        })
    }

    fn locking_iso(&self, definition: &str, folder: &Path) -> Result<PathBuf, StoryFailure> {
        self.with_tools(|| {
            let image = self.image(definition, folder)?;
            image.make_efi()?;
            image.make_locking_iso()?;
            Ok(image.iso())
        })
    }

    fn bios_iso(&self, definition: &str, folder: &Path) -> Result<PathBuf, StoryFailure> {
        self.with_tools(|| {
            let image = self.image(definition, folder)?;
            image.make_bios_iso()?;
            Ok(image.iso())
        })
    }

    fn bios_iso_of(&self, bundle: &Path) -> Result<PathBuf, StoryFailure> {
        self.with_tools(|| {
            let image = Image::packed(self.system, bundle.parent().unwrap_or(bundle));
            image.make_bios_iso()?;
            Ok(image.iso())
        })
    }
}
