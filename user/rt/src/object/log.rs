//! The kernel's log.

use super::{in_argument, object, out_argument};
use crate::handle::OwnedHandle;
use crate::syscall::{call2, call4};
use abi::{Error, Syscall};

/// The right to read the kernel's log and to say who prints it. Writing needs none: see [`crate::log!`].
#[derive(Debug)]
pub struct Log(pub(crate) OwnedHandle);
object!(Log);

/// Bytes of one line at the most.
pub const LINE_BYTES_MAX: usize = 1024;

impl Log {
    /// Reads text from position `sequence` on. Returns the bytes read and the next position.
    pub fn read<'a>(&self, sequence: u64, target: &'a mut [u8]) -> Result<(&'a [u8], u64), Error> {
        let capacity = target.len() as u64;
        let pointer = out_argument(target);
        // SAFETY: the target is writable for its length.
        let (length, next) = unsafe { call4(Syscall::LogRead, self.0.raw(), sequence, pointer, capacity) }?;
        let text = target.get(..length as usize).ok_or(Error::OutOfRange)?;
        Ok((text, next))
    }

    /// Takes printing over from the kernel: it no longer copies the log to serial line and screen.
    pub fn stop_echo(&self) -> Result<(), Error> {
        self.echo(0)
    }

    /// Lets the kernel print the log itself.
    pub fn start_echo(&self) -> Result<(), Error> {
        self.echo(1)
    }

    fn echo(&self, on: u64) -> Result<(), Error> {
        // SAFETY: the call takes no pointers.
        unsafe { call2(Syscall::LogEcho, self.0.raw(), on) }?;
        Ok(())
    }
}

/// Adds a line to the kernel's log; what is longer than [`LINE_BYTES_MAX`] is cut.
pub fn write_line(line: &[u8]) -> Result<(), Error> {
    let line = line.get(..LINE_BYTES_MAX).unwrap_or(line);
    // SAFETY: the line is readable for its length.
    unsafe { call2(Syscall::LogWrite, in_argument(line), line.len() as u64) }?;
    Ok(())
}
