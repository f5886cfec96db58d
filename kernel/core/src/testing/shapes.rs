//! What the arguments of each call are, so that a program of random bytes has a chance to get somewhere.

use abi::{ObjectKind, Syscall};

/// What an argument is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    /// A handle of this kind.
    Handle(ObjectKind),
    /// Any handle.
    Any,
    /// No handle, or one of a process.
    Own,
    /// An address in the buffer, where something is written first.
    Pointer,
    /// A small number.
    Small,
    /// Bytes: whole pages, not many.
    Pages,
    /// A guest-physical or virtual page.
    Page,
    /// A point in time.
    Time,
    /// Anything.
    Number,
}

use Shape::{Any, Handle, Number, Own, Page, Pages, Pointer, Small, Time};

const GROUP: Shape = Handle(ObjectKind::Group);
const MEMORY: Shape = Handle(ObjectKind::Memory);
const GUEST: Shape = Handle(ObjectKind::Guest);
const PORT: Shape = Handle(ObjectKind::Port);
const SYSTEM: Shape = Handle(ObjectKind::System);
const CHANNEL: Shape = Handle(ObjectKind::Channel);

/// The shapes of a call's arguments; further ones are numbers.
// tidy: table
pub(super) fn of(call: Syscall) -> &'static [Shape] {
    match call {
        Syscall::HandleClose | Syscall::HandleInfo => &[Any],
        Syscall::HandleDuplicate => &[Any, Small],
        Syscall::SystemInfo => &[Pointer],
        Syscall::ProcessCreate => &[GROUP, Pointer, Small],
        Syscall::ProcessMap => &[Own, MEMORY, Pages, Pages, Page, Small],
        Syscall::ProcessUnmap => &[Own, Page, Pages],
        Syscall::ProcessGive => &[Handle(ObjectKind::Process), Any],
        Syscall::ProcessKill => &[Handle(ObjectKind::Process), Small],
        Syscall::ProcessInfo => &[Handle(ObjectKind::Process), Pointer],
        Syscall::ThreadCreate => &[Own, Pointer, Pointer, Number],
        Syscall::ThreadSetAffinity => &[Handle(ObjectKind::Thread), Pointer, Small],
        Syscall::FutexWait => &[Pointer, Small, Time],
        Syscall::FutexWake => &[Pointer, Small],
        Syscall::MemoryCreate => &[GROUP, Pages, Small],
        Syscall::MemoryClone => &[MEMORY, Pages, Pages, GROUP],
        Syscall::MemoryRead | Syscall::MemoryWrite => &[MEMORY, Small, Pointer, Small],
        Syscall::MemoryControl => &[MEMORY, Small, Pages, Pages],
        Syscall::MemoryDirty => &[MEMORY, Pages, Pages, Pointer, Small],
        Syscall::MemoryInfo => &[MEMORY, Pointer],
        Syscall::MemoryPhysical => &[SYSTEM, Page, Pages, Small],
        Syscall::ChannelWrite | Syscall::ChannelRead => &[CHANNEL, Pointer, Small, Pointer, Small],
        Syscall::PortBind => &[PORT, Any, Small, Number],
        Syscall::PortWait => &[PORT, Pointer, Small, Time],
        Syscall::EventSignal => &[Handle(ObjectKind::Event)],
        Syscall::TimerSet => &[Handle(ObjectKind::Timer), Time, Time],
        Syscall::GuestCreate => &[GROUP],
        Syscall::GuestMap => &[GUEST, MEMORY, Pages, Pages, Page, Small],
        Syscall::GuestUnmap => &[GUEST, Page, Pages],
        Syscall::GuestDoorbell => &[GUEST, Small, Page, Small, Handle(ObjectKind::Event)],
        Syscall::GuestInterrupt => &[GUEST, Number, Number],
        Syscall::VcpuCreate => &[GUEST, Small, Page],
        Syscall::VcpuKick => &[Handle(ObjectKind::Vcpu)],
        Syscall::VcpuRead | Syscall::VcpuWrite => &[Small, Pointer, Number],
        Syscall::VcpuStats => &[Handle(ObjectKind::Vcpu), Pointer],
        Syscall::InterruptCreate => &[SYSTEM, Small, Small],
        Syscall::InterruptAck => &[Handle(ObjectKind::Interrupt)],
        Syscall::IoCreate => &[SYSTEM, Small, Small],
        Syscall::IoRead | Syscall::IoWrite => &[Handle(ObjectKind::IoRange), Small, Small, Number],
        Syscall::GroupCreate | Syscall::GroupSet | Syscall::GroupInfo => &[GROUP, Pointer],
        Syscall::LogWrite => &[Pointer, Small],
        Syscall::LogRead => &[Handle(ObjectKind::Log), Small, Pointer, Small],
        Syscall::LogEcho => &[Handle(ObjectKind::Log), Small],
        Syscall::SystemPower => &[SYSTEM, Small],
        Syscall::SystemStats => &[SYSTEM, Pointer],
        _ => &[],
    }
}
