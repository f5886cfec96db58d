//! Starting programs.

use crate::address_space::{STACK_BYTES_MAX, STACK_TOP};
use crate::handle::OwnedHandle;
use crate::load::{self, FileRefusal, Part, Source};
use crate::object::{Channel, Group, MapRange, Memory, Object, Process};
use abi::{Error, MapFlags, MemoryFlags};
use alloc::vec;
use alloc::vec::Vec;
use base_units::PAGE_BYTES;
use spec::elf::HEADERS_BYTES_MAX;

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
    /// The file cannot be loaded.
    File(FileRefusal),
    /// The kernel refused.
    Kernel(Error),
}

impl From<Error> for SpawnError {
    fn from(error: Error) -> Self {
        SpawnError::Kernel(error)
    }
}

impl From<FileRefusal> for SpawnError {
    fn from(error: FileRefusal) -> Self {
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
    let (entry, parts) = read_plan(&file)?;
    let process = Process::create(options.group, options.name)?;
    for part in &parts {
        map_part(&process, &file, part, options.group)?;
    }
    let stack = map_stack(&process, &options)?;
    let (channel, theirs) = Channel::create()?;
    channel.send_with_handles(message, handles).map_err(|(error, _)| error)?;
    let argument = process.give(theirs.into_handle())?;
    // SAFETY: the process was made above and is not ours: nothing runs in it yet.
    unsafe { process.start_thread(entry, stack, argument) }?;
    Ok(Spawned { process, channel })
}

/// Reads the headers and plans the parts of the program.
fn read_plan(file: &ProgramFile<'_>) -> Result<(u64, Vec<Part>), SpawnError> {
    let bytes = file.bytes.min(HEADERS_BYTES_MAX as u64) as usize;
    let mut first_bytes = vec![0; bytes];
    file.memory.read(file.offset, &mut first_bytes)?;
    Ok(load::plan(&first_bytes, file.bytes)?)
}

/// Maps one part into the process.
fn map_part(process: &Process, file: &ProgramFile<'_>, part: &Part, group: &Group) -> Result<(), SpawnError> {
    let flags = part.access | MapFlags::FIXED;
    let range = MapRange { offset: 0, bytes: part.bytes, address: part.address };
    match part.source {
        Source::File { offset } => {
            let offset = file.offset.checked_add(offset).ok_or(Error::OutOfRange)?;
            process.map(file.memory, MapRange { offset, ..range }, flags)?;
        }
        Source::Copy { offset, kept } => {
            let offset = file.offset.checked_add(offset).ok_or(Error::OutOfRange)?;
            let copy = file.memory.clone_range(offset, part.bytes, group)?;
            if kept < part.bytes {
                copy.write(kept, &vec![0; (part.bytes - kept) as usize])?;
            }
            process.map(&copy, range, flags)?;
        }
        Source::Zeros => {
            let zeros = Memory::create(group, part.bytes, MemoryFlags::empty())?;
            process.map(&zeros, range, flags)?;
        }
    }
    Ok(())
}

/// Maps the first thread's stack and returns its end. Below it lies the guard gap that every slot of the
/// address space's stack area has.
fn map_stack(process: &Process, options: &SpawnOptions<'_>) -> Result<u64, SpawnError> {
    let bytes = options.stack_bytes.clamp(PAGE_BYTES, STACK_BYTES_MAX).next_multiple_of(PAGE_BYTES);
    let memory = Memory::create(options.group, bytes, MemoryFlags::empty())?;
    let range = MapRange { offset: 0, bytes, address: STACK_TOP - bytes };
    process.map(&memory, range, MapFlags::READ | MapFlags::WRITE | MapFlags::FIXED)?;
    Ok(STACK_TOP)
}
