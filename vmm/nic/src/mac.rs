//! Ethernet addresses.

/// An address of 48 bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct MacAddress(pub [u8; 6]);

/// FNV-1a, 32 bits: good enough to tell machines of one network apart, and the same at every start.
const HASH_START: u32 = 0x811C_9DC5;
const HASH_PRIME: u32 = 0x0100_0193;
/// First bytes: a locally administered address of one station, as other hypervisors have it.
const PREFIX: [u8; 3] = [0x52, 0x54, 0x00];

impl MacAddress {
    /// The address of card `index` of the machine with this name: the same whenever the machine starts.
    pub fn of(machine: &str, index: u8) -> Self {
        let bytes = machine.bytes().chain([0, index]);
        let hash = bytes.fold(HASH_START, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(HASH_PRIME));
        let [a, b, c, d] = hash.to_le_bytes();
        let [x, y, z] = PREFIX;
        Self([x, y, z, a ^ d, b, c])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_and_machines_have_addresses_of_their_own_that_stay() {
        let addresses = [("a", 0), ("a", 1), ("b", 0)].map(|(name, index)| MacAddress::of(name, index));

        assert_eq!(addresses[0], MacAddress::of("a", 0));
        assert!(addresses[0] != addresses[1] && addresses[0] != addresses[2]);
        assert_eq!(addresses[0].0[0] & 0b11, 0b10, "local, one station");
    }
}
