//! Reading and replacing a vCPU's state, RESET, INIT and SIPI.

use super::attention::{ATTENTION_DELIVER, ATTENTION_IDLE, ATTENTION_TIMER, Activity};
use super::control::fixed_debug;
use super::hardware::{DescriptorTable, Event, Segment, VirtualCpu};
use super::msr::{Read, Write};
use super::processor::Vcpu;
use super::validate;
use crate::machine::{ExtendedState, Machine};
use abi::{
    ApicState, CPUID_ENTRIES_MAX, CpuidEntry, Error, GPR_RAX, GPR_RDX, MsrValue, RegisterState, SegmentState,
    StateKind,
};
use core::sync::atomic::Ordering;
use spec::control::{CR0_CD, CR0_ET, CR0_NW, DR6_FIXED, DR7_FIXED, RFLAGS_FIXED};
use zerocopy::{FromBytes, IntoBytes};

/// MSRs in one read or write at the most.
pub(super) const MSRS_MAX: usize = 256;

/// Bits of [`RegisterState::activity`].
const HALTED: u64 = 1 << 0;
const WAIT_FOR_SIPI: u64 = 1 << 1;
const SHADOW: u64 = 1 << 2;
const NMI_BLOCKED: u64 = 1 << 3;
const NMI_PENDING: u64 = 1 << 4;

/// Attributes of segments after RESET: present, writable data, accessed; code; LDT; busy 16-bit TSS.
const RESET_DATA: u16 = 0x93;
const RESET_CODE: u16 = 0x9b;
const RESET_LDT: u16 = 0x82;
const RESET_TSS: u16 = 0x8b;

impl<M: Machine, V: VirtualCpu<M>> Vcpu<M, V> {
    /// Reads state into `buffer`; returns the bytes written. For [`StateKind::Msrs`] the buffer names the
    /// registers when it comes in.
    pub fn read(&mut self, kind: StateKind, buffer: &mut [u8]) -> Result<usize, Error> {
        self.hardware.attach();
        match kind {
            StateKind::Registers => {
                // What the VMM has left in the page belongs to the state.
                self.take_writeback();
                put(&self.registers(), buffer)
            }
            StateKind::Apic => {
                self.sync_lapic();
                put(&self.lapic.save(self.now_ns()), buffer)
            }
            StateKind::Xsave => Ok(self.extended.read(buffer)),
            StateKind::Msrs => self.read_msrs(buffer),
            StateKind::Cpuid => Err(Error::Unsupported),
            StateKind::StealTime => put(&self.steal.address(), buffer),
            StateKind::TscOffset => put(&self.tsc.offset(), buffer),
            StateKind::TscRate => put(&self.tsc.rate_hz(), buffer),
        }
    }

    /// Replaces state. What hardware would refuse is `BadArgument`, and then nothing has changed (of MSRs:
    /// nothing from the refused one on).
    pub fn write(&mut self, kind: StateKind, bytes: &[u8]) -> Result<(), Error> {
        self.hardware.attach();
        match kind {
            StateKind::Registers => {
                self.take_writeback();
                self.set_registers(&get(bytes)?)
            }
            StateKind::Apic => self.set_apic(&get(bytes)?),
            StateKind::Xsave => self.extended.write(bytes).then_some(()).ok_or(Error::BadArgument),
            StateKind::Msrs => self.write_msrs(bytes),
            StateKind::Cpuid => self.write_cpuid(bytes),
            StateKind::StealTime => {
                let waited = self.shared.stats().wait_ns;
                let address = get::<u64>(bytes)?;
                self.steal.set(address, waited).then_some(()).ok_or(Error::BadArgument)
            }
            StateKind::TscOffset => {
                let offset = get::<u64>(bytes)?;
                self.set_tsc_offset(offset);
                Ok(())
            }
            StateKind::TscRate => self.set_tsc_rate(get(bytes)?),
        }
    }

    /// All registers.
    pub(super) fn registers(&self) -> RegisterState {
        let hardware = &self.hardware;
        let (gdt, idt) = (hardware.gdt(), hardware.idt());
        RegisterState {
            gpr: core::array::from_fn(|index| self.page.gpr[index].load(Ordering::Relaxed)),
            rip: hardware.rip(),
            rflags: hardware.rflags(),
            segments: Segment::PROGRAM.map(|segment| hardware.segment(segment)),
            ldtr: hardware.segment(Segment::Ldtr),
            tr: hardware.segment(Segment::Tr),
            gdt_base: gdt.base,
            idt_base: idt.base,
            gdt_limit: gdt.limit,
            idt_limit: idt.limit,
            cr0: hardware.cr0(),
            cr2: hardware.cr2(),
            cr3: hardware.cr3(),
            cr4: hardware.cr4(),
            cr8: u64::from(hardware.cr8()),
            efer: hardware.efer(),
            xcr0: self.extended.xcr0(),
            debug: [0, 1, 2, 3, 6, 7].map(|index| hardware.debug(index)),
            activity: self.activity_bits(),
            pending_event: self.pending_event().map_or(0, Event::pack),
        }
    }

    fn activity_bits(&self) -> u64 {
        let bit = |bit: u64, is_on: bool| if is_on { bit } else { 0 };
        bit(HALTED, matches!(self.activity, Activity::Halted | Activity::Shutdown))
            | bit(WAIT_FOR_SIPI, self.activity == Activity::WaitForSipi)
            | bit(SHADOW, self.hardware.has_shadow())
            | bit(NMI_BLOCKED, self.is_nmi_blocked)
            | bit(NMI_PENDING, self.is_nmi_pending)
    }

    fn set_registers(&mut self, state: &RegisterState) -> Result<(), Error> {
        if !validate::is_state_valid(&self.facts, state) {
            return Err(Error::BadArgument);
        }
        for (index, value) in state.gpr.iter().enumerate() {
            self.set_gpr(index, *value);
        }
        self.load_registers(state);
        if self.extended.xcr0() != state.xcr0 {
            // The area is off the processor while ring 3 runs: the new mask counts from the next load on.
            self.extended.set_xcr0(state.xcr0);
            self.cpuid.set_xcr0(state.xcr0);
        }
        self.is_nmi_blocked = state.activity & NMI_BLOCKED != 0;
        self.is_nmi_pending = state.activity & NMI_PENDING != 0;
        self.hardware.watch_nmi_end(self.is_nmi_blocked);
        self.hardware.set_shadow(state.activity & SHADOW != 0);
        self.set_pending_event(Event::unpack(state.pending_event));
        self.lapic.set_task_priority((state.cr8 as u8) << 4);
        self.set_activity(match state.activity & (HALTED | WAIT_FOR_SIPI) {
            0 => Activity::Running,
            HALTED => Activity::Halted,
            _ => Activity::WaitForSipi,
        });
        Ok(())
    }

    /// Loads checked registers into the hardware.
    fn load_registers(&mut self, state: &RegisterState) {
        let hardware = &mut self.hardware;
        hardware.set_rip(state.rip);
        hardware.set_rflags(state.rflags | RFLAGS_FIXED);
        for (segment, value) in Segment::PROGRAM.into_iter().zip(state.segments) {
            hardware.set_segment(segment, value);
        }
        hardware.set_segment(Segment::Ldtr, state.ldtr);
        hardware.set_segment(Segment::Tr, state.tr);
        hardware.set_gdt(DescriptorTable { base: state.gdt_base, limit: state.gdt_limit });
        hardware.set_idt(DescriptorTable { base: state.idt_base, limit: state.idt_limit });
        hardware.set_efer(state.efer);
        hardware.set_cr4(state.cr4);
        hardware.set_cr0(state.cr0 | CR0_ET);
        hardware.set_cr2(state.cr2);
        hardware.set_cr3(state.cr3);
        hardware.set_cr8(state.cr8 as u8 & 15);
        for (index, value) in [0, 1, 2, 3, 6, 7].into_iter().zip(state.debug) {
            hardware.set_debug(index, fixed_debug(index, value));
        }
        hardware.flush_tlb();
    }

    fn set_activity(&mut self, activity: Activity) {
        self.activity = activity;
        self.is_halt_reported = false;
        self.attention |= ATTENTION_DELIVER | ATTENTION_IDLE;
    }

    fn set_apic(&mut self, state: &ApicState) -> Result<(), Error> {
        self.forget_offer();
        let now_ns = self.now_ns();
        self.lapic.restore(state, now_ns).ok_or(Error::BadArgument)?;
        self.publish_addressing();
        self.attention |= ATTENTION_TIMER;
        Ok(())
    }

    /// Takes an offered interrupt back; it is still requested.
    fn forget_offer(&mut self) {
        self.sync_lapic();
        if self.offered.take().is_some() {
            self.hardware.offer_interrupt(None);
        }
        self.attention |= ATTENTION_DELIVER;
    }

    fn read_msrs(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let values = <[MsrValue]>::mut_from_bytes(buffer).map_err(|_| Error::BadArgument)?;
        if values.len() > MSRS_MAX {
            return Err(Error::LimitReached);
        }
        for entry in values.iter_mut() {
            match self.read_msr(entry.number) {
                Read::Value(value) => entry.value = value,
                Read::Fault | Read::Unknown => return Err(Error::BadArgument),
            }
        }
        Ok(size_of_val(values))
    }

    fn write_msrs(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let values = <[MsrValue]>::ref_from_bytes(bytes).map_err(|_| Error::BadArgument)?;
        if values.len() > MSRS_MAX {
            return Err(Error::LimitReached);
        }
        for entry in values {
            if self.write_msr(entry.number, entry.value) != Write::Done {
                return Err(Error::BadArgument);
            }
        }
        Ok(())
    }

    fn write_cpuid(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if bytes.len() > CPUID_ENTRIES_MAX * size_of::<CpuidEntry>() {
            return Err(Error::LimitReached);
        }
        let entries = <[CpuidEntry]>::ref_from_bytes(bytes).map_err(|_| Error::BadArgument)?;
        self.set_cpuid(entries)
    }

    /// RESET of everything but activity, CPUID, TSC and steal time (AMD APM vol. 2, table 14-1).
    pub(super) fn reset(&mut self) {
        let state = reset_state();
        for index in 0..16 {
            self.set_gpr(index, 0);
        }
        self.set_gpr(GPR_RDX, self.signature());
        self.set_gpr(GPR_RAX, 0);
        self.load_registers(&state);
        self.hardware.cancel_injection();
        self.reset_external();
        self.hardware.set_shadow(false);
        self.hardware.watch_nmi_end(false);
        self.hardware.step(false);
        self.is_nmi_ending = false;
        self.is_nmi_blocked = false;
        self.is_nmi_pending = false;
        self.attention |= ATTENTION_DELIVER | ATTENTION_IDLE | ATTENTION_TIMER;
    }

    /// INIT: RESET without the FPU, MSRs and the APIC's base; CD and NW stay (AMD APM vol. 2, table 14-1). The bootstrap
    /// processor starts at the reset vector, the others wait.
    pub(super) fn init(&mut self) {
        let caching = self.hardware.cr0() & (CR0_CD | CR0_NW);
        self.forget_offer();
        self.reset();
        self.hardware.set_cr0(CR0_ET | caching);
        self.lapic.reset_registers();
        self.publish_addressing();
        let is_bootstrap = self.lapic.base() & spec::apic::BASE_BSP != 0;
        self.set_activity(if is_bootstrap { Activity::Running } else { Activity::WaitForSipi });
    }

    /// SIPI: real mode at page `vector`.
    pub(super) fn start(&mut self, vector: u8) {
        let page = u16::from(vector);
        let code = SegmentState {
            selector: page << 8,
            attributes: RESET_CODE,
            limit: 0xffff,
            base: u64::from(page) << 12,
        };
        self.hardware.set_segment(Segment::Cs, code);
        self.hardware.set_rip(0);
        self.set_activity(Activity::Running);
    }

    /// EDX after RESET: family, model, stepping.
    fn signature(&self) -> u64 {
        u64::from(self.cpuid.signature())
    }
}

/// Registers after RESET.
fn reset_state() -> RegisterState {
    let data = SegmentState { selector: 0, attributes: RESET_DATA, limit: 0xffff, base: 0 };
    let code = SegmentState { selector: 0xf000, attributes: RESET_CODE, limit: 0xffff, base: 0xffff_0000 };
    RegisterState {
        rip: 0xfff0,
        rflags: RFLAGS_FIXED,
        segments: [data, code, data, data, data, data],
        ldtr: SegmentState { attributes: RESET_LDT, ..data },
        tr: SegmentState { attributes: RESET_TSS, ..data },
        gdt_limit: 0xffff,
        idt_limit: 0xffff,
        cr0: CR0_ET | CR0_CD | CR0_NW,
        xcr0: 1,
        debug: [0, 0, 0, 0, DR6_FIXED, DR7_FIXED],
        ..RegisterState::default()
    }
}

fn put<T: IntoBytes + zerocopy::Immutable>(value: &T, buffer: &mut [u8]) -> Result<usize, Error> {
    let bytes = value.as_bytes();
    buffer.get_mut(..bytes.len()).ok_or(Error::BufferTooSmall)?.copy_from_slice(bytes);
    Ok(bytes.len())
}

fn get<T: FromBytes>(bytes: &[u8]) -> Result<T, Error> {
    T::read_from_bytes(bytes).map_err(|_| Error::BadArgument)
}
