//! What a control transfer asks (USB 2.0, 9.3).

use serde::{Deserialize, Serialize};
use spec::usb::{RECIPIENT_MASK, REQUEST_CLASS, REQUEST_IN, REQUEST_KIND_MASK};

/// A setup packet. Nothing in it has been checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Setup {
    pub(crate) kind: u8,
    pub(crate) request: u8,
    pub(crate) value: u16,
    pub(crate) index: u16,
    pub(crate) length: u16,
}

/// Who defined a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    Standard,
    Class,
    Other,
}

impl Setup {
    /// The packet as it stands in a TRB.
    pub(crate) fn parse(raw: u64) -> Self {
        let [kind, request, value_low, value_high, index_low, index_high, length_low, length_high] =
            raw.to_le_bytes();
        Self {
            kind,
            request,
            value: u16::from_le_bytes([value_low, value_high]),
            index: u16::from_le_bytes([index_low, index_high]),
            length: u16::from_le_bytes([length_low, length_high]),
        }
    }

    /// Whether data goes to the host, if there is any.
    pub(crate) fn is_in(&self) -> bool {
        self.kind & REQUEST_IN != 0
    }

    pub(crate) fn recipient(&self) -> u8 {
        self.kind & RECIPIENT_MASK
    }

    pub(crate) fn origin(&self) -> Origin {
        match self.kind & REQUEST_KIND_MASK {
            0 => Origin::Standard,
            REQUEST_CLASS => Origin::Class,
            _ => Origin::Other,
        }
    }

    /// The two bytes of the value: upper, lower.
    pub(crate) fn value_bytes(&self) -> (u8, u8) {
        let [low, high] = self.value.to_le_bytes();
        (high, low)
    }
}
