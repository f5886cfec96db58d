//! Facts and figures that the kernel reports. All structures are `repr(C)`, little-endian,
//! without padding that carries meaning.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The weight of a group that asks for nothing special.
pub const WEIGHT_DEFAULT: u32 = 100;

/// What every program may know about the machine.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SystemInfo {
    /// TSC ticks per second.
    pub tsc_hz: u64,
    /// TSC value at monotonic time 0: always 0.
    pub tsc_start: u64,
    /// Monotonic nanoseconds = ((TSC - `tsc_start`) * `tsc_multiplier`) >> 32.
    pub tsc_multiplier: u64,
    /// Processors in use.
    pub cpus: u64,
    /// RAM that the kernel manages, in bytes.
    pub memory_bytes: u64,
    /// Framebuffer: host physical address (0 = no screen).
    pub framebuffer_address: u64,
    /// Width in pixels.
    pub framebuffer_width: u32,
    /// Height in pixels.
    pub framebuffer_height: u32,
    /// Bytes from one line to the next.
    pub framebuffer_stride: u32,
    /// Bits per pixel (32), or 16 for VGA text cells at 80x25.
    pub framebuffer_bits: u32,
    /// I/O port of the serial line that the log uses (0 = none).
    pub serial_port: u32,
    /// Processor vendor: 1 AMD-V, 2 Intel VT-x, 0 no virtualisation.
    pub virtualization: u32,
    /// Size in bytes of the XSAVE area that `StateKind::Xsave` reads and writes.
    pub xsave_bytes: u32,
    /// The largest guest-physical address has so many bits.
    pub guest_address_bits: u32,
    /// XCR0 bits that a guest may set.
    pub guest_xcr0: u64,
    /// `GUEST_*` bits: what guests may have of this processor that its own CPUID does not tell.
    pub guest_features: u64,
    /// Build id of the kernel, ASCII, zero-padded.
    pub build_id: [u8; 40],
}

/// [`SystemInfo::guest_features`]: XSAVES and XRSTORS work in guests, without supervisor components.
pub const GUEST_XSAVES: u64 = 1 << 0;
/// [`SystemInfo::guest_features`]: a guest's TSC can have a rate of its own ([`crate::StateKind::TscRate`]).
pub const GUEST_TSC_RATE: u64 = 1 << 1;

/// Limits of a group.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct GroupLimits {
    /// Share of contended CPU time, relative to the other groups; 1 to 10,000.
    pub weight: u32,
    /// Most CPU time, in thousandths of one processor; 0 = no cap.
    pub cap_milli: u32,
    /// CPU time that it gets whatever the others want, in thousandths of one processor.
    pub reservation_milli: u32,
    /// Must be 0.
    pub reserved: u32,
    /// Most memory in bytes, kernel objects included; 0 = no limit of its own.
    pub memory_bytes: u64,
}

impl Default for GroupLimits {
    fn default() -> Self {
        Self { weight: WEIGHT_DEFAULT, cap_milli: 0, reservation_milli: 0, reserved: 0, memory_bytes: 0 }
    }
}

/// What a group uses.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct GroupInfo {
    /// CPU time used by its threads, nanoseconds.
    pub cpu_ns: u64,
    /// Time its threads were runnable but not running, nanoseconds.
    pub wait_ns: u64,
    /// Memory in bytes: pages of its memory objects.
    pub memory_bytes: u64,
    /// Memory in bytes: kernel objects and page tables on its behalf.
    pub kernel_bytes: u64,
    /// Its limits now.
    pub limits: GroupLimits,
}

/// State of a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum ProcessState {
    /// No thread has run yet.
    New = 0,
    /// At least one thread lives.
    Running = 1,
    /// Ended by itself; `code` is what it said.
    Exited = 2,
    /// Ended by `ProcessKill`; `code` is what the killer said.
    Killed = 3,
    /// Ended by a processor fault; the `fault_*` fields say which.
    Faulted = 4,
}

impl ProcessState {
    /// The state with this number.
    pub const fn from_raw(raw: u32) -> Option<Self> {
        Some(match raw {
            0 => ProcessState::New,
            1 => ProcessState::Running,
            2 => ProcessState::Exited,
            3 => ProcessState::Killed,
            4 => ProcessState::Faulted,
            _ => return None,
        })
    }
}

/// What the kernel knows of a process.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ProcessInfo {
    /// A [`ProcessState`] as a number.
    pub state: u32,
    /// Threads alive.
    pub threads: u32,
    /// Exit code.
    pub code: i64,
    /// Processor exception vector.
    pub fault_vector: u32,
    /// Its error code.
    pub fault_code: u32,
    /// RIP at the fault.
    pub fault_rip: u64,
    /// CR2 for page faults.
    pub fault_address: u64,
    /// CPU time used, nanoseconds.
    pub cpu_ns: u64,
}

/// What the kernel knows of a memory object.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct MemoryInfo {
    /// Size in bytes.
    pub bytes: u64,
    /// Bytes in pages of its own.
    pub committed_bytes: u64,
}

/// How often an exit kind happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub enum ExitCounter {
    /// Host interrupts.
    Interrupt = 0,
    /// CPUID.
    Cpuid = 1,
    /// RDMSR and WRMSR, x2APIC registers included.
    Msr = 2,
    /// HLT.
    Halt = 3,
    /// Port I/O returned to the VMM.
    Port = 4,
    /// MMIO returned to the VMM.
    Mmio = 5,
    /// Local APIC page accesses.
    Apic = 6,
    /// First touch, copy-on-write, dirty tracking.
    Memory = 7,
    /// Doorbells.
    Doorbell = 8,
    /// Hypercalls.
    Hypercall = 9,
    /// Interrupt and NMI windows.
    Window = 10,
    /// Instructions that became a fault in the guest.
    Fault = 11,
    /// PAUSE loops.
    Pause = 12,
    /// Everything else.
    Other = 13,
}

impl ExitCounter {
    /// How many counters there are.
    pub const COUNT: usize = 14;
}

/// Figures of one vCPU.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct VcpuStats {
    /// Exits by [`ExitCounter`].
    pub exits: [u64; ExitCounter::COUNT],
    /// `vcpu_run` returns to the VMM.
    pub returns: u64,
    /// Interrupts injected, but for those that hardware took without ring 0.
    pub injected: u64,
    /// CPU time, nanoseconds.
    pub cpu_ns: u64,
    /// Time runnable but not running, nanoseconds ("steal").
    pub wait_ns: u64,
}

/// Figures of the machine.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SystemStats {
    /// RAM that the kernel manages, bytes.
    pub memory_bytes: u64,
    /// Of that, free.
    pub free_bytes: u64,
    /// Of that, used by ring 0 (image, heap, page tables, frame table).
    pub kernel_bytes: u64,
    /// Of that, pages of memory objects.
    pub object_bytes: u64,
    /// Of that, the boot bundle.
    pub bundle_bytes: u64,
    /// Timer interrupts taken, all CPUs.
    pub timer_interrupts: u64,
    /// Wake-up interrupts between CPUs.
    pub cross_interrupts: u64,
    /// Device interrupts.
    pub device_interrupts: u64,
    /// Thread switches.
    pub switches: u64,
    /// Times a CPU left idle.
    pub idle_exits: u64,
    /// Idle time of all CPUs, nanoseconds.
    pub idle_ns: u64,
    /// Monotonic time of this reading.
    pub now_ns: u64,
    /// Guest exits by [`ExitCounter`], all vCPUs that ever ran.
    pub exits: [u64; ExitCounter::COUNT],
    /// TSC ticks from kernel entry to the first guest entry (0 = none yet).
    pub first_guest_ticks: u64,
}
