//! [`VirtualCpu`] for AMD-V: what is where in the control block.

use super::vcpu::{Svm, TODO_EVENT, TODO_FLUSH, TODO_STEP};
use super::{exit, processor, switch};
use crate::X86;
use crate::virtualization::{facts, residue};
use abi::{GPR_RAX, GPR_RSP, SegmentState, VcpuPage};
use base_units::Hpa;
use core::sync::atomic::Ordering::Relaxed;
use kernel_core::vcpu::{DescriptorTable, Event, Exit, ExitHandler, Facts, Segment, VirtualCpu};
use spec::control::{CR0_CD, CR0_NW, RFLAGS_VM};
use spec::msr;
use spec::svm::{self, V_IGNORE_PRIORITY, V_IRQ, V_PRIORITY, V_PRIORITY_SHIFT, clean, intercept};

/// CR0 bits that would slow down the processor for others: the guest sees what it wrote, the hardware does not.
const HIDDEN_CR0: u64 = CR0_CD | CR0_NW;
/// Intercept of CR8 writes.
const WRITE_CR8: u32 = 1 << (16 + 8);
/// Intercepts of CR0 reads and writes.
const ACCESS_CR0: u32 = 1 << 16 | 1;
/// TSS types: available and busy.
const TSS_AVAILABLE: u16 = 9;
const TSS_BUSY: u16 = 11;

impl VirtualCpu<X86> for Svm {
    fn new(root: Hpa) -> Option<Self> {
        Svm::create(root)
    }

    fn facts() -> Facts {
        facts::facts(1)
    }

    fn load(&mut self, guest: u64) {
        let here = processor::this();
        here.save_host();
        residue::separate(guest, self.capabilities.has_branch_barrier);
        if here.note_vmcb(self.frame.address()) {
            self.soil(clean::ALL);
        }
        if !self.asid.is_valid() {
            self.todo |= TODO_FLUSH;
        }
        self.host_area = Hpa::new(here.host_area());
        if self.capabilities.has_tsc_aux {
            residue::load_tsc_aux(self.tsc_aux);
        }
        residue::load_breakpoints(self.vmcb().save.dr7, self.breakpoints);
        switch::shut_out();
    }

    #[inline(always)]
    fn unload(&mut self) {
        switch::let_in();
        residue::fill_return_buffer();
    }

    #[inline(always)]
    fn enter(&mut self, page: &VcpuPage) {
        if self.todo != 0 {
            self.prepare();
        }
        let save = &mut self.vmcb_mut().save;
        save.rax = page.gpr[GPR_RAX].load(Relaxed);
        save.rsp = page.gpr[GPR_RSP].load(Relaxed);
        // SAFETY: `set_up` intercepts all that reaches the host, the nested table is the guest's own, SVM is on if `new`
        // succeeded, interrupts are off in ring 0.
        unsafe { switch::enter(self.frame.address(), page, self.host_area) };
        let save = &self.vmcb().save;
        page.gpr[GPR_RAX].store(save.rax, Relaxed);
        page.gpr[GPR_RSP].store(save.rsp, Relaxed);
    }

    #[inline(always)]
    fn with_exit<H: ExitHandler<Self>>(handler: &mut H) {
        let this = handler.hardware();
        if this.done != 0
            && let Some(exit) = this.tidy_up()
        {
            return handler.handle(exit);
        }
        let control = &handler.hardware().vmcb().control;
        match control.exit_code {
            svm::exit::CPUID => handler.handle_frequent(Exit::Cpuid),
            svm::exit::MSR if control.exit_info_1 & 1 != 0 => handler.handle_frequent(Exit::WriteMsr),
            svm::exit::MSR => handler.handle_frequent(Exit::ReadMsr),
            svm::exit::VMMCALL => handler.handle_frequent(Exit::Hypercall),
            svm::exit::IO => {
                let access = exit::port(control.exit_info_1, control.exit_info_2);
                handler.handle_frequent(Exit::Port(access))
            }
            svm::exit::NESTED_FAULT => {
                let exit = exit::memory(control.exit_info_1, control.exit_info_2);
                handler.hardware().settle();
                handler.handle_frequent(exit);
            }
            svm::exit::HLT => handler.handle(Exit::Halt),
            _ => {
                let exit = handler.hardware().exit_between();
                handler.handle(exit)
            }
        }
    }

    #[inline(always)]
    fn rip(&self) -> u64 {
        self.vmcb().save.rip
    }

    #[inline(always)]
    fn set_rip(&mut self, rip: u64) {
        self.vmcb_mut().save.rip = rip;
    }

    #[inline(always)]
    fn advance(&mut self, rip: u64) -> u64 {
        let vmcb = self.vmcb_mut();
        vmcb.save.rip = rip;
        vmcb.control.shadow = 0;
        vmcb.save.rflags
    }

    #[inline(always)]
    fn next_rip(&self) -> Option<u64> {
        // Zero without the feature: nobody writes it then.
        let next = self.vmcb().control.next_rip;
        (next != 0).then_some(next)
    }

    #[inline(always)]
    fn instruction_bytes(&self) -> Option<(u32, [u64; 2])> {
        let control = &self.vmcb().control;
        let count = u32::from(control.instruction[0] & 0xf);
        if count == 0 || control.exit_code != svm::exit::NESTED_FAULT {
            return None;
        }
        let mut bytes = [0; 16];
        bytes[..15].copy_from_slice(&control.instruction[1..]);
        let whole = u128::from_le_bytes(bytes);
        Some((count, [whole as u64, (whole >> 64) as u64]))
    }

    #[inline(always)]
    fn rflags(&self) -> u64 {
        self.vmcb().save.rflags
    }

    #[inline(always)]
    fn set_rflags(&mut self, rflags: u64) {
        self.vmcb_mut().save.rflags = rflags;
    }

    #[inline(always)]
    fn has_shadow(&self) -> bool {
        self.vmcb().control.shadow & 1 != 0
    }

    #[inline(always)]
    fn set_shadow(&mut self, has_shadow: bool) {
        self.vmcb_mut().control.shadow = u64::from(has_shadow);
        if has_shadow && self.capabilities.forgets_shadow {
            self.todo |= TODO_STEP;
        }
    }

    #[inline(always)]
    fn cpl(&self) -> u8 {
        self.vmcb().save.cpl
    }

    #[inline(always)]
    fn cr0(&self) -> u64 {
        self.vmcb().save.cr0 | self.hidden_cr0
    }

    fn set_cr0(&mut self, value: u64) {
        self.hidden_cr0 = value & HIDDEN_CR0;
        let is_hiding = self.hidden_cr0 != 0;
        let vmcb = self.vmcb_mut();
        vmcb.save.cr0 = value & !HIDDEN_CR0;
        vmcb.control.intercept_cr &= !ACCESS_CR0;
        if is_hiding {
            vmcb.control.intercept_cr |= ACCESS_CR0;
        }
        self.soil(clean::CONTROL | clean::INTERCEPTS);
    }

    #[inline(always)]
    fn cr2(&self) -> u64 {
        self.vmcb().save.cr2
    }

    fn set_cr2(&mut self, value: u64) {
        self.vmcb_mut().save.cr2 = value;
        self.soil(clean::CR2);
    }

    #[inline(always)]
    fn cr3(&self) -> u64 {
        self.vmcb().save.cr3
    }

    fn set_cr3(&mut self, value: u64) {
        self.vmcb_mut().save.cr3 = value;
        self.soil(clean::CONTROL);
    }

    #[inline(always)]
    fn cr4(&self) -> u64 {
        self.vmcb().save.cr4
    }

    fn set_cr4(&mut self, value: u64) {
        self.vmcb_mut().save.cr4 = value;
        self.soil(clean::CONTROL);
    }

    #[inline(always)]
    fn cr8(&self) -> u8 {
        (self.vmcb().control.virtual_interrupt & 0xf) as u8
    }

    #[inline(always)]
    fn set_cr8(&mut self, value: u8) {
        let control = &mut self.vmcb_mut().control;
        control.virtual_interrupt = control.virtual_interrupt & !0xff | u32::from(value & 0xf);
        self.soil(clean::INTERRUPT);
    }

    #[inline(always)]
    fn efer(&self) -> u64 {
        self.vmcb().save.efer & !msr::EFER_SVME
    }

    fn set_efer(&mut self, value: u64) {
        self.vmcb_mut().save.efer = value | msr::EFER_SVME;
        self.soil(clean::CONTROL);
    }

    fn segment(&self, segment: Segment) -> SegmentState {
        let held = self.segment_of(segment);
        let mut attributes = held.attributes & 0xfff;
        if segment == Segment::Tr && attributes & 0xf == TSS_AVAILABLE {
            // A task register that is loaded is busy, whatever the emulator says.
            attributes |= TSS_BUSY;
        }
        SegmentState { selector: held.selector, attributes, limit: held.limit, base: held.base }
    }

    fn set_segment(&mut self, segment: Segment, state: SegmentState) {
        let mut attributes = state.attributes & 0xfff;
        if segment == Segment::Tr && attributes & 0xf == TSS_BUSY && self.capabilities.forgets_shadow {
            // QEMU's check of the I/O permission bitmap takes only an available TSS.
            attributes = attributes & !0xf | TSS_AVAILABLE;
        }
        let held =
            svm::Segment { selector: state.selector, attributes, limit: state.limit, base: state.base };
        let save = &mut self.vmcb_mut().save;
        match segment {
            Segment::Ldtr => save.ldtr = held,
            Segment::Tr => save.tr = held,
            program => save.segments[program as usize % 6] = held,
        }
        if segment == Segment::Ss {
            // AMD APM vol. 2, 15.5.1: CPL is loaded from its own field, which must agree with SS.
            let level = (attributes >> 5 & 3) as u8;
            save.cpl = if save.rflags & RFLAGS_VM != 0 { 3 } else { level };
        }
        self.soil(clean::SEGMENTS);
    }

    #[inline(always)]
    fn segment_base(&self, segment: Segment) -> u64 {
        self.segment_of(segment).base
    }

    fn gdt(&self) -> DescriptorTable {
        let held = &self.vmcb().save.gdtr;
        DescriptorTable { base: held.base, limit: held.limit }
    }

    fn set_gdt(&mut self, table: DescriptorTable) {
        let held = &mut self.vmcb_mut().save.gdtr;
        (held.base, held.limit) = (table.base, table.limit);
        self.soil(clean::TABLES);
    }

    fn idt(&self) -> DescriptorTable {
        let held = &self.vmcb().save.idtr;
        DescriptorTable { base: held.base, limit: held.limit }
    }

    fn set_idt(&mut self, table: DescriptorTable) {
        let held = &mut self.vmcb_mut().save.idtr;
        (held.base, held.limit) = (table.base, table.limit);
        self.soil(clean::TABLES);
    }

    fn debug(&self, index: u8) -> u64 {
        match index {
            6 => self.vmcb().save.dr6,
            7 => self.vmcb().save.dr7,
            _ => self.breakpoints.get(usize::from(index)).copied().unwrap_or(0),
        }
    }

    fn set_debug(&mut self, index: u8, value: u64) {
        match index {
            6 => self.vmcb_mut().save.dr6 = value,
            7 => self.vmcb_mut().save.dr7 = value,
            _ => {
                if let Some(breakpoint) = self.breakpoints.get_mut(usize::from(index)) {
                    *breakpoint = value;
                }
            }
        }
        self.soil(clean::DEBUG);
        residue::load_breakpoints(self.vmcb().save.dr7, self.breakpoints);
    }

    // tidy: table
    fn msr(&self, number: u32) -> Option<u64> {
        let save = &self.vmcb().save;
        Some(match number {
            msr::STAR => save.star,
            msr::LSTAR => save.lstar,
            msr::CSTAR => save.cstar,
            msr::SFMASK => save.sfmask,
            msr::KERNEL_GS_BASE => save.kernel_gs_base,
            msr::SYSENTER_CS => save.sysenter_cs,
            msr::SYSENTER_ESP => save.sysenter_esp,
            msr::SYSENTER_EIP => save.sysenter_eip,
            msr::FS_BASE => self.segment_base(Segment::Fs),
            msr::GS_BASE => self.segment_base(Segment::Gs),
            msr::PAT => save.pat,
            msr::TSC_AUX if self.capabilities.has_tsc_aux => self.tsc_aux,
            _ => return None,
        })
    }

    // tidy: table
    fn set_msr(&mut self, number: u32, value: u64) -> Option<()> {
        let save = &mut self.vmcb_mut().save;
        let held = match number {
            msr::STAR => &mut save.star,
            msr::LSTAR => &mut save.lstar,
            msr::CSTAR => &mut save.cstar,
            msr::SFMASK => &mut save.sfmask,
            msr::KERNEL_GS_BASE => &mut save.kernel_gs_base,
            msr::SYSENTER_CS => &mut save.sysenter_cs,
            msr::SYSENTER_ESP => &mut save.sysenter_esp,
            msr::SYSENTER_EIP => &mut save.sysenter_eip,
            msr::FS_BASE => &mut save.segments[Segment::Fs as usize].base,
            msr::GS_BASE => &mut save.segments[Segment::Gs as usize].base,
            msr::PAT => &mut save.pat,
            msr::TSC_AUX if self.capabilities.has_tsc_aux => {
                self.tsc_aux = value;
                residue::load_tsc_aux(value);
                return Some(());
            }
            _ => return None,
        };
        *held = value;
        self.soil(clean::NESTED);
        Some(())
    }

    fn set_tsc_offset(&mut self, offset: u64) {
        self.vmcb_mut().control.tsc_offset = offset;
        self.soil(clean::INTERCEPTS);
    }

    fn inject(&mut self, event: Event) {
        self.vmcb_mut().control.event = event.pack();
        self.todo |= TODO_EVENT;
    }

    #[inline(always)]
    fn injection(&self) -> Option<Event> {
        match self.vmcb().control.event {
            0 => None,
            raw => Event::unpack(raw),
        }
    }

    fn cancel_injection(&mut self) {
        self.vmcb_mut().control.event = 0;
    }

    #[inline(always)]
    fn offer_interrupt(&mut self, vector: Option<u8>) {
        let control = &mut self.vmcb_mut().control;
        let rest = control.virtual_interrupt & !(V_IRQ | V_PRIORITY);
        // The guest takes it when its IF is set and the priority is above its task priority (AMD APM vol. 2, 15.21.4).
        control.virtual_interrupt = match vector {
            Some(vector) => {
                control.virtual_vector = u32::from(vector);
                control.intercept_cr |= WRITE_CR8;
                rest | V_IRQ | u32::from(vector >> 4) << V_PRIORITY_SHIFT
            }
            None => rest,
        };
        self.is_offering = vector.is_some();
        self.soil(clean::INTERRUPT | clean::INTERCEPTS);
    }

    #[inline(always)]
    fn was_offer_taken(&self) -> bool {
        self.is_offering && self.vmcb().control.virtual_interrupt & V_IRQ == 0
    }

    fn watch_interrupt_window(&mut self, is_watched: bool) {
        // A virtual interrupt of any priority that exits instead of being taken.
        let control = &mut self.vmcb_mut().control;
        control.virtual_interrupt &= !(V_IRQ | V_IGNORE_PRIORITY);
        control.intercept_first &= !intercept::VINTR;
        if is_watched {
            control.virtual_interrupt |= V_IRQ | V_IGNORE_PRIORITY;
            control.intercept_first |= intercept::VINTR;
            control.intercept_cr |= WRITE_CR8;
        }
        self.soil(clean::INTERRUPT | clean::INTERCEPTS);
    }

    fn watch_nmi_end(&mut self, is_watched: bool) {
        let control = &mut self.vmcb_mut().control;
        control.intercept_first &= !intercept::IRET;
        if is_watched {
            control.intercept_first |= intercept::IRET;
        }
        self.soil(clean::INTERCEPTS);
    }

    fn step(&mut self, is_wanted: bool) {
        self.step.is_wanted = is_wanted;
        if is_wanted {
            self.todo |= TODO_STEP;
        }
    }

    #[inline(always)]
    fn watch_cr8(&mut self, is_watched: bool) {
        let control = &mut self.vmcb_mut().control;
        // QEMU aborts when a guest writes CR8 while a virtual interrupt waits (seen with 7.2): whoever makes one
        // wait has set the intercept. Guests that use CR8 then are rare, and lose an exit on real processors.
        let is_watched = is_watched || control.virtual_interrupt & V_IRQ != 0;
        if (control.intercept_cr & WRITE_CR8 != 0) == is_watched {
            return;
        }
        control.intercept_cr ^= WRITE_CR8;
        self.soil(clean::INTERCEPTS);
    }

    #[inline(always)]
    fn flush_tlb(&mut self) {
        self.todo |= TODO_FLUSH;
    }
}

impl Svm {
    fn segment_of(&self, segment: Segment) -> &svm::Segment {
        let save = &self.vmcb().save;
        match segment {
            Segment::Ldtr => &save.ldtr,
            Segment::Tr => &save.tr,
            program => &save.segments[program as usize % 6],
        }
    }
}
