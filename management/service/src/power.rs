//! The machine's power.

use crate::roots::Roots;
use user_rt::PowerAction;

/// Turns the machine off or resets it. Returns only if the machine cannot.
pub(crate) fn change(roots: &Roots, action: PowerAction) {
    let error = roots.system.power(action);
    // The console may be gone: the kernel prints this itself.
    let _ = roots.log.start_echo();
    match action {
        PowerAction::Off => user_rt::log!("cannot power off: {error:?}; it is safe to press the button"),
        PowerAction::Reset => user_rt::log!("cannot reset: {error:?}; it is safe to press the button"),
    }
}
