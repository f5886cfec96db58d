//! A virtio function: registers, configuration space, saved state.

/// Restores the function from the bytes behind the first one, or drives it with them if that is even.
pub fn run(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    if choice & 1 == 0 {
        vmm_virtio::fuzz::drive_function(rest);
    } else {
        vmm_virtio::fuzz::restore_function(rest);
    }
}
