//! One thread for each vCPU.

mod clock;
mod complete;
pub(crate) mod exits;
mod msr;
mod processor;
mod reach;
pub(crate) mod start;

use crate::{lifecycle::Phase, vm::Vm};
use alloc::{format, vec::Vec};
use exits::Exits;
use start::Initial;
use user_rt::{CpuidEntry, Error, VcpuRunner, thread};

/// Stack of a vCPU thread. Pages come on first touch.
const STACK_BYTES: u64 = 24 << 10;

/// Starts the threads of all vCPUs. They wait for the machine's start.
pub(crate) fn spawn_all(vm: &'static Vm) {
    for index in 0..vm.message.machine.vcpus {
        let spawned = thread::spawn(STACK_BYTES, move || {
            if let Err(error) = run(vm, index) {
                vm.lifecycle.fail(vm, format!("vCPU {index} cannot run: {error:?}"));
            }
        });
        if let Err(error) = spawned {
            vm.lifecycle.fail(vm, format!("vCPU {index} cannot be started: {error:?}"));
        }
    }
}

/// Makes the vCPU and runs it to the end of the process.
fn run(vm: &'static Vm, index: u32) -> Result<(), Error> {
    vm.keep_on_processors()?;
    let (vcpu, mut runner) = vm.guest.create_vcpu(index)?;
    install_cpuid(vm, &mut runner, index)?;
    let initial = Initial::capture(&runner)?;
    vm.vcpus.lock().push(vcpu);
    let mut exits = Exits::new(vm, runner, index);
    loop {
        let starts = vm.lifecycle.park();
        if vm.lifecycle.phase() == Phase::Renewing {
            exits.save()?;
            continue;
        }
        exits.begin(&initial, starts == 1)?;
        exits.run()?;
    }
}

fn install_cpuid(vm: &Vm, runner: &mut VcpuRunner, index: u32) -> Result<(), Error> {
    let entries: Vec<CpuidEntry> = vm
        .platform
        .cpuid()
        .for_vcpu(index)
        .map(|entry| CpuidEntry {
            leaf: entry.leaf,
            subleaf: entry.subleaf.unwrap_or(0),
            has_subleaf: u32::from(entry.subleaf.is_some()),
            eax: entry.eax,
            ebx: entry.ebx,
            ecx: entry.ecx,
            edx: entry.edx,
        })
        .collect();
    runner.set_cpuid(&entries)
}
