//! VGA, virtio-gpu, and both in one: registers, memory, commands, pictures, saved states.

/// Drives or restores one of the displays with the bytes behind the first one, which chooses.
pub fn run(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    match choice % 6 {
        0 => vmm_display::fuzz::drive(rest),
        1 => vmm_display::fuzz::restore(rest),
        2 => vmm_display::fuzz::drive_gpu(rest),
        3 => vmm_display::fuzz::restore_gpu(rest),
        4 => vmm_display::fuzz::drive_virtio_vga(rest),
        _ => vmm_display::fuzz::restore_virtio_vga(rest),
    }
}
