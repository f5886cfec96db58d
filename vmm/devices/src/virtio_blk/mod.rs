//! A block device (5.2) over any [`vmm_bus::Volume`].

mod device;
mod registers;
mod request;
mod state;
#[cfg(test)]
mod tests;

pub use state::{Block, BlockConfig, ID_BYTES, QUEUE_SIZE, QUEUES_MAX};
