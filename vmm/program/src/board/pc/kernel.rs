//! A kernel that the firmware starts itself: it reads the parts through fw_cfg.

use crate::{inputs::KernelFiles, kernel_file::KernelFile};
use alloc::{boxed::Box, format, string::String, vec::Vec};
use user_rt::{Memory, Object};
use vmm_fwcfg::{Content, Item, Key, Source};

/// Adds the kernel in its two parts, the initial RAM disk and the command line.
pub(super) fn add(content: &mut Content, files: &KernelFiles) -> Result<(), String> {
    let KernelFiles { boot, kernel, initrd } = files;
    let file = KernelFile { memory: kernel, bytes: boot.kernel_bytes };
    let setup_bytes = vmm_firmware::real_mode_bytes(&file).map_err(|error| format!("{error}"))?;
    let setup = FilePart::new(kernel, 0, setup_bytes)?;
    let rest = FilePart::new(kernel, setup_bytes, boot.kernel_bytes.saturating_sub(setup_bytes))?;
    content.set(Key::SETUP_BYTES, setup.bytes);
    content.set(Key::SETUP_DATA, Item::Source(Box::new(setup)));
    content.set(Key::KERNEL_BYTES, rest.bytes);
    content.set(Key::KERNEL_DATA, Item::Source(Box::new(rest)));
    if let (Some(initrd), Some(bytes)) = (initrd, boot.initrd_bytes) {
        let initrd = FilePart::new(initrd, 0, bytes)?;
        content.set(Key::INITRD_BYTES, initrd.bytes);
        content.set(Key::INITRD_DATA, Item::Source(Box::new(initrd)));
    }
    let line: Vec<u8> = boot.command_line.bytes().chain([0]).collect();
    // The definition's line has 2 KiB at the most.
    content.set(Key::COMMAND_LINE_BYTES, line.len() as u32);
    content.set(Key::COMMAND_LINE_DATA, line);
    Ok(())
}

/// Part of a file, read when the firmware reads it.
struct FilePart {
    memory: Memory,
    start: u64,
    bytes: u32,
}

impl FilePart {
    fn new(file: &Memory, start: u64, bytes: u64) -> Result<Self, String> {
        let memory = file.duplicate_all().map_err(|error| format!("the kernel cannot be read: {error:?}"))?;
        let bytes =
            u32::try_from(bytes).map_err(|_| String::from("the kernel or its RAM disk has 4 GiB or more"))?;
        Ok(Self { memory, start, bytes })
    }
}

impl Source for FilePart {
    fn bytes(&self) -> u32 {
        self.bytes
    }

    fn read(&self, offset: u32, into: &mut [u8]) {
        // The range lies within the file; should the kernel refuse all the same, firmware reads zeros.
        if self.memory.read(self.start.saturating_add(u64::from(offset)), into).is_err() {
            into.fill(0);
        }
    }
}
