//! The state in which a vCPU starts.

use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};
use spec::msr;
use user_rt::{ApicState, Error, GPR_RDX, MsrValue, RegisterState, SegmentState, VcpuRunner, system_info};
use vmm_firmware::{Segment, StartRegisters};
use vmm_machine::VcpuState;

/// MSRs that a reset brings back and that a saved state has, beside those that are part of the registers or of the local
/// APIC: system calls, the TSC's correction, and memory types.
const MSRS: [u32; 16] = [
    msr::TSC_ADJUST,
    msr::SYSENTER_CS,
    msr::SYSENTER_ESP,
    msr::SYSENTER_EIP,
    msr::DEBUG_CTL,
    msr::STAR,
    msr::LSTAR,
    msr::CSTAR,
    msr::SFMASK,
    msr::FS_BASE,
    msr::GS_BASE,
    msr::KERNEL_GS_BASE,
    msr::TSC_AUX,
    msr::PAT,
    msr::MTRR_DEFAULT,
    msr::MTRR_FIXED_64K,
];
/// The rest of the memory type registers: first and last of each run.
const MTRRS: [(u32, u32); 3] = [
    (msr::MTRR_VARIABLE, msr::MTRR_VARIABLE + 15),
    (msr::MTRR_FIXED_16K, msr::MTRR_FIXED_16K + 1),
    (msr::MTRR_FIXED_4K, msr::MTRR_FIXED_4K + 7),
];

/// The values of [`MSRS`] and [`MTRRS`], as far as the processor has them.
pub(crate) fn read_msrs(runner: &VcpuRunner) -> Vec<MsrValue> {
    let runs = MTRRS.into_iter().flat_map(|(first, last)| first..=last);
    let mut values = Vec::new();
    for number in MSRS.into_iter().chain(runs) {
        let mut value = [MsrValue { number, reserved: 0, value: 0 }];
        if runner.read_msrs(&mut value).is_ok() {
            values.extend(value);
        }
    }
    values
}

/// Index of CS in [`RegisterState::segments`].
const CS: usize = 1;

/// What the first vCPU begins with.
pub(crate) enum Entry {
    /// A kernel that was placed in memory.
    Kernel(Box<StartRegisters>),
    /// Firmware at the reset vector, as after RESET.
    Firmware {
        /// What EDX says: family, model, stepping (Intel SDM vol. 3, 9.1.2).
        signature: u32,
    },
}

/// How the machine starts.
#[derive(Default)]
pub(crate) struct Start {
    /// What the first vCPU begins with.
    pub(crate) entry: Option<Entry>,
    /// Host TSC at the guest's TSC zero.
    pub(crate) tsc_origin: u64,
    /// Nanoseconds since 1970 at the guest's TSC zero.
    pub(crate) unix_nanos: u64,
    /// Host TSC at which guests have the TSC of their saved state.
    pub(crate) saved_at: u64,
    /// States that vCPUs go on from instead, by index. Each puts its own here, and takes it out again.
    pub(crate) saved: BTreeMap<u32, VcpuState>,
}

/// The state of a new vCPU, kept for resets.
pub(crate) struct Initial {
    registers: RegisterState,
    apic: ApicState,
    msrs: Vec<MsrValue>,
}

impl Initial {
    /// Reads the state of a vCPU that has not run.
    pub(crate) fn capture(runner: &VcpuRunner) -> Result<Self, Error> {
        Ok(Self { registers: runner.registers()?, apic: runner.apic()?, msrs: read_msrs(runner) })
    }

    /// Brings a vCPU that has run back.
    pub(crate) fn restore(&self, runner: &mut VcpuRunner) -> Result<(), Error> {
        runner.set_registers(&self.registers)?;
        runner.set_apic(&self.apic)?;
        for value in &self.msrs {
            runner.write_msrs(core::slice::from_ref(value))?;
        }
        runner.set_steal_time(0)?;
        runner.write_xsave(&initial_xsave())
    }

    /// The initial registers with what differs for the first vCPU.
    pub(crate) fn with_entry(&self, entry: &Entry) -> RegisterState {
        let mut state = self.registers;
        let start = match entry {
            Entry::Kernel(start) => start,
            Entry::Firmware { signature } => {
                if let Some(register) = state.gpr.get_mut(GPR_RDX) {
                    *register = u64::from(*signature);
                }
                return state;
            }
        };
        state.gpr = start.gpr;
        state.rip = start.rip;
        state.rflags = start.rflags;
        for segment in &mut state.segments {
            *segment = segment_state(start.data);
        }
        if let Some(code) = state.segments.get_mut(CS) {
            *code = segment_state(start.code);
        }
        state.tr = segment_state(start.task);
        state.gdt_base = start.gdt_base;
        state.gdt_limit = start.gdt_limit;
        state.idt_limit = 0;
        state.cr0 = start.cr0;
        state.cr3 = start.cr3;
        state.cr4 = start.cr4;
        state.efer = start.efer;
        state
    }
}

fn segment_state(segment: Segment) -> SegmentState {
    SegmentState {
        selector: segment.selector,
        attributes: segment.attributes,
        limit: segment.limit,
        base: segment.base,
    }
}

/// An XSAVE area of the state after reset: x87 control word and MXCSR as FNINIT and reset leave them.
fn initial_xsave() -> Vec<u8> {
    const CONTROL_WORD: u16 = 0x37F;
    const MXCSR: u32 = 0x1F80;
    let mut area = alloc::vec![0; system_info().xsave_bytes as usize];
    for (offset, bytes) in [(0, &CONTROL_WORD.to_le_bytes()[..]), (24, &MXCSR.to_le_bytes())] {
        if let Some(place) = area.get_mut(offset..offset + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }
    // XSTATE_BV: x87 and SSE state are in the area.
    if let Some(components) = area.get_mut(512) {
        *components = 0b11;
    }
    area
}
