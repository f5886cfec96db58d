//! The two 8259s: moved out of the way of exceptions, then masked for good.

use crate::cpu::port;

/// Silences the PICs. Harmless where there are none.
pub(crate) fn disable() {
    for (base, first_vector, wiring) in [(0x20, 0x20, 0x04), (0xa0, 0x28, 0x02)] {
        port::write_u8(base, 0x11);
        port::write_u8(base + 1, first_vector);
        port::write_u8(base + 1, wiring);
        port::write_u8(base + 1, 0x01);
        port::write_u8(base + 1, 0xff);
    }
}
