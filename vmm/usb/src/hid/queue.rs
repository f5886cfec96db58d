//! Reports that wait for the host.

use alloc::collections::VecDeque;
use base_units::Nanos;
use serde::{Deserialize, Serialize};

/// Reports that wait at the most: those of the strokes that come in one message, and some.
const REPORTS_MAX: usize = 128;
/// Bytes of a report at the most.
const REPORT_BYTES_MAX: usize = 8;
/// A host that has not taken a report for so long does not ask for any. The slowest interval of our devices is 8 ms.
const PATIENCE: Nanos = Nanos::from_millis(1000);

/// One report.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    bytes: [u8; REPORT_BYTES_MAX],
    length: u8,
}

impl Report {
    /// A report of at most eight bytes.
    pub(crate) fn new<const LENGTH: usize>(content: [u8; LENGTH]) -> Self {
        const { assert!(LENGTH <= REPORT_BYTES_MAX) };
        let mut bytes = [0; REPORT_BYTES_MAX];
        for (to, from) in bytes.iter_mut().zip(content) {
            *to = from;
        }
        Self { bytes, length: LENGTH as u8 }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or(&self.bytes)
    }
}

/// Reports in the order in which they go to the host.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ReportQueue<R> {
    reports: VecDeque<R>,
    /// Since when the first of them has been that.
    first_since_ns: u64,
}

impl<R> ReportQueue<R> {
    pub(crate) fn is_empty(&self) -> bool {
        self.reports.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.reports.len()
    }

    /// Whether nobody has taken the first report for a long time.
    pub(crate) fn is_forgotten(&self, now: Nanos) -> bool {
        !self.is_empty() && now.raw() > self.first_since_ns.saturating_add(PATIENCE.raw())
    }

    /// Adds a report. If there is no room, it replaces the newest: how things are now is never lost.
    pub(crate) fn push(&mut self, report: R, now: Nanos) {
        if self.is_empty() {
            self.first_since_ns = now.raw();
        }
        if self.reports.len() >= REPORTS_MAX {
            self.reports.pop_back();
        }
        self.reports.push_back(report);
    }

    pub(crate) fn newest_mut(&mut self) -> Option<&mut R> {
        self.reports.back_mut()
    }

    pub(crate) fn pop(&mut self, now: Nanos) -> Option<R> {
        self.first_since_ns = now.raw();
        self.reports.pop_front()
    }

    pub(crate) fn clear(&mut self) {
        self.reports.clear();
    }

    /// Whether a queue can be like this.
    pub(crate) fn is_possible(&self) -> bool {
        self.reports.len() <= REPORTS_MAX
    }
}
