//! AMD-V: the virtual machine control block (AMD APM vol. 2, chapter 15 and appendices B and C).

use core::mem::offset_of;

/// Bytes of the control area.
const CONTROL_BYTES: usize = 0x400;

/// A virtual machine control block.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(4096))]
pub struct Vmcb {
    /// What the hypervisor wants and what it is told.
    pub control: Control,
    /// The guest's registers.
    pub save: Save,
}

/// The control area (appendix B, table B-1).
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Control {
    /// Intercepts of CR reads (low half) and writes (high half).
    pub intercept_cr: u32,
    /// Intercepts of DR reads (low half) and writes (high half).
    pub intercept_dr: u32,
    /// Intercepts of exceptions.
    pub intercept_exception: u32,
    /// First word of instruction intercepts.
    pub intercept_first: u32,
    /// Second word of instruction intercepts.
    pub intercept_second: u32,
    /// Third word of instruction intercepts.
    pub intercept_third: u32,
    reserved_018: [u8; 0x24],
    /// Pause filter threshold.
    pub pause_threshold: u16,
    /// Pause filter count.
    pub pause_count: u16,
    /// Physical address of the I/O permission map.
    pub io_permissions: u64,
    /// Physical address of the MSR permission map.
    pub msr_permissions: u64,
    /// Guest TSC = TSC + this.
    pub tsc_offset: u64,
    /// Address-space identifier.
    pub asid: u32,
    /// What to do to the TLB at VMRUN.
    pub tlb_control: u8,
    reserved_05d: [u8; 3],
    /// V_TPR, V_IRQ, priority, masking.
    pub virtual_interrupt: u32,
    /// Vector of the virtual interrupt.
    pub virtual_vector: u32,
    /// Bit 0: interrupt shadow.
    pub shadow: u64,
    /// Exit code.
    pub exit_code: u64,
    /// First word of details.
    pub exit_info_1: u64,
    /// Second word of details.
    pub exit_info_2: u64,
    /// The event whose delivery the exit broke off.
    pub exit_event: u64,
    /// Bit 0: nested paging.
    pub nested: u64,
    reserved_098: [u8; 0x10],
    /// Event to inject.
    pub event: u64,
    /// Root of the nested table.
    pub nested_root: u64,
    /// Bit 0: LBR virtualisation.
    pub branch_records: u64,
    /// Which cached state is still right.
    pub clean: u32,
    reserved_0c4: u32,
    /// RIP of the next instruction; 0 where there is none.
    pub next_rip: u64,
    /// Number of instruction bytes, then the bytes.
    pub instruction: [u8; 16],
    reserved_0e0: [u8; CONTROL_BYTES - 0xe0],
}

/// A segment register in the save area.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Segment {
    /// Selector.
    pub selector: u16,
    /// Type, S, DPL, P in bits 7..0; AVL, L, D, G in bits 11..8.
    pub attributes: u16,
    /// Limit in bytes.
    pub limit: u32,
    /// Base.
    pub base: u64,
}

/// The state save area (appendix B, table B-2).
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Save {
    /// ES, CS, SS, DS, FS, GS.
    pub segments: [Segment; 6],
    /// GDTR: base and limit only.
    pub gdtr: Segment,
    /// LDTR.
    pub ldtr: Segment,
    /// IDTR: base and limit only.
    pub idtr: Segment,
    /// TR.
    pub tr: Segment,
    reserved_0a0: [u8; 0x2b],
    /// Current privilege level.
    pub cpl: u8,
    reserved_0cc: u32,
    /// EFER, with SVME.
    pub efer: u64,
    reserved_0d8: [u8; 0x70],
    /// CR4.
    pub cr4: u64,
    /// CR3.
    pub cr3: u64,
    /// CR0.
    pub cr0: u64,
    /// DR7.
    pub dr7: u64,
    /// DR6.
    pub dr6: u64,
    /// RFLAGS.
    pub rflags: u64,
    /// RIP.
    pub rip: u64,
    reserved_180: [u8; 0x58],
    /// RSP.
    pub rsp: u64,
    reserved_1e0: [u8; 0x18],
    /// RAX.
    pub rax: u64,
    /// STAR.
    pub star: u64,
    /// LSTAR.
    pub lstar: u64,
    /// CSTAR.
    pub cstar: u64,
    /// SFMASK.
    pub sfmask: u64,
    /// KERNEL_GS_BASE.
    pub kernel_gs_base: u64,
    /// SYSENTER_CS.
    pub sysenter_cs: u64,
    /// SYSENTER_ESP.
    pub sysenter_esp: u64,
    /// SYSENTER_EIP.
    pub sysenter_eip: u64,
    /// CR2.
    pub cr2: u64,
    reserved_248: [u8; 0x20],
    /// PAT.
    pub pat: u64,
    /// DEBUGCTL.
    pub debug_ctl: u64,
    reserved_278: [u8; 0x1000 - CONTROL_BYTES - 0x278],
}

const _: () = {
    assert!(size_of::<Vmcb>() == 4096);
    assert!(offset_of!(Control, pause_threshold) == 0x3c);
    assert!(offset_of!(Control, asid) == 0x58);
    assert!(offset_of!(Control, exit_code) == 0x70);
    assert!(offset_of!(Control, event) == 0xa8);
    assert!(offset_of!(Control, clean) == 0xc0);
    assert!(offset_of!(Control, instruction) == 0xd0);
    assert!(offset_of!(Vmcb, save) == 0x400);
    assert!(offset_of!(Save, tr) == 0x90);
    assert!(offset_of!(Save, cpl) == 0xcb);
    assert!(offset_of!(Save, efer) == 0xd0);
    assert!(offset_of!(Save, cr4) == 0x148);
    assert!(offset_of!(Save, rflags) == 0x170);
    assert!(offset_of!(Save, rsp) == 0x1d8);
    assert!(offset_of!(Save, rax) == 0x1f8);
    assert!(offset_of!(Save, cr2) == 0x240);
    assert!(offset_of!(Save, pat) == 0x268);
};

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
    /// Write of DR15.
    pub const WRITE_DR15: u64 = 0x03f;
    /// #DB.
    pub const EXCEPTION_DEBUG: u64 = 0x041;
    /// #AC.
    pub const EXCEPTION_ALIGNMENT: u64 = 0x051;
    /// #MC.
    pub const EXCEPTION_MACHINE_CHECK: u64 = 0x052;
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

/// [`Control::virtual_interrupt`]: a virtual interrupt waits.
pub const V_IRQ: u32 = 1 << 8;
/// Virtual interrupts: place of the priority.
pub const V_PRIORITY_SHIFT: u32 = 16;
/// Virtual interrupts: the priority.
pub const V_PRIORITY: u32 = 0xf << 16;
/// Virtual interrupts: the priority does not matter.
pub const V_IGNORE_PRIORITY: u32 = 1 << 20;
/// Virtual interrupts: IF of the guest masks virtual interrupts only.
pub const V_MASKING: u32 = 1 << 24;

/// [`Control::tlb_control`]: flush everything.
pub const TLB_FLUSH_ALL: u8 = 1;
/// [`Control::tlb_control`]: flush this guest.
pub const TLB_FLUSH_GUEST: u8 = 3;

/// Clean bits ([`Control::clean`]): state that the processor may take from its cache.
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
