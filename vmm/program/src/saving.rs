//! The machine's state as a snapshot, and back.
//!
//! A snapshot is taken and put back while all vCPUs are parked. Devices are saved by whoever holds
//! them; a vCPU is saved by its own thread, because ring 0 shows a vCPU to nobody else. Memory and media are no part of it.

use crate::{machine::Machine, vcpu::exits::Exits, vcpu::start::read_msrs, vm::Vm};
use alloc::{format, string::String, vec::Vec};
use user_rt::{ApicState, Error, MsrValue, RegisterState, system_info};
use vmm_bus::Attention;
use vmm_machine::{SavedMsr, VcpuState, is_same_rate, ticks_at_rate};
use vmm_snapshot::{RestoreError, SaveError, Snapshot, SnapshotWriter};
use zerocopy::{FromBytes, IntoBytes};

/// Saves the whole machine, brings the devices to their first state, and then everything to the saved one: what the snapshot
/// lacks is lost. All vCPUs have saved themselves and are parked. An error is a sentence.
pub(crate) fn renew(vm: &Vm) -> Result<(), String> {
    let bytes = save(vm).map_err(|error| format!("its state cannot be saved: {error:?}"))?;
    vm.machine.lock().with_bus(vm, |bus, _, context| bus.reset(context));
    restore(vm, &bytes).map_err(|error| format!("its saved state is refused: {error}"))
}

/// All devices and the vCPUs that have saved themselves.
fn save(vm: &Vm) -> Result<Vec<u8>, SaveError> {
    let mut writer = SnapshotWriter::new();
    for (index, state) in core::mem::take(&mut vm.start.lock().saved) {
        writer.add(VcpuState::SECTION, index, &state.save())?;
    }
    vm.machine.lock().bus.save(&mut writer)?;
    Ok(writer.finish())
}

/// Brings all devices to a saved state and gives each vCPU its own. After an error the machine is in no particular state:
/// give it up.
fn restore(vm: &Vm, bytes: &[u8]) -> Result<(), RestoreError> {
    let snapshot = Snapshot::parse(bytes)?;
    vm.machine.lock().restore(vm, &snapshot)?;
    for index in 0..vm.message.machine.vcpus {
        let state = VcpuState::restore(snapshot.find(VcpuState::SECTION, index)?)?;
        vm.start.lock().saved.insert(index, state);
    }
    Ok(())
}

impl Machine {
    fn restore(&mut self, vm: &Vm, snapshot: &Snapshot<'_>) -> Result<(), RestoreError> {
        let vcpus = vm.message.machine.vcpus;
        snapshot.refuse_unknown(|name, instance| {
            (name == VcpuState::SECTION && instance < vcpus) || self.bus.knows_section(name, instance)
        })?;
        self.bus.restore(snapshot)?;
        // What follows from the devices' state outside of them.
        self.effects.note(
            Attention::WINDOWS
                | Attention::DIRECT
                | Attention::PIC_OUTPUT
                | Attention::CONSOLE
                | Attention::DEADLINE,
        );
        self.settle(vm);
        // What rang before and was not heard: a queue that has nothing is no harm.
        for (device, queue) in self.doorbells.queues() {
            self.with_bus(vm, |bus, _, context| bus.notify(device, queue, context));
        }
        Ok(())
    }
}

impl Exits {
    /// Saves this thread's vCPU.
    pub(crate) fn save(&self) -> Result<(), Error> {
        let state = self.state()?;
        self.vm.start.lock().saved.insert(self.index, state);
        Ok(())
    }

    fn state(&self) -> Result<VcpuState, Error> {
        let mut xsave = alloc::vec![0; system_info().xsave_bytes as usize];
        let length = self.runner.read_xsave(&mut xsave)?;
        xsave.truncate(length);
        let msrs = read_msrs(&self.runner);
        let saved_at = self.vm.start.lock().saved_at;
        Ok(VcpuState {
            registers: self.runner.registers()?.as_bytes().to_vec(),
            apic: self.runner.apic()?.as_bytes().to_vec(),
            xsave,
            msrs: msrs.iter().map(|msr| SavedMsr { number: msr.number, value: msr.value }).collect(),
            tsc: self.runner.tsc_offset()?.wrapping_add(self.guest_ticks(saved_at)?),
            tsc_hz: self.tsc_hz()?,
            paravirtual: self.paravirtual.values(),
        })
    }

    /// The rate of the guest's TSC.
    fn tsc_hz(&self) -> Result<u64, Error> {
        Ok(match self.runner.tsc_rate()? {
            0 => system_info().tsc_hz,
            rate => rate,
        })
    }

    /// Host ticks at the guest's rate.
    fn guest_ticks(&self, host: u64) -> Result<u64, Error> {
        Ok(ticks_at_rate(host, system_info().tsc_hz, self.tsc_hz()?))
    }

    /// Lets the TSC go on from `tsc`, which it has at `host` ticks of the host, at the rate that the guest knows. `Unsupported`
    /// if that is not this machine's and the processor cannot scale.
    fn restore_tsc(&mut self, tsc: u64, tsc_hz: u64, host: u64) -> Result<(), Error> {
        if !is_same_rate(tsc_hz, self.tsc_hz()?) {
            self.runner.set_tsc_rate(tsc_hz)?;
        }
        self.runner.set_tsc_offset(tsc.wrapping_sub(self.guest_ticks(host)?))
    }

    /// Brings this thread's vCPU to a saved state; at `saved_at` ticks of the host its TSC is as it was saved. `BadArgument` if it
    /// is none that this processor can be in, `Unsupported` if the TSC that it knows cannot be had.
    pub(crate) fn restore(&mut self, state: &VcpuState, saved_at: u64) -> Result<(), Error> {
        let registers = RegisterState::read_from_bytes(&state.registers).map_err(|_| Error::BadArgument)?;
        let apic = ApicState::read_from_bytes(&state.apic).map_err(|_| Error::BadArgument)?;
        self.runner.set_registers(&registers)?;
        self.runner.write_xsave(&state.xsave)?;
        for msr in &state.msrs {
            self.runner.write_msrs(&[MsrValue { number: msr.number, reserved: 0, value: msr.value }])?;
        }
        // After the TSC's correction, which moves it.
        self.restore_tsc(state.tsc, state.tsc_hz, saved_at)?;
        // Last, because its timer starts to run at once.
        self.runner.set_apic(&apic)?;
        self.restore_paravirtual(state.paravirtual)
    }
}
