//! Everything that the firmware can read, and the directory by which it finds files.

use crate::item::Item;
use alloc::{
    string::{String, ToString},
    vec::Vec,
};

/// Bytes of a file's name at the most: 56 in the directory, the last of them zero.
pub const NAME_BYTES_MAX: usize = 55;
/// Files at the most.
pub const FILES_MAX: usize = 256;
/// The first file's number; the others follow in the order of their names.
const FIRST_FILE: u16 = 0x20;
/// The first number of the architecture's own items.
const FIRST_OWN: Key = Key(0x8000);
/// Bytes of one line of the directory.
const ENTRY_BYTES: usize = 64;
/// What the interface says of itself: the old interface and DMA.
const INTERFACE: u32 = 1 << 0 | 1 << 1;

/// The number of an item.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Key(pub u16);

impl Key {
    /// `QEMU`: there is such a device.
    pub const SIGNATURE: Self = Self(0x00);
    /// Which interfaces it has, 32 bits.
    pub const INTERFACE: Self = Self(0x01);
    /// The machine's UUID, 16 bytes.
    pub const UUID: Self = Self(0x02);
    /// Bytes of RAM, 64 bits.
    pub const RAM_BYTES: Self = Self(0x03);
    /// Whether there is no display, 16 bits.
    pub const NO_GRAPHICS: Self = Self(0x04);
    /// Processors, 16 bits.
    pub const PROCESSORS: Self = Self(0x05);
    /// Where the kernel belongs, 32 bits: only for boot sectors.
    pub const KERNEL_ADDRESS: Self = Self(0x07);
    /// Bytes of the kernel behind its real-mode part, 32 bits.
    pub const KERNEL_BYTES: Self = Self(0x08);
    /// Bytes of the initial RAM disk, 32 bits.
    pub const INITRD_BYTES: Self = Self(0x0B);
    /// NUMA nodes, 64 bits: zero.
    pub const NUMA: Self = Self(0x0D);
    /// Whether the boot menu is shown, 16 bits.
    pub const BOOT_MENU: Self = Self(0x0E);
    /// The highest APIC id plus one, 16 bits.
    pub const PROCESSORS_MAX: Self = Self(0x0F);
    /// The kernel behind its real-mode part.
    pub const KERNEL_DATA: Self = Self(0x11);
    /// The initial RAM disk.
    pub const INITRD_DATA: Self = Self(0x12);
    /// Bytes of the command line, its final zero included, 32 bits.
    pub const COMMAND_LINE_BYTES: Self = Self(0x14);
    /// The command line with its final zero.
    pub const COMMAND_LINE_DATA: Self = Self(0x15);
    /// Bytes of the kernel's real-mode part, 32 bits.
    pub const SETUP_BYTES: Self = Self(0x17);
    /// The kernel's real-mode part.
    pub const SETUP_DATA: Self = Self(0x18);
    /// The directory of files.
    pub const DIRECTORY: Self = Self(0x19);
    /// Whether ISA interrupt 0 comes in at pin 2 of the I/O APIC, 8 bits: firmware's MP tables say so then.
    pub const INTERRUPT_0_OVERRIDE: Self = Self(0x8002);
}

/// Why an item or a file was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ContentError {
    /// A name is empty, longer than [`NAME_BYTES_MAX`] or not ASCII.
    BadName,
    /// The name or the number is taken.
    Taken,
    /// There are [`FILES_MAX`] files already.
    Full,
    /// There is no file of this name to replace.
    Missing,
}

/// One file.
#[derive(Debug)]
struct File {
    name: String,
    item: Item,
}

/// Items and files.
#[derive(Debug, Default)]
pub struct Content {
    /// Sorted by number.
    items: Vec<(Key, Item)>,
    /// Sorted by name. A file's number follows from its place.
    files: Vec<File>,
}

impl Content {
    /// Only what the device says of itself.
    pub fn new() -> Self {
        Self {
            items: alloc::vec![
                (Key::SIGNATURE, Item::from(&b"QEMU"[..])),
                (Key::INTERFACE, Item::from(INTERFACE)),
            ],
            files: Vec::new(),
        }
    }

    /// Sets the item with a number; one that was there is replaced.
    ///
    /// # Panics
    /// If the number is the directory's or a file's: those follow from the files.
    pub fn set(&mut self, key: Key, item: impl Into<Item>) {
        assert!(key < Key::DIRECTORY || key >= FIRST_OWN, "files and their directory have these numbers");
        self.set_any(key, item.into());
    }

    fn set_any(&mut self, key: Key, item: Item) {
        match self.items.binary_search_by_key(&key, |(key, _)| *key) {
            Ok(position) => self.items[position].1 = item,
            Err(position) => self.items.insert(position, (key, item)),
        }
    }

    /// Adds a file.
    pub fn add_file(&mut self, name: &str, item: impl Into<Item>) -> Result<(), ContentError> {
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.is_ascii() {
            return Err(ContentError::BadName);
        }
        if self.files.len() >= FILES_MAX {
            return Err(ContentError::Full);
        }
        match self.position(name) {
            Ok(_) => Err(ContentError::Taken),
            Err(position) => {
                self.files.insert(position, File { name: name.to_string(), item: item.into() });
                Ok(())
            }
        }
    }

    /// Replaces a file's bytes. Firmware that has read the directory already knows the old size.
    pub fn replace_file(&mut self, name: &str, item: impl Into<Item>) -> Result<(), ContentError> {
        let position = self.position(name).map_err(|_| ContentError::Missing)?;
        let file = self.files.get_mut(position).ok_or(ContentError::Missing)?;
        file.item = item.into();
        Ok(())
    }

    /// The file of this name.
    pub fn file(&self, name: &str) -> Option<&Item> {
        self.files.get(self.position(name).ok()?).map(|file| &file.item)
    }

    /// The item with this number.
    pub fn item(&self, key: Key) -> Option<&Item> {
        if (FIRST_FILE..FIRST_OWN.0).contains(&key.0) {
            let place = usize::from(key.0 - FIRST_FILE);
            return self.files.get(place).map(|file| &file.item);
        }
        let position = self.items.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        self.items.get(position).map(|(_, item)| item)
    }

    /// Names and sizes of all files, sorted.
    pub fn files(&self) -> impl Iterator<Item = (&str, u32)> {
        self.files.iter().map(|file| (file.name.as_str(), file.item.bytes()))
    }

    /// Makes the directory what the files say: called when the device takes the content, and after each change.
    pub(crate) fn finish(&mut self) {
        let directory = self.directory();
        self.set_any(Key::DIRECTORY, Item::Bytes(directory));
    }

    /// The number of files and a line for each; the only integers here that are big-endian.
    fn directory(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.files.len().saturating_add(1).saturating_mul(ENTRY_BYTES));
        bytes.extend_from_slice(&(self.files.len() as u32).to_be_bytes());
        for (number, file) in (FIRST_FILE..).zip(&self.files) {
            bytes.extend_from_slice(&file.item.bytes().to_be_bytes());
            bytes.extend_from_slice(&number.to_be_bytes());
            bytes.extend_from_slice(&[0; 2]);
            let mut name = [0; NAME_BYTES_MAX + 1];
            for (to, from) in name.iter_mut().zip(file.name.bytes()) {
                *to = from;
            }
            bytes.extend_from_slice(&name);
        }
        bytes
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.files.binary_search_by(|file| file.name.as_str().cmp(name))
    }
}
