//! What queues and transport promise.

mod hostile;
mod queues;
mod transport;
