//! A process that was started, and the channel to it.

use crate::keys::Place;
use alloc::{collections::VecDeque, format, string::String, vec::Vec};
use management_supervisor::ProcessEnd;
use user_rt::{
    Channel, Error, Group, MESSAGE_BYTES_MAX, OwnedHandle, Port, Process, ProcessState, Signals, SpawnError,
    Spawned,
};

/// Messages that wait for a process that does not listen; what is more is dropped.
const OUTBOX_MAX: usize = 512;
/// The exit code that a killed process is given.
const KILLED_CODE: i64 = -1;

/// A process under watch.
pub(crate) struct Link {
    process: Process,
    channel: Channel,
    /// Its scheduling group, for figures. It dies with the last handle.
    pub(crate) group: Group,
    place: Place,
    outbox: VecDeque<(Vec<u8>, Vec<OwnedHandle>)>,
}

/// The keys under which a process is watched.
pub(crate) struct LinkKeys {
    pub(crate) channel: u64,
    pub(crate) process: u64,
}

impl Link {
    /// Watches a process from now on.
    pub(crate) fn watch(
        port: &Port,
        spawned: Spawned,
        group: Group,
        place: Place,
        keys: &LinkKeys,
    ) -> Result<Self, Error> {
        let signals = Signals::READABLE | Signals::WRITABLE | Signals::PEER_CLOSED;
        port.bind(&spawned.channel, signals, keys.channel)?;
        port.bind(&spawned.process, Signals::TERMINATED, keys.process)?;
        Ok(Self { process: spawned.process, channel: spawned.channel, group, place, outbox: VecDeque::new() })
    }

    /// Whether this is the run that `place` means.
    pub(crate) fn is(&self, place: Place) -> bool {
        self.place == place
    }

    /// Takes one message; `None` when there is none now.
    pub(crate) fn receive(&self) -> Option<Vec<u8>> {
        let mut buffer = alloc::vec![0; MESSAGE_BYTES_MAX];
        let length = self.channel.receive_bytes(&mut buffer).ok()?;
        buffer.truncate(length);
        Some(buffer)
    }

    /// Delivers what is readable again, for a reader that stopped early.
    pub(crate) fn look_again(&self, port: &Port, key: u64) {
        let signals = Signals::READABLE | Signals::WRITABLE | Signals::PEER_CLOSED;
        // It was bound before, so there is nothing that could fail now.
        let _ = port.bind(&self.channel, signals, key);
    }

    /// Sends a message now, or when the process can hear again.
    pub(crate) fn send(&mut self, message: &impl serde::Serialize, handles: Vec<OwnedHandle>) {
        let Ok(bytes) = user_ipc::encode_to_vec(message, MESSAGE_BYTES_MAX) else { return };
        if self.outbox.len() < OUTBOX_MAX {
            self.outbox.push_back((bytes, handles));
        }
        self.send_rest();
    }

    /// Sends what could not be sent before.
    pub(crate) fn send_rest(&mut self) {
        while let Some((bytes, handles)) = self.outbox.pop_front() {
            if let Err((Error::WouldBlock, handles)) = self.channel.send_with_handles(&bytes, handles) {
                self.outbox.push_front((bytes, handles));
                return;
            }
        }
    }

    /// Ends the process.
    pub(crate) fn kill(&self) {
        // One that has ended already refuses, which is as good.
        let _ = self.process.kill(KILLED_CODE);
    }

    /// How the process ended; `None` if it lives.
    pub(crate) fn end(&self) -> Option<ProcessEnd> {
        let info = self.process.info().ok()?;
        match ProcessState::from_raw(info.state)? {
            ProcessState::New | ProcessState::Running => None,
            ProcessState::Exited => Some(ProcessEnd::Exited(info.code)),
            ProcessState::Killed => Some(ProcessEnd::Killed),
            ProcessState::Faulted => Some(ProcessEnd::Faulted {
                vector: info.fault_vector,
                rip: info.fault_rip,
                address: info.fault_address,
            }),
        }
    }
}

/// The start of a process failed: why, in a sentence.
pub(crate) fn not_started(error: &SpawnError) -> String {
    match error {
        SpawnError::File(refusal) => format!("its program file is not one: {refusal:?}"),
        SpawnError::Kernel(Error::NoMemory) => "there is not enough memory; see the memory command".into(),
        SpawnError::Kernel(error) => format!("the kernel refused to start it: {error:?}"),
    }
}
