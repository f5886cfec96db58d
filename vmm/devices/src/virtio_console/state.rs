//! The console as a value.

use alloc::{collections::VecDeque, vec::Vec};
use serde::{Deserialize, Serialize};
use vmm_virtio::{Chain, Fault, Guest, Progress, Token, device::REQUESTS_MAX};

/// Bytes that wait for the guest at the most.
pub const INPUT_BYTES: usize = 4096;
/// Bytes that wait for the owner at the most.
pub const OUTPUT_BYTES: usize = 4096;

/// The queue of buffers for what is typed.
pub(super) const RECEIVE: u16 = 0;
/// The queue of what the guest writes.
pub(super) const TRANSMIT: u16 = 1;
/// Descriptors of each queue.
pub(super) const QUEUES: [u16; 2] = [64, 64];
/// Bytes copied in one step.
const STEP_BYTES: usize = 256;

/// Size of the terminal, in characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ConsoleSize {
    /// Columns.
    pub columns: u16,
    /// Rows.
    pub rows: u16,
}

/// A request whose text did not fit the output queue as a whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Unfinished {
    pub(super) token: Token,
    /// Bytes of it that were taken.
    pub(super) taken: u64,
}

/// A console with one port.
pub struct Console {
    pub(super) size: ConsoleSize,
    pub(super) input: VecDeque<u8>,
    pub(super) output: VecDeque<u8>,
    /// The transmit request at hand: `transmit` holds its buffers.
    pub(super) unfinished: Option<Unfinished>,
    pub(super) transmit: Chain,
    pub(super) receive: Chain,
}

impl Console {
    /// A console of the given size.
    pub fn new(size: ConsoleSize) -> Self {
        Self {
            size,
            input: VecDeque::new(),
            output: VecDeque::new(),
            unfinished: None,
            transmit: Chain::new(),
            receive: Chain::new(),
        }
    }

    /// How many typed bytes fit now.
    pub fn input_room(&self) -> usize {
        INPUT_BYTES.saturating_sub(self.input.len())
    }

    /// How many bytes of the guest wait.
    pub fn output_len(&self) -> usize {
        self.output.len()
    }

    /// Takes typed bytes until there is no room; returns how many were taken. Through
    /// [`vmm_virtio::VirtioPci::with_device`].
    pub fn type_bytes(&mut self, bytes: &[u8], guest: &mut Guest<'_>) -> Result<usize, Fault> {
        let count = bytes.len().min(self.input_room());
        self.input.extend(bytes.iter().take(count));
        self.deliver(guest)?;
        if !self.input.is_empty() {
            // From now on the guest must say when it has buffers.
            guest.look_again(RECEIVE);
        }
        Ok(count)
    }

    /// Moves what the guest wrote to `into`; returns how many bytes. Through
    /// [`vmm_virtio::VirtioPci::with_device`].
    pub fn take_output(&mut self, into: &mut [u8], guest: &mut Guest<'_>) -> usize {
        let count = into.len().min(self.output.len());
        for (to, from) in into.iter_mut().zip(self.output.drain(..count)) {
            *to = from;
        }
        if count > 0 {
            guest.look_again(TRANSMIT);
        }
        count
    }

    /// Changes the size of the terminal and tells the guest.
    pub fn resize(&mut self, size: ConsoleSize, guest: &mut Guest<'_>) {
        if size != self.size {
            self.size = size;
            guest.announce_config();
        }
    }

    /// Moves typed bytes to the guest's buffers while there are both. Another processor of the guest may offer empty
    /// ones for ever, so there is an end to it.
    pub(super) fn deliver(&mut self, guest: &mut Guest<'_>) -> Result<Progress, Fault> {
        for _ in 0..REQUESTS_MAX {
            // Buffers without text wait for somebody to type; text without buffers for the guest.
            if self.input.is_empty() {
                return Ok(Progress::Waiting);
            }
            if !guest.pop(RECEIVE, &mut self.receive)? {
                return Ok(Progress::Idle);
            }
            let room = usize::try_from(self.receive.writable().len()).unwrap_or(usize::MAX);
            let count = room.min(self.input.len());
            let (front, back) = self.input.as_slices();
            let first = front.get(..count.min(front.len())).unwrap_or_default();
            let second = back.get(..count.saturating_sub(first.len())).unwrap_or_default();
            self.receive.writable().write(guest.memory, 0, first)?;
            self.receive.writable().write(guest.memory, first.len() as u64, second)?;
            self.input.drain(..count);
            guest.complete(RECEIVE, self.receive.token(), u32::try_from(count).unwrap_or(u32::MAX))?;
        }
        Ok(Progress::More)
    }

    /// Takes text of the guest while there is room. `true` if a request was finished.
    pub(super) fn transmit_one(&mut self, guest: &mut Guest<'_>) -> Result<bool, Fault> {
        if self.unfinished.is_none() {
            if self.output.len() >= OUTPUT_BYTES || !guest.pop(TRANSMIT, &mut self.transmit)? {
                return Ok(false);
            }
            self.unfinished = Some(Unfinished { token: self.transmit.token(), taken: 0 });
        }
        let Some(mut request) = self.unfinished else { return Ok(false) };
        let total = self.transmit.readable().len();
        while request.taken < total && self.output.len() < OUTPUT_BYTES {
            request.taken = request.taken.saturating_add(self.take_step(request.taken, guest)?);
        }
        if request.taken < total {
            self.unfinished = Some(request);
            return Ok(false);
        }
        self.unfinished = None;
        guest.complete(TRANSMIT, request.token, 0)?;
        Ok(true)
    }

    /// Copies one step of the request at hand to the output queue; returns its bytes.
    fn take_step(&mut self, taken: u64, guest: &mut Guest<'_>) -> Result<u64, Fault> {
        let room = OUTPUT_BYTES.saturating_sub(self.output.len()) as u64;
        let left = self.transmit.readable().len().saturating_sub(taken);
        let count = left.min(room).min(STEP_BYTES as u64);
        let mut step = [0; STEP_BYTES];
        let part = step.get_mut(..count as usize).unwrap_or_default();
        self.transmit.readable().read(guest.memory, taken, part)?;
        self.output.extend(part.iter());
        guest.note_console();
        Ok(count)
    }

    /// The bytes of a queue in order, for saving.
    pub(super) fn bytes_of(queue: &VecDeque<u8>) -> Vec<u8> {
        queue.iter().copied().collect()
    }
}
