//! The balloon as a value.

use super::statistics::MemoryStatistics;
use base_units::PAGE_BYTES;
use vmm_virtio::{Chain, Fault, Guest, Token};

/// Feature: the guest reports statistics (5.5.3).
pub(super) const FEATURE_STATISTICS: u64 = 1 << 1;
/// Feature: the guest takes pages back by itself before it runs out of memory.
pub(super) const FEATURE_DEFLATE_ON_OOM: u64 = 1 << 2;
/// Feature: the guest reports pages that are free.
pub(super) const FEATURE_REPORTING: u64 = 1 << 5;

/// Descriptors of the queues; the last two exist only if their features were accepted.
pub(super) const QUEUES: [u16; 4] = [128, 128, 16, 64];

/// What a queue is for. Queues of features that were not accepted do not exist, and the ones behind
/// them move up, as every driver numbers them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    Inflate,
    Deflate,
    Statistics,
    Reporting,
}

/// A memory balloon.
pub struct Balloon {
    /// Pages that the balloon should hold.
    pub(super) target: u32,
    /// Pages that it holds, as the guest says.
    pub(super) actual: u32,
    pub(super) features: u64,
    pub(super) statistics: MemoryStatistics,
    /// The statistics buffer that waits until somebody asks for new figures.
    pub(super) waiting: Option<Token>,
    /// Pages given back since power-on, for `inspect`.
    pub(super) returned: u64,
    pub(super) chain: Chain,
}

impl Default for Balloon {
    fn default() -> Self {
        Self::new()
    }
}

impl Balloon {
    /// An empty balloon.
    pub fn new() -> Self {
        Self {
            target: 0,
            actual: 0,
            features: 0,
            statistics: MemoryStatistics::default(),
            waiting: None,
            returned: 0,
            chain: Chain::new(),
        }
    }

    /// Asks the guest to give `bytes` bytes to the balloon, whole pages. Through
    /// [`vmm_virtio::VirtioPci::with_device`].
    pub fn set_target(&mut self, bytes: u64, guest: &mut Guest<'_>) {
        let target = u32::try_from(bytes / PAGE_BYTES).unwrap_or(u32::MAX);
        if target != self.target {
            self.target = target;
            guest.announce_config();
        }
    }

    /// Bytes that the balloon holds, as the guest says.
    pub fn actual_bytes(&self) -> u64 {
        u64::from(self.actual).saturating_mul(PAGE_BYTES)
    }

    /// What the guest said last.
    pub fn statistics(&self) -> &MemoryStatistics {
        &self.statistics
    }

    /// Asks the guest for new statistics; the answer comes later. Through
    /// [`vmm_virtio::VirtioPci::with_device`].
    pub fn ask_statistics(&mut self, guest: &mut Guest<'_>) -> Result<(), Fault> {
        let Some(queue) = self.queue_of(Role::Statistics) else { return Ok(()) };
        match self.waiting.take() {
            Some(token) => guest.complete(queue, token, 0),
            None => Ok(()),
        }
    }

    /// What a queue is for.
    pub(super) fn role(&self, queue: u16) -> Option<Role> {
        let roles = [Role::Inflate, Role::Deflate, Role::Statistics, Role::Reporting];
        roles.into_iter().find(|role| self.queue_of(*role) == Some(queue))
    }

    fn queue_of(&self, role: Role) -> Option<u16> {
        let has = |feature| self.features & feature != 0;
        match role {
            Role::Inflate => Some(0),
            Role::Deflate => Some(1),
            Role::Statistics => has(FEATURE_STATISTICS).then_some(2),
            Role::Reporting => has(FEATURE_REPORTING).then_some(if has(FEATURE_STATISTICS) { 3 } else { 2 }),
        }
    }
}
