//! What the firmware allows (Intel SDM vol. 3, 24.7): pure, so that it is tested on Linux. The emulator's BIOS leaves the register
//! locked with VT-x on, its UEFI firmware leaves it open.

use super::Unavailable;
use spec::vmx::{FEATURE_LOCKED, FEATURE_VMXON};

/// What to write to IA32_FEATURE_CONTROL, which holds `features`, before VMXON. `Ok(None)` if VMXON is allowed as it is; a processor
/// without the register (`None`) cannot have it locked.
///
/// # Errors
/// [`Unavailable::Locked`] if the firmware has locked VT-x off.
pub fn feature_control(features: Option<u64>) -> Result<Option<u64>, Unavailable> {
    match features {
        Some(features) if features & FEATURE_LOCKED == 0 => {
            // Closed as firmware does it: nothing but VMXON outside of SMX is allowed.
            Ok(Some(FEATURE_LOCKED | FEATURE_VMXON))
        }
        Some(features) if features & FEATURE_VMXON == 0 => Err(Unavailable::Locked),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// VMXON in SMX only.
    const INSIDE_SMX: u64 = 1 << 1;

    #[test]
    fn vt_x_that_is_locked_off_is_refused_with_what_to_do_about_it() {
        assert_eq!(feature_control(Some(FEATURE_LOCKED)), Err(Unavailable::Locked));
        assert_eq!(feature_control(Some(FEATURE_LOCKED | INSIDE_SMX)), Err(Unavailable::Locked));
        let words = Unavailable::Locked.to_string();
        assert!(words.contains("locked it off") && words.contains("firmware's set-up"), "{words}");
    }

    #[test]
    fn what_is_locked_on_is_left_alone() {
        assert_eq!(feature_control(Some(FEATURE_LOCKED | FEATURE_VMXON)), Ok(None));
        assert_eq!(feature_control(Some(FEATURE_LOCKED | FEATURE_VMXON | INSIDE_SMX)), Ok(None));
        assert_eq!(feature_control(None), Ok(None));
    }

    #[test]
    fn what_is_not_locked_is_allowed_and_locked() {
        for features in [0, FEATURE_VMXON, INSIDE_SMX] {
            assert_eq!(feature_control(Some(features)), Ok(Some(FEATURE_LOCKED | FEATURE_VMXON)));
        }
    }
}
