//! System calls: decode the registers, check rights and limits, do it.
//!
//! One file per kind of object, one function per call. A call that has to wait answers
//! [`Answer::Wait`]; nothing it did before may then need undoing, for the whole call is made again
//! when the thread is woken.

mod channel;
mod group;
mod guest;
mod hardware;
mod log;
mod memory;
mod port;
mod process;
mod system;
mod thread;
mod vcpu;

use crate::cpu::Cpu;
use crate::machine::Machine;
use crate::object::{FromObject, Object};
use crate::thread::{Progress, Thread};
use abi::{Error, GPR_RAX, GPR_RDI, GPR_RDX, GPR_RSI, Handle, Rights, Syscall};
use alloc::boxed::Box;
use base_units::Uva;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// What becomes of the thread after a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flow {
    /// The call is finished; its result is in the registers.
    Done,
    /// Make the call again after looking at what has arrived.
    Again,
    /// Make the call again after others had their turn.
    Yield,
    /// Make the call again once the thread is woken.
    Block,
}

/// What a call answers.
pub(crate) enum Answer {
    /// RAX.
    Value(u64),
    /// RAX and RDX.
    Pair(u64, u64),
    /// Not yet.
    Wait(Flow),
}

/// The result of a call.
pub(crate) type Outcome = Result<Answer, Error>;

/// "Done, nothing to say."
pub(crate) const NOTHING: Outcome = Ok(Answer::Value(0));

/// A call with its caller.
pub(crate) struct Call<'a, M: Machine> {
    /// The processor.
    pub(crate) cpu: &'a mut Cpu<M>,
    /// The caller.
    pub(crate) thread: &'a mut Thread<M>,
    /// RDI, RSI, RDX, R10, R8, R9.
    pub(crate) arguments: [u64; 6],
}

/// Makes the call that the thread's registers describe.
pub(crate) fn dispatch<M: Machine>(cpu: &mut Cpu<M>, thread: &mut Thread<M>) -> Flow {
    let outcome = if thread.registers.gpr[GPR_RAX] == Syscall::VcpuRun as u64 {
        vcpu::run(cpu, thread)
    } else {
        make(cpu, thread)
    };
    let gpr = &mut thread.registers.gpr;
    match outcome {
        Ok(Answer::Wait(flow)) => return flow,
        Ok(Answer::Value(value)) => gpr[GPR_RAX] = value,
        Ok(Answer::Pair(first, second)) => {
            gpr[GPR_RAX] = first;
            gpr[GPR_RDX] = second;
        }
        Err(error) => gpr[GPR_RAX] = (error as i64).wrapping_neg() as u64,
    }
    Flow::Done
}

/// Any call.
#[inline(never)]
fn make<M: Machine>(cpu: &mut Cpu<M>, thread: &mut Thread<M>) -> Outcome {
    let gpr = &thread.registers.gpr;
    let arguments = [gpr[GPR_RDI], gpr[GPR_RSI], gpr[GPR_RDX], gpr[10], gpr[8], gpr[9]];
    let known = Syscall::from_raw(gpr[GPR_RAX]).ok_or(Error::UnknownCall)?;
    route(known, &mut Call { cpu, thread, arguments })
}

// tidy: table
fn route<M: Machine>(call: Syscall, caller: &mut Call<'_, M>) -> Outcome {
    match call {
        Syscall::HandleClose => process::handle_close(caller),
        Syscall::HandleDuplicate => process::handle_duplicate(caller),
        Syscall::HandleInfo => process::handle_info(caller),
        Syscall::SystemInfo => system::info(caller),
        Syscall::ClockGet => system::clock(caller),
        Syscall::ProcessCreate => process::create(caller),
        Syscall::ProcessMap => process::map(caller),
        Syscall::ProcessUnmap => process::unmap(caller),
        Syscall::ProcessGive => process::give(caller),
        Syscall::ProcessKill => process::kill(caller),
        Syscall::ProcessExit => process::exit(caller),
        Syscall::ProcessInfo => process::info(caller),
        Syscall::ThreadCreate => thread::create(caller),
        Syscall::ThreadExit => thread::exit(caller),
        Syscall::ThreadSetAffinity => thread::set_affinity(caller),
        Syscall::ThreadYield => thread::yield_now(caller),
        Syscall::FutexWait => thread::futex_wait(caller),
        Syscall::FutexWake => thread::futex_wake(caller),
        Syscall::MemoryCreate => memory::create(caller),
        Syscall::MemoryClone => memory::clone(caller),
        Syscall::MemoryRead => memory::read(caller),
        Syscall::MemoryWrite => memory::write(caller),
        Syscall::MemoryControl => memory::control(caller),
        Syscall::MemoryDirty => memory::dirty(caller),
        Syscall::MemoryInfo => memory::info(caller),
        Syscall::MemoryPhysical => memory::physical(caller),
        Syscall::ChannelCreate => channel::create(caller),
        Syscall::ChannelWrite => channel::write(caller),
        Syscall::ChannelRead => channel::read(caller),
        Syscall::PortCreate => port::create(caller),
        Syscall::PortBind => port::bind(caller),
        Syscall::PortWait => port::wait(caller),
        Syscall::EventCreate => port::event_create(caller),
        Syscall::EventSignal => port::event_signal(caller),
        Syscall::TimerCreate => port::timer_create(caller),
        Syscall::TimerSet => port::timer_set(caller),
        Syscall::GuestCreate => guest::create(caller),
        Syscall::GuestMap => guest::map(caller),
        Syscall::GuestUnmap => guest::unmap(caller),
        Syscall::GuestDoorbell => guest::doorbell(caller),
        Syscall::GuestInterrupt => guest::interrupt(caller),
        Syscall::VcpuCreate => vcpu::create(caller),
        Syscall::VcpuRun => vcpu::run(caller.cpu, caller.thread),
        Syscall::VcpuKick => vcpu::kick(caller),
        Syscall::VcpuRead => vcpu::read(caller),
        Syscall::VcpuWrite => vcpu::write(caller),
        Syscall::VcpuStats => vcpu::stats(caller),
        Syscall::InterruptCreate => hardware::interrupt_create(caller),
        Syscall::InterruptAck => hardware::interrupt_ack(caller),
        Syscall::IoCreate => hardware::io_create(caller),
        Syscall::IoRead => hardware::io_read(caller),
        Syscall::IoWrite => hardware::io_write(caller),
        Syscall::GroupCreate => group::create(caller),
        Syscall::GroupSet => group::set(caller),
        Syscall::GroupInfo => group::info(caller),
        Syscall::LogWrite => log::write(caller),
        Syscall::LogRead => log::read(caller),
        Syscall::LogEcho => log::echo(caller),
        Syscall::SystemPower => system::power(caller),
        Syscall::SystemStats => system::stats(caller),
    }
}

impl<M: Machine> Call<'_, M> {
    /// How far the call has come that is done in steps; `first` is where it begins.
    pub(crate) fn progress(&mut self, first: u64) -> Box<Progress<M>> {
        let progress = self.thread.progress.take();
        progress.unwrap_or_else(|| Box::new(Progress { page: first, count: 0, clone: None }))
    }

    /// Makes the call again, after interrupts had their chance.
    pub(crate) fn go_on(&mut self, progress: Box<Progress<M>>) -> Answer {
        self.thread.progress = Some(progress);
        M::open_interrupt_window();
        Answer::Wait(Flow::Again)
    }

    /// Argument `index` as a handle.
    pub(crate) fn handle(&self, index: usize) -> Handle {
        // A value that does not fit names nothing.
        Handle(u32::try_from(self.argument(index)).unwrap_or(Handle::NONE.0))
    }

    /// Argument `index`.
    pub(crate) fn argument(&self, index: usize) -> u64 {
        self.arguments.get(index).copied().unwrap_or(0)
    }

    /// Argument `index` as a length in bytes, at most `most`.
    pub(crate) fn length(&self, index: usize, most: usize) -> Result<usize, Error> {
        let length = usize::try_from(self.argument(index)).map_err(|_| Error::BadArgument)?;
        if length > most { Err(Error::BadArgument) } else { Ok(length) }
    }

    /// The object that argument `index` names.
    pub(crate) fn object<T: FromObject<M>>(&self, index: usize, rights: Rights) -> Result<T, Error> {
        self.thread.process().object(self.handle(index), rights)
    }

    /// Adds an object to the caller's table.
    pub(crate) fn add(&self, object: Object<M>, rights: Rights) -> Outcome {
        let handle = self.thread.process().add_handle(object, rights)?;
        Ok(Answer::Value(u64::from(handle.0)))
    }

    /// Copies bytes in from the caller's memory at argument `index`.
    pub(crate) fn copy_in(&self, index: usize, buffer: &mut [u8]) -> Result<(), Error> {
        self.thread.process().space().copy_in(Uva::new(self.argument(index)), buffer)
    }

    /// Copies bytes out to the caller's memory at argument `index`.
    pub(crate) fn copy_out(&self, index: usize, bytes: &[u8]) -> Result<(), Error> {
        self.thread.process().space().copy_out(Uva::new(self.argument(index)), bytes)
    }

    /// Reads a structure from the caller's memory at argument `index`.
    pub(crate) fn read<T: FromBytes + IntoBytes + Default>(&self, index: usize) -> Result<T, Error> {
        let mut value = T::default();
        self.copy_in(index, value.as_mut_bytes())?;
        Ok(value)
    }

    /// Writes a structure to the caller's memory at argument `index`.
    pub(crate) fn write<T: IntoBytes + Immutable>(&self, index: usize, value: &T) -> Outcome {
        self.copy_out(index, value.as_bytes())?;
        NOTHING
    }
}
