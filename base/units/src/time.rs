//! Time as nanoseconds.

/// Nanoseconds: a duration, or a point on the host's monotonic clock (0 = the kernel's start).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Nanos(u64);

impl Nanos {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// Later than any point in time: "never".
    pub const MAX: Self = Self(u64::MAX);

    /// Names `raw` nanoseconds.
    pub const fn new(raw: u64) -> Self {
        Self(raw)
    }

    /// Names `millis` milliseconds, saturating at [`Nanos::MAX`].
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// The time as a number of nanoseconds.
    pub const fn raw(self) -> u64 {
        self.0
    }

    /// The sum; stays at [`Nanos::MAX`] instead of overflowing.
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference; zero where `other` is later.
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}
