//! Which controls a processor's capabilities allow: pure, so that it is tested on Linux.

use super::Unavailable;
use spec::vmx::{capability, entry_control, exit_control, pin, primary, secondary};

/// The setting that a capability MSR allows (Intel SDM vol. 3, A.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Allowed {
    /// Bits that must be 1.
    must: u32,
    /// Bits that may be 1.
    may: u32,
}

impl Allowed {
    /// From the MSR: what must be 1 in the low half, what may be 1 in the high.
    pub const fn new(raw: u64) -> Self {
        Self { must: raw as u32, may: (raw >> 32) as u32 }
    }

    /// All of `needed` and as much as is there of `wanted`. `None` if something needed is missing.
    pub const fn choose(self, needed: u32, wanted: u32) -> Option<u32> {
        if needed & !self.may != 0 {
            return None;
        }
        Some(self.must | needed | wanted & self.may)
    }
}

/// The five words of controls.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Controls {
    /// Pin-based.
    pub pin: u32,
    /// Primary processor-based.
    pub primary: u32,
    /// Secondary processor-based.
    pub secondary: u32,
    /// VM-exit.
    pub exit: u32,
    /// VM-entry.
    pub entry: u32,
}

/// Needed pin-based controls.
const PIN: u32 = pin::INTERRUPT_EXIT | pin::NMI_EXIT | pin::VIRTUAL_NMIS;
/// Needed primary controls.
const PRIMARY: u32 = primary::TSC_OFFSETTING
    | primary::HLT
    | primary::MWAIT
    | primary::RDPMC
    | primary::TPR_SHADOW
    | primary::MOV_DR
    | primary::ALL_PORTS
    | primary::MONITOR
    | primary::SECONDARY;
/// Primary controls whose exits the backend does not know, which old processors cannot turn off.
const PRIMARY_UNWANTED: u32 = primary::INVLPG | primary::CR3_LOAD | primary::CR3_STORE | primary::RDTSC;
/// Primary controls that are used at times.
const PRIMARY_SOMETIMES: u32 = primary::INTERRUPT_WINDOW | primary::NMI_WINDOW | primary::CR8_LOAD;
/// Secondary controls that are used where they are.
const SECONDARY_WANTED: u32 = secondary::RDTSCP
    | secondary::VPID
    | secondary::PAUSE_LOOP
    | secondary::INVPCID
    | secondary::XSAVES
    | secondary::ENCLS
    | secondary::ENCLV;
/// Needed VM-exit controls.
const EXIT: u32 = exit_control::SAVE_DEBUG
    | exit_control::HOST_64_BIT
    | exit_control::SAVE_PAT
    | exit_control::LOAD_PAT
    | exit_control::SAVE_EFER
    | exit_control::LOAD_EFER;
/// Needed VM-entry controls.
const ENTRY: u32 = entry_control::LOAD_DEBUG | entry_control::LOAD_PAT | entry_control::LOAD_EFER;
/// What EPT must be able to do.
const EPT: u64 =
    capability::EPT_FOUR_LEVELS | capability::EPT_WRITE_BACK | capability::EPT_LARGE | capability::INVEPT;

/// Whether processors can log which pages guests write: the log is fed by dirty bits.
pub fn has_write_log(read: impl Fn(u32) -> u64) -> bool {
    let may = (read(capability::SECONDARY) >> 32) as u32;
    may & secondary::WRITE_LOG != 0 && read(capability::EPT_VPID) & capability::EPT_DIRTY != 0
}

/// Whether a guest's TSC can have a rate of its own. The control is set only while it has.
pub fn has_tsc_scaling(read: impl Fn(u32) -> u64) -> bool {
    (read(capability::SECONDARY) >> 32) as u32 & secondary::TSC_SCALING != 0
}

/// What lets the processor keep the interrupts of a local APIC in x2APIC mode.
pub const KEEPS_INTERRUPTS: u32 =
    secondary::VIRTUAL_X2APIC | secondary::APIC_REGISTERS | secondary::INTERRUPT_DELIVERY;

/// Whether the processor can keep interrupts, and the MSR bitmap says which registers it answers for.
pub fn keeps_interrupts(read: impl Fn(u32) -> u64, primary: u32) -> bool {
    let may = (read(capability::SECONDARY) >> 32) as u32;
    may & KEEPS_INTERRUPTS == KEEPS_INTERRUPTS && primary & primary::MSR_BITMAP != 0
}

/// Whether the processor can take posted interrupts of a guest whose interrupts it keeps: with the vector that tells it come all
/// host interrupts, so that they have to be acknowledged by the exit (Intel SDM vol. 3, 27.2.1.1).
pub fn takes_posts(read: impl Fn(u32) -> u64, controls: Controls) -> bool {
    let has_true = read(capability::BASIC) & capability::BASIC_HAS_TRUE != 0;
    let number = capability::PIN + if has_true { capability::TRUE_DISTANCE } else { 0 };
    let may = (read(number) >> 32) as u32;
    may & pin::POSTED != 0
        && controls.exit & exit_control::ACKNOWLEDGE != 0
        && keeps_interrupts(read, controls.primary)
}

/// Chooses the controls. `read` reads a capability MSR; `has_timer`: the preemption timer is wanted.
///
/// # Errors
/// What is missing.
pub fn choose(read: impl Fn(u32) -> u64, has_timer: bool) -> Result<Controls, Unavailable> {
    let has_true = read(capability::BASIC) & capability::BASIC_HAS_TRUE != 0;
    let distance = if has_true { capability::TRUE_DISTANCE } else { 0 };
    let allowed = |number: u32| Allowed::new(read(number + distance));
    let primary = allowed(capability::PRIMARY);
    if primary.may & primary::SECONDARY == 0 {
        return Err(Unavailable::NoEpt);
    }
    let second = Allowed::new(read(capability::SECONDARY));
    if second.may & secondary::EPT == 0 || read(capability::EPT_VPID) & EPT != EPT {
        return Err(Unavailable::NoEpt);
    }
    if second.may & secondary::UNRESTRICTED == 0 {
        return Err(Unavailable::NoUnrestricted);
    }
    if primary.must & PRIMARY_UNWANTED != 0 || PRIMARY_SOMETIMES & !primary.may != 0 {
        return Err(Unavailable::NoControl);
    }
    let timer = if has_timer { pin::PREEMPTION_TIMER } else { 0 };
    let secondary_needed = secondary::EPT | secondary::UNRESTRICTED | secondary::WBINVD;
    let controls = || {
        Some(Controls {
            pin: allowed(capability::PIN).choose(PIN, timer)?,
            primary: primary.choose(PRIMARY, primary::MSR_BITMAP)?,
            secondary: second.choose(secondary_needed, SECONDARY_WANTED)?,
            exit: allowed(capability::EXIT).choose(EXIT, exit_control::ACKNOWLEDGE)?,
            entry: allowed(capability::ENTRY).choose(ENTRY, 0)?,
        })
    };
    controls().ok_or(Unavailable::NoControl)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A processor whose capabilities are all there, but for those that `change` takes away.
    fn processor(change: impl Fn(u32, u64) -> u64) -> impl Fn(u32) -> u64 {
        move |number| {
            let all = match number {
                capability::BASIC => capability::BASIC_HAS_TRUE,
                capability::EPT_VPID => u64::MAX,
                _ => 0xffff_ffff_0000_0000,
            };
            change(number, all)
        }
    }

    #[test]
    fn what_must_be_one_is_one() {
        let allowed = Allowed::new(0x16 | 0xff << 32);
        assert_eq!(allowed.choose(0x20, 0x340), Some(0x16 | 0x20 | 0x40));
        assert_eq!(allowed.choose(0x100, 0), None);
    }

    #[test]
    fn what_is_wanted_may_be_missing() {
        let lacking = processor(|number, all| match number {
            capability::SECONDARY => all & !(u64::from(SECONDARY_WANTED) << 32),
            _ => all,
        });
        let controls = choose(lacking, true).unwrap();
        assert_eq!(
            controls.secondary,
            secondary::EPT | secondary::UNRESTRICTED | secondary::WBINVD,
            "nothing else is there"
        );
        assert_ne!(controls.pin & pin::PREEMPTION_TIMER, 0);
        let full = choose(processor(|_, all| all), false).unwrap();
        assert_eq!(full.secondary & SECONDARY_WANTED, SECONDARY_WANTED);
        assert_eq!(full.pin & pin::PREEMPTION_TIMER, 0);
    }

    #[test]
    fn what_is_needed_and_missing_is_named() {
        let without = |wanted: u32, bits: u64| {
            let lacking = processor(move |number, all| if number == wanted { all & !bits } else { all });
            choose(lacking, false).unwrap_err()
        };
        let high = |bits: u32| u64::from(bits) << 32;
        assert_eq!(without(capability::SECONDARY, high(secondary::EPT)), Unavailable::NoEpt);
        assert_eq!(without(capability::EPT_VPID, capability::INVEPT), Unavailable::NoEpt);
        assert_eq!(
            without(capability::SECONDARY, high(secondary::UNRESTRICTED)),
            Unavailable::NoUnrestricted
        );
        let true_pin = capability::PIN + capability::TRUE_DISTANCE;
        assert_eq!(without(true_pin, high(pin::VIRTUAL_NMIS)), Unavailable::NoControl);
    }

    #[test]
    fn writes_are_logged_only_with_dirty_bits() {
        assert!(has_write_log(processor(|_, all| all)));
        let without = |wanted: u32, bits: u64| {
            has_write_log(processor(move |number, all| if number == wanted { all & !bits } else { all }))
        };
        assert!(!without(capability::EPT_VPID, capability::EPT_DIRTY));
        assert!(!without(capability::SECONDARY, u64::from(secondary::WRITE_LOG) << 32));
    }

    #[test]
    fn interrupts_are_kept_with_all_it_takes_or_not_at_all() {
        let full = processor(|_, all| all);
        assert!(keeps_interrupts(&full, primary::MSR_BITMAP));
        assert!(!keeps_interrupts(&full, 0), "every access to a register exits then");
        for control in [secondary::VIRTUAL_X2APIC, secondary::APIC_REGISTERS, secondary::INTERRUPT_DELIVERY] {
            let lacking = processor(move |_, all| all & !(u64::from(control) << 32));
            assert!(!keeps_interrupts(lacking, primary::MSR_BITMAP));
        }
    }

    #[test]
    fn posted_interrupts_need_acknowledged_exits_and_kept_interrupts() {
        let takes = |wanted: u32, bits: u32| {
            let lacking = || {
                processor(move |number, all| match number {
                    _ if number == wanted => all & !(u64::from(bits) << 32),
                    _ => all,
                })
            };
            takes_posts(lacking(), choose(lacking(), false).unwrap())
        };
        assert!(takes(0, 0));
        assert!(!takes(capability::PIN + capability::TRUE_DISTANCE, pin::POSTED));
        assert!(!takes(capability::EXIT + capability::TRUE_DISTANCE, exit_control::ACKNOWLEDGE));
        assert!(!takes(capability::SECONDARY, secondary::INTERRUPT_DELIVERY));
    }

    #[test]
    fn exits_that_cannot_be_turned_off_are_refused() {
        let old = processor(|number, all| match number {
            capability::BASIC => 0,
            capability::PRIMARY => all | u64::from(primary::CR3_LOAD),
            _ => all,
        });
        assert_eq!(choose(old, false), Err(Unavailable::NoControl));
    }
}
