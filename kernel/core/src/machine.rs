//! What the kernel needs of a processor and its board.
//!
//! Everything in this crate is generic over [`Machine`]; `kernel_arch` implements it for x86-64
//! and the tests implement it on Linux. The functions have no receiver: they act on the
//! processor that calls them. Interrupts are off whenever code of this crate runs; the machine
//! takes them only inside of [`Machine::enter_user`], `VirtualCpu::enter`, [`Machine::idle`]
//! and [`Machine::open_interrupt_window`].

use crate::kernel::Kernel;
use crate::memory::Frames;
use crate::vcpu::AnyVcpu;
use abi::{PowerAction, SystemInfo};
use base_units::Hpa;

/// Processors that one kernel drives at the most.
pub const CPUS_MAX: usize = 64;

/// A processor and its board, as the kernel drives them.
pub trait Machine: Sized + Send + Sync + 'static {
    /// A virtual processor: [`crate::vcpu::Vcpu`] on this machine's hardware, or an enum where the hardware
    /// is known at run time only.
    type Vcpu: AnyVcpu<Self>;
    /// FPU, SSE and AVX state of a thread or a guest.
    type Extended: ExtendedState;

    /// What all processors share.
    fn kernel() -> &'static Kernel<Self>;
    /// The frame allocator of this machine.
    fn frames() -> &'static Frames<Self>;

    /// The index of the calling processor, below [`CPUS_MAX`] and below [`Machine::cpu_count`].
    fn cpu() -> usize;
    /// Processors that are up.
    fn cpu_count() -> usize;

    /// The time stamp counter. All processors agree on it.
    fn ticks() -> u64;
    /// Scales ticks to nanoseconds. The monotonic clock is the scaled TSC (0 = TSC 0), so this serves for
    /// durations and for points in time.
    fn ticks_to_ns(ticks: u64) -> u64;
    /// Scales nanoseconds to ticks, rounding up; saturates at `u64::MAX`.
    fn ns_to_ticks(ns: u64) -> u64;
    /// Asks for a [`HostInterrupt::Timer`] on this processor at or soon after `deadline` (ticks), or never.
    /// A deadline that has passed fires at once.
    fn arm_timer(deadline: Option<u64>);

    /// Makes another processor leave ring 3, its guest or idle with [`HostInterrupt::Notify`].
    fn notify(cpu: usize);
    /// The same for a processor that runs the guest of a vCPU to which an interrupt was posted
    /// ([`crate::vcpu::Posted`]). Hardware that can takes the interrupt instead of leaving the guest.
    fn notify_guest(cpu: usize);
    /// Waits until an interrupt has arrived. Returns with interrupts off.
    fn idle();
    /// Lets pending interrupts arrive now (after a guest left because of one).
    fn open_interrupt_window();
    /// The next interrupt that has arrived on this processor and was not yet taken.
    fn take_interrupt() -> Option<HostInterrupt>;
    /// Called in each turn of a spin loop.
    fn relax();

    /// Routes global interrupt `line` to this machine's processors as [`HostInterrupt::Device`] with
    /// that number, masked. `None` if there is no such line or the kernel uses it.
    fn route_interrupt(line: u32, mode: InterruptMode) -> Option<()>;
    /// Lets a routed line interrupt (again). It masks itself when it arrives.
    fn unmask_interrupt(line: u32);
    /// Stops a routed line.
    fn mask_interrupt(line: u32);

    /// Reads `buffer.len()` bytes from RAM at `address`; stays within one 4 KiB frame.
    fn read_memory(address: Hpa, buffer: &mut [u8]);
    /// Writes bytes to RAM at `address`; stays within one 4 KiB frame.
    fn write_memory(address: Hpa, bytes: &[u8]);
    /// Fills 4 KiB pages with zeros: `pages` of them from `address` (4 KiB aligned) on.
    fn zero_pages(address: Hpa, pages: u64);
    /// Copies one 4 KiB frame.
    fn copy_page(to: Hpa, from: Hpa);

    /// Maps the 2 MiB of RAM at `block` for ring 0 to keep its own objects in. Called once for each block, when
    /// the frame allocator turns it over to the kernel, with the allocator's lock held.
    fn map_kernel_block(block: Hpa);
    /// Reads entry `index` (below 512) of the page table at `table`, a kernel frame.
    fn read_entry(table: Hpa, index: usize) -> u64;
    /// Writes entry `index` (below 512) of the page table at `table`, a kernel frame.
    fn write_entry(table: Hpa, index: usize, entry: u64);
    /// Fills in the entries of a new top-level process table that map the kernel itself (upper half).
    fn share_kernel_half(root: Hpa);
    /// Whether tables of processes and of guests may map pages of 1 GiB.
    fn has_huge_pages() -> bool {
        true
    }
    /// Runs with this process table from now on. `flush`: forget all cached user translations.
    fn activate_table(root: Hpa, flush: bool);
    /// Runs with the kernel's own table from now on, which maps nothing for ring 3.
    fn activate_kernel_table();
    /// A shared reference to the vCPU page in this kernel frame.
    fn vcpu_page(frame: Hpa) -> &'static abi::VcpuPage;

    /// Runs ring 3 with these registers on the active table until something happens.
    fn enter_user(registers: &mut UserRegisters) -> UserExit;

    /// Reads an I/O port; `size` is 1, 2 or 4.
    fn read_port(port: u16, size: u8) -> u32;
    /// Writes an I/O port; `size` is 1, 2 or 4.
    fn write_port(port: u16, size: u8, value: u32);
    /// Whether ring 3 may drive these ports: never the kernel's own (PIC, its reset and PCI configuration ports).
    fn is_port_free(first: u16, count: u16) -> bool;
    /// Whether ring 3 may map this physical range as device memory: no RAM of ours, no APIC.
    fn is_device_memory(start: Hpa, bytes: u64) -> bool;

    /// Writes log text to the serial line and the screen.
    fn print(text: &str);
    /// Turns the machine off or resets it.
    fn power(action: PowerAction) -> !;
    /// Facts for [`abi::Syscall::SystemInfo`].
    fn system_info() -> SystemInfo;
}

/// How a device interrupts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InterruptMode {
    /// Level-triggered instead of edge-triggered.
    pub is_level: bool,
    /// Active low instead of active high.
    pub is_active_low: bool,
    /// The number is an ISA IRQ, to be translated by the firmware's overrides (which then also decide the
    /// two fields above).
    pub is_isa: bool,
}

/// An interrupt that arrived on a processor. It is acknowledged already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HostInterrupt {
    /// The processor's own timer.
    Timer,
    /// Another processor called [`Machine::notify`].
    Notify,
    /// A routed line; it is masked now.
    Device(u32),
}

/// The registers of a ring-3 thread, as the entry code keeps them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct UserRegisters {
    /// RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8 to R15: in encoding order.
    pub gpr: [u64; 16],
    /// Instruction pointer. Always canonical and in the lower half: [`UserRegisters::new`] and the
    /// entry code see to that.
    pub rip: u64,
    /// Flags; IF is always set, IOPL always 0.
    pub rflags: u64,
    /// 0 = it left by SYSCALL (RCX and R11 are free), 1 = all registers matter.
    pub full_restore: u64,
    /// Base of FS.
    pub fs_base: u64,
}

impl UserRegisters {
    /// The start of a thread.
    pub fn new(entry: u64, stack: u64, argument: u64) -> Self {
        let mut gpr = [0; 16];
        gpr[abi::GPR_RSP] = stack;
        gpr[abi::GPR_RDI] = argument;
        Self { gpr, rip: entry, rflags: 0x202, full_restore: 1, fs_base: 0 }
    }
}

/// Why ring 3 was left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UserExit {
    /// SYSCALL: number in RAX, arguments in RDI, RSI, RDX, R10, R8, R9.
    Syscall,
    /// An interrupt; [`Machine::take_interrupt`] says which.
    Interrupt,
    /// A page fault.
    PageFault {
        /// CR2.
        address: u64,
        /// The processor's error code (bit 0 present, 1 write, 4 fetch).
        code: u32,
    },
    /// Any other exception.
    Fault {
        /// Vector.
        vector: u8,
        /// Error code or 0.
        code: u32,
    },
}

/// FPU, SSE and AVX state that can be put on the processor and taken off it.
pub trait ExtendedState: Send + Sized {
    /// A fresh state (all components in their initial configuration), or `None` without memory.
    fn new() -> Option<Self>;
    /// Puts it on the processor, with its own XCR0.
    fn load(&self);
    /// Takes it off the processor. Must be what is loaded.
    fn save(&mut self);
    /// Puts the initial state on the processor without touching this area.
    fn load_initial();
    /// The XCR0 that goes with it.
    fn xcr0(&self) -> u64;
    /// Changes XCR0; the caller has checked it. Takes effect at the next `load`.
    fn set_xcr0(&mut self, value: u64);
    /// Takes note of an XCR0 that a guest set without an exit, while its state is on the processor; whether it did.
    /// Hardware always exits at XSETBV; an emulator may not.
    fn adopt_xcr0(&mut self) -> bool {
        false
    }
    /// Copies the XSAVE area (standard format) out; returns the bytes written.
    fn read(&self, buffer: &mut [u8]) -> usize;
    /// Replaces the area; `false` if hardware would refuse it (reserved header bits, MXCSR).
    fn write(&mut self, bytes: &[u8]) -> bool;
}
