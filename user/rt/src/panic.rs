//! What a panic does: one line in the kernel's log, then the end of the process.

#[cfg(target_os = "corten")]
use crate::object::exit;
#[cfg(target_os = "corten")]
use core::panic::PanicInfo;

/// Exit code of a program that panicked.
pub const EXIT_CODE_PANIC: i64 = 101;

/// Ends the process; the supervisor decides whether it starts again. Nothing here allocates: the heap's lock may be
/// held by the thread that panics.
#[cfg(target_os = "corten")]
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    crate::log_line(format_args!("{info}"));
    exit(EXIT_CODE_PANIC)
}
