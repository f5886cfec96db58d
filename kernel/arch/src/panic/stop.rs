//! Stopping the other processors by NMI.

use crate::cpu::control::halt_forever;
use crate::cpu::local;
use crate::interrupt::local_apic::{Message, send};
use crate::say;
use crate::trap::kernel::Frame;
use core::sync::atomic::{AtomicBool, Ordering};

static IS_STOPPING: AtomicBool = AtomicBool::new(false);

/// Stops all processors but the calling one. They may be anywhere, with or without interrupts.
pub(super) fn stop_others() {
    IS_STOPPING.store(true, Ordering::SeqCst);
    let own = own_index();
    for cpu in (0..local::count()).filter(|&cpu| cpu != own) {
        send(cpu, Message::Nmi);
    }
}

/// The calling processor's index; 0 before it has one.
pub(super) fn own_index() -> usize {
    local::try_index().unwrap_or(0)
}

/// What an NMI does: stops this processor if another one panics. Otherwise the hardware reports something.
pub(crate) fn stop_if_asked(frame: &Frame) {
    if IS_STOPPING.load(Ordering::SeqCst) {
        halt_forever();
    }
    let _ = frame;
    say!("non-maskable interrupt on CPU {}: the hardware reports a fault", own_index());
}
