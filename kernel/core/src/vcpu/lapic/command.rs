//! Interrupt messages: what the ICR sends, and how a local APIC is addressed.

/// How an interrupt is delivered (Intel SDM vol. 3, 11.6.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Delivery {
    /// To all destinations, by vector.
    Fixed,
    /// To one of the destinations, by vector.
    LowestPriority,
    /// System management interrupt.
    Smi,
    /// Non-maskable interrupt.
    Nmi,
    /// INIT.
    Init,
    /// Start-up IPI; the vector is the page number of the code.
    Startup,
    /// The vector comes from the PIC.
    External,
    /// Reserved encoding.
    Reserved,
}

impl Delivery {
    /// Decodes the 3-bit field.
    pub(crate) const fn from_field(field: u32) -> Self {
        match field & 7 {
            0 => Delivery::Fixed,
            1 => Delivery::LowestPriority,
            2 => Delivery::Smi,
            4 => Delivery::Nmi,
            5 => Delivery::Init,
            6 => Delivery::Startup,
            7 => Delivery::External,
            _ => Delivery::Reserved,
        }
    }
}

/// Whom an interrupt goes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Target {
    /// The APIC with this id.
    Physical(u32),
    /// All whose logical id matches. `is_wide`: 32-bit x2APIC form, else 8 bits.
    Logical {
        /// Message destination address.
        destination: u32,
        /// 32-bit form.
        is_wide: bool,
    },
    /// The sender.
    Own,
    /// All, the sender included.
    All,
    /// All but the sender.
    Others,
}

/// An interrupt on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Message {
    /// How.
    pub(crate) delivery: Delivery,
    /// Vector.
    pub(crate) vector: u8,
    /// Level-triggered: its EOI is told to the VMM.
    pub(crate) is_level: bool,
    /// Whom.
    pub(crate) target: Target,
}

impl Message {
    /// What a write of `icr` sends; `None` for INIT de-assert, which modern processors ignore.
    pub(crate) fn from_icr(icr: u64, is_x2apic: bool) -> Option<Self> {
        let low = icr as u32;
        let delivery = Delivery::from_field(low >> 8);
        let is_assert = low & 1 << 14 != 0;
        let is_level = low & 1 << 15 != 0;
        if delivery == Delivery::Init && is_level && !is_assert {
            return None;
        }
        let destination = if is_x2apic { (icr >> 32) as u32 } else { (icr >> 56) as u32 };
        let broadcast = if is_x2apic { u32::MAX } else { 0xff };
        let target = match low >> 18 & 3 {
            1 => Target::Own,
            2 => Target::All,
            3 => Target::Others,
            _ if destination == broadcast => Target::All,
            _ if low & 1 << 11 != 0 => Target::Logical { destination, is_wide: is_x2apic },
            _ => Target::Physical(destination),
        };
        // An IPI is always edge-triggered whatever the ICR says (Intel SDM vol. 3, 11.6.1).
        Some(Self { delivery, vector: low as u8, is_level: false, target })
    }

    /// Whether the destination takes it by vector.
    pub(crate) fn has_vector(&self) -> bool {
        matches!(self.delivery, Delivery::Fixed | Delivery::LowestPriority)
    }

    /// Whether a vCPU can send it: a guest has neither SMM nor a use for ExtINT from another processor.
    pub(crate) fn is_sendable(&self) -> bool {
        let is_kind = !matches!(self.delivery, Delivery::Smi | Delivery::External | Delivery::Reserved);
        is_kind && (!self.has_vector() || self.vector >= super::VECTOR_MIN)
    }

    /// The interrupt that an MSI write of `data` to `address` means (Intel SDM vol. 3, 11.11); `None`
    /// if the address is not an interrupt's.
    pub(crate) fn from_msi(address: u64, data: u32) -> Option<Self> {
        if address >> 20 != 0xfee {
            return None;
        }
        let destination = (address >> 12 & 0xff) as u32;
        let target = match address & 1 << 2 != 0 {
            _ if destination == 0xff => Target::All,
            true => Target::Logical { destination, is_wide: false },
            false => Target::Physical(destination),
        };
        let is_level = data & 1 << 15 != 0;
        Some(Self { delivery: Delivery::from_field(data >> 8), vector: data as u8, is_level, target })
    }
}

/// How interrupts find a local APIC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Addressing {
    /// Logical destination register (xAPIC: id in the top byte).
    pub(crate) logical: u32,
    /// IA32_APIC_BASE has it enabled.
    pub(crate) is_enabled: bool,
    /// x2APIC mode.
    pub(crate) is_x2apic: bool,
    /// The destination format register asks for the cluster model.
    pub(crate) is_cluster: bool,
    /// Takes fixed interrupts (software-enabled).
    pub(crate) is_listening: bool,
}

impl Addressing {
    /// As one word.
    pub(crate) const fn pack(self) -> u64 {
        self.logical as u64
            | (self.is_enabled as u64) << 32
            | (self.is_x2apic as u64) << 33
            | (self.is_cluster as u64) << 34
            | (self.is_listening as u64) << 35
    }

    /// Reads the word.
    pub(crate) const fn unpack(raw: u64) -> Self {
        Self {
            logical: raw as u32,
            is_enabled: raw & 1 << 32 != 0,
            is_x2apic: raw & 1 << 33 != 0,
            is_cluster: raw & 1 << 34 != 0,
            is_listening: raw & 1 << 35 != 0,
        }
    }

    /// Whether logical destination `destination` names this APIC (Intel SDM vol. 3, 11.6.2.2 and 11.12.10.1).
    pub(crate) const fn matches(self, destination: u32, is_wide: bool) -> bool {
        if self.is_x2apic {
            return destination >> 16 == self.logical >> 16 && destination & self.logical & 0xffff != 0;
        }
        if is_wide && destination > 0xff {
            return false;
        }
        let own = self.logical >> 24;
        if self.is_cluster {
            destination >> 4 == own >> 4 && destination & own & 0xf != 0
        } else {
            destination & own != 0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAT: Addressing = Addressing {
        logical: 0x0200_0000,
        is_enabled: true,
        is_x2apic: false,
        is_cluster: false,
        is_listening: true,
    };

    #[test]
    fn flat_destinations_are_bit_masks() {
        assert!(FLAT.matches(0x02, false));
        assert!(FLAT.matches(0x82, false));
        assert!(!FLAT.matches(0x81, false));
    }

    #[test]
    fn cluster_destinations_need_the_same_cluster() {
        let apic = Addressing { logical: 0x1200_0000, is_cluster: true, ..FLAT };

        assert!(apic.matches(0x12, false));
        assert!(!apic.matches(0x22, false));
        assert!(!apic.matches(0x11, false));
    }

    #[test]
    fn x2apic_destinations_are_cluster_and_mask() {
        let apic = Addressing { logical: 0x0003_0010, is_x2apic: true, ..FLAT };

        assert!(apic.matches(0x0003_0011, true));
        assert!(!apic.matches(0x0002_0010, true));
    }

    #[test]
    fn addressing_survives_packing() {
        assert_eq!(Addressing::unpack(FLAT.pack()), FLAT);
    }

    #[test]
    fn init_deassert_sends_nothing() {
        assert_eq!(Message::from_icr(0x8500, false), None);
        assert!(Message::from_icr(0xc500, false).is_some());
    }

    #[test]
    fn an_msi_outside_of_the_interrupt_range_is_none() {
        assert_eq!(Message::from_msi(0xfed0_0000, 0x30), None);
        let message = Message::from_msi(0xfee0_1000, 0x8030).unwrap();
        assert_eq!(message.target, Target::Physical(1));
        assert!(message.is_level);
    }
}
