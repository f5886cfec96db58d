//! The choices that a definition makes.

/// What happens when a VM or program has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RestartPolicy {
    /// It stays ended.
    #[default]
    Never,
    /// It is started again after a failure, not after a clean end.
    OnFailure,
    /// It is started again whatever the reason, except on request.
    Always,
}

impl RestartPolicy {
    pub(crate) const WORDS: &'static [&'static str] = &["never", "on-failure", "always"];
    pub(crate) const VALUES: [Self; 3] = [Self::Never, Self::OnFailure, Self::Always];
}

/// What happens when the last VM has stopped for good.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum WhenAllStopped {
    /// The machine waits for its operator.
    #[default]
    Wait,
    /// The machine turns itself off.
    PowerOff,
}

impl WhenAllStopped {
    pub(crate) const WORDS: &'static [&'static str] = &["wait", "poweroff"];
    pub(crate) const VALUES: [Self; 2] = [Self::Wait, Self::PowerOff];
}

/// Where a VM's serial line ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ConsoleKind {
    /// In a bounded buffer that the monitor shows.
    #[default]
    Buffer,
    /// On the machine's own serial line, byte for byte.
    Host,
}

impl ConsoleKind {
    pub(crate) const WORDS: &'static [&'static str] = &["buffer", "host"];
    pub(crate) const VALUES: [Self; 2] = [Self::Buffer, Self::Host];
}
