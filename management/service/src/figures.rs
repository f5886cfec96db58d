//! Answers about figures.

use crate::service::Service;
use alloc::{string::String, vec::Vec};
use management_protocol::{
    Cpus, Memory, MemoryUser, Refusal, Reply, Statistics, VM_LINES_MAX, VmLine, VmState,
};
use management_supervisor::VmIndex;
use user_rt::{GroupInfo, SystemStats, system_info};

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// Lines of the VM table from `from` on.
pub(crate) fn vms(service: &Service, from: u32) -> Reply {
    let definitions = &service.boot.vms.vms;
    let first = usize::try_from(from).unwrap_or(usize::MAX);
    let lines = (first..definitions.len()).take(VM_LINES_MAX).filter_map(|index| vm(service, index));
    Reply::Vms { total: u32::try_from(definitions.len()).unwrap_or(u32::MAX), lines: lines.collect() }
}

fn vm(service: &Service, index: usize) -> Option<VmLine> {
    let definition = service.boot.vms.vms.get(index)?;
    let (state, restarts, outcome) =
        service.supervisor.vm(VmIndex(index)).unwrap_or((VmState::Stopped, 0, ""));
    let used = vm_group(service, index).unwrap_or_default();
    Some(VmLine {
        name: definition.name.clone(),
        state,
        vcpus: definition.vcpus,
        memory_bytes: definition.memory_bytes,
        used_bytes: used.memory_bytes,
        kernel_bytes: used.kernel_bytes,
        cpu_ns: used.cpu_ns,
        wait_ns: used.wait_ns,
        restarts,
        outcome: String::from(outcome),
    })
}

/// The machine's counters.
pub(crate) fn statistics(service: &Service) -> Reply {
    let Ok(stats) = service.roots.system.stats() else { return Reply::Refused(Refusal::Unavailable) };
    Reply::Statistics(Statistics {
        now_ns: stats.now_ns,
        cpus: cpu_count(),
        idle_ns: stats.idle_ns,
        wake_ups: stats.idle_exits,
        timer_interrupts: stats.timer_interrupts,
        cross_interrupts: stats.cross_interrupts,
        device_interrupts: stats.device_interrupts,
        switches: stats.switches,
        exits: stats.exits.to_vec(),
        first_guest_ns: first_guest_ns(&stats),
        memory_bytes: stats.memory_bytes,
        free_bytes: stats.free_bytes,
    })
}

/// The processors.
pub(crate) fn cpus(service: &Service) -> Reply {
    let Ok(stats) = service.roots.system.stats() else { return Reply::Refused(Refusal::Unavailable) };
    let info = system_info();
    let virtualization = match info.virtualization {
        1 => "AMD-V",
        2 => "VT-x",
        _ => "none",
    };
    Reply::Cpus(Cpus {
        cpus: cpu_count(),
        tsc_hz: info.tsc_hz,
        virtualization: virtualization.into(),
        now_ns: stats.now_ns,
        idle_ns: stats.idle_ns,
        wake_ups: stats.idle_exits,
    })
}

/// Who uses how much memory.
pub(crate) fn memory(service: &Service) -> Reply {
    let Ok(stats) = service.roots.system.stats() else { return Reply::Refused(Refusal::Unavailable) };
    let mut users: Vec<MemoryUser> = service
        .programs
        .iter()
        .map(|run| {
            let used = run.link.as_ref().and_then(|link| link.group.info().ok());
            user(run.program.name.clone(), &used.unwrap_or_default())
        })
        .collect();
    users.push(all_vms(service));
    Reply::Memory(Memory {
        total_bytes: stats.memory_bytes,
        free_bytes: stats.free_bytes,
        kernel_bytes: stats.kernel_bytes,
        bundle_bytes: stats.bundle_bytes,
        object_bytes: stats.object_bytes,
        users,
    })
}

/// All VMs as one line.
fn all_vms(service: &Service) -> MemoryUser {
    let mut sum = MemoryUser { name: "all VMs".into(), used_bytes: 0, kernel_bytes: 0, limit_bytes: 0 };
    for used in (0..service.vms.len()).filter_map(|index| vm_group(service, index)) {
        sum.used_bytes = sum.used_bytes.saturating_add(used.memory_bytes);
        sum.kernel_bytes = sum.kernel_bytes.saturating_add(used.kernel_bytes);
    }
    sum
}

fn user(name: String, used: &GroupInfo) -> MemoryUser {
    MemoryUser {
        name,
        used_bytes: used.memory_bytes,
        kernel_bytes: used.kernel_bytes,
        limit_bytes: used.limits.memory_bytes,
    }
}

fn vm_group(service: &Service, index: usize) -> Option<GroupInfo> {
    service.vms.get(index)?.link.as_ref()?.group.info().ok()
}

fn cpu_count() -> u32 {
    u32::try_from(system_info().cpus).unwrap_or(u32::MAX)
}

fn first_guest_ns(stats: &SystemStats) -> u64 {
    let nanos = u128::from(stats.first_guest_ticks).saturating_mul(NANOS_PER_SECOND);
    nanos
        .checked_div(u128::from(system_info().tsc_hz))
        .and_then(|nanos| u64::try_from(nanos).ok())
        .unwrap_or(0)
}
