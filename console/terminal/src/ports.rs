//! What a driver needs of the machine's I/O ports.

/// Access to the I/O ports of one device. A port that cannot be reached reads as all ones, as an
/// empty bus does.
pub trait Ports {
    /// Reads a byte.
    fn read(&self, port: u16) -> u8;
    /// Writes a byte.
    fn write(&self, port: u16, value: u8);
}
