//! The virtual processor as ring 3 sees it.

use bitflags::bitflags;
use core::sync::atomic::{AtomicU32, AtomicU64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Index of RAX in [`VcpuPage::gpr`]: registers stand in the order in which instructions encode them.
pub const GPR_RAX: usize = 0;
/// Index of RCX.
pub const GPR_RCX: usize = 1;
/// Index of RDX.
pub const GPR_RDX: usize = 2;
/// Index of RBX.
pub const GPR_RBX: usize = 3;
/// Index of RSP.
pub const GPR_RSP: usize = 4;
/// Index of RBP.
pub const GPR_RBP: usize = 5;
/// Index of RSI.
pub const GPR_RSI: usize = 6;
/// Index of RDI; R8 to R15 follow.
pub const GPR_RDI: usize = 7;

/// CPUID entries of one vCPU at the most.
pub const CPUID_ENTRIES_MAX: usize = 128;

/// The page that ring 0 and the VMM share for each vCPU (4 KiB, mapped in both).
///
/// `gpr` always holds the guest's general registers while the guest does not run: ring 0 loads
/// them from here and stores them here, nothing is copied. All other fields are written by ring
/// 0 when `vcpu_run` returns and are read by it only where `writeback` names them. All fields are
/// atomics so that both sides may look at any time without undefined behaviour; ring 0 reads
/// each at most once per use and trusts none.
#[repr(C, align(4096))]
pub struct VcpuPage {
    /// General registers in encoding order (RSP included).
    pub gpr: [AtomicU64; 16],
    /// Instruction pointer: of the instruction that caused the exit; for [`ExitKind::Port`] of the next one.
    pub rip: AtomicU64,
    /// Flags.
    pub rflags: AtomicU64,
    /// Why `vcpu_run` returned: an [`ExitKind`].
    pub exit_kind: AtomicU32,
    /// Bytes in `instruction` (0 = the processor gave none).
    pub instruction_bytes: AtomicU32,
    /// Details of the exit, as [`Exit`] names them.
    pub detail: [AtomicU64; 4],
    /// Control registers for walking the guest's page tables.
    pub cr0: AtomicU64,
    /// CR3.
    pub cr3: AtomicU64,
    /// CR4.
    pub cr4: AtomicU64,
    /// EFER.
    pub efer: AtomicU64,
    /// Segment bases: ES, CS, SS, DS, FS, GS.
    pub segment_base: [AtomicU64; 6],
    /// CS attributes (L and D bits) as in [`SegmentState::attributes`].
    pub cs_attributes: AtomicU32,
    /// Current privilege level.
    pub cpl: AtomicU32,
    /// Instruction bytes at RIP where the processor gives them.
    pub instruction: [AtomicU64; 2],
    /// What ring 0 takes over at the next `vcpu_run`: [`WritebackFlags`]. Ring 0 clears it.
    pub writeback: AtomicU32,
    /// Event to inject (with [`WritebackFlags::INJECT`]): an [`Injection`] packed by [`Injection::pack`].
    pub inject: AtomicU32,
    /// CR2 for an injected page fault.
    pub inject_address: AtomicU64,
}

bitflags! {
    /// Which fields of the page ring 0 takes over at the next `vcpu_run`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct WritebackFlags: u32 {
        /// `rip`, and the interrupt shadow ends.
        const RIP = 1 << 0;
        /// `rflags` (arithmetic flags, DF, and what else the emulated instruction changed).
        const RFLAGS = 1 << 1;
        /// `inject`.
        const INJECT = 1 << 2;
    }
}

/// An event that the VMM asks ring 0 to deliver to the guest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Injection {
    /// An exception (or, as vector 2, an NMI).
    Exception {
        /// Exception vector, 0 to 31.
        vector: u8,
        /// Error code, for vectors that push one.
        error_code: Option<u16>,
    },
    /// An interrupt that the PIC's acknowledgement gave this vector: the answer to
    /// [`ExitKind::InterruptAcknowledge`]. Should the guest not be able to take it after all, ring 0
    /// keeps it until it is.
    External {
        /// Vector.
        vector: u8,
    },
}

impl Injection {
    /// The form that [`VcpuPage::inject`] holds: vector in bits 7..0, "has error code" in bit 8, "external
    /// interrupt" in bit 9, error code in bits 31..16.
    pub const fn pack(self) -> u32 {
        match self {
            Injection::Exception { vector, error_code: Some(code) } => {
                vector as u32 | 1 << 8 | (code as u32) << 16
            }
            Injection::Exception { vector, error_code: None } => vector as u32,
            Injection::External { vector } => vector as u32 | 1 << 9,
        }
    }

    /// Reads the packed form; `None` if the vector is no exception, nor said to be an interrupt's.
    pub const fn unpack(raw: u32) -> Option<Self> {
        let vector = raw as u8;
        if raw & 1 << 9 != 0 {
            return Some(Injection::External { vector });
        }
        if vector >= 32 {
            return None;
        }
        let error_code = if raw & 1 << 8 != 0 { Some((raw >> 16) as u16) } else { None };
        Some(Injection::Exception { vector, error_code })
    }
}

/// Why `vcpu_run` returned, as a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum ExitKind {
    /// `vcpu_kick`.
    Kicked = 1,
    /// IN or OUT, INS or OUTS.
    Port = 2,
    /// An access to a guest-physical address where nothing (or nothing writable) is mapped.
    Mmio = 3,
    /// RDMSR or WRMSR that ring 0 does not know.
    Msr = 4,
    /// The guest acknowledged a level-triggered interrupt (EOI): for the I/O APIC.
    Eoi = 5,
    /// Shutdown (triple fault).
    Shutdown = 6,
    /// The guest is in a state that cannot be run; details are for the log.
    Failed = 7,
    /// The vCPU halts with interrupts off and nothing pending: only INIT, NMI or a kick can wake it.
    /// Reported once; `vcpu_run` then sleeps.
    HaltedForever = 8,
    /// A hypercall that ring 0 does not know; RAX is the number; answer in RAX. RIP is past it.
    Hypercall = 9,
    /// This vCPU is waiting for SIPI. Not reported; ring 0 sleeps. Reserved.
    WaitForSipi = 10,
    /// An instruction that ring 0 leaves to the emulator at RIP.
    Emulate = 11,
    /// The PIC's output is asserted (a message to [`crate::Syscall::GuestInterrupt`] with delivery mode ExtINT said so)
    /// and the guest takes an interrupt now: ask the PIC for its vector, inject that as [`Injection::External`],
    /// tell ring 0 what became of the output, and run again.
    InterruptAcknowledge = 12,
    /// A task switch. RIP is at the instruction that caused it, or where an event came.
    TaskSwitch = 13,
}

impl ExitKind {
    /// The kind with this number.
    pub const fn from_raw(raw: u32) -> Option<Self> {
        Some(match raw {
            1 => ExitKind::Kicked,
            2 => ExitKind::Port,
            3 => ExitKind::Mmio,
            4 => ExitKind::Msr,
            5 => ExitKind::Eoi,
            6 => ExitKind::Shutdown,
            7 => ExitKind::Failed,
            8 => ExitKind::HaltedForever,
            9 => ExitKind::Hypercall,
            10 => ExitKind::WaitForSipi,
            11 => ExitKind::Emulate,
            12 => ExitKind::InterruptAcknowledge,
            13 => ExitKind::TaskSwitch,
            _ => return None,
        })
    }
}

/// What the four words of [`VcpuPage::detail`] mean for each [`ExitKind`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// Nothing.
    Kicked,
    /// `detail[0]`: port. `detail[1]`: size in bytes (1, 2, 4) in bits 7..0, bit 8 = IN, bit 9 = string,
    /// bit 10 = REP. `detail[2]`: the value that OUT writes. RIP is past the instruction for plain IN and
    /// OUT (IN: put the value in RAX, upper bits kept for sizes 1 and 2, cleared for 4), at it for string forms.
    Port {
        /// Port number.
        port: u16,
        /// Bytes: 1, 2 or 4.
        size: u8,
        /// IN or INS.
        is_input: bool,
        /// INS or OUTS: emulate the instruction at RIP.
        is_string: bool,
        /// Value written.
        value: u32,
    },
    /// `detail[0]`: guest-physical address. `detail[1]`: bit 0 = write, bit 1 = fetch.
    Mmio {
        /// Guest-physical address.
        gpa: u64,
        /// The access was a write.
        is_write: bool,
    },
    /// `detail[0]`: MSR number. `detail[1]`: bit 0 = write. `detail[2]`: value written. RIP is at the
    /// instruction; the VMM sets RIP with [`WritebackFlags::RIP`] to `detail[3]` (the next one) or injects #GP.
    Msr {
        /// MSR number.
        number: u32,
        /// WRMSR.
        is_write: bool,
        /// Value written.
        value: u64,
        /// RIP of the next instruction.
        next_rip: u64,
    },
    /// `detail[0]`: vector.
    Eoi {
        /// Vector acknowledged.
        vector: u8,
    },
    /// Triple fault.
    Shutdown,
    /// `detail[0]`, `detail[1]`: what the hardware said.
    Failed {
        /// Hardware's reason.
        reason: u64,
        /// Hardware's qualification.
        qualification: u64,
    },
    /// See [`ExitKind::HaltedForever`].
    HaltedForever,
    /// See [`ExitKind::Hypercall`].
    Hypercall,
    /// `detail[0]`: the hardware's exit code.
    Emulate {
        /// Hardware's exit code.
        reason: u64,
    },
    /// See [`ExitKind::InterruptAcknowledge`].
    InterruptAcknowledge,
    /// `detail[0]`: selector. `detail[1]`: a [`TaskSwitchCause`]. `detail[2]`: the event's error code in bits 31..0, bit 32 =
    /// there is one. An event ([`TaskSwitchCause::Event`]) is in [`RegisterState::pending_event`] until that is replaced.
    TaskSwitch {
        /// Selector of the new task state.
        selector: u16,
        /// Why.
        cause: TaskSwitchCause,
        /// Error code for the new task's stack.
        error_code: Option<u32>,
    },
}

/// Why a task is switched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum TaskSwitchCause {
    /// CALL.
    Call = 0,
    /// IRET.
    InterruptReturn = 1,
    /// JMP.
    Jump = 2,
    /// A task gate, for an event that was being delivered.
    Event = 3,
    /// A task gate, for INT n, INT3 or INTO at RIP.
    SoftwareInterrupt = 4,
}

impl TaskSwitchCause {
    /// The cause with this number.
    pub const fn from_raw(raw: u64) -> Option<Self> {
        Some(match raw {
            0 => TaskSwitchCause::Call,
            1 => TaskSwitchCause::InterruptReturn,
            2 => TaskSwitchCause::Jump,
            3 => TaskSwitchCause::Event,
            4 => TaskSwitchCause::SoftwareInterrupt,
            _ => return None,
        })
    }
}

/// Which address space a doorbell is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum DoorbellKind {
    /// An I/O port.
    Port = 1,
    /// A guest-physical address.
    Memory = 2,
}

impl DoorbellKind {
    /// The kind with this number.
    pub const fn from_raw(raw: u64) -> Option<Self> {
        Some(match raw {
            1 => DoorbellKind::Port,
            2 => DoorbellKind::Memory,
            _ => return None,
        })
    }
}

/// Which state [`crate::Syscall::VcpuRead`] and [`crate::Syscall::VcpuWrite`] move.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum StateKind {
    /// [`RegisterState`].
    Registers = 1,
    /// [`ApicState`].
    Apic = 2,
    /// The XSAVE area in standard format, `SystemInfo::xsave_bytes` long.
    Xsave = 3,
    /// An array of [`MsrValue`]: written as given; read back for the numbers given.
    Msrs = 4,
    /// Write only: an array of [`CpuidEntry`], the whole CPUID table.
    Cpuid = 5,
    /// One `u64`: the guest-physical address of the KVM steal-time record (64-byte aligned), 0 = none.
    StealTime = 6,
    /// One `u64`: guest TSC = host TSC at the guest's rate + this (wrapping).
    TscOffset = 7,
    /// One `u64`: ticks per second of the guest's TSC; 0 = as many as the host's. Another rate is `Unsupported` without
    /// [`crate::GUEST_TSC_RATE`].
    TscRate = 8,
}

impl StateKind {
    /// The kind with this number.
    pub const fn from_raw(raw: u64) -> Option<Self> {
        Some(match raw {
            1 => StateKind::Registers,
            2 => StateKind::Apic,
            3 => StateKind::Xsave,
            4 => StateKind::Msrs,
            5 => StateKind::Cpuid,
            6 => StateKind::StealTime,
            7 => StateKind::TscOffset,
            8 => StateKind::TscRate,
            _ => return None,
        })
    }
}

/// A segment register with its hidden part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SegmentState {
    /// Selector.
    pub selector: u16,
    /// Type in bits 3..0, S 4, DPL 6..5, P 7, AVL 8, L 9, D/B 10, G 11 (AMD APM vol. 2, 15.5.1).
    pub attributes: u16,
    /// Limit in bytes.
    pub limit: u32,
    /// Base address.
    pub base: u64,
}

/// The registers of a vCPU that are not in [`VcpuPage::gpr`], and those that are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RegisterState {
    /// General registers in encoding order.
    pub gpr: [u64; 16],
    /// Instruction pointer.
    pub rip: u64,
    /// Flags.
    pub rflags: u64,
    /// ES, CS, SS, DS, FS, GS.
    pub segments: [SegmentState; 6],
    /// Local descriptor table.
    pub ldtr: SegmentState,
    /// Task register.
    pub tr: SegmentState,
    /// Global descriptor table: base and limit.
    pub gdt_base: u64,
    /// Interrupt descriptor table base.
    pub idt_base: u64,
    /// Limit of the GDT.
    pub gdt_limit: u32,
    /// Limit of the IDT.
    pub idt_limit: u32,
    /// Control registers.
    pub cr0: u64,
    /// Page fault address.
    pub cr2: u64,
    /// Page table base.
    pub cr3: u64,
    /// Extensions.
    pub cr4: u64,
    /// Task priority, bits 3..0.
    pub cr8: u64,
    /// Extended features; SVME is never shown nor taken.
    pub efer: u64,
    /// Extended control register 0.
    pub xcr0: u64,
    /// Debug registers DR0 to DR3, DR6, DR7.
    pub debug: [u64; 6],
    /// Bit 0: halted; bit 1: waiting for SIPI; bit 2: interrupt shadow; bit 3: NMIs blocked;
    /// bit 4: an NMI is pending.
    pub activity: u64,
    /// Event that was being delivered (SVM EXITINTINFO format, 0 = none).
    pub pending_event: u64,
}

/// The local APIC of a vCPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ApicState {
    /// IA32_APIC_BASE.
    pub base: u64,
    /// Nanoseconds until the timer fires (`u64::MAX` = not armed).
    pub timer_remaining_ns: u64,
    /// The guest's TSC deadline.
    pub tsc_deadline: u64,
    /// The register page as dwords at offsets 0x000, 0x010, ... 0x3F0 (64 registers).
    pub registers: [u32; 64],
}

/// One MSR.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct MsrValue {
    /// MSR number.
    pub number: u32,
    /// Zero.
    pub reserved: u32,
    /// Value.
    pub value: u64,
}

/// One line of a CPUID table.
///
/// Ring 0 patches what depends on the guest's state: OSXSAVE (leaf 1), the XSAVE sizes (leaf 0xD)
/// and the APIC enable bit (leaf 1). A leaf above the largest of its range answers as the
/// largest basic leaf, as Intel's and AMD's processors do; a missing one answers zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct CpuidEntry {
    /// EAX going in.
    pub leaf: u32,
    /// ECX going in, where `has_subleaf` is 1.
    pub subleaf: u32,
    /// 1 = the entry is for this subleaf only; 0 = for all.
    pub has_subleaf: u32,
    /// EAX coming out.
    pub eax: u32,
    /// EBX coming out.
    pub ebx: u32,
    /// ECX coming out.
    pub ecx: u32,
    /// EDX coming out.
    pub edx: u32,
}
