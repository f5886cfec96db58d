//! Virtual processors.

use super::{Guest, in_argument, object, out_argument};
use crate::address_space;
use crate::handle::OwnedHandle;
use crate::syscall::{call1, call2, call3, vcpu_run};
use abi::{ApicState, CpuidEntry, Error, MsrValue, RegisterState, StateKind, Syscall, VcpuPage, VcpuStats};
use core::marker::PhantomData;
use zerocopy::{FromZeros, Immutable, IntoBytes};

/// What any thread may do with a vCPU.
#[derive(Debug)]
pub struct Vcpu(pub(crate) OwnedHandle);
object!(Vcpu);

impl Vcpu {
    /// Makes the owner's [`VcpuRunner::run`] return with [`abi::ExitKind::Kicked`] soon.
    pub fn kick(&self) -> Result<(), Error> {
        // SAFETY: the call takes no pointers.
        unsafe { call1(Syscall::VcpuKick, self.0.raw()) }?;
        Ok(())
    }

    /// Exits by kind and times.
    pub fn stats(&self) -> Result<VcpuStats, Error> {
        let mut stats = VcpuStats::new_zeroed();
        // SAFETY: the structure is writable and any bytes are a valid value of it.
        unsafe { call2(Syscall::VcpuStats, self.0.raw(), out_argument(&mut stats)) }?;
        Ok(stats)
    }
}

/// The calling thread's vCPU. Having one proves that this thread made it: the type stays with the thread.
pub struct VcpuRunner {
    page: &'static VcpuPage,
    /// The kernel's calls mean "the calling thread's vCPU", so the value must not change threads.
    stays_here: PhantomData<*const ()>,
}

/// Makes a vCPU of `guest` for the calling thread, with its page at a free address.
pub(super) fn create(guest: &Guest, apic_id: u32) -> Result<(Vcpu, VcpuRunner), Error> {
    let (raw, address) = address_space::place_vcpu_page(|address| {
        // SAFETY: the call takes no pointers; it adds a mapping where there is none.
        unsafe { call3(Syscall::VcpuCreate, guest.0.raw(), u64::from(apic_id), address) }.map(|(raw, _)| raw)
    })?;
    let vcpu = Vcpu(OwnedHandle::made(raw)?);
    // SAFETY: the kernel mapped the page at this aligned address for reading and writing, nothing unmaps
    // it while the process lives, and all its fields are atomics, which ring 0 may change at any time.
    let page = unsafe { &*core::ptr::with_exposed_provenance::<VcpuPage>(address as usize) };
    Ok((vcpu, VcpuRunner { page, stays_here: PhantomData }))
}

impl core::fmt::Debug for VcpuRunner {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.debug_struct("VcpuRunner").finish_non_exhaustive()
    }
}

impl VcpuRunner {
    /// The page that ring 0 and this program share. The reference may be given to other threads.
    #[inline(always)]
    pub fn page(&self) -> &'static VcpuPage {
        self.page
    }

    /// Runs the guest until something needs this program; the page says what.
    #[inline(always)]
    pub fn run(&mut self) -> Result<(), Error> {
        // SAFETY: this thread made its vCPU, or there would be no `VcpuRunner`. The guest reaches only
        // memory objects that were mapped into it, which programs access as shared memory.
        unsafe { vcpu_run() }?;
        Ok(())
    }

    /// Reads the registers.
    pub fn registers(&self) -> Result<RegisterState, Error> {
        let mut state = RegisterState::new_zeroed();
        self.read(StateKind::Registers, state.as_mut_bytes())?;
        Ok(state)
    }

    /// Replaces the registers.
    pub fn set_registers(&mut self, state: &RegisterState) -> Result<(), Error> {
        self.write(StateKind::Registers, state)
    }

    /// Reads the local APIC.
    pub fn apic(&self) -> Result<ApicState, Error> {
        let mut state = ApicState::new_zeroed();
        self.read(StateKind::Apic, state.as_mut_bytes())?;
        Ok(state)
    }

    /// Replaces the local APIC.
    pub fn set_apic(&mut self, state: &ApicState) -> Result<(), Error> {
        self.write(StateKind::Apic, state)
    }

    /// Reads the MSRs whose numbers stand in `values`.
    pub fn read_msrs(&self, values: &mut [MsrValue]) -> Result<(), Error> {
        self.read(StateKind::Msrs, values.as_mut_bytes()).map(|_| ())
    }

    /// Writes MSRs.
    pub fn write_msrs(&mut self, values: &[MsrValue]) -> Result<(), Error> {
        self.write(StateKind::Msrs, values)
    }

    /// Installs the CPUID table.
    pub fn set_cpuid(&mut self, entries: &[CpuidEntry]) -> Result<(), Error> {
        self.write(StateKind::Cpuid, entries)
    }

    /// Tells ring 0 where the KVM steal-time record is (0 = none).
    pub fn set_steal_time(&mut self, gpa: u64) -> Result<(), Error> {
        self.write(StateKind::StealTime, &gpa)
    }

    /// Sets guest TSC minus host TSC, wrapping.
    pub fn set_tsc_offset(&mut self, offset: u64) -> Result<(), Error> {
        self.write(StateKind::TscOffset, &offset)
    }

    /// Reads guest TSC minus host TSC, wrapping.
    pub fn tsc_offset(&self) -> Result<u64, Error> {
        let mut offset = 0u64;
        self.read(StateKind::TscOffset, offset.as_mut_bytes())?;
        Ok(offset)
    }

    /// Sets the ticks per second of the guest's TSC, 0 = the host's. `Unsupported` where the processor cannot give it another
    /// rate than the host's.
    pub fn set_tsc_rate(&mut self, rate_hz: u64) -> Result<(), Error> {
        self.write(StateKind::TscRate, &rate_hz)
    }

    /// The ticks per second of the guest's TSC as set, 0 = the host's.
    pub fn tsc_rate(&self) -> Result<u64, Error> {
        let mut rate = 0u64;
        self.read(StateKind::TscRate, rate.as_mut_bytes())?;
        Ok(rate)
    }

    /// Reads the XSAVE area, `SystemInfo::xsave_bytes` long. Returns its length.
    pub fn read_xsave(&self, area: &mut [u8]) -> Result<usize, Error> {
        self.read(StateKind::Xsave, area)
    }

    /// Replaces the XSAVE area.
    pub fn write_xsave(&mut self, area: &[u8]) -> Result<(), Error> {
        self.write(StateKind::Xsave, area)
    }

    fn read(&self, kind: StateKind, target: &mut [u8]) -> Result<usize, Error> {
        let bytes = target.len() as u64;
        // SAFETY: the target is writable for its length, and callers take it from types of which any
        // bytes are a value.
        let (length, _) = unsafe { call3(Syscall::VcpuRead, kind as u64, out_argument(target), bytes) }?;
        Ok(length as usize)
    }

    fn write<T: IntoBytes + Immutable + ?Sized>(&self, kind: StateKind, source: &T) -> Result<(), Error> {
        let source = source.as_bytes();
        // SAFETY: the source is readable for its length.
        unsafe { call3(Syscall::VcpuWrite, kind as u64, in_argument(source), source.len() as u64) }?;
        Ok(())
    }
}
