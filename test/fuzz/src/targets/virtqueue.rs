//! Split and packed queues in memory of anybody's making.

/// Walks the queue.
pub fn run(data: &[u8]) {
    vmm_virtio::fuzz::walk_queue(data);
}
