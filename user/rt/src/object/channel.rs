//! Channels: messages of bytes and handles between processes.

use super::{in_argument, object, out_argument};
use crate::handle::OwnedHandle;
use crate::syscall::{call0, call5};
use abi::{Error, Handle, MESSAGE_BYTES_MAX, MESSAGE_HANDLES_MAX, Syscall};
use alloc::vec;
use alloc::vec::Vec;

/// Bytes of a message that [`Channel::receive`] takes by way of the stack.
const SMALL_MESSAGE_BYTES: usize = 1024;

/// One end of a channel.
#[derive(Debug)]
pub struct Channel(pub(crate) OwnedHandle);
object!(Channel);

/// A message as it came; nothing in it has been checked.
#[derive(Debug, Default)]
pub struct Received {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its handles, in the order in which they were sent.
    pub handles: Vec<OwnedHandle>,
}

impl Channel {
    /// Makes a channel and returns its two ends.
    pub fn create() -> Result<(Self, Self), Error> {
        // SAFETY: the call takes no pointers.
        let (first, second) = unsafe { call0(Syscall::ChannelCreate) }?;
        Ok((Self(OwnedHandle::made(first)?), Self(OwnedHandle::made(second)?)))
    }

    /// Sends bytes. `WouldBlock` while the peer's queue is full, `PeerClosed` when there is no peer.
    pub fn send(&self, bytes: &[u8]) -> Result<(), Error> {
        self.send_raw(bytes, &[])
    }

    /// Sends bytes and handles. The handles are gone afterwards; a refusal gives them back.
    pub fn send_with_handles(
        &self,
        bytes: &[u8],
        handles: Vec<OwnedHandle>,
    ) -> Result<(), (Error, Vec<OwnedHandle>)> {
        let mut numbers = [Handle::NONE; MESSAGE_HANDLES_MAX];
        let Some(used) = numbers.get_mut(..handles.len()) else {
            return Err((Error::LimitReached, handles));
        };
        for (number, handle) in used.iter_mut().zip(&handles) {
            *number = handle.number();
        }
        match self.send_raw(bytes, used) {
            Ok(()) => {
                handles.into_iter().for_each(|handle| {
                    handle.into_raw();
                });
                Ok(())
            }
            Err(error) => Err((error, handles)),
        }
    }

    fn send_raw(&self, bytes: &[u8], handles: &[Handle]) -> Result<(), Error> {
        // SAFETY: both buffers are readable for the lengths given; the kernel only reads them.
        unsafe {
            call5(
                Syscall::ChannelWrite,
                self.0.raw(),
                in_argument(bytes),
                bytes.len() as u64,
                in_argument(handles),
                handles.len() as u64,
            )
        }?;
        Ok(())
    }

    /// Receives one message into new buffers. `WouldBlock` when there is none, `PeerClosed` when there
    /// will be none any more.
    pub fn receive(&self) -> Result<Received, Error> {
        let mut handles = Vec::new();
        // Most messages are small: an idle program should not touch 16 KiB of heap for them.
        let mut small = [0; SMALL_MESSAGE_BYTES];
        let bytes = match self.receive_into(&mut small, &mut handles) {
            Ok(length) => small.get(..length).unwrap_or(&small).to_vec(),
            Err(Error::BufferTooSmall) => {
                let mut large = vec![0; MESSAGE_BYTES_MAX];
                let length = self.receive_into(&mut large, &mut handles)?;
                large.truncate(length);
                large.shrink_to_fit();
                large
            }
            Err(error) => return Err(error),
        };
        Ok(Received { bytes, handles })
    }

    /// Receives one message: its bytes into `buffer`, its handles onto the end of `handles`. Returns the
    /// number of bytes. `BufferTooSmall` leaves the message in place.
    pub fn receive_into(&self, buffer: &mut [u8], handles: &mut Vec<OwnedHandle>) -> Result<usize, Error> {
        let mut numbers = [Handle::NONE; MESSAGE_HANDLES_MAX];
        let (length, count) = self.receive_raw(buffer, &mut numbers)?;
        let received = numbers.iter().take(count);
        handles.extend(received.filter_map(|number| OwnedHandle::from_raw(u64::from(number.0))));
        Ok(length)
    }

    /// Receives the bytes of one message and refuses handles: a message that carries some is `BufferTooSmall`.
    pub fn receive_bytes(&self, buffer: &mut [u8]) -> Result<usize, Error> {
        self.receive_raw(buffer, &mut []).map(|(length, _)| length)
    }

    fn receive_raw(&self, buffer: &mut [u8], handles: &mut [Handle]) -> Result<(usize, usize), Error> {
        let capacity = (buffer.len() as u64, handles.len() as u64);
        // SAFETY: both buffers are writable for the lengths given and borrowed for the call only.
        let (length, count) = unsafe {
            call5(
                Syscall::ChannelRead,
                self.0.raw(),
                out_argument(buffer),
                capacity.0,
                out_argument(handles),
                capacity.1,
            )
        }?;
        Ok((length as usize, count as usize))
    }
}
