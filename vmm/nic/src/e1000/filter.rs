//! Which frames are for this card (SDM 3.2.1, 13.5).

use crate::MacAddress;
use alloc::{vec, vec::Vec};
use serde::{Deserialize, Serialize};
use spec::e1000::{
    MTA, RAH_VALID, RAL, RCTL_ALL_MULTICAST, RCTL_ALL_UNICAST, RCTL_BROADCAST, RCTL_OFFSET_SHIFT,
    RCTL_VLAN_FILTER, VFTA,
};

const TABLE: usize = 128;
const TABLE_END: u64 = TABLE as u64 * 4;
/// Address registers: 16 addresses of two halves.
const ADDRESSES: usize = 32;
const ADDRESSES_END: u64 = ADDRESSES as u64 * 4;
const BROADCAST: [u8; 6] = [0xFF; 6];

/// The tables of addresses and VLANs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Filter {
    addresses: Vec<u32>,
    multicast: Vec<u32>,
    vlans: Vec<u32>,
}

/// How a frame passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    Refused,
    Exact,
    /// By a hash or because everything passes.
    Inexact,
}

impl Filter {
    /// The tables after a reset: the card's own address passes.
    pub(super) fn new(address: MacAddress) -> Self {
        let mut addresses = vec![0; ADDRESSES];
        let [a, b, c, d, e, f] = address.0;
        if let [low, high, ..] = addresses.as_mut_slice() {
            *low = u32::from_le_bytes([a, b, c, d]);
            *high = u32::from(u16::from_le_bytes([e, f])) | RAH_VALID;
        }
        Self { addresses, multicast: vec![0; TABLE], vlans: vec![0; TABLE] }
    }

    /// Whether a saved state has all tables.
    pub(super) fn is_possible(&self) -> bool {
        self.addresses.len() == ADDRESSES && self.multicast.len() == TABLE && self.vlans.len() == TABLE
    }

    /// The register at an offset, if it belongs to a table.
    pub(super) fn register(&mut self, offset: u64) -> Option<&mut u32> {
        let (table, at) = match offset {
            MTA.. if offset - MTA < TABLE_END => (&mut self.multicast, offset - MTA),
            RAL.. if offset - RAL < ADDRESSES_END => (&mut self.addresses, offset - RAL),
            VFTA.. if offset - VFTA < TABLE_END => (&mut self.vlans, offset - VFTA),
            _ => return None,
        };
        usize::try_from(at / 4).ok().and_then(|index| table.get_mut(index))
    }

    /// Judges a frame by its destination, and by its VLAN if it has one.
    pub(super) fn judge(&self, control: u32, destination: [u8; 6], vlan: Option<u16>) -> Verdict {
        if control & RCTL_VLAN_FILTER != 0 && vlan.is_some_and(|vlan| !self.has_vlan(vlan)) {
            return Verdict::Refused;
        }
        let is_group = destination[0] & 1 != 0;
        if destination == BROADCAST && control & RCTL_BROADCAST != 0 || self.has_address(destination) {
            return Verdict::Exact;
        }
        let passes_all = if is_group { RCTL_ALL_MULTICAST } else { RCTL_ALL_UNICAST };
        if control & passes_all != 0 || is_group && self.has_group(control, destination) {
            Verdict::Inexact
        } else {
            Verdict::Refused
        }
    }

    fn has_address(&self, [a, b, c, d, e, f]: [u8; 6]) -> bool {
        let low = u32::from_le_bytes([a, b, c, d]);
        let high = u32::from(u16::from_le_bytes([e, f])) | RAH_VALID;
        let mut pairs = self.addresses.chunks_exact(2);
        pairs.any(|pair| {
            pair.first() == Some(&low) && pair.get(1).map(|it| it & (RAH_VALID | 0xFFFF)) == Some(high)
        })
    }

    /// Looks twelve bits of the address up in the multicast table.
    fn has_group(&self, control: u32, [_, _, _, _, e, f]: [u8; 6]) -> bool {
        let shift = match control >> RCTL_OFFSET_SHIFT & 3 {
            0 => 4,
            1 => 3,
            2 => 2,
            _ => 0,
        };
        let hash = u16::from_le_bytes([e, f]) >> shift & 0xFFF;
        bit(&self.multicast, hash)
    }

    fn has_vlan(&self, tag: u16) -> bool {
        bit(&self.vlans, tag & 0xFFF)
    }
}

fn bit(table: &[u32], index: u16) -> bool {
    table.get(usize::from(index >> 5)).is_some_and(|word| word >> (index & 31) & 1 != 0)
}
