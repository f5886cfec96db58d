//! GET LOG PAGE (5.14 of the pages that every controller has).

use super::{give, put};
use crate::{
    command::{Command, Failure, Outcome},
    controller::Nvme,
    prp::TRANSFER_BYTES_MAX,
};
use alloc::{vec, vec::Vec};
use spec::nvme::{NAMESPACE_ALL, status};
use vmm_bus::{GuestMemory, Volume};

/// Log pages.
const ERRORS: u8 = 1;
const HEALTH: u8 = 2;
const FIRMWARE: u8 = 3;
/// Bytes of an entry of the log of errors: there is one, and it is empty.
const ERROR_BYTES: usize = 64;
/// Bytes of the other logs.
const PAGE_BYTES: usize = 512;
/// Dword 10: reading the log does not let further events through.
const RETAIN_EVENT: u32 = 1 << 15;
/// 30 degrees Celsius, in kelvins.
const TEMPERATURE: u16 = 303;
/// Bytes of a data unit in the health log: 1000 blocks.
const DATA_UNIT_BYTES: u64 = 512_000;

impl<V: Volume> Nvme<V> {
    pub(super) fn get_log(&mut self, command: &Command, memory: &dyn GuestMemory) -> Outcome {
        let dwords = u64::from(command.dword(10) >> 16 | (command.dword(11) & 0xFFFF) << 16);
        let bytes = dwords.saturating_add(1).saturating_mul(4);
        let offset = u64::from(command.dword(12)) | u64::from(command.dword(13)) << 32;
        if bytes > TRANSFER_BYTES_MAX || offset & 3 != 0 {
            return Err(Failure::lasting(status::INVALID_FIELD));
        }
        let log = command.dword(10) as u8;
        let page = match log {
            ERRORS => vec![0; ERROR_BYTES],
            HEALTH if matches!(command.namespace(), 0 | NAMESPACE_ALL) => self.health(),
            HEALTH => return Err(Failure::lasting(status::INVALID_FIELD)),
            FIRMWARE => firmware(),
            _ => return Err(Failure::lasting(status::INVALID_LOG)),
        };
        let first = usize::try_from(offset).unwrap_or(usize::MAX);
        let part = page.get(first..).ok_or(Failure::lasting(status::INVALID_FIELD))?;
        if log == ERRORS && command.dword(10) & RETAIN_EVENT == 0 {
            self.session.events.unmask();
        }
        // What the host has room for behind the page reads as zeros.
        let mut data = vec![0; usize::try_from(bytes).unwrap_or(0)];
        put(&mut data, 0, part);
        give(memory, command, &data)
    }

    /// SMART / health information.
    fn health(&self) -> Vec<u8> {
        let counters = &self.counters;
        let mut page = vec![0; PAGE_BYTES];
        put(&mut page, 1, &TEMPERATURE.to_le_bytes());
        // All spare is available; below a tenth it would be critical.
        put(&mut page, 3, &[100, 10]);
        put(&mut page, 32, &counters.read_bytes.div_ceil(DATA_UNIT_BYTES).to_le_bytes());
        put(&mut page, 48, &counters.written_bytes.div_ceil(DATA_UNIT_BYTES).to_le_bytes());
        put(&mut page, 64, &counters.reads.to_le_bytes());
        put(&mut page, 80, &counters.writes.to_le_bytes());
        page
    }
}

/// Firmware slot information: slot 1 is active.
fn firmware() -> Vec<u8> {
    let mut page = vec![0; PAGE_BYTES];
    put(&mut page, 0, &[1]);
    put(&mut page, 8, super::identify::FIRMWARE);
    page
}
