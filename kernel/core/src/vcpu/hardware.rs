//! The seam between the run loop and AMD-V or VT-x.
//!
//! A backend keeps the guest's processor state where its hardware wants it and says why the
//! guest was left in the terms below. It decides nothing: every policy is on this side.

use super::shared::VcpuShared;
use crate::machine::Machine;
use abi::{SegmentState, TaskSwitchCause, VcpuPage};
use alloc::sync::Arc;
use base_units::{Gpa, Hpa};

/// A hardware virtual processor.
///
/// Having one proves that its control block exists and that its guest state is one that the
/// last setter left; the run loop checks values before it sets them (`validate`).
pub trait VirtualCpu<M: Machine>: Sized + Send {
    /// Makes one that translates guest-physical addresses with the table at `root`; `None` without memory.
    /// Its registers are those after RESET.
    fn new(root: Hpa) -> Option<Self>;
    /// What this processor's virtualisation can do. The same on all processors of the machine.
    fn facts() -> Facts;

    /// Makes the control block the calling processor's, so that it can be read and written here until the thread leaves
    /// ring 0. [`VirtualCpu::load`] does it too; needed before anything else is called outside of a run.
    fn attach(&mut self) {}
    /// Prepares the calling processor for guest `guest` (a number that is never used twice): barriers
    /// between guests, address-space tags, registers that stay loaded between entries. Until
    /// [`VirtualCpu::unload`] no interrupt arrives but in the guest, even an NMI.
    fn load(&mut self, guest: u64);
    /// Ends what [`VirtualCpu::load`] began; the thread leaves its guest or the processor. Return predictions that
    /// the guest may have planted are gone then: between `load` and here no function returns that was called before the
    /// guest ran ([`VirtualCpu::enter`] is inlined). If the exit has acknowledged a host interrupt, it arrives here.
    fn unload(&mut self);
    /// Runs the guest until it exits. General registers are taken from `page` and put there. Returns with
    /// interrupts off; a host interrupt that ended the guest has not arrived yet.
    fn enter(&mut self, page: &VcpuPage);
    /// Why the guest was left, once after each [`VirtualCpu::enter`]: calls one of the handler's two functions with
    /// it. In this form, inlined, decoding and handling a frequent exit are one jump.
    fn with_exit<H: ExitHandler<Self>>(handler: &mut H);

    /// Instruction pointer.
    fn rip(&self) -> u64;
    /// Sets the instruction pointer and nothing else.
    fn set_rip(&mut self, rip: u64);
    /// Goes on at `rip` after an instruction: ends the interrupt shadow; returns the flags.
    fn advance(&mut self, rip: u64) -> u64;
    /// Whether [`VirtualCpu::next_rip`] always knows: the hardware says how long an instruction is that exited.
    const KNOWS_LENGTH: bool = false;
    /// The address after the instruction that exited, where the hardware gives it.
    fn next_rip(&self) -> Option<u64>;
    /// Bytes at RIP for a memory exit, where the hardware gives them: how many, and two words of them.
    fn instruction_bytes(&self) -> Option<(u32, [u64; 2])>;
    /// Flags.
    fn rflags(&self) -> u64;
    /// Sets the flags.
    fn set_rflags(&mut self, rflags: u64);
    /// Whether interrupts are held back for one instruction (after STI or a load of SS).
    fn has_shadow(&self) -> bool;
    /// Sets or ends the interrupt shadow.
    fn set_shadow(&mut self, has_shadow: bool);
    /// Current privilege level.
    fn cpl(&self) -> u8;

    /// CR0 as the guest sees it.
    fn cr0(&self) -> u64;
    /// Sets CR0 to a valid value.
    fn set_cr0(&mut self, value: u64);
    /// CR2.
    fn cr2(&self) -> u64;
    /// Sets CR2.
    fn set_cr2(&mut self, value: u64);
    /// CR3.
    fn cr3(&self) -> u64;
    /// Sets CR3 to a valid value.
    fn set_cr3(&mut self, value: u64);
    /// CR4.
    fn cr4(&self) -> u64;
    /// Sets CR4 to a valid value.
    fn set_cr4(&mut self, value: u64);
    /// The task priority that the guest last wrote, as CR8 (0 to 15).
    fn cr8(&self) -> u8;
    /// Sets CR8.
    fn set_cr8(&mut self, value: u8);
    /// EFER as the guest sees it (no SVME).
    fn efer(&self) -> u64;
    /// Sets EFER to a valid value.
    fn set_efer(&mut self, value: u64);

    /// A segment register with its hidden part.
    fn segment(&self, segment: Segment) -> SegmentState;
    /// Sets a segment register.
    fn set_segment(&mut self, segment: Segment, state: SegmentState);
    /// Only the base of a segment register: cheaper than [`VirtualCpu::segment`].
    fn segment_base(&self, segment: Segment) -> u64;
    /// GDTR.
    fn gdt(&self) -> DescriptorTable;
    /// Sets GDTR.
    fn set_gdt(&mut self, table: DescriptorTable);
    /// IDTR.
    fn idt(&self) -> DescriptorTable;
    /// Sets IDTR.
    fn set_idt(&mut self, table: DescriptorTable);

    /// DR0 to DR3, DR6 or DR7 (`index` 0 to 3, 6, 7; others read 0).
    fn debug(&self, index: u8) -> u64;
    /// Sets a debug register to a valid value.
    fn set_debug(&mut self, index: u8, value: u64);
    /// An MSR that the hardware holds for the guest; `None` if it is none of those.
    fn msr(&self, number: u32) -> Option<u64>;
    /// Sets an MSR that the hardware holds to a valid value; `None` if it is none of those.
    fn set_msr(&mut self, number: u32, value: u64) -> Option<()>;
    /// Guest TSC = host TSC * multiplier + offset.
    fn set_tsc_offset(&mut self, offset: u64);
    /// Sets the multiplier, with [`Facts::tsc_fraction_bits`] bits below the point; 1 at first.
    fn set_tsc_multiplier(&mut self, multiplier: u64) {
        let _ = multiplier;
    }

    /// Delivers `event` at the next entry, before the first instruction. One at a time.
    fn inject(&mut self, event: Event);
    /// The event that the next entry delivers: injected, or broken off by the last exit.
    fn injection(&self) -> Option<Event>;
    /// Forgets [`VirtualCpu::injection`].
    fn cancel_injection(&mut self);
    /// Offers an external interrupt: the guest takes it as soon as its IF and interrupt shadow allow,
    /// without an exit. `None` takes the offer back.
    fn offer_interrupt(&mut self, vector: Option<u8>);
    /// Whether the guest has taken the interrupt on offer since. False if none was offered.
    fn was_offer_taken(&self) -> bool;
    /// Hands the interrupts of a local APIC in x2APIC mode over: the hardware delivers and ends them and keeps the task
    /// priority, without exits, until they are taken back. Nothing is on offer meanwhile ([`Facts::keeps_interrupts`]).
    fn keep_interrupts(&mut self, interrupts: &Interrupts) {
        let _ = interrupts;
    }
    /// Takes them back. Called only while the hardware has them, as are the next two.
    fn take_interrupts(&mut self) -> Interrupts {
        Interrupts::default()
    }
    /// Requests more interrupts, of word `word` (below 4); `level` says which of the word's vectors are level-triggered.
    fn request_interrupts(&mut self, word: usize, requested: u64, level: u64) {
        let _ = (word, requested, level);
    }
    /// Whether an interrupt is requested that no priority holds back.
    fn has_interrupt(&self) -> bool {
        false
    }
    /// Hands over what others post to this vCPU, once and before the first run: the hardware may take the vectors itself while
    /// it has the interrupts and the guest runs ([`super::Posted`]).
    fn take_posts(&mut self, shared: &Arc<VcpuShared<M>>) {
        let _ = shared;
    }
    /// Exits with [`Exit::InterruptWindow`] as soon as the guest could take an external interrupt of any priority (its IF
    /// is set, no interrupt shadow, after an injected event), or no longer. Nothing is on offer meanwhile.
    fn watch_interrupt_window(&mut self, is_watched: bool);
    /// Exits with [`Exit::NmiWindow`] before the guest ends an NMI handler (IRET) or with
    /// [`Exit::NmiEnded`] after it, or no longer.
    fn watch_nmi_end(&mut self, is_watched: bool);
    /// Runs one instruction at the next entry, then exits with [`Exit::Stepped`]; or no longer.
    fn step(&mut self, is_wanted: bool);
    /// Exits when the guest writes CR8, or no longer.
    fn watch_cr8(&mut self, is_watched: bool);
    /// Forgets all cached translations of the guest's own tables before the next entry.
    fn flush_tlb(&mut self);
    /// Forgets all cached translations of guest-physical addresses before the next entry, and what was made with them.
    fn flush_memory(&mut self) {
        self.flush_tlb();
    }
    /// Logs each page that becomes dirty in the nested tables, from the next entry on ([`Facts::has_write_log`]). A full log
    /// exits with [`Exit::Retry`].
    fn log_writes(&mut self) {}
    /// Empties the log, handing out an address in each page.
    fn take_log(&mut self, note: impl FnMut(Gpa)) {
        let _ = note;
    }
}

/// A set of vectors: vector n is bit n % 64 of word n / 64.
pub type Vectors = [u64; 4];

/// The interrupts of a local APIC.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Interrupts {
    /// The APIC's id, which the hardware tells the guest meanwhile.
    pub id: u32,
    /// Requested.
    pub requested: Vectors,
    /// In service.
    pub in_service: Vectors,
    /// Level-triggered: their end exits with [`Exit::EndOfInterrupt`].
    pub level: Vectors,
    /// The task priority register.
    pub priority: u8,
}

/// Whoever has a hardware vCPU and takes its exits.
pub trait ExitHandler<V> {
    /// The hardware vCPU.
    fn hardware(&mut self) -> &mut V;
    /// Takes a frequent exit: instructions that are carried out in ring 0 or returned by a short path. To be inlined
    /// into each place that knows which one it is.
    fn handle_frequent(&mut self, exit: Exit);
    /// Takes any exit.
    fn handle(&mut self, exit: Exit);
}

/// What the processor's virtualisation can do, where the run loop cares.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// 1 AMD-V, 2 VT-x: as in [`abi::SystemInfo::virtualization`].
    pub vendor: u32,
    /// CR4 bits that exist.
    pub cr4_valid: u64,
    /// EFER bits that exist, without SVME.
    pub efer_valid: u64,
    /// XCR0 bits that a guest may set; 0 without XSAVE.
    pub xcr0_valid: u64,
    /// Bits of a physical address.
    pub physical_bits: u32,
    /// Bits below the point of [`VirtualCpu::set_tsc_multiplier`]; 0 = the TSC of guests has the host's rate.
    pub tsc_fraction_bits: u32,
    /// XSAVES and XRSTORS work in guests. There are no supervisor components: IA32_XSS is 0 here and there.
    pub has_xsaves: bool,
    /// The hardware can deliver and end a guest's interrupts itself ([`VirtualCpu::keep_interrupts`]).
    pub keeps_interrupts: bool,
    /// The hardware can log which pages the guest writes ([`VirtualCpu::log_writes`]).
    pub has_write_log: bool,
}

/// Segment registers, in the order of [`abi::RegisterState::segments`], then LDTR and TR.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Segment {
    /// ES.
    Es = 0,
    /// CS.
    Cs = 1,
    /// SS.
    Ss = 2,
    /// DS.
    Ds = 3,
    /// FS.
    Fs = 4,
    /// GS.
    Gs = 5,
    /// LDTR.
    Ldtr = 6,
    /// TR.
    Tr = 7,
}

impl Segment {
    /// The six that instructions name, in encoding order.
    pub const PROGRAM: [Segment; 6] =
        [Segment::Es, Segment::Cs, Segment::Ss, Segment::Ds, Segment::Fs, Segment::Gs];
}

/// GDTR or IDTR.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DescriptorTable {
    /// Linear address.
    pub base: u64,
    /// Limit in bytes, 16 bits.
    pub limit: u32,
}

/// Why the guest was left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// A host interrupt waits.
    Interrupt,
    /// CPUID.
    Cpuid,
    /// RDMSR.
    ReadMsr,
    /// WRMSR.
    WriteMsr,
    /// HLT.
    Halt,
    /// VMMCALL or VMCALL.
    Hypercall,
    /// IN, OUT, INS, OUTS.
    Port(PortAccess),
    /// A guest-physical access that the nested tables do not allow.
    Memory {
        /// Where.
        gpa: Gpa,
        /// What the guest wanted.
        access: MemoryAccess,
    },
    /// MOV from a control register, and the general register where the hardware says it.
    ReadControl {
        /// Control register number.
        control: u8,
        /// General register number.
        register: Option<u8>,
    },
    /// A write of a control register (MOV, or LMSW where `register` is `None` after all).
    WriteControl {
        /// Control register number.
        control: u8,
        /// General register number.
        register: Option<u8>,
    },
    /// MOV from a debug register.
    ReadDebug {
        /// Debug register number.
        debug: u8,
        /// General register number.
        register: Option<u8>,
    },
    /// MOV to a debug register.
    WriteDebug {
        /// Debug register number.
        debug: u8,
        /// General register number.
        register: Option<u8>,
    },
    /// XSETBV.
    Xsetbv,
    /// INVD or WBINVD: nothing to do but to go on after it.
    CacheFlush {
        /// The opcode's second byte: 08 INVD, 09 WBINVD.
        opcode: u8,
    },
    /// An instruction that does not exist for this guest: #UD.
    Undefined,
    /// An instruction that is not allowed to this guest: #GP(0).
    Refused,
    /// A loop of PAUSE instructions.
    Pause,
    /// The guest is about to end an NMI handler; nothing of IRET has happened.
    NmiWindow,
    /// The guest has ended an NMI handler: from hardware that keeps account of that itself, instead of
    /// [`Exit::NmiWindow`].
    NmiEnded,
    /// The guest can take an external interrupt ([`VirtualCpu::watch_interrupt_window`]).
    InterruptWindow,
    /// [`VirtualCpu::step`] is done.
    Stepped,
    /// The guest has ended a level-triggered interrupt that the hardware kept; it is past the instruction.
    EndOfInterrupt {
        /// Vector.
        vector: u8,
    },
    /// An exception that must be seen once to keep the guest from looping in hardware (#DB, #AC): goes back to
    /// the guest.
    Exception {
        /// Vector.
        vector: u8,
        /// Error code, for vectors that push one.
        error_code: Option<u32>,
    },
    /// Triple fault.
    Shutdown,
    /// A task switch, for the emulator. Of the causes the hardware does not tell `Event` from `SoftwareInterrupt`: it says
    /// `Event`, and [`VirtualCpu::injection`] has one or not.
    TaskSwitch {
        /// Selector of the new task state.
        selector: u16,
        /// Why.
        cause: TaskSwitchCause,
    },
    /// Nothing to do (SMI, INIT and machine checks are the host's business, done by the backend): enter again.
    Retry,
    /// The hardware refused to run this state, or an exit that nobody asked for.
    Failed {
        /// Hardware's reason.
        reason: u64,
        /// Hardware's qualification.
        qualification: u64,
    },
}

/// What a guest wanted from memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemoryAccess {
    /// To read.
    Read,
    /// To write.
    Write,
    /// To fetch an instruction.
    Fetch,
}

/// An access to an I/O port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PortAccess {
    /// Port number.
    pub port: u16,
    /// Bytes: 1, 2 or 4.
    pub size: u8,
    /// IN or INS.
    pub is_input: bool,
    /// INS or OUTS.
    pub is_string: bool,
    /// REP.
    pub is_repeated: bool,
    /// The instruction after it.
    pub next_rip: u64,
}

/// What kind of event enters the guest through its IDT.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum EventKind {
    /// An external interrupt.
    External = 0,
    /// A non-maskable interrupt.
    Nmi = 2,
    /// An exception.
    Exception = 3,
    /// INT n.
    Software = 4,
}

/// An event to be delivered to the guest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// What kind.
    pub kind: EventKind,
    /// Vector.
    pub vector: u8,
    /// Error code, for exceptions that push one.
    pub error_code: Option<u32>,
}

impl Event {
    /// #UD.
    pub const UNDEFINED: Event = Event::exception(6, None);
    /// #GP(0).
    pub const PROTECTION: Event = Event::exception(13, Some(0));
    /// A non-maskable interrupt.
    pub const NMI: Event = Event { kind: EventKind::Nmi, vector: 2, error_code: None };

    /// An exception.
    pub const fn exception(vector: u8, error_code: Option<u32>) -> Self {
        Self { kind: EventKind::Exception, vector, error_code }
    }

    /// The form of SVM's EXITINTINFO (AMD APM vol. 2, 15.7.2), which saved state uses too.
    pub const fn pack(self) -> u64 {
        let base = self.vector as u64 | (self.kind as u64) << 8 | 1 << 31;
        match self.error_code {
            Some(code) => base | 1 << 11 | (code as u64) << 32,
            None => base,
        }
    }

    /// Reads the packed form. `None` if it is not valid or no event that hardware takes.
    pub const fn unpack(raw: u64) -> Option<Self> {
        if raw & 1 << 31 == 0 || raw & 0x7fff_f000 != 0 {
            return None;
        }
        let vector = raw as u8;
        let kind = match raw >> 8 & 7 {
            0 => EventKind::External,
            2 if vector == 2 => EventKind::Nmi,
            3 if vector < 32 && vector != 2 => EventKind::Exception,
            4 => EventKind::Software,
            _ => return None,
        };
        let error_code = if raw & 1 << 11 != 0 { Some((raw >> 32) as u32) } else { None };
        Some(Self { kind, vector, error_code })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_survives_packing() {
        for event in [Event::UNDEFINED, Event::PROTECTION, Event::NMI] {
            assert_eq!(Event::unpack(event.pack()), Some(event));
        }
    }

    #[test]
    fn an_exception_with_an_interrupt_vector_is_no_event() {
        assert_eq!(Event::unpack(1 << 31 | 3 << 8 | 0xf0), None);
        assert_eq!(Event::unpack(3 << 8 | 6), None);
    }
}
