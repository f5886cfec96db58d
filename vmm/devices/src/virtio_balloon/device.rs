//! The balloon behind the transport, saved and shown.

use super::{
    state::{Balloon, FEATURE_DEFLATE_ON_OOM, FEATURE_REPORTING, FEATURE_STATISTICS, QUEUES, Role},
    statistics::MemoryStatistics,
};
use serde::{Deserialize, Serialize};
use spec::virtio::TYPE_BALLOON;
use vmm_bus::{AccessSize, Inspector, access::read_bytes};
use vmm_snapshot::{RestoreError, Saved, SavedState};
use vmm_virtio::{Fault, Guest, Progress, Token, VirtioDevice, device::REQUESTS_MAX};

const VERSION: u16 = 1;
/// PCI class: none of the others.
const CLASS: u32 = 0x00_FF_00;
/// Offset of `actual` in the configuration (5.5.4).
const ACTUAL: u64 = 4;

#[derive(Serialize, Deserialize)]
struct State {
    target: u32,
    actual: u32,
    features: u64,
    statistics: MemoryStatistics,
    waiting: Option<Token>,
    returned: u64,
}

impl Balloon {
    /// Handles the request at hand. Returns whether it is done.
    fn handle(&mut self, role: Role, guest: &mut Guest<'_>) -> Result<Done, Fault> {
        match role {
            Role::Inflate => self.inflate(guest)?,
            // The next touch of the page brings a new one.
            Role::Deflate => {}
            Role::Reporting => self.report(guest),
            Role::Statistics => {
                self.statistics.read(guest, self.chain.readable())?;
                // 5.5.6.3: the buffer is given back when new figures are wanted. Only one is ever out.
                let before = self.waiting.replace(self.chain.token());
                return Ok(before.map_or(Done::Kept, Done::Given));
            }
        }
        Ok(Done::Given(self.chain.token()))
    }
}

/// What becomes of a request.
enum Done {
    /// This one goes back to the guest.
    Given(Token),
    /// Nothing goes back now.
    Kept,
}

impl VirtioDevice for Balloon {
    fn name(&self) -> &'static str {
        "virtio balloon"
    }

    fn kind(&self) -> u16 {
        TYPE_BALLOON
    }

    fn class(&self) -> u32 {
        CLASS
    }

    fn features(&self) -> u64 {
        FEATURE_STATISTICS | FEATURE_DEFLATE_ON_OOM | FEATURE_REPORTING
    }

    fn queues(&self) -> &[u16] {
        &QUEUES
    }

    fn config_read(&self, offset: u64, size: AccessSize) -> u64 {
        let registers = [self.target.to_le_bytes(), self.actual.to_le_bytes()];
        read_bytes(registers.as_flattened(), offset, size)
    }

    fn config_write(&mut self, offset: u64, size: AccessSize, value: u64) {
        if offset == ACTUAL && size == AccessSize::Dword {
            self.actual = value as u32;
        }
    }

    fn activate(&mut self, features: u64) {
        self.features = features;
    }

    fn reset(&mut self) {
        // A guest that starts over holds nothing; the owner's wish stays.
        self.actual = 0;
        self.features = 0;
        self.waiting = None;
        self.statistics = MemoryStatistics::default();
    }

    fn process(&mut self, queue: u16, guest: &mut Guest<'_>) -> Result<Progress, Fault> {
        // A queue whose feature was not negotiated stays as it is: "idle" would be asked again for ever.
        let Some(role) = self.role(queue) else { return Ok(Progress::Waiting) };
        for _ in 0..REQUESTS_MAX {
            if !guest.pop(queue, &mut self.chain)? {
                return Ok(Progress::Idle);
            }
            if let Done::Given(token) = self.handle(role, guest)? {
                guest.complete(queue, token, 0)?;
            }
        }
        Ok(Progress::More)
    }

    fn save(&self) -> SavedState {
        let state = State {
            target: self.target,
            actual: self.actual,
            features: self.features,
            statistics: self.statistics,
            waiting: self.waiting,
            returned: self.returned,
        };
        SavedState::encode(VERSION, &state)
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        let state: State = saved.decode(VERSION)?;
        self.target = state.target;
        self.actual = state.actual;
        self.features = state.features;
        self.statistics = state.statistics;
        self.waiting = state.waiting;
        self.returned = state.returned;
        Ok(())
    }

    fn inspect(&self, inspector: &mut dyn Inspector) {
        inspector.number("target pages", u64::from(self.target));
        inspector.number("pages held", u64::from(self.actual));
        inspector.number("pages given back", self.returned);
        if let Some(available) = self.statistics.available {
            inspector.number("available bytes in the guest", available);
        }
    }
}
