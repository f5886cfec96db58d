//! How fast the TSC and the APIC timer run.
//!
//! What CPUID or a hypervisor says is taken where it can be trusted; otherwise both are measured for
//! 2 ms against the HPET or the ACPI PM timer, or at last against channel 2 of the PIT.

use crate::acpi::{Board, Fadt, RegisterSpace};
use crate::cpu::control::read_tsc;
use crate::cpu::features::{cpuid, is_bochs, vendor};
use crate::cpu::port;
use crate::interrupt::local_apic;
use crate::paging::device::{Caching, Mapping, map};

/// The interval is 1/500 s.
const INTERVALS_PER_SECOND: u64 = 500;
/// Frequency of the ACPI PM timer.
const PM_TIMER_HZ: u64 = 3_579_545;
/// Frequency of the PIT.
const PIT_HZ: u64 = 1_193_182;
/// Reads of a clock that stands still before it is given up.
const READS_MAX: u64 = 4_000_000;

/// Ticks per second of both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frequencies {
    /// Time stamp counter.
    pub(crate) tsc_hz: u64,
    /// Count-down clock of the APIC timer, undivided.
    pub(crate) apic_hz: u64,
    /// Who says so.
    pub(crate) source: &'static str,
}

/// Finds the frequencies. The APIC is on; its timer is not used yet.
pub(crate) fn measure(board: &Board) -> Option<Frequencies> {
    stated().or_else(|| measured(board))
}

/// What a hypervisor states (leaf 4000_0010h: KVM, VMware, Xen), or an Intel processor (15h with the crystal's frequency).
fn stated() -> Option<Frequencies> {
    let is_guest = cpuid(1, 0).ecx & 1 << 31 != 0;
    if is_guest {
        let leaf = cpuid(0x4000_0000, 0);
        let frequencies = cpuid(0x4000_0010, 0);
        if leaf.eax >= 0x4000_0010 && frequencies.eax != 0 && frequencies.ebx != 0 {
            let hz = |khz: u32| u64::from(khz) * 1000;
            return Some(Frequencies {
                tsc_hz: hz(frequencies.eax),
                apic_hz: hz(frequencies.ebx),
                source: "the hypervisor",
            });
        }
        return None;
    }
    let ratio = cpuid(0x15, 0);
    if &vendor() != b"GenuineIntel" || ratio.eax == 0 || ratio.ebx == 0 || ratio.ecx == 0 {
        return None;
    }
    let crystal = u64::from(ratio.ecx);
    let tsc_hz = crystal * u64::from(ratio.ebx) / u64::from(ratio.eax);
    // Bochs' Skylake copies the leaf of a processor whose TSC it does not have: believe it only if leaf 16h (MHz) agrees.
    let base_hz = u64::from(cpuid(0x16, 0).eax & 0xffff) * 1_000_000;
    let is_plausible = base_hz.abs_diff(tsc_hz) < tsc_hz / 10 && !is_bochs();
    is_plausible.then_some(Frequencies { tsc_hz, apic_hz: crystal, source: "CPUID" })
}

/// A clock that counts up, and wraps.
enum Reference {
    Hpet(Mapping, u64),
    PmTimer(u16),
    Pit,
}

fn measured(board: &Board) -> Option<Frequencies> {
    let hpet = board.hpet.and_then(|hpet| hpet_reference(hpet.address));
    let clocks = [hpet, board.fadt.as_ref().and_then(pm_reference), Some(Reference::Pit)];
    clocks.into_iter().flatten().find_map(|clock| clock.measure())
}

/// Starts the HPET's counter.
fn hpet_reference(address: u64) -> Option<Reference> {
    let registers = map(address, 1024, Caching::Uncached)?;
    let femtoseconds = registers.read_u64(0) >> 32;
    // IA-PC HPET 1.0a, 2.3.4: at most 100 ns.
    if femtoseconds == 0 || femtoseconds > 100_000_000 {
        return None;
    }
    registers.write_u64(0x10, registers.read_u64(0x10) | 1);
    Some(Reference::Hpet(registers, 1_000_000_000_000_000 / femtoseconds))
}

fn pm_reference(fadt: &Fadt) -> Option<Reference> {
    let register = fadt.timer.filter(|register| register.space == RegisterSpace::Port)?;
    (!fadt.is_hardware_reduced).then_some(Reference::PmTimer(u16::try_from(register.address).ok()?))
}

impl Reference {
    fn hz(&self) -> u64 {
        match self {
            Reference::Hpet(_, hz) => *hz,
            Reference::PmTimer(_) => PM_TIMER_HZ,
            Reference::Pit => PIT_HZ,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Reference::Hpet(..) => "the HPET",
            Reference::PmTimer(_) => "the PM timer",
            Reference::Pit => "the PIT",
        }
    }

    /// The lower bits of the counter; they count up.
    fn read(&self) -> u64 {
        match self {
            Reference::Hpet(registers, _) => u64::from(registers.read_u32(0xf0)),
            Reference::PmTimer(port) => u64::from(port::read_u32(*port)),
            Reference::Pit => {
                port::write_u8(0x43, 0x80);
                let low = port::read_u8(0x42);
                u64::from(!u16::from_le_bytes([low, port::read_u8(0x42)]))
            }
        }
    }

    /// Where the counter wraps.
    fn mask(&self) -> u64 {
        match self {
            Reference::Hpet(..) => 0xffff_ffff,
            Reference::PmTimer(_) => 0x00ff_ffff,
            Reference::Pit => 0xffff,
        }
    }

    fn start(&self) {
        if let Reference::Pit = self {
            // Channel 2: gate on, speaker off; mode 0 from the top.
            port::write_u8(0x61, port::read_u8(0x61) & !2 | 1);
            port::write_u8(0x43, 0xb0);
            port::write_u8(0x42, 0xff);
            port::write_u8(0x42, 0xff);
        }
    }

    /// Reads clock and TSC together: of three tries the one that the fewest ticks passed in.
    fn sample(&self) -> (u64, u64) {
        let mut best = (u64::MAX, 0, 0);
        for _ in 0..3 {
            let before = read_tsc();
            let clock = self.read();
            let after = read_tsc();
            if after.wrapping_sub(before) < best.0 {
                best = (after.wrapping_sub(before), clock, before.midpoint(after));
            }
        }
        (best.1, best.2)
    }

    fn measure(&self) -> Option<Frequencies> {
        self.start();
        local_apic::start_calibration();
        let (clock_start, tsc_start) = self.sample();
        let apic_start = local_apic::calibration_count();
        let wanted = self.hz() / INTERVALS_PER_SECOND;
        let passed = |now: u64| now.wrapping_sub(clock_start) & self.mask();
        let mut reads = 0;
        while passed(self.read()) < wanted {
            reads += 1;
            if reads > READS_MAX {
                return None;
            }
        }
        let (clock_end, tsc_end) = self.sample();
        let apic_end = local_apic::calibration_count();
        local_apic::end_calibration();
        let scale = |ticks: u64| {
            let wide = u128::from(ticks) * u128::from(self.hz()) / u128::from(passed(clock_end).max(1));
            u64::try_from(wide).unwrap_or(0)
        };
        let tsc_hz = scale(tsc_end.wrapping_sub(tsc_start));
        let apic_hz = scale(u64::from(apic_start.wrapping_sub(apic_end)));
        (tsc_hz > 0).then_some(Frequencies { tsc_hz, apic_hz, source: self.name() })
    }
}
