//! The state of a vCPU as a snapshot keeps it.

use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use vmm_snapshot::{RestoreError, Saved, SavedState};

/// Version of [`VcpuState`].
const VERSION: u16 = 2;
/// Rates of the TSC are the same if they differ by less than one part in so many: 250 ppm.
const TOLERANCE: u64 = 4000;
/// Bytes of registers or of the local APIC at the most: a page.
const PART_BYTES_MAX: usize = 4096;
/// Bytes of extended state at the most: AVX-512 takes less than three KiB, AMX eight more.
const XSAVE_BYTES_MAX: usize = 16 << 10;
/// MSRs at the most.
const MSRS_MAX: usize = 256;

/// One MSR.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SavedMsr {
    /// Its number.
    pub number: u32,
    /// Its value.
    pub value: u64,
}

/// A vCPU at rest. Registers, local APIC and extended state are in the kernel's own layouts, which are
/// part of its interface and so as stable as this format.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct VcpuState {
    /// General, control, segment and debug registers.
    pub registers: Vec<u8>,
    /// The local APIC.
    pub apic: Vec<u8>,
    /// The XSAVE area in standard format.
    pub xsave: Vec<u8>,
    /// MSRs that are in neither.
    pub msrs: Vec<SavedMsr>,
    /// The guest's TSC at the moment of saving.
    pub tsc: u64,
    /// Ticks per second of that TSC.
    pub tsc_hz: u64,
    /// The paravirtual MSRs as the guest wrote them: wall clock, system time, steal time.
    pub paravirtual: [u64; 3],
}

impl VcpuState {
    /// Name of a vCPU's section; the instance is its APIC id.
    pub const SECTION: &'static str = "vcpu";

    /// Encodes it.
    pub fn save(&self) -> SavedState {
        SavedState::encode(VERSION, self)
    }

    /// Decodes and checks sizes. Whether the processor takes the values is for the kernel to say.
    pub fn restore(saved: Saved<'_>) -> Result<Self, RestoreError> {
        let state: Self = saved.decode(VERSION)?;
        let has_room = state.registers.len() <= PART_BYTES_MAX && state.apic.len() <= PART_BYTES_MAX;
        if !has_room || state.xsave.len() > XSAVE_BYTES_MAX || state.msrs.len() > MSRS_MAX {
            return Err(RestoreError::Impossible("a vCPU has more state than any processor"));
        }
        Ok(state)
    }
}

/// Whether a guest that knows a TSC of `saved_hz` may have one of `host_hz`: clocks differ by as much, and guests correct it.
pub fn is_same_rate(saved_hz: u64, host_hz: u64) -> bool {
    saved_hz.abs_diff(host_hz) <= host_hz / TOLERANCE
}

/// How far a counter of `rate_hz` is when one of `host_hz` that began with it is at `host_ticks`.
pub fn ticks_at_rate(host_ticks: u64, host_hz: u64, rate_hz: u64) -> u64 {
    if rate_hz == host_hz {
        return host_ticks;
    }
    // Counters wrap, as the product of two of 64 bits cut to 64 does.
    (u128::from(host_ticks) * u128::from(rate_hz) / u128::from(host_hz.max(1))) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_at_another_rate_is_as_much_further() {
        assert_eq!(ticks_at_rate(u64::MAX, 2_000_000_000, 2_000_000_000), u64::MAX);
        assert_eq!(ticks_at_rate(4_000_000_000, 2_000_000_000, 3_000_000_000), 6_000_000_000);
        assert_eq!(ticks_at_rate(4_000_000_000, 0, 3_000_000_000), 12_000_000_000_000_000_000);
    }

    #[test]
    fn rates_that_crystals_differ_by_are_the_same() {
        assert!(is_same_rate(2_000_400_000, 2_000_000_000));
        assert!(!is_same_rate(2_001_000_000, 2_000_000_000));
        assert!(!is_same_rate(0, 2_000_000_000));
    }
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_saved_is_restored(
            registers: Vec<u8>, xsave: Vec<u8>, values in prop::collection::vec(any::<(u32, u64)>(), 0..20),
            tsc: u64, tsc_hz: u64, paravirtual: [u64; 3],
        ) {
            let msrs = values.into_iter().map(|(number, value)| SavedMsr { number, value }).collect();
            let state = VcpuState { registers, xsave, msrs, tsc, tsc_hz, paravirtual, ..VcpuState::default() };

            prop_assert_eq!(VcpuState::restore(state.save().as_saved()), Ok(state));
        }

        #[test]
        fn foreign_bytes_are_refused_or_small(bytes: Vec<u8>, version in 0u16..3) {
            let saved = Saved { version, bytes: &bytes };

            if let Ok(state) = VcpuState::restore(saved) {
                prop_assert!(state.msrs.len() <= MSRS_MAX);
            }
        }
    }

    #[test]
    fn more_state_than_a_processor_has_is_impossible() {
        let state = VcpuState { xsave: alloc::vec![0; XSAVE_BYTES_MAX + 1], ..VcpuState::default() };

        let refused = VcpuState::restore(state.save().as_saved());

        assert!(matches!(refused, Err(RestoreError::Impossible(_))));
    }
}
