//! The first serial line.

use crate::processor::{read_port, write_port};
use core::fmt;

const DATA: u16 = 0x3f8;
const LINE_STATUS: u16 = 0x3fd;
const CAN_SEND: u8 = 1 << 5;

/// The first serial line, polled.
pub(crate) struct Serial;

impl fmt::Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            while read_port(LINE_STATUS) & CAN_SEND == 0 {}
            write_port(DATA, byte);
        }
        Ok(())
    }
}
