//! Interrupts: local APICs, I/O APICs, and what has arrived.
//!
//! A vector that arrives is acknowledged and noted in its processor's bitmap; `take` turns bits
//! into [`HostInterrupt`]s. A device's line is masked before it is acknowledged.

mod io_apic;
pub(crate) mod local_apic;
mod pic;
pub(crate) mod timer;

pub(crate) use io_apic::{mask, route, set_up as set_up_io_apics, unmask};
pub(crate) use pic::disable as disable_pic;

use crate::cpu::local::local;
use crate::vmx;
use kernel_core::HostInterrupt;

/// Vector of the first routed line.
const FIRST_LINE: u8 = 0x30;
/// Vector after the last routed line.
const END_OF_LINES: u8 = 0xf0;
/// Vector of [`kernel_core::Machine::notify`].
pub(crate) const NOTIFY: u8 = 0xf0;
/// Vector that asks a processor for the VT-x control structure that it has.
pub(crate) const GIVE_BACK: u8 = 0xf2;
/// Vector of [`kernel_core::Machine::notify_guest`]. A processor that takes posted interrupts takes those of its guest with it;
/// otherwise it is like [`NOTIFY`].
pub(crate) const POSTED: u8 = 0xf3;
/// Vector of the processor's own timer.
pub(crate) const TIMER: u8 = 0xf1;
/// Vector of the local APIC's error interrupt.
pub(crate) const ERROR: u8 = 0xfe;
/// Vector that the local APIC delivers when an interrupt went away; not to be acknowledged.
pub(crate) const SPURIOUS: u8 = 0xff;

/// Takes note of a vector that arrived on the calling processor, and acknowledges it.
#[inline]
pub(crate) fn arrived(vector: u8) {
    if vector == SPURIOUS {
        return;
    }
    if (FIRST_LINE..END_OF_LINES).contains(&vector) {
        io_apic::mask_vector(vector);
    }
    if vector == TIMER && !timer::has_fired() {
        local_apic::acknowledge();
        return;
    }
    if vector == GIVE_BACK {
        vmx::give_back();
        local_apic::acknowledge();
        return;
    }
    if let Some(word) = local().pending.get(usize::from(vector / 64)) {
        word.set(word.get() | 1 << (vector % 64));
    }
    // The legacy PICs are masked, but may still report a spurious interrupt at their own vectors.
    if vector >= FIRST_LINE {
        local_apic::acknowledge();
    }
}

/// Whether something waits to be taken on the calling processor.
#[inline]
pub(crate) fn has_pending() -> bool {
    let pending = &local().pending;
    pending[0].get() | pending[1].get() | pending[2].get() | pending[3].get() != 0
}

/// The next interrupt that arrived on the calling processor.
#[inline]
pub(crate) fn take() -> Option<HostInterrupt> {
    let pending = &local().pending;
    // The timer and notifications are in the last word: look there first.
    for index in [3, 2, 1, 0] {
        let word = pending[index].get();
        if word != 0 {
            let bit = word.trailing_zeros();
            pending[index].set(word & (word - 1));
            let vector = index as u32 * 64 + bit;
            return decode(vector as u8).or_else(take);
        }
    }
    None
}

fn decode(vector: u8) -> Option<HostInterrupt> {
    match vector {
        TIMER => Some(HostInterrupt::Timer),
        NOTIFY | POSTED => Some(HostInterrupt::Notify),
        FIRST_LINE..END_OF_LINES => io_apic::line_of(vector).map(HostInterrupt::Device),
        _ => None,
    }
}
