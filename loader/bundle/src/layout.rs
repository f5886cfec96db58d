//! Where each field of a bundle lies. All numbers are little-endian.

/// The first eight bytes of a bundle.
pub const MAGIC: u64 = u64::from_le_bytes(*b"CORTENBU");
/// The version of the format that this crate reads and writes.
pub const VERSION: u32 = 1;
/// Files in one bundle at the most.
pub const ENTRIES_MAX: usize = 512;
/// Bytes of a file's name at the most, in UTF-8: enough for [`names::FILE_PREFIX`] and any path that a VM
/// definition may hold.
pub const NAME_BYTES_MAX: usize = 256;
/// Bytes of the header; the table follows it.
pub const HEADER_BYTES: usize = 64;
/// Bytes of one line of the table.
pub(crate) const ENTRY_BYTES: usize = 288;

/// Offsets of the header's fields. The rest of the header is zero.
pub(crate) mod header {
    /// `u64`: [`super::MAGIC`].
    pub(crate) const MAGIC: usize = 0;
    /// `u32`: [`super::VERSION`].
    pub(crate) const VERSION: usize = 8;
    /// `u32`: lines in the table.
    pub(crate) const COUNT: usize = 12;
    /// `u64`: bytes of the whole bundle.
    pub(crate) const TOTAL: usize = 16;
    /// `u64`: checksum over header and table, with this field as zero.
    pub(crate) const CHECKSUM: usize = 24;
    /// Zeros from here.
    pub(crate) const RESERVED: usize = 32;
}

/// Offsets of the fields in a line of the table. Lines are sorted by name, files lie in the same order.
pub(crate) mod entry {
    /// The name, filled up with zeros.
    pub(crate) const NAME: usize = 0;
    /// `u64`: where the file starts, a multiple of the page size.
    pub(crate) const OFFSET: usize = 256;
    /// `u64`: bytes of the file.
    pub(crate) const BYTES: usize = 264;
    /// `u64`: checksum of the file.
    pub(crate) const CHECKSUM: usize = 272;
    /// `u64`: zero.
    pub(crate) const RESERVED: usize = 280;
}

/// The names of the files that the system itself looks for.
pub mod names {
    /// The kernel's ELF image, for loaders that carry the kernel in the bundle.
    pub const KERNEL: &str = "kernel";
    /// The kernel's symbols ([`crate::symbols`]).
    pub const KERNEL_SYMBOLS: &str = "kernel.symbols";
    /// The first program.
    pub const SUPERVISOR: &str = "program/supervisor";
    /// The program that is a virtual machine.
    pub const VMM: &str = "program/vmm";
    /// The machine's own console.
    pub const CONSOLE: &str = "program/console";
    /// The manifest of the system's programs.
    pub const SYSTEM: &str = "system.toml";
    /// The VM definitions.
    pub const VMS: &str = "vms.toml";
    /// A file that a VM definition names is stored as this followed by the name that the definition gives.
    pub const FILE_PREFIX: &str = "file/";
}

/// The little-endian `u32` at `offset`, if `bytes` reaches that far.
pub(crate) fn read_u32(bytes: &[u8], offset: usize) -> Option<u32> {
    let field = bytes.get(offset..offset.checked_add(4)?)?;
    Some(u32::from_le_bytes(field.try_into().ok()?))
}

/// The little-endian `u64` at `offset`, if `bytes` reaches that far.
pub(crate) fn read_u64(bytes: &[u8], offset: usize) -> Option<u64> {
    let field = bytes.get(offset..offset.checked_add(8)?)?;
    Some(u64::from_le_bytes(field.try_into().ok()?))
}
