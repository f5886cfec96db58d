//! Intel VT-x: the fields and bits of the virtual machine control structure (Intel SDM vol. 3, chapters 25 to 28,
//! appendices A to C).

/// Encodings of VMCS fields (appendix B).
pub mod field {
    /// Virtual-processor identifier.
    pub const VPID: u64 = 0x0000;
    /// The host's vector that says that an interrupt was posted to the guest.
    pub const POSTED_VECTOR: u64 = 0x0002;
    /// Selector of ES; the other segments follow in steps of 2: CS, SS, DS, FS, GS, LDTR, TR.
    pub const GUEST_SELECTORS: u64 = 0x0800;
    /// Requested and serviced interrupt: the highest vector of each in a byte.
    pub const INTERRUPT_STATUS: u64 = 0x0810;
    /// Where the next entry of the page-modification log goes.
    pub const WRITE_LOG_INDEX: u64 = 0x0812;
    /// Host selector of ES, then CS, SS, DS, FS, GS, TR in steps of 2.
    pub const HOST_ES: u64 = 0x0c00;
    /// Host selector of CS.
    pub const HOST_CS: u64 = 0x0c02;
    /// Host selector of SS.
    pub const HOST_SS: u64 = 0x0c04;
    /// Host selector of DS.
    pub const HOST_DS: u64 = 0x0c06;
    /// Host selector of FS.
    pub const HOST_FS: u64 = 0x0c08;
    /// Host selector of GS.
    pub const HOST_GS: u64 = 0x0c0a;
    /// Host selector of TR.
    pub const HOST_TR: u64 = 0x0c0c;
    /// Physical address of the MSR bitmap.
    pub const MSR_BITMAP: u64 = 0x2004;
    /// Guest TSC = TSC + this.
    pub const TSC_OFFSET: u64 = 0x2010;
    /// Physical address of the page-modification log.
    pub const WRITE_LOG: u64 = 0x200e;
    /// Physical address of the virtual-APIC page.
    pub const VIRTUAL_APIC: u64 = 0x2012;
    /// Physical address of the posted-interrupt descriptor.
    pub const POSTED_DESCRIPTOR: u64 = 0x2016;
    /// EPT pointer.
    pub const EPT_POINTER: u64 = 0x201a;
    /// Which vectors' ends exit: the first of four words, in steps of 2.
    pub const EOI_EXITS: u64 = 0x201c;
    /// Which ENCLS leaves exit.
    pub const ENCLS_BITMAP: u64 = 0x202e;
    /// Which supervisor components make XSAVES and XRSTORS exit.
    pub const XSAVES_BITMAP: u64 = 0x202c;
    /// Guest TSC = TSC * this + offset.
    pub const TSC_MULTIPLIER: u64 = 0x2032;
    /// Which ENCLV leaves exit.
    pub const ENCLV_BITMAP: u64 = 0x2036;
    /// Guest-physical address of an EPT violation.
    pub const GUEST_PHYSICAL: u64 = 0x2400;
    /// VMCS link pointer; all ones without a shadow VMCS.
    pub const LINK: u64 = 0x2800;
    /// Guest's IA32_DEBUGCTL.
    pub const GUEST_DEBUGCTL: u64 = 0x2802;
    /// Guest's IA32_PAT.
    pub const GUEST_PAT: u64 = 0x2804;
    /// Guest's IA32_EFER.
    pub const GUEST_EFER: u64 = 0x2806;
    /// First of the guest's four page-directory-pointer entries, in steps of 2.
    pub const GUEST_PDPTE0: u64 = 0x280a;
    /// Host's IA32_PAT.
    pub const HOST_PAT: u64 = 0x2c00;
    /// Host's IA32_EFER.
    pub const HOST_EFER: u64 = 0x2c02;
    /// Pin-based controls.
    pub const PIN_CONTROLS: u64 = 0x4000;
    /// Primary processor-based controls.
    pub const PRIMARY_CONTROLS: u64 = 0x4002;
    /// Exceptions that exit.
    pub const EXCEPTION_BITMAP: u64 = 0x4004;
    /// Page-fault error code mask.
    pub const PAGE_FAULT_MASK: u64 = 0x4006;
    /// Page-fault error code match.
    pub const PAGE_FAULT_MATCH: u64 = 0x4008;
    /// CR3-target values in use.
    pub const CR3_TARGETS: u64 = 0x400a;
    /// VM-exit controls.
    pub const EXIT_CONTROLS: u64 = 0x400c;
    /// MSRs stored at exits.
    pub const EXIT_MSR_STORES: u64 = 0x400e;
    /// MSRs loaded at exits.
    pub const EXIT_MSR_LOADS: u64 = 0x4010;
    /// VM-entry controls.
    pub const ENTRY_CONTROLS: u64 = 0x4012;
    /// MSRs loaded at entries.
    pub const ENTRY_MSR_LOADS: u64 = 0x4014;
    /// The event that an entry delivers.
    pub const ENTRY_EVENT: u64 = 0x4016;
    /// Its error code.
    pub const ENTRY_ERROR_CODE: u64 = 0x4018;
    /// The length of the instruction that raised it.
    pub const ENTRY_LENGTH: u64 = 0x401a;
    /// TPR threshold.
    pub const TPR_THRESHOLD: u64 = 0x401c;
    /// Secondary processor-based controls.
    pub const SECONDARY_CONTROLS: u64 = 0x401e;
    /// Ticks between two PAUSEs of one loop.
    pub const PAUSE_GAP: u64 = 0x4020;
    /// Ticks that a loop of PAUSEs may last.
    pub const PAUSE_WINDOW: u64 = 0x4022;
    /// Why a VMX instruction failed.
    pub const INSTRUCTION_ERROR: u64 = 0x4400;
    /// Exit reason.
    pub const EXIT_REASON: u64 = 0x4402;
    /// The exception or interrupt that exited.
    pub const EXIT_EVENT: u64 = 0x4404;
    /// The event whose delivery the exit broke off.
    pub const BROKEN_EVENT: u64 = 0x4408;
    /// Its error code.
    pub const BROKEN_ERROR_CODE: u64 = 0x440a;
    /// The length of the instruction that exited.
    pub const INSTRUCTION_LENGTH: u64 = 0x440c;
    /// Limit of ES; the other segments follow in steps of 2.
    pub const GUEST_LIMITS: u64 = 0x4800;
    /// Limit of the guest's GDT.
    pub const GUEST_GDT_LIMIT: u64 = 0x4810;
    /// Limit of the guest's IDT.
    pub const GUEST_IDT_LIMIT: u64 = 0x4812;
    /// Access rights of ES; the other segments follow in steps of 2.
    pub const GUEST_RIGHTS: u64 = 0x4814;
    /// What holds interrupts back.
    pub const INTERRUPTIBILITY: u64 = 0x4824;
    /// Activity state.
    pub const ACTIVITY: u64 = 0x4826;
    /// Guest's SYSENTER_CS.
    pub const GUEST_SYSENTER_CS: u64 = 0x482a;
    /// VMX-preemption timer.
    pub const PREEMPTION_TIMER: u64 = 0x482e;
    /// Host's SYSENTER_CS.
    pub const HOST_SYSENTER_CS: u64 = 0x4c00;
    /// CR0 bits that the host owns.
    pub const CR0_MASK: u64 = 0x6000;
    /// CR4 bits that the host owns.
    pub const CR4_MASK: u64 = 0x6002;
    /// What the guest reads in CR0 bits that the host owns.
    pub const CR0_SHADOW: u64 = 0x6004;
    /// What the guest reads in CR4 bits that the host owns.
    pub const CR4_SHADOW: u64 = 0x6006;
    /// Details of an exit.
    pub const QUALIFICATION: u64 = 0x6400;
    /// Guest's CR0.
    pub const GUEST_CR0: u64 = 0x6800;
    /// Guest's CR3.
    pub const GUEST_CR3: u64 = 0x6802;
    /// Guest's CR4.
    pub const GUEST_CR4: u64 = 0x6804;
    /// Base of ES; the other segments follow in steps of 2.
    pub const GUEST_BASES: u64 = 0x6806;
    /// Base of the guest's GDT.
    pub const GUEST_GDT_BASE: u64 = 0x6816;
    /// Base of the guest's IDT.
    pub const GUEST_IDT_BASE: u64 = 0x6818;
    /// Guest's DR7.
    pub const GUEST_DR7: u64 = 0x681a;
    /// Guest's RSP.
    pub const GUEST_RSP: u64 = 0x681c;
    /// Guest's RIP.
    pub const GUEST_RIP: u64 = 0x681e;
    /// Guest's RFLAGS.
    pub const GUEST_RFLAGS: u64 = 0x6820;
    /// Debug exceptions that wait.
    pub const PENDING_DEBUG: u64 = 0x6822;
    /// Guest's SYSENTER_ESP.
    pub const GUEST_SYSENTER_ESP: u64 = 0x6824;
    /// Guest's SYSENTER_EIP.
    pub const GUEST_SYSENTER_EIP: u64 = 0x6826;
    /// Host's CR0.
    pub const HOST_CR0: u64 = 0x6c00;
    /// Host's CR3.
    pub const HOST_CR3: u64 = 0x6c02;
    /// Host's CR4.
    pub const HOST_CR4: u64 = 0x6c04;
    /// Host's base of FS.
    pub const HOST_FS_BASE: u64 = 0x6c06;
    /// Host's base of GS.
    pub const HOST_GS_BASE: u64 = 0x6c08;
    /// Host's base of TR.
    pub const HOST_TR_BASE: u64 = 0x6c0a;
    /// Base of the host's GDT.
    pub const HOST_GDT_BASE: u64 = 0x6c0c;
    /// Base of the host's IDT.
    pub const HOST_IDT_BASE: u64 = 0x6c0e;
    /// Host's SYSENTER_ESP.
    pub const HOST_SYSENTER_ESP: u64 = 0x6c10;
    /// Host's SYSENTER_EIP.
    pub const HOST_SYSENTER_EIP: u64 = 0x6c12;
    /// RSP after an exit.
    pub const HOST_RSP: u64 = 0x6c14;
    /// RIP after an exit.
    pub const HOST_RIP: u64 = 0x6c16;
}

/// Pin-based controls (25.6.1).
pub mod pin {
    /// Host interrupts end the guest.
    pub const INTERRUPT_EXIT: u32 = 1 << 0;
    /// NMIs end the guest.
    pub const NMI_EXIT: u32 = 1 << 3;
    /// The processor keeps account of the guest's own NMIs.
    pub const VIRTUAL_NMIS: u32 = 1 << 5;
    /// The VMX-preemption timer runs.
    pub const PREEMPTION_TIMER: u32 = 1 << 6;
    /// The processor takes posted interrupts.
    pub const POSTED: u32 = 1 << 7;
}

/// Primary processor-based controls (25.6.2).
pub mod primary {
    /// Exit when the guest can take an interrupt.
    pub const INTERRUPT_WINDOW: u32 = 1 << 2;
    /// The TSC offset counts.
    pub const TSC_OFFSETTING: u32 = 1 << 3;
    /// HLT exits.
    pub const HLT: u32 = 1 << 7;
    /// INVLPG exits.
    pub const INVLPG: u32 = 1 << 9;
    /// MWAIT exits.
    pub const MWAIT: u32 = 1 << 10;
    /// RDPMC exits.
    pub const RDPMC: u32 = 1 << 11;
    /// RDTSC and RDTSCP exit.
    pub const RDTSC: u32 = 1 << 12;
    /// Writes of CR3 exit.
    pub const CR3_LOAD: u32 = 1 << 15;
    /// Reads of CR3 exit.
    pub const CR3_STORE: u32 = 1 << 16;
    /// Writes of CR8 exit.
    pub const CR8_LOAD: u32 = 1 << 19;
    /// CR8 lives in the virtual-APIC page.
    pub const TPR_SHADOW: u32 = 1 << 21;
    /// Exit when the guest can take an NMI.
    pub const NMI_WINDOW: u32 = 1 << 22;
    /// Moves to and from debug registers exit.
    pub const MOV_DR: u32 = 1 << 23;
    /// All port accesses exit.
    pub const ALL_PORTS: u32 = 1 << 24;
    /// The MSR bitmap counts.
    pub const MSR_BITMAP: u32 = 1 << 28;
    /// MONITOR exits.
    pub const MONITOR: u32 = 1 << 29;
    /// The secondary controls count.
    pub const SECONDARY: u32 = 1 << 31;
}

/// Secondary processor-based controls (25.6.2).
pub mod secondary {
    /// Extended page tables.
    pub const EPT: u32 = 1 << 1;
    /// RDTSCP and RDPID exist.
    pub const RDTSCP: u32 = 1 << 3;
    /// Accesses to x2APIC MSRs go to the virtual-APIC page.
    pub const VIRTUAL_X2APIC: u32 = 1 << 4;
    /// Translations carry a virtual-processor identifier.
    pub const VPID: u32 = 1 << 5;
    /// WBINVD exits.
    pub const WBINVD: u32 = 1 << 6;
    /// The guest may run without paging and protection.
    pub const UNRESTRICTED: u32 = 1 << 7;
    /// Reads of APIC registers go to the virtual-APIC page.
    pub const APIC_REGISTERS: u32 = 1 << 8;
    /// Interrupts are delivered and ended as the virtual-APIC page says.
    pub const INTERRUPT_DELIVERY: u32 = 1 << 9;
    /// Loops of PAUSE exit.
    pub const PAUSE_LOOP: u32 = 1 << 10;
    /// INVPCID exists.
    pub const INVPCID: u32 = 1 << 12;
    /// ENCLS exits as its bitmap says.
    pub const ENCLS: u32 = 1 << 15;
    /// XSAVES and XRSTORS exist.
    pub const XSAVES: u32 = 1 << 20;
    /// Pages that become dirty are logged.
    pub const WRITE_LOG: u32 = 1 << 17;
    /// The TSC multiplier counts.
    pub const TSC_SCALING: u32 = 1 << 25;
    /// ENCLV exits as its bitmap says.
    pub const ENCLV: u32 = 1 << 28;
}

/// VM-exit controls (25.7.1).
pub mod exit_control {
    /// Save DR7 and IA32_DEBUGCTL.
    pub const SAVE_DEBUG: u32 = 1 << 2;
    /// The host runs in 64-bit mode.
    pub const HOST_64_BIT: u32 = 1 << 9;
    /// A host interrupt that ends the guest is acknowledged: [`super::field::EXIT_EVENT`] has its vector.
    pub const ACKNOWLEDGE: u32 = 1 << 15;
    /// Save IA32_PAT.
    pub const SAVE_PAT: u32 = 1 << 18;
    /// Load IA32_PAT.
    pub const LOAD_PAT: u32 = 1 << 19;
    /// Save IA32_EFER.
    pub const SAVE_EFER: u32 = 1 << 20;
    /// Load IA32_EFER.
    pub const LOAD_EFER: u32 = 1 << 21;
}

/// VM-entry controls (25.8.1).
pub mod entry_control {
    /// Load DR7 and IA32_DEBUGCTL.
    pub const LOAD_DEBUG: u32 = 1 << 2;
    /// The guest is in IA-32e mode.
    pub const GUEST_64_BIT: u32 = 1 << 9;
    /// Load IA32_PAT.
    pub const LOAD_PAT: u32 = 1 << 14;
    /// Load IA32_EFER.
    pub const LOAD_EFER: u32 = 1 << 15;
}

/// Exit reasons (appendix C). Bit 31 is set where the entry failed.
pub mod exit {
    /// The entry failed.
    pub const ENTRY_FAILURE: u32 = 1 << 31;
    /// An exception or an NMI.
    pub const EXCEPTION: u32 = 0;
    /// A host interrupt.
    pub const INTERRUPT: u32 = 1;
    /// Triple fault.
    pub const TRIPLE_FAULT: u32 = 2;
    /// INIT.
    pub const INIT: u32 = 3;
    /// SIPI.
    pub const SIPI: u32 = 4;
    /// SMI in an I/O instruction.
    pub const IO_SMI: u32 = 5;
    /// Another SMI.
    pub const OTHER_SMI: u32 = 6;
    /// The guest can take an interrupt.
    pub const INTERRUPT_WINDOW: u32 = 7;
    /// The guest can take an NMI.
    pub const NMI_WINDOW: u32 = 8;
    /// Task switch.
    pub const TASK_SWITCH: u32 = 9;
    /// CPUID.
    pub const CPUID: u32 = 10;
    /// GETSEC.
    pub const GETSEC: u32 = 11;
    /// HLT.
    pub const HLT: u32 = 12;
    /// INVD.
    pub const INVD: u32 = 13;
    /// RDPMC.
    pub const RDPMC: u32 = 15;
    /// RSM.
    pub const RSM: u32 = 17;
    /// VMCALL.
    pub const VMCALL: u32 = 18;
    /// VMCLEAR, the first of the VMX instructions; VMXON is the last.
    pub const VMCLEAR: u32 = 19;
    /// VMXON.
    pub const VMXON: u32 = 27;
    /// A control register.
    pub const CONTROL_REGISTER: u32 = 28;
    /// A debug register.
    pub const DEBUG_REGISTER: u32 = 29;
    /// A port.
    pub const PORT: u32 = 30;
    /// RDMSR.
    pub const READ_MSR: u32 = 31;
    /// WRMSR.
    pub const WRITE_MSR: u32 = 32;
    /// The entry failed: guest state.
    pub const BAD_GUEST_STATE: u32 = 33;
    /// MWAIT.
    pub const MWAIT: u32 = 36;
    /// MONITOR.
    pub const MONITOR: u32 = 39;
    /// PAUSE.
    pub const PAUSE: u32 = 40;
    /// TPR below the threshold.
    pub const TPR_BELOW: u32 = 43;
    /// The end of an interrupt that exits.
    pub const END_OF_INTERRUPT: u32 = 45;
    /// EPT violation.
    pub const EPT_VIOLATION: u32 = 48;
    /// EPT misconfiguration.
    pub const EPT_MISCONFIGURED: u32 = 49;
    /// INVEPT.
    pub const INVEPT: u32 = 50;
    /// The preemption timer has run out.
    pub const PREEMPTION_TIMER: u32 = 52;
    /// INVVPID.
    pub const INVVPID: u32 = 53;
    /// WBINVD or WBNOINVD.
    pub const WBINVD: u32 = 54;
    /// XSETBV.
    pub const XSETBV: u32 = 55;
    /// INVPCID.
    pub const INVPCID: u32 = 58;
    /// VMFUNC.
    pub const VMFUNC: u32 = 59;
    /// ENCLS.
    pub const ENCLS: u32 = 60;
    /// The page-modification log is full.
    pub const LOG_FULL: u32 = 62;
    /// XSAVES.
    pub const XSAVES: u32 = 63;
    /// XRSTORS.
    pub const XRSTORS: u32 = 64;
    /// PCONFIG.
    pub const PCONFIG: u32 = 65;
    /// UMWAIT.
    pub const UMWAIT: u32 = 67;
    /// TPAUSE.
    pub const TPAUSE: u32 = 68;
    /// ENCLV.
    pub const ENCLV: u32 = 70;
}

/// Events, as entries deliver them and exits report them (25.8.3, 25.9.2).
pub mod event {
    /// There is one.
    pub const VALID: u32 = 1 << 31;
    /// It has an error code.
    pub const HAS_ERROR_CODE: u32 = 1 << 11;
    /// In what an exit reports: the exit came in an IRET that had ended the block of NMIs.
    pub const NMI_UNBLOCKED: u32 = 1 << 12;
    /// Shift of the type.
    pub const TYPE_SHIFT: u32 = 8;
    /// External interrupt.
    pub const EXTERNAL: u32 = 0;
    /// Non-maskable interrupt.
    pub const NMI: u32 = 2;
    /// Hardware exception.
    pub const EXCEPTION: u32 = 3;
    /// INT n.
    pub const SOFTWARE: u32 = 4;
    /// INT1.
    pub const PRIVILEGED: u32 = 5;
    /// INT3 or INTO.
    pub const SOFTWARE_EXCEPTION: u32 = 6;
}

/// What holds interrupts back (25.4.2).
pub mod interruptibility {
    /// STI.
    pub const STI: u64 = 1 << 0;
    /// A load of SS.
    pub const LOAD_SS: u64 = 1 << 1;
    /// An NMI is being handled.
    pub const NMI: u64 = 1 << 3;
}

/// Details of an EPT violation (28.2.1, table 28-7).
pub mod violation {
    /// A write.
    pub const WRITE: u64 = 1 << 1;
    /// An instruction fetch.
    pub const FETCH: u64 = 1 << 2;
    /// It came in an IRET that had ended the block of NMIs.
    pub const NMI_UNBLOCKED: u64 = 1 << 12;
}

/// Access rights: the segment is unusable (25.4.1).
pub const RIGHTS_UNUSABLE: u32 = 1 << 16;
/// Pending debug exceptions: single step (25.4.2).
pub const PENDING_STEP: u64 = 1 << 14;

/// EPT pointer (25.6.11): write-back, four levels.
pub const EPT_POINTER_BITS: u64 = 6 | 3 << 3;
/// EPT pointer: accessed and dirty bits are kept.
pub const EPT_POINTER_DIRTY: u64 = 1 << 6;

/// Bits below the point of the TSC multiplier (25.6.5).
pub const TSC_FRACTION_BITS: u32 = 48;

/// Capability MSRs (appendix A).
pub mod capability {
    /// Revision, size of the structures, and whether the TRUE capabilities exist.
    pub const BASIC: u32 = 0x480;
    /// Pin-based controls.
    pub const PIN: u32 = 0x481;
    /// Primary controls.
    pub const PRIMARY: u32 = 0x482;
    /// Exit controls.
    pub const EXIT: u32 = 0x483;
    /// Entry controls.
    pub const ENTRY: u32 = 0x484;
    /// Miscellaneous.
    pub const MISC: u32 = 0x485;
    /// CR4 bits that must be 1.
    pub const CR4_FIXED0: u32 = 0x488;
    /// CR4 bits that may be 1.
    pub const CR4_FIXED1: u32 = 0x489;
    /// Secondary controls.
    pub const SECONDARY: u32 = 0x48b;
    /// EPT and VPID.
    pub const EPT_VPID: u32 = 0x48c;
    /// From the TRUE capabilities to the others.
    pub const TRUE_DISTANCE: u32 = 0x48d - 0x481;

    /// BASIC: the TRUE capabilities exist.
    pub const BASIC_HAS_TRUE: u64 = 1 << 55;
    /// BASIC: the revision.
    pub const BASIC_REVISION: u64 = 0x7fff_ffff;
    /// MISC: the preemption timer counts each time this bit of the TSC changes.
    pub const MISC_TIMER_SHIFT: u64 = 0x1f;
    /// MISC: entries may deliver software interrupts of length 0.
    pub const MISC_ZERO_LENGTH: u64 = 1 << 30;

    /// EPT_VPID: page walks of four levels.
    pub const EPT_FOUR_LEVELS: u64 = 1 << 6;
    /// EPT_VPID: write-back tables.
    pub const EPT_WRITE_BACK: u64 = 1 << 14;
    /// EPT_VPID: pages of 2 MiB.
    pub const EPT_LARGE: u64 = 1 << 16;
    /// EPT_VPID: pages of 1 GiB.
    pub const EPT_HUGE: u64 = 1 << 17;
    /// EPT_VPID: INVEPT exists.
    pub const INVEPT: u64 = 1 << 20;
    /// EPT_VPID: accessed and dirty bits.
    pub const EPT_DIRTY: u64 = 1 << 21;
    /// EPT_VPID: INVEPT of one table.
    pub const INVEPT_SINGLE: u64 = 1 << 25;
    /// EPT_VPID: INVVPID exists.
    pub const INVVPID: u64 = 1 << 32;
    /// EPT_VPID: INVVPID of one identifier.
    pub const INVVPID_SINGLE: u64 = 1 << 41;
}

/// Types of INVEPT and INVVPID (chapter 31).
pub mod invalidate {
    /// One table, or one identifier.
    pub const SINGLE: u64 = 1;
    /// All.
    pub const ALL: u64 = 2;
}

/// FEATURE_CONTROL: it cannot be changed any more.
pub const FEATURE_LOCKED: u64 = 1 << 0;
/// FEATURE_CONTROL: VMXON is allowed.
pub const FEATURE_VMXON: u64 = 1 << 2;
