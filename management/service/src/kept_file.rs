//! A file that a VM writes to and finds again when it is started the next time.

use crate::{boot::Boot, boot_bundle::BundleFile};
use user_rt::{Error, Group, Memory, Object};

/// The VM's own copy of a file, once it has one. It lives as long as this process: until the machine is turned off.
#[derive(Default)]
pub(crate) struct KeptFile {
    memory: Option<Memory>,
}

impl KeptFile {
    /// A handle to the copy; the first time it is made and holds what the bundle does. The machine pays for it, because
    /// the group of a VM ends with its process; it can grow to the size of the file and no further.
    pub(crate) fn get(&mut self, boot: &Boot, file: BundleFile, group: &Group) -> Result<Memory, Error> {
        let memory = match self.memory.take() {
            Some(memory) => memory,
            None => boot.bundle.clone_file(file, group)?,
        };
        self.memory.insert(memory).duplicate_all()
    }
}
