//! Channels: two ends, each with a bounded queue of messages that carry bytes and handles.

use super::Observers;
use crate::group::Group;
use crate::handle::Entry;
use crate::lock::Lock;
use crate::machine::Machine;
use crate::object::Object;
use abi::{Error, Signals};
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Messages in one direction at the most.
pub const CHANNEL_MESSAGES_MAX: usize = 64;
/// Bytes queued in one direction at the most.
pub const CHANNEL_BYTES_MAX: usize = 64 * 1024;

/// A message under way. Its bytes are charged to the sender's group until it is received.
pub struct Message<M: Machine> {
    bytes: Vec<u8>,
    handles: Vec<Entry<M>>,
    group: Arc<Group>,
}

impl<M: Machine> Message<M> {
    /// A message of `bytes`, charged to `group`.
    ///
    /// # Errors
    /// `NoMemory` if the group has too much ring-0 memory in use.
    pub fn new(bytes: Vec<u8>, group: Arc<Group>) -> Result<Self, Error> {
        group.charge_kernel(bytes.len() as u64)?;
        Ok(Self { bytes, handles: Vec::new(), group })
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many handles it carries.
    pub fn handle_count(&self) -> usize {
        self.handles.len()
    }

    /// Takes its handles out.
    pub fn take_handles(&mut self) -> Vec<Entry<M>> {
        core::mem::take(&mut self.handles)
    }
}

impl<M: Machine> Drop for Message<M> {
    fn drop(&mut self) {
        self.group.release_kernel(self.bytes.len() as u64);
        // A handle may be the last reference to a channel whose messages carry handles in turn:
        // the graveyard drops them one by one instead of recursively.
        M::kernel().bury(self.take_handles().into_iter().map(|entry| entry.object));
    }
}

/// One end of a channel.
pub struct ChannelEnd<M: Machine> {
    pair: Arc<Pair<M>>,
    side: usize,
}

struct Pair<M: Machine> {
    sides: [Side<M>; 2],
}

struct Side<M: Machine> {
    /// What this side is to receive.
    inbox: Lock<Inbox<M>>,
    observers: Observers<M>,
}

struct Inbox<M: Machine> {
    messages: VecDeque<Message<M>>,
    bytes: usize,
    /// The receiving end exists.
    is_open: bool,
    /// The sender was told that the inbox is full and waits for room.
    sender_waits: bool,
}

impl<M: Machine> ChannelEnd<M> {
    /// Makes a channel.
    pub fn pair() -> (Arc<Self>, Arc<Self>) {
        let side = || Side {
            inbox: Lock::new(Inbox {
                messages: VecDeque::new(),
                bytes: 0,
                is_open: true,
                sender_waits: false,
            }),
            observers: Observers::new(),
        };
        let pair = Arc::new(Pair { sides: [side(), side()] });
        (Arc::new(Self { pair: pair.clone(), side: 0 }), Arc::new(Self { pair, side: 1 }))
    }

    /// Who watches this end.
    pub fn observers(&self) -> &Observers<M> {
        &self.own().observers
    }

    /// What is true of this end now.
    pub fn signals(&self) -> Signals {
        let mut signals = Signals::empty();
        signals.set(Signals::READABLE, !self.own().inbox.lock().messages.is_empty());
        let peer = self.peer().inbox.lock();
        signals.set(Signals::PEER_CLOSED, !peer.is_open);
        signals.set(Signals::WRITABLE, peer.is_open && peer.has_room(0));
        signals
    }

    /// Whether `object` is an end of this very channel, which must not travel through itself.
    pub fn is_own_end(&self, object: &Object<M>) -> bool {
        matches!(object, Object::Channel(end) if Arc::ptr_eq(&end.pair, &self.pair))
    }

    /// Whether a message of `bytes` bytes can be sent now.
    ///
    /// # Errors
    /// `PeerClosed`; `WouldBlock` while the peer's inbox is full (`WRITABLE` follows).
    pub fn check_room(&self, bytes: usize) -> Result<(), Error> {
        let mut inbox = self.peer().inbox.lock();
        if !inbox.is_open {
            return Err(Error::PeerClosed);
        }
        if !inbox.has_room(bytes) {
            inbox.sender_waits = true;
            return Err(Error::WouldBlock);
        }
        Ok(())
    }

    /// Queues `message`, with the handles that `take_handles` yields once it is certain that there is room: a
    /// refusal leaves them where they are. [`ChannelEnd::announce`] has to follow.
    ///
    /// # Errors
    /// As [`ChannelEnd::check_room`], and what `take_handles` says.
    pub fn queue(
        &self,
        mut message: Message<M>,
        take_handles: impl FnOnce() -> Result<Vec<Entry<M>>, Error>,
    ) -> Result<(), Error> {
        let mut inbox = self.peer().inbox.lock();
        if !inbox.is_open {
            return Err(Error::PeerClosed);
        }
        if !inbox.has_room(message.bytes.len()) {
            inbox.sender_waits = true;
            return Err(Error::WouldBlock);
        }
        message.handles = take_handles()?;
        inbox.bytes += message.bytes.len();
        inbox.messages.push_back(message);
        Ok(())
    }

    /// Tells the receiver of what was queued.
    pub fn announce(&self) {
        self.peer().observers.notify(Signals::READABLE);
    }

    /// Receives the next message if `fits` accepts it; otherwise it stays.
    ///
    /// # Errors
    /// `WouldBlock` without a message, `PeerClosed` if none can come any more, or what `fits` says.
    pub fn receive(&self, fits: impl Fn(&Message<M>) -> Result<(), Error>) -> Result<Message<M>, Error> {
        match self.take_first(&fits) {
            // No end locks one inbox while it holds the other: both may receive at the same time.
            Err(Error::WouldBlock) if !self.peer().inbox.lock().is_open => {
                // What came before the peer closed is there now.
                self.take_first(&fits).map_err(|error| match error {
                    Error::WouldBlock => Error::PeerClosed,
                    other => other,
                })
            }
            outcome => outcome,
        }
    }

    /// Takes the first message, if `fits` accepts it.
    fn take_first(&self, fits: impl Fn(&Message<M>) -> Result<(), Error>) -> Result<Message<M>, Error> {
        let (message, sender_waits) = {
            let mut inbox = self.own().inbox.lock();
            fits(inbox.messages.front().ok_or(Error::WouldBlock)?)?;
            let message = inbox.messages.pop_front().ok_or(Error::WouldBlock)?;
            inbox.bytes -= message.bytes.len();
            (message, core::mem::take(&mut inbox.sender_waits))
        };
        if sender_waits {
            self.peer().observers.notify(Signals::WRITABLE);
        }
        Ok(message)
    }

    fn own(&self) -> &Side<M> {
        let [first, second] = &self.pair.sides;
        if self.side == 0 { first } else { second }
    }

    fn peer(&self) -> &Side<M> {
        let [first, second] = &self.pair.sides;
        if self.side == 0 { second } else { first }
    }
}

impl<M: Machine> Inbox<M> {
    fn has_room(&self, bytes: usize) -> bool {
        self.messages.len() < CHANNEL_MESSAGES_MAX && self.bytes + bytes <= CHANNEL_BYTES_MAX
    }
}

impl<M: Machine> Drop for ChannelEnd<M> {
    fn drop(&mut self) {
        let messages = {
            let mut inbox = self.own().inbox.lock();
            inbox.is_open = false;
            inbox.bytes = 0;
            core::mem::take(&mut inbox.messages)
        };
        drop(messages);
        self.peer().observers.notify(Signals::PEER_CLOSED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::FakeMachine;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    /// Looks into an empty inbox in a row.
    const LOOKS: u32 = 200_000;
    /// After this time the two wait for each other.
    const LIMIT: Duration = Duration::from_secs(120);

    #[test]
    fn both_ends_may_find_nothing_at_the_same_time() {
        let (first, second) = ChannelEnd::<FakeMachine>::pair();
        let (done, all_done) = mpsc::channel();
        for end in [first, second] {
            let done = done.clone();
            thread::spawn(move || {
                for _ in 0..LOOKS {
                    assert_eq!(end.receive(|_| Ok(())).err(), Some(Error::WouldBlock));
                }
                done.send(end)
            });
        }

        let ends: Vec<_> = (0..2).map(|_| all_done.recv_timeout(LIMIT)).collect();

        assert!(ends.iter().all(Result::is_ok), "they wait for each other");
    }

    #[test]
    fn an_end_whose_peer_is_gone_says_so() {
        let (first, second) = ChannelEnd::<FakeMachine>::pair();
        assert_eq!(first.receive(|_| Ok(())).err(), Some(Error::WouldBlock));
        drop(second);

        assert_eq!(first.receive(|_| Ok(())).err(), Some(Error::PeerClosed));
    }
}
