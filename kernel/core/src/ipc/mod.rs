//! How threads and processes hear of each other: channels, ports, events, timers, futexes.

mod channel;
mod event;
mod futex;
mod observers;
mod port;
mod timer;

pub use channel::{CHANNEL_BYTES_MAX, CHANNEL_MESSAGES_MAX, ChannelEnd, Message};
pub use event::Event;
pub use futex::Futexes;
pub use observers::{OBSERVERS_MAX, Observers};
pub use port::{Binding, PORT_BINDINGS_MAX, Port};
pub use timer::Timer;
