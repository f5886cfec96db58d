//! A network card (5.1): one pair of queues, no offloads.

use crate::{FRAME_BYTES_MAX, FRAME_BYTES_MIN, MacAddress, Wire};
use alloc::{vec, vec::Vec};
use serde::{Deserialize, Serialize};
use spec::virtio::TYPE_NETWORK;
use vmm_bus::{AccessSize, Inspector, access::read_bytes};
use vmm_snapshot::{RestoreError, Saved, SavedState};
use vmm_virtio::{Chain, Fault, Guest, Progress, VirtioDevice, device::REQUESTS_MAX};

#[cfg(test)]
mod tests;

const VERSION: u16 = 1;
/// PCI class: Ethernet.
const CLASS: u32 = 0x02_00_00;
/// Frames to the driver, and frames from it.
const QUEUES: [u16; 2] = [256, 256];
/// The queue of frames to the driver.
const RECEIVE: u16 = 0;
/// The configuration has an address (5.1.3).
const FEATURE_MAC: u64 = 1 << 5;
/// The configuration has a status.
const FEATURE_STATUS: u64 = 1 << 16;
/// Status: there is a link (5.1.4).
const STATUS_LINK_UP: u16 = 1 << 0;
/// Bytes before each frame (5.1.6): offloads, all zero here, and the number of buffers.
const HEADER_BYTES: usize = 12;
/// Where the header says how many buffers a frame takes.
const HEADER_BUFFERS: usize = 10;

/// What the card counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Counters {
    sent: u64,
    received: u64,
    /// Frames that the driver had no buffer for, or that were no frames.
    dropped: u64,
}

#[derive(Serialize, Deserialize)]
struct State {
    counters: Counters,
}

/// A network card.
pub struct VirtioNet<W> {
    address: MacAddress,
    wire: W,
    counters: Counters,
    chain: Chain,
    /// The frame that is copied at the moment.
    buffer: Vec<u8>,
}

impl<W: Wire> VirtioNet<W> {
    /// A card with this address on this wire.
    pub fn new(address: MacAddress, wire: W) -> Self {
        let buffer = vec![0; HEADER_BYTES + FRAME_BYTES_MAX];
        Self { address, wire, counters: Counters::default(), chain: Chain::new(), buffer }
    }

    /// The wire.
    pub fn wire_mut(&mut self) -> &mut W {
        &mut self.wire
    }

    /// A frame arrives. One that is too long or short, or that the driver has no buffer for, is lost.
    pub fn receive(&mut self, frame: &[u8], guest: &mut Guest<'_>) -> Result<(), Fault> {
        let is_frame = (FRAME_BYTES_MIN..=FRAME_BYTES_MAX).contains(&frame.len());
        if !is_frame || !guest.pop(RECEIVE, &mut self.chain)? {
            self.counters.dropped = self.counters.dropped.wrapping_add(1);
            return Ok(());
        }
        let mut header = [0; HEADER_BYTES];
        header[HEADER_BUFFERS] = 1;
        let room = self.chain.writable().len();
        let bytes = HEADER_BYTES.saturating_add(frame.len());
        if room < bytes as u64 {
            // The driver gave a buffer that no frame fits (5.1.6.3.1): it comes back empty.
            self.counters.dropped = self.counters.dropped.wrapping_add(1);
            return guest.complete(RECEIVE, self.chain.token(), 0);
        }
        self.chain.writable().write(guest.memory, 0, &header)?;
        self.chain.writable().write(guest.memory, HEADER_BYTES as u64, frame)?;
        self.counters.received = self.counters.received.wrapping_add(1);
        guest.complete(RECEIVE, self.chain.token(), bytes as u32)
    }

    /// Sends the frame of the request at hand.
    fn send(&mut self, guest: &Guest<'_>) -> Result<(), Fault> {
        let bytes = usize::try_from(self.chain.readable().len()).unwrap_or(usize::MAX);
        let is_frame = (HEADER_BYTES + FRAME_BYTES_MIN..=HEADER_BYTES + FRAME_BYTES_MAX).contains(&bytes);
        let Some(part) = self.buffer.get_mut(..bytes).filter(|_| is_frame) else {
            self.counters.dropped = self.counters.dropped.wrapping_add(1);
            return Ok(());
        };
        self.chain.readable().read(guest.memory, 0, part)?;
        self.wire.send(part.get(HEADER_BYTES..).unwrap_or_default());
        self.counters.sent = self.counters.sent.wrapping_add(1);
        Ok(())
    }

    fn status(&self) -> u16 {
        if self.wire.is_up() { STATUS_LINK_UP } else { 0 }
    }
}

impl<W: Wire> VirtioDevice for VirtioNet<W> {
    fn name(&self) -> &'static str {
        "virtio net"
    }

    fn kind(&self) -> u16 {
        TYPE_NETWORK
    }

    fn class(&self) -> u32 {
        CLASS
    }

    fn features(&self) -> u64 {
        FEATURE_MAC | FEATURE_STATUS
    }

    fn queues(&self) -> &[u16] {
        &QUEUES
    }

    fn config_read(&self, offset: u64, size: AccessSize) -> u64 {
        let [a, b, c, d, e, f] = self.address.0;
        let [low, high] = self.status().to_le_bytes();
        read_bytes(&[a, b, c, d, e, f, low, high], offset, size)
    }

    fn activate(&mut self, _features: u64) {}

    fn reset(&mut self) {}

    fn process(&mut self, queue: u16, guest: &mut Guest<'_>) -> Result<Progress, Fault> {
        if queue == RECEIVE {
            // Buffers wait for frames.
            return Ok(Progress::Waiting);
        }
        for _ in 0..REQUESTS_MAX {
            if !guest.pop(queue, &mut self.chain)? {
                return Ok(Progress::Idle);
            }
            self.send(guest)?;
            guest.complete(queue, self.chain.token(), 0)?;
        }
        Ok(Progress::More)
    }

    fn save(&self) -> SavedState {
        SavedState::encode(VERSION, &State { counters: self.counters })
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        let State { counters } = saved.decode(VERSION)?;
        self.counters = counters;
        Ok(())
    }

    fn inspect(&self, inspector: &mut dyn Inspector) {
        inspector.flag("link", self.wire.is_up());
        inspector.number("frames sent", self.counters.sent);
        inspector.number("frames received", self.counters.received);
        inspector.number("frames dropped", self.counters.dropped);
    }
}
