//! AMD-V: the virtual machine control block (AMD APM vol. 2, chapter 15 and appendices B and C).

/// Offsets in the control area of the VMCB.
pub mod control {
    /// Intercepts of CR reads (low half) and writes (high half).
    pub const INTERCEPT_CR: usize = 0x000;
    /// Intercepts of DR reads (low half) and writes (high half).
    pub const INTERCEPT_DR: usize = 0x004;
    /// Intercepts of exceptions.
    pub const INTERCEPT_EXCEPTION: usize = 0x008;
    /// First word of instruction intercepts.
    pub const INTERCEPT_FIRST: usize = 0x00c;
    /// Second word of instruction intercepts.
    pub const INTERCEPT_SECOND: usize = 0x010;
    /// Third word of instruction intercepts.
    pub const INTERCEPT_THIRD: usize = 0x014;
    /// Pause filter threshold (16 bits).
    pub const PAUSE_THRESHOLD: usize = 0x03c;
    /// Pause filter count (16 bits).
    pub const PAUSE_COUNT: usize = 0x03e;
    /// Physical address of the I/O permission map.
    pub const IOPM: usize = 0x040;
    /// Physical address of the MSR permission map.
    pub const MSRPM: usize = 0x048;
    /// Guest TSC = TSC + this.
    pub const TSC_OFFSET: usize = 0x050;
    /// Address-space identifier.
    pub const ASID: usize = 0x058;
    /// What to do to the TLB at VMRUN (8 bits).
    pub const TLB_CONTROL: usize = 0x05c;
    /// V_TPR, V_IRQ, priority, masking.
    pub const VIRTUAL_INTERRUPT: usize = 0x060;
    /// Vector of the virtual interrupt.
    pub const VIRTUAL_VECTOR: usize = 0x064;
    /// Interrupt shadow.
    pub const SHADOW: usize = 0x068;
    /// Exit code.
    pub const EXIT_CODE: usize = 0x070;
    /// First word of details.
    pub const EXIT_INFO_1: usize = 0x078;
    /// Second word of details.
    pub const EXIT_INFO_2: usize = 0x080;
    /// The event whose delivery the exit broke off.
    pub const EXIT_EVENT: usize = 0x088;
    /// Nested paging enable.
    pub const NESTED: usize = 0x090;
    /// Event to inject.
    pub const EVENT: usize = 0x0a8;
    /// Root of the nested table.
    pub const NESTED_ROOT: usize = 0x0b0;
    /// Which cached state is still right.
    pub const CLEAN: usize = 0x0c0;
    /// RIP of the next instruction.
    pub const NEXT_RIP: usize = 0x0c8;
    /// Number of instruction bytes, then the bytes.
    pub const INSTRUCTION: usize = 0x0d0;
}

/// Offsets in the state save area, from the start of the VMCB.
pub mod save {
    /// ES; then CS, SS, DS, FS, GS, GDTR, LDTR, IDTR, TR, 16 bytes each.
    pub const SEGMENTS: usize = 0x400;
    /// Current privilege level (8 bits).
    pub const CPL: usize = 0x4cb;
    /// EFER.
    pub const EFER: usize = 0x4d0;
    /// CR4.
    pub const CR4: usize = 0x548;
    /// CR3.
    pub const CR3: usize = 0x550;
    /// CR0.
    pub const CR0: usize = 0x558;
    /// DR7.
    pub const DR7: usize = 0x560;
    /// DR6.
    pub const DR6: usize = 0x568;
    /// RFLAGS.
    pub const RFLAGS: usize = 0x570;
    /// RIP.
    pub const RIP: usize = 0x578;
    /// RSP.
    pub const RSP: usize = 0x5d8;
    /// RAX.
    pub const RAX: usize = 0x5f8;
    /// STAR.
    pub const STAR: usize = 0x600;
    /// LSTAR.
    pub const LSTAR: usize = 0x608;
    /// CSTAR.
    pub const CSTAR: usize = 0x610;
    /// SFMASK.
    pub const SFMASK: usize = 0x618;
    /// KERNEL_GS_BASE.
    pub const KERNEL_GS_BASE: usize = 0x620;
    /// SYSENTER_CS.
    pub const SYSENTER_CS: usize = 0x628;
    /// SYSENTER_ESP.
    pub const SYSENTER_ESP: usize = 0x630;
    /// SYSENTER_EIP.
    pub const SYSENTER_EIP: usize = 0x638;
    /// CR2.
    pub const CR2: usize = 0x640;
    /// PAT.
    pub const PAT: usize = 0x668;
    /// DEBUGCTL.
    pub const DEBUG_CTL: usize = 0x670;
}

/// Bits of the instruction intercept words.
pub mod intercept {
    /// First word: physical interrupt.
    pub const INTR: u32 = 1 << 0;
    /// NMI.
    pub const NMI: u32 = 1 << 1;
    /// SMI.
    pub const SMI: u32 = 1 << 2;
    /// INIT.
    pub const INIT: u32 = 1 << 3;
    /// Virtual interrupt.
    pub const VINTR: u32 = 1 << 4;
    /// CR0 writes that change more than TS and MP.
    pub const CR0_SELECTIVE: u32 = 1 << 5;
    /// RDPMC.
    pub const RDPMC: u32 = 1 << 15;
    /// CPUID.
    pub const CPUID: u32 = 1 << 18;
    /// IRET.
    pub const IRET: u32 = 1 << 20;
    /// INVD.
    pub const INVD: u32 = 1 << 22;
    /// PAUSE.
    pub const PAUSE: u32 = 1 << 23;
    /// HLT.
    pub const HLT: u32 = 1 << 24;
    /// INVLPGA.
    pub const INVLPGA: u32 = 1 << 26;
    /// I/O ports, by the permission map.
    pub const IO: u32 = 1 << 27;
    /// MSRs, by the permission map.
    pub const MSR: u32 = 1 << 28;
    /// Task switch.
    pub const TASK_SWITCH: u32 = 1 << 29;
    /// Legacy FERR freeze.
    pub const FERR: u32 = 1 << 30;
    /// Shutdown.
    pub const SHUTDOWN: u32 = 1 << 31;

    /// Second word: VMRUN.
    pub const VMRUN: u32 = 1 << 0;
    /// VMMCALL.
    pub const VMMCALL: u32 = 1 << 1;
    /// VMLOAD.
    pub const VMLOAD: u32 = 1 << 2;
    /// VMSAVE.
    pub const VMSAVE: u32 = 1 << 3;
    /// STGI.
    pub const STGI: u32 = 1 << 4;
    /// CLGI.
    pub const CLGI: u32 = 1 << 5;
    /// SKINIT.
    pub const SKINIT: u32 = 1 << 6;
    /// WBINVD.
    pub const WBINVD: u32 = 1 << 9;
    /// MONITOR.
    pub const MONITOR: u32 = 1 << 10;
    /// MWAIT.
    pub const MWAIT: u32 = 1 << 11;
    /// MWAIT with an armed monitor.
    pub const MWAIT_ARMED: u32 = 1 << 12;
    /// XSETBV.
    pub const XSETBV: u32 = 1 << 13;
    /// RDPRU.
    pub const RDPRU: u32 = 1 << 14;

    /// Third word: INVLPGB, all forms.
    pub const INVLPGB: u32 = 1 << 0;
    /// INVLPGB, illegal forms.
    pub const INVLPGB_ILLEGAL: u32 = 1 << 1;
    /// MCOMMIT.
    pub const MCOMMIT: u32 = 1 << 3;
    /// TLBSYNC.
    pub const TLBSYNC: u32 = 1 << 4;
}

/// Exit codes.
pub mod exit {
    /// Read of CR0; CR1 to CR15 follow.
    pub const READ_CR0: u64 = 0x000;
    /// Write of CR0; CR1 to CR15 follow.
    pub const WRITE_CR0: u64 = 0x010;
    /// Read of DR0; DR1 to DR15 follow.
    pub const READ_DR0: u64 = 0x020;
    /// Write of DR0; DR1 to DR15 follow.
    pub const WRITE_DR0: u64 = 0x030;
    /// Exception 0; the others follow.
    pub const EXCEPTION_0: u64 = 0x040;
    /// Physical interrupt.
    pub const INTR: u64 = 0x060;
    /// NMI.
    pub const NMI: u64 = 0x061;
    /// SMI.
    pub const SMI: u64 = 0x062;
    /// INIT.
    pub const INIT: u64 = 0x063;
    /// Virtual interrupt.
    pub const VINTR: u64 = 0x064;
    /// CR0 write that changes more than TS and MP.
    pub const CR0_SELECTIVE: u64 = 0x065;
    /// RDPMC.
    pub const RDPMC: u64 = 0x06f;
    /// CPUID.
    pub const CPUID: u64 = 0x072;
    /// IRET.
    pub const IRET: u64 = 0x074;
    /// INVD.
    pub const INVD: u64 = 0x076;
    /// PAUSE.
    pub const PAUSE: u64 = 0x077;
    /// HLT.
    pub const HLT: u64 = 0x078;
    /// INVLPGA.
    pub const INVLPGA: u64 = 0x07a;
    /// I/O port.
    pub const IO: u64 = 0x07b;
    /// MSR.
    pub const MSR: u64 = 0x07c;
    /// Task switch.
    pub const TASK_SWITCH: u64 = 0x07d;
    /// FERR freeze.
    pub const FERR: u64 = 0x07e;
    /// Shutdown.
    pub const SHUTDOWN: u64 = 0x07f;
    /// VMRUN.
    pub const VMRUN: u64 = 0x080;
    /// VMMCALL.
    pub const VMMCALL: u64 = 0x081;
    /// VMLOAD; VMSAVE, STGI, CLGI and SKINIT follow.
    pub const VMLOAD: u64 = 0x082;
    /// SKINIT.
    pub const SKINIT: u64 = 0x086;
    /// WBINVD.
    pub const WBINVD: u64 = 0x089;
    /// MONITOR.
    pub const MONITOR: u64 = 0x08a;
    /// MWAIT.
    pub const MWAIT: u64 = 0x08b;
    /// MWAIT with an armed monitor.
    pub const MWAIT_ARMED: u64 = 0x08c;
    /// XSETBV.
    pub const XSETBV: u64 = 0x08d;
    /// RDPRU.
    pub const RDPRU: u64 = 0x08e;
    /// INVLPGB.
    pub const INVLPGB: u64 = 0x0a0;
    /// TLBSYNC.
    pub const TLBSYNC: u64 = 0x0a4;
    /// Nested page fault.
    pub const NESTED_FAULT: u64 = 0x400;
    /// Invalid guest state.
    pub const INVALID: u64 = u64::MAX;
}

/// Word [`control::VIRTUAL_INTERRUPT`]: a virtual interrupt waits.
pub const V_IRQ: u32 = 1 << 8;
/// Virtual interrupts: place of the priority.
pub const V_PRIORITY_SHIFT: u32 = 16;
/// Virtual interrupts: the priority.
pub const V_PRIORITY: u32 = 0xf << 16;
/// Virtual interrupts: IF of the guest masks virtual interrupts only.
pub const V_MASKING: u32 = 1 << 24;

/// [`control::TLB_CONTROL`]: flush everything.
pub const TLB_FLUSH_ALL: u8 = 1;
/// [`control::TLB_CONTROL`]: flush this guest.
pub const TLB_FLUSH_GUEST: u8 = 3;

/// Clean bits ([`control::CLEAN`]): state that the processor may take from its cache.
pub mod clean {
    /// Intercepts, TSC offset, pause filter.
    pub const INTERCEPTS: u32 = 1 << 0;
    /// IOPM and MSRPM.
    pub const PERMISSION_MAPS: u32 = 1 << 1;
    /// ASID.
    pub const ASID: u32 = 1 << 2;
    /// Virtual interrupt.
    pub const INTERRUPT: u32 = 1 << 3;
    /// Nested paging and PAT.
    pub const NESTED: u32 = 1 << 4;
    /// CR0, CR3, CR4, EFER.
    pub const CONTROL: u32 = 1 << 5;
    /// DR6, DR7.
    pub const DEBUG: u32 = 1 << 6;
    /// GDT, IDT.
    pub const TABLES: u32 = 1 << 7;
    /// CS, DS, SS, ES, CPL.
    pub const SEGMENTS: u32 = 1 << 8;
    /// CR2.
    pub const CR2: u32 = 1 << 9;
    /// All of them.
    pub const ALL: u32 = 0x3ff;
}

/// Features in EDX of CPUID leaf 0x8000_000a.
pub mod feature {
    /// Nested paging.
    pub const NESTED_PAGING: u32 = 1 << 0;
    /// RIP of the next instruction is saved.
    pub const NEXT_RIP: u32 = 1 << 3;
    /// VMCB clean bits.
    pub const CLEAN_BITS: u32 = 1 << 5;
    /// TLB flush of one guest.
    pub const FLUSH_BY_ASID: u32 = 1 << 6;
    /// Decode assists.
    pub const DECODE_ASSISTS: u32 = 1 << 7;
    /// Pause filter.
    pub const PAUSE_FILTER: u32 = 1 << 10;
    /// Pause filter threshold.
    pub const PAUSE_THRESHOLD: u32 = 1 << 12;
    /// Advanced virtual interrupt controller.
    pub const AVIC: u32 = 1 << 13;
    /// Virtual GIF.
    pub const VGIF: u32 = 1 << 16;
}
