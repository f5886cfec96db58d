//! What is wrong with a kernel file.

use core::fmt;

/// Why a kernel cannot be booted. Its [`Display`](fmt::Display) is a sentence for the VM's owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FirmwareError {
    /// The file could not be read, though its size promised more.
    Unreadable,
    /// Neither a bzImage nor an ELF file.
    UnknownFormat,
    /// The bzImage speaks a boot protocol older than 2.12: its version.
    ProtocolTooOld(u16),
    /// The bzImage has no 64-bit entry.
    No64BitEntry,
    /// A zImage: it would have to be loaded below 640 KiB.
    NotLoadedHigh,
    /// The file is shorter than its own header says.
    Truncated,
    /// The ELF file is for another processor: its machine number.
    WrongProcessor(u16),
    /// The ELF header or a program header contradicts itself or the format.
    BadElf,
    /// The ELF file has more program headers than any kernel: their number.
    TooManySegments(u16),
    /// The ELF file has no PVH note that says where to enter it.
    NoPvhEntry,
    /// The PVH entry point is in none of the file's segments: the entry.
    EntryOutside(u64),
    /// A segment or the kernel itself does not fit the machine's memory: where it should start.
    KernelOutside(u64),
    /// Two segments want the same memory: where the second starts.
    SegmentsOverlap(u64),
    /// The initial RAM disk does not fit beside the kernel: its size in bytes.
    InitrdTooLarge(u64),
    /// The command line is longer than the kernel takes: the limit in bytes.
    CommandLineTooLong(u64),
    /// The command line holds a NUL character.
    CommandLineNul,
}

impl fmt::Display for FirmwareError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable => write!(out, "the kernel file cannot be read"),
            Self::UnknownFormat => {
                write!(out, "the kernel file is neither a bzImage nor an ELF file with a PVH entry")
            }
            Self::ProtocolTooOld(version) => write!(
                out,
                "the kernel speaks boot protocol {}.{:02}, but 2.12 (Linux 3.8) is the oldest with a 64-bit entry",
                version >> 8,
                version & 0xFF
            ),
            Self::No64BitEntry => write!(out, "the kernel has no 64-bit entry point: is it a 32-bit kernel?"),
            Self::NotLoadedHigh => write!(out, "the kernel is a zImage, not a bzImage"),
            Self::Truncated => write!(out, "the kernel file is shorter than its header says"),
            Self::WrongProcessor(machine) => {
                write!(out, "the ELF file is for processor {machine}, not for x86")
            }
            Self::BadElf => write!(out, "the ELF file's headers contradict themselves"),
            Self::TooManySegments(count) => {
                write!(
                    out,
                    "the ELF file has {count} program headers; at most {} are read",
                    crate::elf::SEGMENTS_MAX
                )
            }
            Self::NoPvhEntry => write!(out, "the ELF file has no PVH note that says where to enter it"),
            Self::EntryOutside(entry) => {
                write!(out, "the PVH entry {entry:#x} is outside of the ELF file's segments")
            }
            Self::KernelOutside(start) => {
                write!(out, "the kernel wants memory at {start:#x} that this machine does not have")
            }
            Self::SegmentsOverlap(start) => write!(out, "two segments of the ELF file overlap at {start:#x}"),
            Self::InitrdTooLarge(bytes) => {
                write!(out, "the initrd of {bytes} bytes does not fit the memory beside the kernel")
            }
            Self::CommandLineTooLong(limit) => {
                write!(out, "the command line is longer than the {limit} bytes that the kernel takes")
            }
            Self::CommandLineNul => write!(out, "the command line holds a NUL character"),
        }
    }
}

impl core::error::Error for FirmwareError {}
