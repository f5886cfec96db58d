//! A 16550A serial line (National Semiconductor PC16550D data sheet, 1995).
//!
//! What the guest transmits waits in a queue until the owner takes it
//! ([`Uart::take_transmitted`]); what is typed waits in another one until the guest reads it
//! ([`Uart::receive`]). Both are bounded: a full transmit queue keeps "transmitter holding register
//! empty" clear, so that a guest that polls or waits for it slows down to the console's
//! speed. Baud rates are ignored; bytes take no time.

mod bus;
mod registers;
mod state;
#[cfg(test)]
mod tests;

pub use bus::REGISTERS;
pub use state::{RECEIVE_BYTES, TRANSMIT_BYTES, Uart};
