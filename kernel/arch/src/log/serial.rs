//! The first serial line (16550).

use crate::cpu::port;
use core::sync::atomic::{AtomicBool, Ordering};

/// I/O port of COM1.
pub(crate) const COM1: u16 = 0x3f8;
/// Turns of the loop that waits for room in the transmitter: a stuck line must not hang the kernel.
const WAIT_MAX: u32 = 100_000;
/// Bytes that the transmitter takes at once (the 16550's FIFO).
const FIFO_BYTES: u32 = 16;

static IS_PRESENT: AtomicBool = AtomicBool::new(false);

/// Looks for the line and sets it to 115200 baud, 8 bits, no parity.
pub(super) fn set_up() {
    // The scratch register keeps what is written, if there is one.
    for pattern in [0x5a, 0xa5] {
        port::write_u8(COM1 + 7, pattern);
        if port::read_u8(COM1 + 7) != pattern {
            return;
        }
    }
    for (register, value) in [(1, 0), (3, 0x80), (0, 1), (1, 0), (3, 0x03), (2, 0x07), (4, 0x0b)] {
        port::write_u8(COM1 + register, value);
    }
    IS_PRESENT.store(true, Ordering::Relaxed);
}

/// Whether there is a line.
pub(crate) fn is_present() -> bool {
    IS_PRESENT.load(Ordering::Relaxed)
}

/// Writes text, with CR before each LF.
pub(super) fn write(text: &str) {
    if !is_present() {
        return;
    }
    let mut room = 0;
    for byte in text.bytes() {
        if byte == b'\n' {
            send(b'\r', &mut room);
        }
        send(byte, &mut room);
    }
}

fn send(byte: u8, room: &mut u32) {
    if *room == 0 {
        for _ in 0..WAIT_MAX {
            // Bit 5: the whole FIFO is empty.
            if port::read_u8(COM1 + 5) & 0x20 != 0 {
                break;
            }
            core::hint::spin_loop();
        }
        *room = FIFO_BYTES;
    }
    *room -= 1;
    port::write_u8(COM1, byte);
}
