//! Time: TSC ticks to nanoseconds and back, and the clock that the timer counts.

#[cfg(target_os = "none")]
mod calibrate;
mod count_down;
mod scale;

#[cfg(target_os = "none")]
pub(crate) use calibrate::measure;
pub use count_down::{CountDown, CountDownRegisters};
pub use scale::Scale;
