//! GRUB, put together from its modules.

use std::path::Path;
use std::process::Command;

use crate::{Failure, places, process};

/// What a GRUB is made of.
pub(crate) struct Grub<'a> {
    /// As grub-mkimage names it, such as `x86_64-efi`.
    pub(crate) format: &'a str,
    /// Where it looks for further files.
    pub(crate) prefix: &'a str,
    /// What it does first.
    pub(crate) commands: &'a str,
    /// The modules it has.
    pub(crate) modules: &'a [&'a str],
}

impl Grub<'_> {
    /// Makes it, with `scratch` as the folder for what is needed on the way.
    pub(crate) fn make(&self, to: &Path, scratch: &Path) -> Result<(), Failure> {
        let commands = scratch.join("grub.cfg");
        places::write(&commands, self.commands)?;
        let mut command = Command::new("grub-mkimage");
        command.args(["-O", self.format, "-p", self.prefix, "-c"]).arg(&commands).arg("-o").arg(to);
        process::output(command.args(self.modules))?;
        std::fs::remove_file(&commands).map_err(|error| Failure::file(&commands, &error))
    }
}
