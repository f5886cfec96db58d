//! Starts the first process from the boot bundle.

use crate::group::Group;
use crate::handle::Entry;
use crate::ipc::{ChannelEnd, Message};
use crate::machine::{Machine, UserRegisters};
use crate::memory::{MemoryObject, Permissions};
use crate::object::Object;
use crate::process::Process;
use crate::thread::Thread;
use abi::{Error, MemoryFlags, Rights, RootHandle};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use base_units::{Hpa, PAGE_BYTES, Uva};
use core::fmt;
use core::ops::Range;
use loader_bundle::{Bundle, Checksum, HEADER_BYTES, names};
use spec::elf::{self, HEADERS_BYTES_MAX, Program, Segment};

/// Stack of the first thread.
const STACK_BYTES: u64 = 64 * 1024;
/// Data: written, never executed.
const WRITABLE: Permissions = Permissions { write: true, execute: false };
/// Where it ends: below the end of ring 3's half, with an unmapped page above.
const STACK_END: u64 = crate::memory::USER_END - PAGE_BYTES;

/// Why the first process cannot be started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The bundle's header or table is damaged, or it holds no supervisor.
    Bundle(loader_bundle::Refusal),
    /// The supervisor is no program.
    Program(elf::Refusal),
    /// A kernel object could not be made.
    Kernel(Error),
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Bundle(why) => {
                write!(out, "the boot bundle cannot be used: {why}. Write the image again.")
            }
            Refusal::Program(why) => {
                write!(
                    out,
                    "the supervisor in the boot bundle is no program ({why:?}). Write the image again."
                )
            }
            Refusal::Kernel(Error::NoMemory) => {
                write!(out, "there is too little memory to start the supervisor. Give the machine more.")
            }
            Refusal::Kernel(why) => write!(out, "the supervisor cannot be started ({why:?})."),
        }
    }
}

impl From<loader_bundle::Refusal> for Refusal {
    fn from(why: loader_bundle::Refusal) -> Self {
        Refusal::Bundle(why)
    }
}

impl From<elf::Refusal> for Refusal {
    fn from(why: elf::Refusal) -> Self {
        Refusal::Program(why)
    }
}

impl From<Error> for Refusal {
    fn from(why: Error) -> Self {
        Refusal::Kernel(why)
    }
}

/// Starts the supervisor from the bundle of `bytes` bytes at `start`, which no allocator owns.
///
/// # Errors
/// A [`Refusal`] to be shown to whoever stands before the machine.
pub fn start_supervisor<M: Machine>(start: Hpa, bytes: u64) -> Result<(), Refusal> {
    M::kernel().set_bundle_bytes(bytes);
    let bundle = MemoryObject::<M>::boot(start, bytes.next_multiple_of(PAGE_BYTES))?;
    let table = read_table(&bundle, bytes)?;
    let file = Bundle::parse(&table, bytes)?.find(names::SUPERVISOR)?;
    let group = Group::root();
    let image = bundle.clone_range(file.offset, file.padded_bytes(), group.clone())?;
    verify(&image, &file)?;

    let process = Process::new(String::from("supervisor"), group.clone())?;
    let entry = load(&process, &image, file.bytes)?;
    let stack = MemoryObject::create(group.clone(), STACK_BYTES, MemoryFlags::empty())?;
    map(&process, stack, 0..STACK_BYTES, STACK_END - STACK_BYTES, WRITABLE)?;

    let channel = startup_channel(&process, &group, bundle)?;
    let argument = process.add_handle(Object::Channel(channel), Rights::all())?;
    let registers = UserRegisters::new(entry, STACK_END, u64::from(argument.0));
    let thread = Thread::new(&process, registers)?;
    group.enter_runnable();
    M::kernel().make_ready(thread);
    Ok(())
}

/// Reads the bundle's header and table.
fn read_table<M: Machine>(bundle: &MemoryObject<M>, bytes: u64) -> Result<Vec<u8>, Refusal> {
    let mut header = vec![0; HEADER_BYTES];
    if bytes < HEADER_BYTES as u64 {
        return Err(Refusal::Bundle(loader_bundle::Refusal::TooShort));
    }
    bundle.read(0, &mut header)?;
    let end = Bundle::table_end(&header)?;
    if end as u64 > bytes {
        return Err(Refusal::Bundle(loader_bundle::Refusal::TableCut));
    }
    let mut table = vec![0; end];
    bundle.read(0, &mut table)?;
    Ok(table)
}

/// Checks that the file is as it was packed.
fn verify<M: Machine>(image: &MemoryObject<M>, file: &loader_bundle::Entry<'_>) -> Result<(), Refusal> {
    let mut checksum = Checksum::new();
    let mut chunk = vec![0; PAGE_BYTES as usize];
    let mut offset = 0;
    while offset < file.bytes {
        let length = PAGE_BYTES.min(file.bytes - offset) as usize;
        let part = chunk.get_mut(..length).ok_or(Error::OutOfRange)?;
        image.read(offset, part)?;
        checksum.update(part);
        offset += PAGE_BYTES;
    }
    if checksum.value() == file.checksum {
        Ok(())
    } else {
        Err(Refusal::Bundle(loader_bundle::Refusal::FileDamaged))
    }
}

/// Maps the program's segments; returns its entry.
fn load<M: Machine>(
    process: &Arc<Process<M>>,
    image: &Arc<MemoryObject<M>>,
    file_bytes: u64,
) -> Result<u64, Refusal> {
    let mut headers = vec![0; HEADERS_BYTES_MAX];
    image.read(0, &mut headers)?;
    let program = Program::parse(&headers, file_bytes, crate::memory::USER_END)?;
    for segment in program.segments() {
        load_segment(process, image, segment)?;
    }
    Ok(program.entry)
}

fn load_segment<M: Machine>(
    process: &Arc<Process<M>>,
    image: &Arc<MemoryObject<M>>,
    segment: &Segment,
) -> Result<(), Error> {
    let group = process.group().clone();
    let permissions = Permissions { write: segment.is_writable, execute: segment.is_executable };
    let first = segment.page_start();
    let into_page = segment.address - first;
    let file_end = into_page + segment.file_bytes;
    let from_file = file_end.next_multiple_of(PAGE_BYTES);
    let all = segment.page_end() - first;
    if segment.file_bytes > 0 {
        let offset = segment.offset - into_page;
        if segment.is_writable {
            let pages = image.clone_range(offset, from_file, group.clone())?;
            // What follows the file's bytes in the last page is the start of .bss.
            pages.write(file_end, &vec![0; (from_file - file_end) as usize])?;
            map(process, pages, 0..from_file, first, WRITABLE)?;
        } else {
            map(process, image.clone(), offset..offset + from_file, first, permissions)?;
        }
    }
    let start = if segment.file_bytes > 0 { from_file } else { 0 };
    if all > start {
        let zeros = MemoryObject::create(group, all - start, MemoryFlags::empty())?;
        map(process, zeros, 0..all - start, first + start, permissions)?;
    }
    Ok(())
}

fn map<M: Machine>(
    process: &Arc<Process<M>>,
    memory: Arc<MemoryObject<M>>,
    range: Range<u64>,
    address: u64,
    permissions: Permissions,
) -> Result<(), Error> {
    let length = range.end - range.start;
    process.space().map(memory, range.start, length, Some(Uva::new(address)), permissions)?;
    Ok(())
}

/// The channel whose first message carries the root handles.
fn startup_channel<M: Machine>(
    process: &Arc<Process<M>>,
    group: &Arc<Group>,
    bundle: Arc<MemoryObject<M>>,
) -> Result<Arc<ChannelEnd<M>>, Error> {
    let (ours, theirs) = ChannelEnd::pair();
    let read_only = Rights::all() - Rights::WRITE;
    let mut entries: [Option<Entry<M>>; RootHandle::COUNT] = [const { None }; RootHandle::COUNT];
    let mut put = |place: RootHandle, object, rights| {
        if let Some(slot) = entries.get_mut(place as usize) {
            *slot = Some(Entry { object, rights });
        }
    };
    put(RootHandle::System, Object::System, Rights::all());
    put(RootHandle::Group, Object::Group(group.clone()), Rights::all());
    put(RootHandle::Bundle, Object::Memory(bundle), read_only);
    put(RootHandle::Process, Object::Process(process.clone()), Rights::all());
    put(RootHandle::Log, Object::Log, Rights::all());
    let handles = entries.into_iter().flatten().collect();
    let message = Message::new(Vec::new(), group.clone())?;
    ours.queue(message, || Ok(handles))?;
    Ok(theirs)
}
