//! IDENTIFY (5.15).

use super::{events::EVENTS_MAX, give, put};
use crate::{
    command::{Command, Failure, Outcome},
    controller::Nvme,
    io::NAMESPACE,
    prp::TRANSFER_PAGES_LOG,
};
use alloc::{vec, vec::Vec};
use spec::nvme::{IDENTIFY_BYTES, NAMESPACE_ALL, VERSION_1_4, status};
use vmm_bus::{GuestMemory, Volume, volume::Access};

/// Structures.
const OF_NAMESPACE: u8 = 0x00;
const OF_CONTROLLER: u8 = 0x01;
const NAMESPACES: u8 = 0x02;
const NAMESPACE_IDENTIFIERS: u8 = 0x03;
/// Firmware revision.
pub(super) const FIRMWARE: &[u8; 8] = b"1.0     ";
const MODEL: &[u8; 40] = b"Corten NVMe disk                        ";
/// Name of the subsystem, before the serial number.
const QUALIFIED_NAME: &[u8] = b"nqn.2026-01.local.corten:";
/// Optional admin commands: the doorbell buffer.
const ADMIN_COMMANDS: u16 = 1 << 8;
/// Optional I/O commands: compare, dataset management, write zeroes.
const IO_COMMANDS: u16 = 1 << 0 | 1 << 2 | 1 << 3;
/// Sizes of queue entries: exactly 64 and 16 bytes.
const ENTRY_SIZES: [u8; 2] = [0x66, 0x44];
/// A volatile write cache; a flush may name all namespaces.
const WRITE_CACHE: u8 = 0b111;
/// A namespace's block format: 512 bytes, no metadata.
const BLOCKS_LOG: u8 = 9;
/// Namespace identifier type: EUI-64.
const TYPE_EUI64: u8 = 1;

impl<V: Volume> Nvme<V> {
    pub(super) fn identify(&self, command: &Command, memory: &dyn GuestMemory) -> Outcome {
        let namespace = command.namespace();
        let data = match command.dword(10) as u8 {
            OF_CONTROLLER => self.identify_controller(),
            OF_NAMESPACE if namespace == NAMESPACE => self.identify_namespace(),
            NAMESPACES if namespace < NAMESPACE_ALL - 1 => {
                let mut list = vec![0; IDENTIFY_BYTES];
                if namespace < NAMESPACE {
                    put(&mut list, 0, &NAMESPACE.to_le_bytes());
                }
                list
            }
            NAMESPACE_IDENTIFIERS if namespace == NAMESPACE => {
                let mut list = vec![0; IDENTIFY_BYTES];
                put(&mut list, 0, &[TYPE_EUI64, 8, 0, 0]);
                put(&mut list, 4, &self.unique_id());
                list
            }
            OF_NAMESPACE | NAMESPACES | NAMESPACE_IDENTIFIERS => {
                return Err(Failure::lasting(status::INVALID_NAMESPACE));
            }
            _ => return Err(Failure::lasting(status::INVALID_FIELD)),
        };
        give(memory, command, &data)
    }

    // tidy: table
    fn identify_controller(&self) -> Vec<u8> {
        let mut data = vec![0; IDENTIFY_BYTES];
        let identity = &self.function.config();
        put(&mut data, 0, &identity.word(0).to_le_bytes());
        put(&mut data, 2, &identity.word(0x2C).to_le_bytes());
        put(&mut data, 4, &self.serial());
        put(&mut data, 24, MODEL);
        put(&mut data, 64, FIRMWARE);
        // Recommended burst; largest transfer.
        put(&mut data, 72, &[6]);
        put(&mut data, 77, &[TRANSFER_PAGES_LOG]);
        put(&mut data, 80, &VERSION_1_4.to_le_bytes());
        // An I/O controller.
        put(&mut data, 111, &[1]);
        put(&mut data, 256, &ADMIN_COMMANDS.to_le_bytes());
        // Four commands can be aborted at once, and as many wait for events.
        put(&mut data, 258, &[3, EVENTS_MAX as u8 - 1]);
        // One slot of firmware, which cannot be written; logs can be read from any offset.
        put(&mut data, 260, &[3, 1 << 2]);
        // Warning and critical temperature, in kelvins.
        put(&mut data, 266, &343u16.to_le_bytes());
        put(&mut data, 268, &373u16.to_le_bytes());
        put(&mut data, 512, &ENTRY_SIZES);
        put(&mut data, 516, &NAMESPACE.to_le_bytes());
        put(&mut data, 520, &IO_COMMANDS.to_le_bytes());
        put(&mut data, 525, &[WRITE_CACHE]);
        put(&mut data, 768, QUALIFIED_NAME);
        let serial = self.config.serial;
        put(&mut data, 768 + QUALIFIED_NAME.len(), serial.trim_ascii_end());
        // Power state 0: 25 watts.
        put(&mut data, 2048, &2500u16.to_le_bytes());
        data
    }

    fn identify_namespace(&self) -> Vec<u8> {
        let mut data = vec![0; IDENTIFY_BYTES];
        // Size, capacity, use.
        for offset in [0, 8, 16] {
            put(&mut data, offset, &self.blocks.to_le_bytes());
        }
        put(&mut data, 99, &[u8::from(self.config.access == Access::ReadOnly)]);
        put(&mut data, 120, &self.unique_id());
        put(&mut data, 130, &[BLOCKS_LOG]);
        data
    }

    /// The serial number as text without zeros.
    fn serial(&self) -> [u8; crate::SERIAL_BYTES] {
        self.config.serial.map(|byte| if byte == 0 { b' ' } else { byte })
    }

    /// A number that is the same for the same serial number (FNV-1a).
    fn unique_id(&self) -> [u8; 8] {
        let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3);
        let hash = self.serial().iter().fold(0xCBF2_9CE4_8422_2325, mix);
        // Locally administered.
        (hash | 0x0200_0000_0000_0000).to_be_bytes()
    }
}
