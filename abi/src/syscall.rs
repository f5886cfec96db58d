//! The system calls.

use bitflags::bitflags;

/// The system calls, by number. Each names its arguments in register order, what it returns in
/// RAX (and RDX), and the rights that its handles need. `ptr, len` is a buffer in the caller's
/// memory; a length is in bytes unless another unit is named; times are nanoseconds on the
/// monotonic clock; `deadline` 0 means "do not wait" and `u64::MAX` "for ever".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Syscall {
    /// `(handle)`: gives the handle up.
    HandleClose = 1,
    /// `(handle, rights) -> handle`: another handle to the object with a subset of its rights. DUPLICATE.
    HandleDuplicate = 2,
    /// `(handle) -> kind; RDX rights`: what the handle names.
    HandleInfo = 3,
    /// `(ptr SystemInfo)`: facts about the machine that every program may know. No handle.
    SystemInfo = 4,
    /// `() -> nanoseconds`: the monotonic clock.
    ClockGet = 5,

    /// `(group, name ptr, name len) -> process`: an empty process in that group. CREATE.
    ProcessCreate = 10,
    /// `(process, memory, offset, len, address, flags MapFlags) -> address`: maps whole pages; address 0
    /// lets the kernel choose. Process WRITE; memory MAP and READ/WRITE/EXECUTE as the flags ask.
    /// Process [`crate::Handle::NONE`] means the caller's own.
    ProcessMap = 11,
    /// `(process, address, len)`: unmaps whole pages. Process WRITE, or NONE for the caller.
    ProcessUnmap = 12,
    /// `(process, handle) -> value in process`: moves a handle into the process, for its first
    /// thread's argument. Process WRITE; handle TRANSFER.
    ProcessGive = 13,
    /// `(process, code)`: ends the process. CONTROL.
    ProcessKill = 14,
    /// `(code)`: ends the calling process. Does not return.
    ProcessExit = 15,
    /// `(process, ptr ProcessInfo)`: state, exit code or fault, resource use. READ.
    ProcessInfo = 16,

    /// `(process, entry, stack, argument) -> thread`: starts a thread with RIP = entry, RSP = stack,
    /// RDI = argument. Process CREATE, or NONE for the caller.
    ThreadCreate = 20,
    /// `()`: ends the calling thread; the process ends with its last one. Does not return.
    ThreadExit = 21,
    /// `(thread, mask ptr, mask len)`: the CPUs it may run on, one bit each. CONTROL; NONE = the caller.
    ThreadSetAffinity = 22,
    /// `()`: lets another thread of the same CPU run.
    ThreadYield = 23,
    /// `(address, expected u32, deadline)`: sleeps while the aligned 32-bit word holds `expected`, until
    /// woken. `WouldBlock` if it holds something else, `TimedOut`. May wake without cause.
    FutexWait = 24,
    /// `(address, count) -> woken`: wakes sleepers on that word of the calling process.
    FutexWake = 25,

    /// `(group, len, flags MemoryFlags) -> memory`: zero-filled, made of pages on first touch. CREATE.
    MemoryCreate = 30,
    /// `(memory, offset, len, group) -> memory`: a copy-on-write clone of whole pages. Memory READ; group CREATE.
    MemoryClone = 31,
    /// `(memory, offset, ptr, len)`: copies out without mapping. READ.
    MemoryRead = 32,
    /// `(memory, offset, ptr, len)`: copies in without mapping. WRITE.
    MemoryWrite = 33,
    /// `(memory, operation MemoryOperation, offset, len) -> pages`: commits, gives back or tracks pages. WRITE.
    MemoryControl = 34,
    /// `(memory, offset, len, bitmap ptr, bitmap len) -> dirty pages`: one bit per 4 KiB page written
    /// since the last call; clears what it reports. READ. Tracking must be on.
    MemoryDirty = 35,
    /// `(memory, ptr MemoryInfo)`: size and pages in use. READ.
    MemoryInfo = 36,
    /// `(system, host physical address, len, flags) -> memory`: device memory (never RAM the kernel
    /// owns); flags 0 = uncached, 1 = write-combining. CREATE.
    MemoryPhysical = 37,

    /// `() -> handle; RDX handle`: the two ends of a channel.
    ChannelCreate = 40,
    /// `(channel, ptr, len, handles ptr, handle count)`: sends; the handles move. WRITE; each handle TRANSFER.
    /// `WouldBlock` while the peer's queue is full.
    ChannelWrite = 41,
    /// `(channel, ptr, len, handles ptr, handle capacity) -> bytes; RDX handles`: receives one message. READ.
    /// `BufferTooSmall` leaves the message in place.
    ChannelRead = 42,

    /// `() -> port`
    PortCreate = 50,
    /// `(port, handle, signals, key) `: delivers these [`crate::Signals`] of the object as packets with
    /// `key`; replaces an earlier binding of the same object. Handle WAIT; port WRITE. What is already
    /// true is delivered at once. `signals` 0 removes the binding.
    PortBind = 51,
    /// `(port, packets ptr, packet capacity, deadline) -> packets`: waits for at least one. READ.
    PortWait = 52,
    /// `() -> event`
    EventCreate = 53,
    /// `(event)`: rings it. SIGNAL.
    EventSignal = 54,
    /// `() -> timer`
    TimerCreate = 55,
    /// `(timer, deadline, period)`: fires at `deadline` and then every `period` (0 = once);
    /// deadline `u64::MAX` disarms. WRITE.
    TimerSet = 56,

    /// `(group) -> guest`: an empty guest-physical address space. CREATE.
    GuestCreate = 60,
    /// `(guest, memory, offset, len, gpa, flags GuestMapFlags)`: maps whole pages into the guest. Guest
    /// WRITE; memory MAP.
    GuestMap = 61,
    /// `(guest, gpa, len)`: unmaps whole pages. WRITE.
    GuestUnmap = 62,
    /// `(guest, kind DoorbellKind, address, len, event)`: a guest write to the port or address rings the
    /// event instead of leaving `vcpu_run`. Guest WRITE; event SIGNAL. Event NONE removes it.
    GuestDoorbell = 63,
    /// `(guest, MSI address, MSI data)`: delivers a message-signalled interrupt (Intel SDM vol. 3, 11.11). With delivery
    /// mode 7 (ExtINT) it tells the level of the PIC's output instead: bit 14 of the data = asserted; see
    /// [`crate::ExitKind::InterruptAcknowledge`]. SIGNAL.
    GuestInterrupt = 64,
    /// `(guest, APIC id, page address) -> vcpu`: a vCPU that belongs to the calling thread; its
    /// [`crate::VcpuPage`] is mapped at that address of the caller. Guest CREATE. vCPU 0 starts
    /// runnable, the others wait for INIT and SIPI.
    VcpuCreate = 65,
    /// `()`: runs the calling thread's vCPU until something needs the VMM; the page says what.
    /// All vector registers are lost.
    VcpuRun = 66,
    /// `(vcpu)`: makes `vcpu_run` return with [`crate::ExitKind::Kicked`] soon. SIGNAL.
    VcpuKick = 67,
    /// `(kind StateKind, ptr, len) -> bytes`: reads state of the calling thread's vCPU.
    VcpuRead = 68,
    /// `(kind StateKind, ptr, len)`: replaces state of the calling thread's vCPU. What hardware would
    /// refuse is `BadArgument`.
    VcpuWrite = 69,
    /// `(vcpu, ptr VcpuStats)`: exits by kind and times. READ.
    VcpuStats = 70,

    /// `(system, global interrupt number, flags) -> interrupt`: flags bit 0 level-triggered, bit 1 active low.
    /// ISA IRQs are named by the number that the firmware's overrides give them when bit 2 is set. CREATE.
    InterruptCreate = 80,
    /// `(interrupt)`: unmasks the line after it was delivered. WRITE.
    InterruptAck = 81,
    /// `(system, first port, count) -> io range`: x86 I/O ports, never ones that the kernel drives. CREATE.
    IoCreate = 82,
    /// `(io range, port, size) -> value`: reads 1, 2 or 4 bytes. READ.
    IoRead = 83,
    /// `(io range, port, size, value)`: WRITE.
    IoWrite = 84,

    /// `(parent, ptr GroupLimits) -> group`: a group below `parent`. CREATE.
    GroupCreate = 90,
    /// `(group, ptr GroupLimits)`: changes its limits. CONTROL.
    GroupSet = 91,
    /// `(group, ptr GroupInfo)`: what it uses. READ.
    GroupInfo = 92,

    /// `(ptr, len)`: adds a line to the kernel's log. At most 1024 bytes; control characters are
    /// replaced. No handle: every program may speak, the kernel says who did.
    LogWrite = 100,
    /// `(log, sequence, ptr, len) -> bytes; RDX next sequence`: text from a position on. READ.
    LogRead = 101,
    /// `(log, on)`: whether the kernel copies the log to serial line and screen itself. The
    /// console takes it over; a panic always prints. CONTROL.
    LogEcho = 102,

    /// `(system, action PowerAction)`: turns the machine off or resets it. CONTROL. Does not return.
    SystemPower = 110,
    /// `(system, ptr SystemStats)`: READ.
    SystemStats = 111,
}

impl Syscall {
    /// Every call, in numeric order.
    pub const ALL: [Syscall; 60] = [
        Syscall::HandleClose,
        Syscall::HandleDuplicate,
        Syscall::HandleInfo,
        Syscall::SystemInfo,
        Syscall::ClockGet,
        Syscall::ProcessCreate,
        Syscall::ProcessMap,
        Syscall::ProcessUnmap,
        Syscall::ProcessGive,
        Syscall::ProcessKill,
        Syscall::ProcessExit,
        Syscall::ProcessInfo,
        Syscall::ThreadCreate,
        Syscall::ThreadExit,
        Syscall::ThreadSetAffinity,
        Syscall::ThreadYield,
        Syscall::FutexWait,
        Syscall::FutexWake,
        Syscall::MemoryCreate,
        Syscall::MemoryClone,
        Syscall::MemoryRead,
        Syscall::MemoryWrite,
        Syscall::MemoryControl,
        Syscall::MemoryDirty,
        Syscall::MemoryInfo,
        Syscall::MemoryPhysical,
        Syscall::ChannelCreate,
        Syscall::ChannelWrite,
        Syscall::ChannelRead,
        Syscall::PortCreate,
        Syscall::PortBind,
        Syscall::PortWait,
        Syscall::EventCreate,
        Syscall::EventSignal,
        Syscall::TimerCreate,
        Syscall::TimerSet,
        Syscall::GuestCreate,
        Syscall::GuestMap,
        Syscall::GuestUnmap,
        Syscall::GuestDoorbell,
        Syscall::GuestInterrupt,
        Syscall::VcpuCreate,
        Syscall::VcpuRun,
        Syscall::VcpuKick,
        Syscall::VcpuRead,
        Syscall::VcpuWrite,
        Syscall::VcpuStats,
        Syscall::InterruptCreate,
        Syscall::InterruptAck,
        Syscall::IoCreate,
        Syscall::IoRead,
        Syscall::IoWrite,
        Syscall::GroupCreate,
        Syscall::GroupSet,
        Syscall::GroupInfo,
        Syscall::LogWrite,
        Syscall::LogRead,
        Syscall::LogEcho,
        Syscall::SystemPower,
        Syscall::SystemStats,
    ];

    /// The call with this number. A table lookup: it stands on the path of every call.
    pub const fn from_raw(raw: u64) -> Option<Self> {
        const SLOTS: usize = 128;
        const BY_NUMBER: [Option<Syscall>; SLOTS] = {
            let mut table = [None; SLOTS];
            let mut index = 0;
            while index < Syscall::ALL.len() {
                let call = Syscall::ALL[index];
                table[call as usize] = Some(call);
                index += 1;
            }
            table
        };
        if raw < SLOTS as u64 { BY_NUMBER[raw as usize] } else { None }
    }
}

bitflags! {
    /// How [`Syscall::ProcessMap`] maps.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct MapFlags: u64 {
        /// The program may read.
        const READ = 1 << 0;
        /// The program may write; never together with EXECUTE.
        const WRITE = 1 << 1;
        /// The program may execute; never together with WRITE.
        const EXECUTE = 1 << 2;
        /// `address` is binding: `Exists` if something is mapped there.
        const FIXED = 1 << 3;
    }

    /// How [`Syscall::GuestMap`] maps.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct GuestMapFlags: u64 {
        /// The guest may write.
        const WRITE = 1 << 0;
        /// The guest may execute.
        const EXECUTE = 1 << 1;
    }

    /// What [`Syscall::MemoryCreate`] makes.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct MemoryFlags: u64 {
        /// Use 2 MiB pages on first touch where memory allows.
        const LARGE_PAGES = 1 << 0;
        /// Use 1 GiB pages on first touch where memory allows.
        const HUGE_PAGES = 1 << 1;
    }
}

/// What [`Syscall::MemoryControl`] does to a range of pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum MemoryOperation {
    /// Makes all pages now.
    Commit = 1,
    /// Gives the pages back; they read as zero again.
    Decommit = 2,
    /// Starts dirty tracking of the whole object (offset and length are ignored).
    TrackStart = 3,
    /// Ends dirty tracking.
    TrackStop = 4,
}

impl MemoryOperation {
    /// The operation with this number.
    pub const fn from_raw(raw: u64) -> Option<Self> {
        Some(match raw {
            1 => MemoryOperation::Commit,
            2 => MemoryOperation::Decommit,
            3 => MemoryOperation::TrackStart,
            4 => MemoryOperation::TrackStop,
            _ => return None,
        })
    }
}

/// What [`Syscall::SystemPower`] does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum PowerAction {
    /// ACPI S5.
    Off = 1,
    /// The ACPI reset register, then the keyboard controller, then a triple fault.
    Reset = 2,
}

impl PowerAction {
    /// The action with this number.
    pub const fn from_raw(raw: u64) -> Option<Self> {
        Some(match raw {
            1 => PowerAction::Off,
            2 => PowerAction::Reset,
            _ => return None,
        })
    }
}
