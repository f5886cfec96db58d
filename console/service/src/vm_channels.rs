//! The console's ends of the VMs' serial lines.

use crate::keys::Key;
use alloc::{
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};
use user_rt::{Channel, Error, MESSAGE_BYTES_MAX, Port, Signals};

/// Bytes typed for a VM that does not listen; what is typed beyond is lost.
const TYPED_BYTES_MAX: usize = 4096;
/// Bytes sent to a VM in one message.
const SEND_BYTES_MAX: usize = 1024;

/// What came of reading a VM's line.
pub(crate) enum Heard {
    /// The VM said this.
    Bytes(Vec<u8>),
    /// Nothing now.
    Nothing,
    /// The VM is gone.
    Closed,
}

/// One VM's line.
struct Line {
    channel: Channel,
    /// Typed and not sent yet; takes memory only while there is something.
    typed: VecDeque<u8>,
}

/// The lines of the VMs that run, by index.
#[derive(Default)]
pub(crate) struct VmChannels {
    lines: BTreeMap<usize, Line>,
    buffer: Vec<u8>,
}

impl VmChannels {
    /// Takes a VM's line; an older one of the same VM is dropped.
    pub(crate) fn connect(&mut self, port: &Port, vm: usize, channel: Channel) -> Result<(), Error> {
        let signals = Signals::READABLE | Signals::WRITABLE | Signals::PEER_CLOSED;
        port.bind(&channel, signals, Key::Vm(vm).raw())?;
        self.lines.insert(vm, Line { channel, typed: VecDeque::new() });
        Ok(())
    }

    /// The VMs that have a line.
    pub(crate) fn indices(&self) -> impl Iterator<Item = usize> {
        self.lines.keys().copied()
    }

    /// Reads one message of a VM.
    pub(crate) fn read(&mut self, vm: usize) -> Heard {
        let Some(line) = self.lines.get(&vm) else { return Heard::Nothing };
        self.buffer.resize(MESSAGE_BYTES_MAX, 0);
        match line.channel.receive_bytes(&mut self.buffer) {
            Ok(length) => Heard::Bytes(self.buffer.get(..length).unwrap_or(&[]).to_vec()),
            Err(Error::WouldBlock) => Heard::Nothing,
            // Closed, or a message that is not just bytes: no honest VM sends one.
            Err(_) => {
                self.lines.remove(&vm);
                Heard::Closed
            }
        }
    }

    /// Sends what was typed, now or when the VM can hear again.
    pub(crate) fn send(&mut self, vm: usize, bytes: &[u8]) {
        let Some(line) = self.lines.get_mut(&vm) else { return };
        // What does not fit is lost, as on any serial line.
        let room = TYPED_BYTES_MAX.saturating_sub(line.typed.len());
        line.typed.extend(bytes.iter().take(room));
        self.send_rest(vm);
    }

    /// Sends what could not be sent before.
    pub(crate) fn send_rest(&mut self, vm: usize) {
        let Some(line) = self.lines.get_mut(&vm) else { return };
        while !line.typed.is_empty() {
            let (first, _) = line.typed.as_slices();
            let piece = first.get(..SEND_BYTES_MAX).unwrap_or(first);
            let length = piece.len();
            if line.channel.send(piece).is_err() {
                return;
            }
            line.typed.drain(..length);
        }
        line.typed = VecDeque::new();
    }
}
