//! The machine's state as a snapshot, and back.
//!
//! A snapshot is taken and put back while all vCPUs are parked. Devices are saved by whoever holds
//! them; a vCPU is saved by its own thread, because ring 0 shows a vCPU to nobody else.
#![allow(dead_code, reason = "the ground for storage snapshots and migration, which bring the requests")]

use crate::{machine::Machine, vcpu::exits::Exits, vcpu::start::MSRS};
use alloc::vec::Vec;
use user_rt::{ApicState, Error, MsrValue, RegisterState, system_info};
use vmm_bus::Attention;
use vmm_machine::is_same_rate;
use vmm_machine::{SavedMsr, VcpuState};
use vmm_snapshot::{RestoreError, SaveError, Snapshot, SnapshotWriter};
use zerocopy::{FromBytes, IntoBytes};

/// The time stamp counter's MSR.
const TSC: u32 = 0x10;

impl Machine {
    /// Adds the state of all devices to a snapshot.
    pub(crate) fn save(&self, writer: &mut SnapshotWriter) -> Result<(), SaveError> {
        self.bus.save(writer)
    }

    /// Brings all devices to a saved state. After an error the machine is in no particular state: give it up.
    pub(crate) fn restore(&mut self, snapshot: &Snapshot<'_>) -> Result<(), RestoreError> {
        let knows =
            |name: &str, instance| name == VcpuState::SECTION || self.bus.knows_section(name, instance);
        snapshot.refuse_unknown(knows)?;
        self.bus.restore(snapshot)?;
        // What follows from the devices' state outside of them: the next settling does it.
        let follows = Attention::WINDOWS | Attention::DIRECT | Attention::PIC_OUTPUT | Attention::DEADLINE;
        self.effects.note(follows);
        Ok(())
    }
}

impl Exits {
    /// Reads the state of this thread's vCPU.
    pub(crate) fn save(&self) -> Result<VcpuState, Error> {
        let mut xsave = alloc::vec![0; system_info().xsave_bytes as usize];
        let length = self.runner.read_xsave(&mut xsave)?;
        xsave.truncate(length);
        let mut msrs = Vec::with_capacity(MSRS.len());
        for number in MSRS {
            let mut value = [MsrValue { number, reserved: 0, value: 0 }];
            // The processor may not have it.
            if self.runner.read_msrs(&mut value).is_ok() {
                msrs.extend(value.iter().map(|msr| SavedMsr { number, value: msr.value }));
            }
        }
        Ok(VcpuState {
            registers: self.runner.registers()?.as_bytes().to_vec(),
            apic: self.runner.apic()?.as_bytes().to_vec(),
            xsave,
            msrs,
            tsc: self.guest_tsc()?,
            tsc_hz: match self.runner.tsc_rate()? {
                0 => system_info().tsc_hz,
                rate => rate,
            },
            paravirtual: self.paravirtual.values(),
        })
    }

    fn guest_tsc(&self) -> Result<u64, Error> {
        let mut tsc = [MsrValue { number: TSC, reserved: 0, value: 0 }];
        self.runner.read_msrs(&mut tsc)?;
        let [tsc] = tsc;
        Ok(tsc.value)
    }

    /// Lets the TSC go on from `tsc`, at the rate that the guest knows. `Unsupported` if that is not this machine's and the
    /// processor cannot scale.
    fn restore_tsc(&mut self, tsc: u64, tsc_hz: u64) -> Result<(), Error> {
        if !is_same_rate(tsc_hz, system_info().tsc_hz) {
            self.runner.set_tsc_rate(tsc_hz)?;
        }
        let passed = self.guest_tsc()?.wrapping_sub(self.runner.tsc_offset()?);
        self.runner.set_tsc_offset(tsc.wrapping_sub(passed))
    }

    /// Brings this thread's vCPU to a saved state. `BadArgument` if it is none that this processor can be in, `Unsupported` if
    /// the TSC that it knows cannot be had.
    pub(crate) fn restore(&mut self, state: &VcpuState) -> Result<(), Error> {
        let registers = RegisterState::read_from_bytes(&state.registers).map_err(|_| Error::BadArgument)?;
        let apic = ApicState::read_from_bytes(&state.apic).map_err(|_| Error::BadArgument)?;
        self.restore_tsc(state.tsc, state.tsc_hz)?;
        self.runner.set_registers(&registers)?;
        self.runner.write_xsave(&state.xsave)?;
        for msr in &state.msrs {
            self.runner.write_msrs(&[MsrValue { number: msr.number, reserved: 0, value: msr.value }])?;
        }
        // Last, because its timer starts to run at once.
        self.runner.set_apic(&apic)?;
        self.restore_paravirtual(state.paravirtual)
    }
}
