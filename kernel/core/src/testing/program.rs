//! A program that makes whatever calls the bytes say.
//!
//! Ring 3 and guests do nothing by themselves: each time that one is entered, the next bytes decide what it does. Whatever
//! that is, ring 0 must not panic, and once all processes have ended nothing of theirs may be left.

use super::processors::{self, SLEEP_MAX};
use super::shapes::{self, Shape};
use super::vcpu::set_guest;
use super::{FakeMachine, clock, ram};
use crate::cpu::Cpu;
use crate::group::Group;
use crate::machine::{Machine, UserExit, UserRegisters};
use crate::memory::{MemoryObject, Permissions};
use crate::object::Object;
use crate::process::{End, Process};
use crate::thread::Thread;
use crate::vcpu::{Event, Exit, MemoryAccess, PortAccess};
use abi::{
    GPR_RAX, GPR_RDI, GPR_RDX, GPR_RSI, GroupLimits, Handle, MemoryFlags, ObjectKind, Rights, Syscall,
    VcpuPage,
};
use alloc::sync::{Arc, Weak};
use base_units::{Gpa, PAGE_BYTES, Uva};
use std::cell::RefCell;
use std::rc::Rc;
#[cfg(not(test))]
#[allow(unused_imports)]
use std::{boxed::Box, string::String, vec::Vec};

/// RAM of the machine.
const RAM_BYTES: u64 = 32 << 20;
/// What the program may use.
const LIMIT_BYTES: u64 = 8 << 20;
/// Where the program has memory, and how much.
const BUFFER: u64 = 0x10_0000;
const BUFFER_BYTES: u64 = 16 * PAGE_BYTES;
/// Turns of all processors after which a program must have come to its end.
const TURNS_MAX: u32 = 100_000;
/// Times that processors may go idle one after the other, before all processes are ended.
const IDLES_MAX: u32 = 1000;

/// Calls that end something happen only if a further byte is at least this; else one of [`LIKELY`] is made.
const ENDS_FROM: u8 = 0xf0;
const LIKELY: [Syscall; 4] = [Syscall::VcpuRun, Syscall::VcpuCreate, Syscall::GuestMap, Syscall::ProcessMap];

type Shared = Rc<RefCell<Player>>;

/// Where the bytes are, and what is known of the program.
struct Player {
    bytes: Vec<u8>,
    at: usize,
    /// Handles of the processes that are known, with what they name.
    handles: Vec<(ObjectKind, u64)>,
    buffer: Weak<MemoryObject<FakeMachine>>,
    processes: Vec<Weak<Process<FakeMachine>>>,
    idles: u32,
}

/// Runs the program that `bytes` describe on a fresh machine.
///
/// # Panics
/// If ring 0 does not keep what it promises.
pub fn run_calls(bytes: &[u8]) {
    processors::boot_or_reuse(RAM_BYTES, 2);
    let root = Group::root();
    let limits = GroupLimits { memory_bytes: LIMIT_BYTES, ..GroupLimits::default() };
    let group = Group::below(&root, &limits).unwrap_or_else(|_| unreachable!("these limits are valid"));
    let (process, buffer) = start(&group);
    let player = Rc::new(RefCell::new(Player {
        bytes: bytes.to_vec(),
        at: 0,
        handles: Vec::new(),
        buffer,
        processes: vec![Arc::downgrade(&process)],
        idles: 0,
    }));
    drop(process);
    play(&player);
    processors::clear_scripts();
    check(&group, &root);
    processors::keep_for_reuse();
}

/// A process with a handle of each kind that a program may start with, and one thread.
fn start(group: &Arc<Group>) -> (Arc<Process<FakeMachine>>, Weak<MemoryObject<FakeMachine>>) {
    let made = || -> Result<_, abi::Error> {
        let process = Process::new(String::from("program"), group.clone())?;
        let memory = MemoryObject::create(group.clone(), BUFFER_BYTES, MemoryFlags::empty())?;
        let permissions = Permissions { write: true, execute: false };
        process.space().map(memory.clone(), 0, BUFFER_BYTES, Some(Uva::new(BUFFER)), permissions)?;
        let buffer = Arc::downgrade(&memory);
        process.add_handle(Object::Memory(memory), Rights::all())?;
        process.add_handle(Object::Group(group.clone()), Rights::all())?;
        // Without the right to turn the machine off.
        process.add_handle(Object::System, Rights::READ | Rights::CREATE | Rights::DUPLICATE)?;
        process.add_handle(Object::Log, Rights::all())?;
        process.add_handle(Object::Process(process.clone()), Rights::all())?;
        let thread = Thread::new(&process, UserRegisters::new(BUFFER, 0, 0))?;
        group.enter_runnable();
        processors::kernel().make_ready(thread);
        Ok((process, buffer))
    };
    made().unwrap_or_else(|error| panic!("the program cannot be started: {error:?}"))
}

/// Runs the processors until all processes have ended.
fn play(player: &Shared) {
    let (theirs, guests, idle) = (player.clone(), player.clone(), player.clone());
    processors::set_script(move |registers| theirs.borrow_mut().enter_user(registers));
    set_guest(move |_, page| guests.borrow_mut().enter_guest(page));
    processors::set_idle_script(move || {
        let all = idle.borrow_mut().go_idle();
        all.iter().filter_map(Weak::upgrade).for_each(|process| process.end(End::Killed(0)));
    });
    let mut cpus: Vec<Cpu<FakeMachine>> = (0..2)
        .map(|cpu| {
            ram::set_cpu(cpu);
            Cpu::new()
        })
        .collect();
    for _ in 0..TURNS_MAX {
        for (number, cpu) in cpus.iter_mut().enumerate() {
            ram::set_cpu(number);
            cpu.turn();
        }
        let is_alive =
            |process: &Weak<Process<FakeMachine>>| process.upgrade().is_some_and(|p| p.info().threads > 0);
        if !player.borrow().processes.iter().any(is_alive) {
            break;
        }
    }
    // A process that never ran may hold the only handle to itself.
    let known = core::mem::take(&mut player.borrow_mut().processes);
    known.iter().filter_map(Weak::upgrade).for_each(|process| process.end(End::Killed(0)));
    while processors::kernel().clean_up() {}
    // Idle processors let go of what they hold.
    for (number, cpu) in cpus.iter_mut().enumerate() {
        ram::set_cpu(number);
        cpu.turn();
        cpu.turn();
    }
    while processors::kernel().clean_up() {}
}

/// Nothing is left of a program whose processes have ended.
fn check(group: &Group, root: &Group) {
    for info in [group.info(), root.info()] {
        assert_eq!((info.memory_bytes, info.kernel_bytes), (0, 0), "a program left memory behind");
    }
    assert_eq!(FakeMachine::frames().counts().object.raw(), 0, "a frame is lost");
    assert_eq!(group.runnable(), 0, "a thread that is gone still counts");
}

impl Player {
    fn byte(&mut self) -> u8 {
        let byte = self.bytes.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        byte
    }

    fn is_over(&self) -> bool {
        self.at >= self.bytes.len()
    }

    fn word(&mut self) -> u64 {
        u64::from_le_bytes(core::array::from_fn(|_| self.byte()))
    }

    fn enter_user(&mut self, registers: &mut UserRegisters) -> UserExit {
        self.idles = 0;
        self.find_processes();
        clock::set_ticks(clock::ticks() + 1000);
        if self.is_over() {
            registers.gpr[GPR_RAX] = Syscall::ProcessExit as u64;
            return UserExit::Syscall;
        }
        let choice = self.byte();
        match choice {
            0xf8..=0xfb => return UserExit::Interrupt,
            0xfc | 0xfd => {
                return UserExit::PageFault { address: self.argument(), code: u32::from(self.byte()) };
            }
            0xfe => return UserExit::Fault { vector: self.byte() & 31, code: 0 },
            0xff => registers.gpr[GPR_RAX] = self.word(),
            _ => return self.call(registers, choice),
        }
        for index in [GPR_RDI, GPR_RSI, GPR_RDX, 10, 8, 9] {
            registers.gpr[index] = self.argument();
        }
        UserExit::Syscall
    }

    fn call(&mut self, registers: &mut UserRegisters, choice: u8) -> UserExit {
        let call = match Syscall::ALL[usize::from(choice) % Syscall::ALL.len()] {
            // Programs that end at once show little.
            Syscall::ProcessExit | Syscall::ThreadExit | Syscall::ProcessKill if self.byte() < ENDS_FROM => {
                LIKELY[usize::from(choice) % LIKELY.len()]
            }
            call => call,
        };
        registers.gpr[GPR_RAX] = call as u64;
        let shapes = shapes::of(call).iter().copied().chain(core::iter::repeat(Shape::Number));
        for (index, shape) in [GPR_RDI, GPR_RSI, GPR_RDX, 10, 8, 9].into_iter().zip(shapes) {
            registers.gpr[index] = self.shaped(shape);
        }
        UserExit::Syscall
    }

    /// An argument of that shape, or now and then of another.
    fn shaped(&mut self, shape: Shape) -> u64 {
        let byte = self.byte();
        let small = u64::from(byte & 0x3f);
        if byte >= 0xf8 {
            return self.argument();
        }
        match shape {
            Shape::Handle(kind) => self.handle(byte, |other| other == kind),
            Shape::Any => self.handle(byte, |_| true),
            Shape::Own if byte & 3 != 0 => u64::from(Handle::NONE.0),
            Shape::Own => self.handle(byte >> 2, |other| other == ObjectKind::Process),
            Shape::Pointer => self.write_buffer(small),
            Shape::Small => small >> (byte >> 6),
            Shape::Pages => (small >> (byte >> 6)) * PAGE_BYTES,
            Shape::Page => BUFFER * u64::from(byte >> 6) + small * PAGE_BYTES,
            Shape::Time => clock::ticks() + (small << (byte >> 6 << 3)),
            Shape::Number => self.argument(),
        }
    }

    fn handle(&self, byte: u8, is_wanted: impl Fn(ObjectKind) -> bool) -> u64 {
        let all = || self.handles.iter().filter(|(kind, _)| is_wanted(*kind));
        all().nth(usize::from(byte) % all().count().max(1)).map_or(u64::from(byte), |(_, handle)| *handle)
    }

    /// Writes something at place `place` of the buffer: small words, some of which are handles, limits, counts.
    fn write_buffer(&mut self, place: u64) -> u64 {
        let offset = place * 64;
        if let Some(buffer) = self.buffer.upgrade() {
            for word in 0..u64::from(self.byte() & 7) {
                let value = match self.byte() {
                    byte @ 0..0x80 => u64::from(byte),
                    byte => self.handle(byte, |_| true),
                };
                // There may be no memory left for it.
                let _ = buffer.write(offset + word * 4, &(value as u32).to_le_bytes());
            }
        }
        BUFFER + offset
    }

    /// An argument that has a chance to mean something.
    fn argument(&mut self) -> u64 {
        let kind = self.byte();
        match kind {
            0..0x60 => u64::from(kind),
            0x60..0x80 => 0xfee0_0000 | u64::from(kind & 3) << 12,
            0x80..0xa0 => BUFFER + u64::from(kind - 0x80) * 8,
            0xa0..0xb0 => u64::from(kind - 0x9f) * PAGE_BYTES,
            0xb0..0xc0 => 1 << (u32::from(kind - 0xb0) * 4),
            0xc0..0xd0 => BUFFER + BUFFER_BYTES - u64::from(kind - 0xc0),
            0xd0..0xd8 => clock::ticks() + u64::from(kind - 0xd0) * 1_000_000,
            0xd8..0xe0 => u64::MAX - u64::from(kind - 0xd8),
            0xe0..0xf0 => u64::from(self.byte()) << 8 | u64::from(self.byte()),
            0xf0..0xf4 => u64::from(Handle::NONE.0),
            _ => self.word(),
        }
    }

    fn enter_guest(&mut self, page: &VcpuPage) -> Exit {
        self.idles = 0;
        clock::set_ticks(clock::ticks() + 100);
        if self.is_over() {
            return Exit::Shutdown;
        }
        let register = usize::from(self.byte() & 15);
        page.gpr[register].store(self.argument(), core::sync::atomic::Ordering::Relaxed);
        let gpa = Gpa::new(self.argument());
        match self.byte() & 31 {
            0 => Exit::Interrupt,
            1 => Exit::Cpuid,
            2 => Exit::ReadMsr,
            3 => Exit::WriteMsr,
            4 | 5 => Exit::Halt,
            6 => Exit::Hypercall,
            7 | 8 => Exit::Port(self.port()),
            9..=14 => {
                let access = [MemoryAccess::Read, MemoryAccess::Write, MemoryAccess::Fetch];
                Exit::Memory { gpa, access: access[usize::from(self.byte() % 3)] }
            }
            15 => Exit::ReadControl { control: self.byte() & 15, register: Some(self.byte() & 15) },
            16 => Exit::WriteControl { control: self.byte() & 15, register: Some(self.byte() & 15) },
            17 => Exit::ReadDebug { debug: self.byte() & 15, register: Some(self.byte() & 15) },
            18 => Exit::WriteDebug { debug: self.byte() & 15, register: Some(self.byte() & 15) },
            19 => Exit::Xsetbv,
            20 => Exit::Pause,
            21 => Exit::Undefined,
            22 => Exit::Shutdown,
            23 => Exit::NmiWindow,
            24 => Exit::Stepped,
            25 => Exit::InterruptWindow,
            26 => {
                let cause = abi::TaskSwitchCause::from_raw(u64::from(self.byte() & 3));
                Exit::TaskSwitch {
                    selector: self.byte().into(),
                    cause: cause.unwrap_or(abi::TaskSwitchCause::Call),
                }
            }
            27 => Exit::Exception { vector: Event::PROTECTION.vector, error_code: Some(0) },
            28 => Exit::CacheFlush { opcode: 9 },
            29 => Exit::Failed { reason: self.word(), qualification: 0 },
            _ => Exit::Retry,
        }
    }

    fn port(&mut self) -> PortAccess {
        let bits = self.byte();
        PortAccess {
            port: self.argument() as u16,
            size: 1 << (bits & 3).min(2),
            is_input: bits & 4 != 0,
            is_string: bits & 8 != 0,
            is_repeated: bits & 16 != 0,
            next_rip: self.argument(),
        }
    }

    /// Processes are found in the tables of those that are known, and what else there is.
    fn find_processes(&mut self) {
        let mut found = Vec::new();
        self.handles.clear();
        for process in self.processes.iter().filter_map(Weak::upgrade) {
            for (handle, object) in process.handles().lock().objects() {
                self.handles.push((object.kind(), u64::from(handle.0)));
                if let Object::Process(process) = object {
                    found.push(Arc::downgrade(process));
                }
            }
        }
        for process in found {
            if !self.processes.iter().any(|known| Weak::ptr_eq(known, &process)) {
                self.processes.push(process);
            }
        }
    }

    /// Which processes are to be ended because nothing else will ever happen.
    fn go_idle(&mut self) -> Vec<Weak<Process<FakeMachine>>> {
        let wakes = processors::timer().is_some_and(|deadline| deadline < clock::ticks() + SLEEP_MAX);
        // A timer may fire for ever without waking anybody.
        self.idles += if wakes { 1 } else { IDLES_MAX / 4 };
        if self.idles < IDLES_MAX && !self.is_over() { Vec::new() } else { self.processes.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Programs that are played, and the bytes of each.
    const PROGRAMS: u64 = 150;
    const PROGRAM_BYTES: usize = 2000;

    /// The same bytes each time (xorshift): a failure is a failure for everybody.
    fn program(number: u64) -> Vec<u8> {
        let mut state = 0x9e37_79b9_7f4a_7c15 ^ (number + 1);
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        };
        (0..PROGRAM_BYTES).map(|_| next()).collect()
    }

    #[test]
    fn any_calls_leave_ring_0_whole_and_empty() {
        (0..PROGRAMS).for_each(|number| run_calls(&program(number)));
    }

    #[test]
    fn a_program_without_calls_ends() {
        run_calls(&[]);
    }
}
