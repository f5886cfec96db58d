//! The paravirtual clock's records in guest memory.

use crate::{ram::publish, vm::Vm};
use base_units::Gpa;
use vmm_machine::wall_record;

/// Bit 0 of the time MSR: the record is wanted.
const ENABLE: u64 = 1 << 0;

/// The guest says where its time record is to be (MSR 4b564d01h). The record never changes
/// afterwards: all vCPUs' TSCs run alike. `false` if there is no memory.
pub(crate) fn set_time_record(vm: &Vm, value: u64) -> bool {
    if value & ENABLE == 0 {
        return true;
    }
    let at = Gpa::new(value & !ENABLE);
    publish(vm.ram.memory(), at, &vm.clock.time_record()).is_ok()
}

/// The guest asks when its time zero was (MSR 4b564d00h).
pub(crate) fn set_wall_clock(vm: &Vm, value: u64) -> bool {
    let record = wall_record(vm.start.lock().unix_nanos);
    publish(vm.ram.memory(), Gpa::new(value), &record).is_ok()
}
