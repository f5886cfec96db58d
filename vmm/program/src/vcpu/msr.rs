//! Model-specific registers that ring 0 does not know.

use super::{clock, exits::Exits};

/// Wall clock record (Linux, Documentation/virt/kvm/x86/msr.rst).
const KVM_WALL_CLOCK: u32 = 0x4B56_4D00;
/// Time record.
const KVM_SYSTEM_TIME: u32 = 0x4B56_4D01;
/// Steal time record.
const KVM_STEAL_TIME: u32 = 0x4B56_4D03;
/// Bit 0 of the steal time MSR: the record is wanted.
const STEAL_ENABLE: u64 = 1 << 0;
/// Address bits of the steal time MSR.
const STEAL_ADDRESS: u64 = !0x3F;

/// What the guest wrote to the paravirtual MSRs: it may read that back.
#[derive(Clone, Copy, Default)]
pub(crate) struct ParavirtualMsrs {
    wall_clock: u64,
    system_time: u64,
    steal_time: u64,
}

impl ParavirtualMsrs {
    /// Wall clock, system time, steal time.
    pub(crate) fn values(self) -> [u64; 3] {
        [self.wall_clock, self.system_time, self.steal_time]
    }
}

impl Exits {
    /// Takes over saved paravirtual MSRs. The records are in guest memory already; only ring 0 has to be told
    /// where the steal time goes.
    pub(crate) fn restore_paravirtual(&mut self, values: [u64; 3]) -> Result<(), user_rt::Error> {
        let [wall_clock, system_time, steal_time] = values;
        self.paravirtual = ParavirtualMsrs { wall_clock, system_time, steal_time };
        self.runner.set_steal_time(steal_record(steal_time))
    }

    /// The value that RDMSR gets; `None` = general protection fault.
    pub(super) fn read_msr(&self, number: u32) -> Option<u64> {
        match number {
            KVM_WALL_CLOCK => Some(self.paravirtual.wall_clock),
            KVM_SYSTEM_TIME => Some(self.paravirtual.system_time),
            KVM_STEAL_TIME => Some(self.paravirtual.steal_time),
            // Bit 0: locked, so that nobody tries to switch VMX on.
            IA32_FEATURE_CONTROL => Some(1),
            _ if is_harmless(number) => Some(0),
            _ => None,
        }
    }

    /// Carries WRMSR out; `false` = general protection fault.
    pub(super) fn write_msr(&mut self, number: u32, value: u64) -> bool {
        match number {
            KVM_WALL_CLOCK => {
                self.paravirtual.wall_clock = value;
                clock::set_wall_clock(self.vm, value)
            }
            KVM_SYSTEM_TIME => {
                self.paravirtual.system_time = value;
                clock::set_time_record(self.vm, value)
            }
            KVM_STEAL_TIME => {
                self.paravirtual.steal_time = value;
                self.runner.set_steal_time(steal_record(value)).is_ok()
            }
            _ => is_harmless(number),
        }
    }
}

/// Where the steal time record is to be; 0 = nowhere.
fn steal_record(value: u64) -> u64 {
    if value & STEAL_ENABLE != 0 { value & STEAL_ADDRESS } else { 0 }
}

const IA32_FEATURE_CONTROL: u32 = 0x3A;

/// MSRs that kernels touch without asking CPUID, and that do nothing here: they read as zero and
/// swallow writes.
// tidy: table
fn is_harmless(number: u32) -> bool {
    matches!(
        number,
        // Platform id, power-on configuration, SMI count, bus frequency, platform information.
        0x17 | 0x2A | 0x34 | 0xCD | 0xCE
        // Microcode update trigger and revision.
            | 0x79 | 0x8B
        // Package C-states, their base address, miscellaneous features.
            | 0xE2 | 0xE4 | 0x140
        // Performance status and control, thermal interrupt and status, temperature target, turbo ratio.
            | 0x198 | 0x199 | 0x19A | 0x19B | 0x19C | 0x1A2 | 0x1AD
        // Energy bias.
            | 0x1B0
        // Running average power limits.
            | 0x606 | 0x611 | 0x619 | 0x639 | 0x641
        // AMD: K7 performance counters and their control.
            | 0xC001_0000..=0xC001_0007
        // AMD: top of memory, I/O ranges, interrupt pending, MMIO configuration base.
            | 0xC001_0016..=0xC001_001F | 0xC001_0055 | 0xC001_0058
        // AMD: P-states, boost, SMM base, address and mask, visible workarounds.
            | 0xC001_0061..=0xC001_006B | 0xC001_0111..=0xC001_0113 | 0xC001_0140 | 0xC001_0141
        // AMD: processor name, energy counters.
            | 0xC001_0030..=0xC001_0035 | 0xC001_0299..=0xC001_029B
        // AMD: load-store, instruction cache, data cache and bus unit configuration.
            | 0xC001_1004 | 0xC001_1005 | 0xC001_1020..=0xC001_102D
    )
}
