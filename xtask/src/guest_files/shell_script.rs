//! A disk whose only content is a script for the UEFI shell, and a program for it to start.

use std::path::Path;

use super::package::Packages;
use crate::{Failure, fat::Fat, places};

/// The program says hello.
const PACKAGE: &str = "efitools";
const PROGRAM: &str = "usr/lib/efitools/x86_64-linux-gnu/HelloWorld.efi";
/// What the shell finds on the disk and does: words, arithmetic of loops, variables, programs, files, and the end.
const SCRIPT: &str = "\
@echo -off\r
for %n in one two three\r
  echo SCRIPT counts %n\r
endfor\r
set -v CORTEN variable\r
echo SCRIPT has a %CORTEN%\r
for %d in 0 1 2 3 4\r
  if exist FS%d:\\HelloWorld.efi then\r
    FS%d:\r
  endif\r
endfor\r
HelloWorld.efi\r
echo SCRIPT writes > written.txt\r
type written.txt\r
if exist written.txt then\r
  echo SCRIPT is at its end\r
endif\r
reset -s\r
";
/// Bytes of the disk.
const DISK_BYTES: u64 = 4 << 20;

/// What the disk depends on.
pub(super) fn recipe() -> String {
    String::from(SCRIPT)
}

/// Makes the disk at `path`.
pub(super) fn make(path: &Path) -> Result<(), Failure> {
    let script = places::folder("shell-script")?.join("startup.nsh");
    places::write(&script, SCRIPT)?;
    places::write(path, vec![0; DISK_BYTES as usize])?;
    let fat = Fat::make(path, 0, DISK_BYTES, "c0de0003", "SCRIPT")?;
    fat.add_file(&script, "startup.nsh")?;
    Packages::native().take(PACKAGE, |tree| fat.add_file(&tree.join(PROGRAM), "HelloWorld.efi"))
}
