//! [`VirtualCpu`] for VT-x: what is where in the control structure.

use super::exit;
use super::vcpu::{FREE_CR0, TODO_DIRECTORY, TODO_EVENT, TODO_FLUSH, TODO_MEMORY, TODO_OFFER, Vmx};
use super::vmcs::{read, write};
use super::{host, processor, segment, switch};
use crate::X86;
use crate::cpu::{control, msr as registers};
use crate::interrupt;
use crate::virtualization::residue;
use abi::{GPR_RSP, SegmentState, VcpuPage};
use alloc::sync::Arc;
use base_units::{Gpa, Hpa};
use core::sync::atomic::Ordering::Relaxed;
use kernel_core::vcpu::{
    DescriptorTable, Event, Exit, ExitHandler, Facts, Interrupts, Segment, VcpuShared, VirtualCpu,
};
use spec::apic::register;
use spec::control::{CR0_ET, CR0_NE, RFLAGS_IF};
use spec::msr;
use spec::vmx::exit as reason;
use spec::vmx::{TSC_FRACTION_BITS, entry_control, field, interruptibility, primary, secondary};

/// STI's and SS's shadow.
const SHADOW: u64 = interruptibility::STI | interruptibility::LOAD_SS;

impl VirtualCpu<X86> for Vmx {
    const KNOWS_LENGTH: bool = true;

    fn new(root: Hpa) -> Option<Self> {
        Vmx::create(root)
    }

    fn facts() -> Facts {
        processor::capabilities().facts
    }

    fn attach(&mut self) {
        self.take_block();
    }

    fn load(&mut self, guest: u64) {
        residue::separate(guest, self.capabilities.has_branch_barrier);
        self.take_block();
        let (root, fs_base) = (control::read_cr3(), host::fs_base());
        if self.host_root != root {
            self.host_root = root;
            write(field::HOST_CR3, root);
        }
        if self.host_fs_base != fs_base {
            self.host_fs_base = fs_base;
            write(field::HOST_FS_BASE, fs_base);
        }
        if !self.tag.is_valid() {
            self.todo |= TODO_FLUSH;
        }
        if self.capabilities.has_tsc_aux {
            residue::load_tsc_aux(self.tsc_aux);
        }
        residue::load_breakpoints(read(field::GUEST_DR7), self.breakpoints);
        let [star, entry, _, mask] = self.syscall;
        if self.capabilities.leaks.flushes_cache {
            residue::flush_cache();
        }
        self.is_loaded = true;
        for (number, value) in [
            (msr::STAR, star),
            (msr::LSTAR, entry),
            (msr::SFMASK, mask),
            (msr::KERNEL_GS_BASE, self.kernel_gs_base),
        ] {
            // SAFETY: valid values of the guest's; ring 0 uses none of these, and `unload` puts back what ring 3 needs.
            unsafe { registers::write(number, value) };
        }
        control::write_cr2(self.cr2);
    }

    #[inline(always)]
    fn unload(&mut self) {
        self.is_loaded = false;
        self.cr2 = control::read_cr2();
        // SAFETY: every 64-bit processor has this MSR.
        self.kernel_gs_base = unsafe { registers::read(msr::KERNEL_GS_BASE) };
        host::restore();
        residue::fill_return_buffer();
        if self.capabilities.leaks.clears_buffers {
            residue::clear_buffers();
        }
        if let Some(vector) = self.arrived.take() {
            interrupt::arrived(vector);
        }
    }

    #[inline(always)]
    fn enter(&mut self, page: &VcpuPage) {
        if self.todo != 0 && !self.prepare() {
            return;
        }
        write(field::GUEST_RSP, page.gpr[GPR_RSP].load(Relaxed));
        if self.capabilities.leaks.clears_buffers {
            residue::clear_buffers();
        }
        // SAFETY: `set_up` chose controls that keep the guest from the host, EPT is the guest's own, `load` saw to the
        // host state.
        let has_failed = unsafe { switch::enter(&mut self.switch, page) };
        self.switch.is_launched = 1;
        page.gpr[GPR_RSP].store(read(field::GUEST_RSP), Relaxed);
        if has_failed {
            self.note_error();
        }
    }

    #[inline(always)]
    fn with_exit<H: ExitHandler<Self>>(handler: &mut H) {
        let this = handler.hardware();
        if this.done != 0
            && let Some(exit) = this.tidy_up()
        {
            return handler.handle(exit);
        }
        match read(field::EXIT_REASON) as u32 {
            reason::CPUID => handler.handle_frequent(Exit::Cpuid),
            reason::WRITE_MSR => handler.handle_frequent(Exit::WriteMsr),
            reason::READ_MSR => handler.handle_frequent(Exit::ReadMsr),
            reason::VMCALL => handler.handle_frequent(Exit::Hypercall),
            reason::PORT => {
                let next = read(field::GUEST_RIP).wrapping_add(read(field::INSTRUCTION_LENGTH));
                let access = exit::port(read(field::QUALIFICATION), next);
                handler.handle_frequent(Exit::Port(access))
            }
            reason::EPT_VIOLATION => {
                let qualification = read(field::QUALIFICATION);
                handler.hardware().settle(qualification);
                handler.handle_frequent(exit::memory(qualification, read(field::GUEST_PHYSICAL)));
            }
            reason::HLT => {
                handler.hardware().look_at_halt();
                handler.handle(Exit::Halt);
            }
            _ => {
                let exit = handler.hardware().exit_between();
                handler.handle(exit)
            }
        }
    }

    #[inline(always)]
    fn rip(&self) -> u64 {
        read(field::GUEST_RIP)
    }

    #[inline(always)]
    fn set_rip(&mut self, rip: u64) {
        write(field::GUEST_RIP, rip);
    }

    #[inline(always)]
    fn advance(&mut self, rip: u64) -> u64 {
        write(field::GUEST_RIP, rip);
        let held = read(field::INTERRUPTIBILITY);
        if held & SHADOW != 0 {
            write(field::INTERRUPTIBILITY, held & !SHADOW);
        }
        read(field::GUEST_RFLAGS)
    }

    #[inline(always)]
    fn next_rip(&self) -> Option<u64> {
        Some(read(field::GUEST_RIP).wrapping_add(read(field::INSTRUCTION_LENGTH)))
    }

    #[inline(always)]
    fn instruction_bytes(&self) -> Option<(u32, [u64; 2])> {
        None
    }

    #[inline(always)]
    fn rflags(&self) -> u64 {
        read(field::GUEST_RFLAGS)
    }

    #[inline(always)]
    fn set_rflags(&mut self, rflags: u64) {
        write(field::GUEST_RFLAGS, rflags);
    }

    #[inline(always)]
    fn has_shadow(&self) -> bool {
        read(field::INTERRUPTIBILITY) & SHADOW != 0
    }

    fn set_shadow(&mut self, has_shadow: bool) {
        let held = read(field::INTERRUPTIBILITY) & !SHADOW;
        let is_on = self.rflags() & RFLAGS_IF != 0;
        let shadow = match (has_shadow, is_on) {
            (false, _) => 0,
            (true, true) => interruptibility::STI,
            (true, false) => interruptibility::LOAD_SS,
        };
        write(field::INTERRUPTIBILITY, held | shadow);
    }

    #[inline(always)]
    fn cpl(&self) -> u8 {
        (read(field::GUEST_RIGHTS + 2 * Segment::Ss as u64) >> 5 & 3) as u8
    }

    #[inline(always)]
    fn cr0(&self) -> u64 {
        read(field::GUEST_CR0) & FREE_CR0 | self.hidden_cr0
    }

    fn set_cr0(&mut self, value: u64) {
        self.hidden_cr0 = value & !FREE_CR0;
        write(field::GUEST_CR0, value & FREE_CR0 | CR0_NE | CR0_ET);
        write(field::CR0_SHADOW, value);
        self.todo |= TODO_DIRECTORY;
    }

    #[inline(always)]
    fn cr2(&self) -> u64 {
        if self.is_loaded { control::read_cr2() } else { self.cr2 }
    }

    fn set_cr2(&mut self, value: u64) {
        self.cr2 = value;
        if self.is_loaded {
            control::write_cr2(value);
        }
    }

    #[inline(always)]
    fn cr3(&self) -> u64 {
        read(field::GUEST_CR3)
    }

    fn set_cr3(&mut self, value: u64) {
        write(field::GUEST_CR3, value);
        self.todo |= TODO_DIRECTORY;
    }

    #[inline(always)]
    fn cr4(&self) -> u64 {
        read(field::GUEST_CR4) & self.capabilities.facts.cr4_valid
    }

    fn set_cr4(&mut self, value: u64) {
        write(field::GUEST_CR4, value | self.capabilities.cr4_fixed);
        self.todo |= TODO_DIRECTORY;
    }

    #[inline(always)]
    fn cr8(&self) -> u8 {
        (self.apic_register(register::TPR).load(Relaxed) >> 4 & 0xf) as u8
    }

    #[inline(always)]
    fn set_cr8(&mut self, value: u8) {
        self.apic_register(register::TPR).store(u32::from(value & 0xf) << 4, Relaxed);
        if self.offer.is_some() {
            self.todo |= TODO_OFFER;
        }
    }

    #[inline(always)]
    fn efer(&self) -> u64 {
        read(field::GUEST_EFER)
    }

    fn set_efer(&mut self, value: u64) {
        write(field::GUEST_EFER, value);
        let others = read(field::ENTRY_CONTROLS) & !u64::from(entry_control::GUEST_64_BIT);
        let is_long = value & msr::EFER_LMA != 0;
        write(
            field::ENTRY_CONTROLS,
            others | if is_long { u64::from(entry_control::GUEST_64_BIT) } else { 0 },
        );
        self.todo |= TODO_DIRECTORY;
    }

    fn segment(&self, segment: Segment) -> SegmentState {
        let step = 2 * segment as u64;
        SegmentState {
            selector: read(field::GUEST_SELECTORS + step) as u16,
            attributes: segment::attributes(read(field::GUEST_RIGHTS + step) as u32),
            limit: read(field::GUEST_LIMITS + step) as u32,
            base: read(field::GUEST_BASES + step),
        }
    }

    fn set_segment(&mut self, segment: Segment, state: SegmentState) {
        let step = 2 * segment as u64;
        let (rights, limit) = segment::rights(segment, &state);
        write(field::GUEST_SELECTORS + step, u64::from(state.selector));
        write(field::GUEST_RIGHTS + step, u64::from(rights));
        write(field::GUEST_LIMITS + step, u64::from(limit));
        write(field::GUEST_BASES + step, state.base);
    }

    #[inline(always)]
    fn segment_base(&self, segment: Segment) -> u64 {
        read(field::GUEST_BASES + 2 * segment as u64)
    }

    fn gdt(&self) -> DescriptorTable {
        DescriptorTable { base: read(field::GUEST_GDT_BASE), limit: read(field::GUEST_GDT_LIMIT) as u32 }
    }

    fn set_gdt(&mut self, table: DescriptorTable) {
        write(field::GUEST_GDT_BASE, table.base);
        write(field::GUEST_GDT_LIMIT, u64::from(table.limit));
    }

    fn idt(&self) -> DescriptorTable {
        DescriptorTable { base: read(field::GUEST_IDT_BASE), limit: read(field::GUEST_IDT_LIMIT) as u32 }
    }

    fn set_idt(&mut self, table: DescriptorTable) {
        write(field::GUEST_IDT_BASE, table.base);
        write(field::GUEST_IDT_LIMIT, u64::from(table.limit));
    }

    fn debug(&self, index: u8) -> u64 {
        match index {
            6 => self.debug_status,
            7 => read(field::GUEST_DR7),
            _ => self.breakpoints.get(usize::from(index)).copied().unwrap_or(0),
        }
    }

    fn set_debug(&mut self, index: u8, value: u64) {
        match index {
            6 => self.debug_status = value,
            7 => write(field::GUEST_DR7, value),
            _ => {
                if let Some(breakpoint) = self.breakpoints.get_mut(usize::from(index)) {
                    *breakpoint = value;
                }
            }
        }
        if self.is_loaded {
            residue::load_breakpoints(read(field::GUEST_DR7), self.breakpoints);
        }
    }

    // tidy: table
    fn msr(&self, number: u32) -> Option<u64> {
        let [star, long, compatible, mask] = self.syscall;
        Some(match number {
            msr::STAR => star,
            msr::LSTAR => long,
            msr::CSTAR => compatible,
            msr::SFMASK => mask,
            // SAFETY: every 64-bit processor has this MSR.
            msr::KERNEL_GS_BASE if self.is_loaded => unsafe { registers::read(number) },
            msr::KERNEL_GS_BASE => self.kernel_gs_base,
            msr::SYSENTER_CS => read(field::GUEST_SYSENTER_CS),
            msr::SYSENTER_ESP => read(field::GUEST_SYSENTER_ESP),
            msr::SYSENTER_EIP => read(field::GUEST_SYSENTER_EIP),
            msr::FS_BASE => self.segment_base(Segment::Fs),
            msr::GS_BASE => self.segment_base(Segment::Gs),
            msr::PAT => read(field::GUEST_PAT),
            msr::TSC_AUX if self.capabilities.has_tsc_aux => self.tsc_aux,
            _ => return None,
        })
    }

    // tidy: table
    fn set_msr(&mut self, number: u32, value: u64) -> Option<()> {
        match number {
            msr::STAR => self.syscall[0] = value,
            msr::LSTAR => self.syscall[1] = value,
            // No processor with VT-x has SYSCALL outside of 64-bit mode.
            msr::CSTAR => self.syscall[2] = value,
            msr::SFMASK => self.syscall[3] = value,
            msr::KERNEL_GS_BASE => self.kernel_gs_base = value,
            msr::SYSENTER_CS => write(field::GUEST_SYSENTER_CS, value),
            msr::SYSENTER_ESP => write(field::GUEST_SYSENTER_ESP, value),
            msr::SYSENTER_EIP => write(field::GUEST_SYSENTER_EIP, value),
            msr::FS_BASE => write(field::GUEST_BASES + 2 * Segment::Fs as u64, value),
            msr::GS_BASE => write(field::GUEST_BASES + 2 * Segment::Gs as u64, value),
            msr::PAT => write(field::GUEST_PAT, value),
            msr::TSC_AUX if self.capabilities.has_tsc_aux => {
                self.tsc_aux = value;
                residue::load_tsc_aux(value);
            }
            _ => return None,
        }
        let is_switched = matches!(number, msr::STAR | msr::LSTAR | msr::SFMASK | msr::KERNEL_GS_BASE);
        if self.is_loaded && is_switched {
            // SAFETY: as in `load`.
            unsafe { registers::write(number, value) };
        }
        Some(())
    }

    fn set_tsc_offset(&mut self, offset: u64) {
        write(field::TSC_OFFSET, offset);
    }

    fn set_tsc_multiplier(&mut self, multiplier: u64) {
        write(field::TSC_MULTIPLIER, multiplier);
        self.set_secondary(secondary::TSC_SCALING, multiplier != 1 << TSC_FRACTION_BITS);
    }

    fn inject(&mut self, event: Event) {
        self.event = event.pack();
        self.todo |= TODO_EVENT;
    }

    #[inline(always)]
    fn injection(&self) -> Option<Event> {
        match self.event {
            0 => None,
            raw => Event::unpack(raw),
        }
    }

    fn cancel_injection(&mut self) {
        self.event = 0;
        write(field::ENTRY_EVENT, 0);
    }

    #[inline(always)]
    fn offer_interrupt(&mut self, vector: Option<u8>) {
        self.offer = vector;
        self.is_offer_taken = false;
        self.todo |= TODO_OFFER;
    }

    #[inline(always)]
    fn was_offer_taken(&self) -> bool {
        self.offer.is_some() && self.is_offer_taken
    }

    fn keep_interrupts(&mut self, interrupts: &Interrupts) {
        self.give_interrupts(interrupts);
    }

    fn take_interrupts(&mut self) -> Interrupts {
        self.take_back()
    }

    #[inline]
    fn request_interrupts(&mut self, word: usize, requested: u64, level: u64) {
        self.give_more(word, requested, level);
    }

    fn take_posts(&mut self, shared: &Arc<VcpuShared<X86>>) {
        self.watch_posts(shared);
    }

    #[inline]
    fn has_interrupt(&self) -> bool {
        self.has_requested()
    }

    fn watch_interrupt_window(&mut self, is_watched: bool) {
        self.watches_window = is_watched;
        self.offer = None;
        self.todo |= TODO_OFFER;
    }

    fn watch_nmi_end(&mut self, is_watched: bool) {
        self.watches_nmi = is_watched;
        let held = read(field::INTERRUPTIBILITY) & !interruptibility::NMI;
        // An NMI that is injected brings its block along.
        let block = if is_watched { interruptibility::NMI } else { 0 };
        write(field::INTERRUPTIBILITY, held | block);
        self.set_primary(primary::NMI_WINDOW, is_watched || self.is_step_wanted);
    }

    fn step(&mut self, is_wanted: bool) {
        // The window of NMIs opens after the injected event and after the shadow: one instruction at the most.
        self.is_step_wanted = is_wanted;
        self.set_primary(primary::NMI_WINDOW, is_wanted || self.watches_nmi);
    }

    #[inline(always)]
    fn watch_cr8(&mut self, is_watched: bool) {
        self.set_primary(primary::CR8_LOAD, is_watched);
    }

    #[inline(always)]
    fn flush_tlb(&mut self) {
        self.todo |= TODO_FLUSH;
    }

    #[inline(always)]
    fn flush_memory(&mut self) {
        self.todo |= TODO_MEMORY;
    }

    #[cold]
    fn log_writes(&mut self) {
        self.start_log();
    }

    #[inline(always)]
    fn take_log(&mut self, note: impl FnMut(Gpa)) {
        self.empty_log(note);
    }
}
