//! Disks and drives.

use vmm_bus::{Volume, volume::Access};

/// Bytes of a sector.
pub(super) const SECTOR_BYTES: u64 = 512;

/// How a disk is divided, and how it is recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Geometry {
    /// Tracks of each side.
    pub tracks: u8,
    /// Sides.
    pub heads: u8,
    /// Sectors of each track, numbered from 1 on.
    pub sectors: u8,
    /// The type of the drive that one uses for it, as CMOS memory says it.
    pub cmos_type: u8,
    /// Data rates with which it can be read, one bit for each value of the rate register.
    rates: u8,
}

const fn geometry(tracks: u8, sectors: u8, cmos_type: u8, rates: u8) -> Geometry {
    Geometry { tracks, heads: 2, sectors, cmos_type, rates }
}

/// Rates: 500, 300, 250 and 1000 kbit/s.
const RATE_500: u8 = 1 << 0;
const RATES_250: u8 = 1 << 1 | 1 << 2;
const RATE_1000: u8 = 1 << 3;
/// The usual disk, of 1.44 MB.
const HIGH_DENSITY: Geometry = geometry(80, 18, 4, RATE_500);

/// Known sizes in sectors.
const GEOMETRIES: [(u64, Geometry); 7] = [
    (2880, HIGH_DENSITY),
    (5760, geometry(80, 36, 5, RATE_1000)),
    (3360, geometry(80, 21, 4, RATE_500)),
    (2400, geometry(80, 15, 2, RATE_500)),
    (1440, geometry(80, 9, 3, RATES_250)),
    (720, geometry(40, 9, 1, RATES_250)),
    (640, geometry(40, 8, 1, RATES_250)),
];

impl Geometry {
    /// The geometry of an image by its size. Images that were cut short behind their last used sector are disks of
    /// 1.44 MB; larger ones than any disk are none.
    pub fn of_bytes(bytes: u64) -> Option<Self> {
        let known = GEOMETRIES.iter().find(|(sectors, _)| sectors.saturating_mul(SECTOR_BYTES) == bytes);
        if let Some((_, geometry)) = known {
            return Some(*geometry);
        }
        (bytes != 0 && bytes <= HIGH_DENSITY.bytes()).then_some(HIGH_DENSITY)
    }

    /// Bytes of the whole disk.
    pub fn bytes(&self) -> u64 {
        u64::from(self.tracks)
            .saturating_mul(u64::from(self.heads))
            .saturating_mul(u64::from(self.sectors))
            .saturating_mul(SECTOR_BYTES)
    }

    /// Whether it can be read at a rate of the rate register.
    pub(super) fn has_rate(&self, rate: u8) -> bool {
        self.rates & 1 << (rate & 3) != 0
    }

    /// Where a sector is, if it exists.
    pub(super) fn offset(&self, track: u8, head: u8, sector: u8) -> Option<u64> {
        if track >= self.tracks || head >= self.heads || sector > self.sectors {
            return None;
        }
        let of_track = u64::from(sector.checked_sub(1)?);
        let tracks = u64::from(track).saturating_mul(u64::from(self.heads)).saturating_add(u64::from(head));
        let number = tracks.saturating_mul(u64::from(self.sectors)).saturating_add(of_track);
        Some(number.saturating_mul(SECTOR_BYTES))
    }
}

/// A disk that fits a drive.
#[derive(Debug)]
pub struct Disk<V> {
    pub(super) volume: V,
    pub(super) geometry: Geometry,
    pub(super) access: Access,
}

impl<V: Volume> Disk<V> {
    /// The disk in a volume, if a disk can have that size.
    pub fn new(volume: V, access: Access) -> Option<Self> {
        let geometry = Geometry::of_bytes(volume.bytes())?;
        Some(Self { volume, geometry, access })
    }

    /// How it is divided.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Its content.
    pub fn volume(&self) -> &V {
        &self.volume
    }
}

/// A drive with or without a disk.
#[derive(Debug)]
pub(super) struct Drive<V> {
    pub(super) disk: Option<Disk<V>>,
    pub(super) track: u8,
    /// The disk was changed since the head moved last.
    pub(super) is_changed: bool,
}

/// Tracks that a drive can step to: some more than disks have.
pub(super) const TRACKS_MAX: u8 = 84;

impl<V: Volume> Drive<V> {
    pub(super) fn new(disk: Option<Disk<V>>) -> Self {
        Self { disk, track: 0, is_changed: true }
    }

    /// Moves the head. The change line falls when it does and a disk is there.
    pub(super) fn seek(&mut self, track: u8) {
        self.track = track.min(TRACKS_MAX);
        if self.disk.is_some() {
            self.is_changed = false;
        }
    }
}
