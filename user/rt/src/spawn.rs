//! Starting programs.

use crate::address_space::{STACK_BYTES_MAX, STACK_TOP};
use crate::elf::{Access, ElfError, HEADER_BYTES, Image, Segment};
use crate::handle::OwnedHandle;
use crate::object::{Channel, Group, MapRange, Memory, Object, Process};
use abi::{Error, MapFlags, MemoryFlags};
use alloc::vec;
use alloc::vec::Vec;
use base_units::PAGE_BYTES;

/// A program file inside a memory object (the bundle, or a clone of a part of it).
#[derive(Clone, Copy, Debug)]
pub struct ProgramFile<'a> {
    /// The object; needs the rights READ, MAP and EXECUTE.
    pub memory: &'a Memory,
    /// Where the file starts; a multiple of the page size.
    pub offset: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// What a new process is like.
#[derive(Clone, Copy, Debug)]
pub struct SpawnOptions<'a> {
    /// For the log and for people.
    pub name: &'a str,
    /// Pays for the process, its memory and its time. For its heap the program needs a handle to a group
    /// of its own in the start message (the runtime takes the first one).
    pub group: &'a Group,
    /// Bytes of the first thread's stack, rounded up to pages, at most [`STACK_BYTES_MAX`].
    pub stack_bytes: u64,
}

/// A program that was started.
#[derive(Debug)]
pub struct Spawned {
    /// The process.
    pub process: Process,
    /// This end of the channel that the program got.
    pub channel: Channel,
}

/// Why a program could not be started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SpawnError {
    /// The file is no program.
    File(ElfError),
    /// The kernel refused.
    Kernel(Error),
}

impl From<Error> for SpawnError {
    fn from(error: Error) -> Self {
        SpawnError::Kernel(error)
    }
}

impl From<ElfError> for SpawnError {
    fn from(error: ElfError) -> Self {
        SpawnError::File(error)
    }
}

/// Loads a program, sends it its first message and starts it. The handles are gone afterwards, also when
/// it could not be started.
pub fn spawn_program(
    file: ProgramFile<'_>,
    options: SpawnOptions<'_>,
    message: &[u8],
    handles: Vec<OwnedHandle>,
) -> Result<Spawned, SpawnError> {
    let image = read_image(&file)?;
    let process = Process::create(options.group, options.name)?;
    for segment in &image.segments {
        map_segment(&process, &file, segment, options.group)?;
    }
    let stack = map_stack(&process, &options)?;
    let (channel, theirs) = Channel::create()?;
    channel.send_with_handles(message, handles).map_err(|(error, _)| error)?;
    let argument = process.give(theirs.into_handle())?;
    // SAFETY: the process was made above and is not ours: nothing runs in it yet.
    unsafe { process.start_thread(image.entry, stack, argument) }?;
    Ok(Spawned { process, channel })
}

/// Reads and checks the headers.
fn read_image(file: &ProgramFile<'_>) -> Result<Image, SpawnError> {
    let bytes = file.bytes.min(HEADER_BYTES as u64) as usize;
    let mut header = vec![0; bytes];
    file.memory.read(file.offset, &mut header)?;
    Ok(Image::parse(&header, file.bytes)?)
}

/// Maps one segment: what nobody writes straight from the file, so that all processes share its pages;
/// data from a clone; zeros from a new object.
fn map_segment(
    process: &Process,
    file: &ProgramFile<'_>,
    segment: &Segment,
    group: &Group,
) -> Result<(), SpawnError> {
    if segment.file_bytes > 0 {
        let offset = file.offset.checked_add(segment.file_offset).ok_or(Error::OutOfRange)?;
        let range = MapRange { offset, bytes: segment.file_bytes, address: segment.address };
        if segment.access == Access::ReadWrite {
            let clone = file.memory.clone_range(offset, segment.file_bytes, group)?;
            process.map(&clone, MapRange { offset: 0, ..range }, map_flags(segment.access))?;
        } else {
            process.map(file.memory, range, map_flags(segment.access))?;
        }
    }
    if segment.zero_bytes() > 0 {
        let zeros = Memory::create(group, segment.zero_bytes(), MemoryFlags::empty())?;
        let address = segment.address + segment.file_bytes;
        let range = MapRange { offset: 0, bytes: segment.zero_bytes(), address };
        process.map(&zeros, range, map_flags(segment.access))?;
    }
    Ok(())
}

/// Maps the first thread's stack and returns its end. Below it lies the guard gap that every slot of the
/// address space's stack area has.
fn map_stack(process: &Process, options: &SpawnOptions<'_>) -> Result<u64, SpawnError> {
    let bytes = options.stack_bytes.clamp(PAGE_BYTES, STACK_BYTES_MAX).next_multiple_of(PAGE_BYTES);
    let memory = Memory::create(options.group, bytes, MemoryFlags::empty())?;
    let range = MapRange { offset: 0, bytes, address: STACK_TOP - bytes };
    process.map(&memory, range, map_flags(Access::ReadWrite))?;
    Ok(STACK_TOP)
}

fn map_flags(access: Access) -> MapFlags {
    let rights = match access {
        Access::Read => MapFlags::READ,
        Access::ReadExecute => MapFlags::READ | MapFlags::EXECUTE,
        Access::ReadWrite => MapFlags::READ | MapFlags::WRITE,
    };
    rights | MapFlags::FIXED
}
