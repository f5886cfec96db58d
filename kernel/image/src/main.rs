//! The kernel image: joins core to arch.
#![cfg_attr(target_os = "none", no_std, no_main)]

/// The kernel's steps, entered from the boot code of `kernel_arch` on the boot processor's first stack.
// SAFETY: `kernel_arch` declares this name and nobody else defines it.
#[cfg(target_os = "none")]
#[unsafe(no_mangle)]
extern "C" fn corten_main() -> ! {
    kernel_arch::bring_up();
    kernel_arch::run()
}

#[cfg(target_os = "none")]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    kernel_arch::panic::panicked(info)
}

/// On the host the image is an empty program, so that plain `cargo check` works.
#[cfg(not(target_os = "none"))]
fn main() {}
