//! Cylinders, heads and sectors for old software (ATA-5, 6.2).

use serde::{Deserialize, Serialize};

/// Heads that software sees at first.
const HEADS: u8 = 16;
/// Sectors of a track that software sees at first.
const TRACK_SECTORS: u8 = 63;
/// Cylinders at the most.
const CYLINDERS_MAX: u64 = 16383;

/// A disk's shape as software sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Shape {
    pub(super) cylinders: u16,
    pub(super) heads: u8,
    pub(super) track_sectors: u8,
}

impl Shape {
    /// The shape of a disk of `sectors` after power-on.
    pub(super) fn of(sectors: u64) -> Self {
        Self::new(sectors, HEADS, TRACK_SECTORS).unwrap_or(Self { cylinders: 1, heads: 1, track_sectors: 1 })
    }

    /// The shape of a disk of `sectors` with so many heads and sectors per track; `None` if one of them is zero.
    pub(super) fn new(sectors: u64, heads: u8, track_sectors: u8) -> Option<Self> {
        let cylinder_sectors = u64::from(heads).checked_mul(u64::from(track_sectors))?;
        let cylinders = sectors.checked_div(cylinder_sectors)?.clamp(1, CYLINDERS_MAX);
        Some(Self { cylinders: u16::try_from(cylinders).ok()?, heads, track_sectors })
    }

    /// Sectors of the whole shape.
    pub(super) fn sectors(&self) -> u32 {
        u32::from(self.cylinders)
            .saturating_mul(u32::from(self.heads))
            .saturating_mul(u32::from(self.track_sectors))
    }

    /// The sector number of a place; sectors count from 1. `None` if the shape has no such place.
    pub(super) fn sector(&self, cylinder: u16, head: u8, sector: u8) -> Option<u64> {
        let is_there = head < self.heads && (1..=self.track_sectors).contains(&sector);
        let track = u64::from(cylinder).saturating_mul(u64::from(self.heads)).saturating_add(u64::from(head));
        let first = track.saturating_mul(u64::from(self.track_sectors));
        is_there.then(|| first.saturating_add(u64::from(sector)).saturating_sub(1))
    }
}
