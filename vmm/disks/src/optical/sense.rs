//! Why a command failed (SPC 4.5).

use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use spec::{ata::ERROR_ABORT, scsi_mmc::sense_key};

/// A sense key with its code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Sense {
    key: u8,
    code: u16,
}

impl Sense {
    /// Nothing to report.
    pub(super) const NONE: Self = Self { key: sense_key::NONE, code: 0 };

    pub(super) const fn new(key: u8, code: u16) -> Self {
        Self { key, code }
    }

    /// The packet makes no sense.
    pub(super) const fn illegal(code: u16) -> Self {
        Self { key: sense_key::ILLEGAL_REQUEST, code }
    }

    pub(super) fn key(self) -> u8 {
        self.key
    }

    /// What the error register says: the key above, "aborted" below.
    pub(super) fn error(self) -> u8 {
        (self.key & 0xF) << 4 | ERROR_ABORT
    }

    /// Sense data of fixed format (SPC 4.5.3).
    pub(super) fn data(self) -> Vec<u8> {
        let [code, qualifier] = self.code.to_be_bytes();
        // Current errors; ten bytes follow the eighth.
        [0x70, 0, self.key, 0, 0, 0, 0, 10, 0, 0, 0, 0, code, qualifier, 0, 0, 0, 0].to_vec()
    }
}
