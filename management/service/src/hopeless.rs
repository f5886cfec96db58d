//! When nothing can be started.

use crate::{boot::BootFailure, power, roots::Roots};
use base_units::Nanos;
use user_rt::{Packet, Port, PowerAction, now};

/// Time to read what is wrong, seconds.
const READING_SECONDS: u64 = 20;
/// Exit code where the machine cannot even be turned off.
const EXIT_CODE_HOPELESS: i64 = 2;

/// Says what is wrong, gives people time to read it, and turns the machine off.
pub(crate) fn give_up(roots: &Roots, failure: &BootFailure) -> i64 {
    user_rt::log!("cannot start: {failure}");
    user_rt::log!("cannot start: powering off in {READING_SECONDS} s");
    if let Ok(port) = Port::create() {
        let deadline = now().saturating_add(Nanos::from_millis(READING_SECONDS.saturating_mul(1_000)));
        // Nothing is bound to the port: only the deadline ends this.
        let _ = port.wait(&mut [Packet::default()], deadline);
    }
    power::change(roots, PowerAction::Off);
    EXIT_CODE_HOPELESS
}
