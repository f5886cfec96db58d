//! Time: TSC ticks to nanoseconds and back.

#[cfg(target_os = "none")]
mod calibrate;
mod scale;

#[cfg(target_os = "none")]
pub(crate) use calibrate::measure;
pub use scale::Scale;
