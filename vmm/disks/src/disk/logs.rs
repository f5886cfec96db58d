//! Logs and SMART, as far as drivers and tools ask by themselves.

use super::{Disk, answer_to_host};
use crate::{
    drive::{Mode, Outcome, Reply},
    registers::Registers,
};
use alloc::{vec, vec::Vec};
use serde::{Deserialize, Serialize};
use spec::ata::{
    ERROR_ABORT, ERROR_ID_NOT_FOUND, SECTOR_BYTES, STATUS_ERROR, STATUS_READY, STATUS_SEEK, smart,
};
use vmm_bus::Volume;

/// Bytes of a page of a log.
const PAGE: usize = SECTOR_BYTES as usize;
/// The directory of logs (ACS annex A).
const LOG_DIRECTORY: u8 = 0x00;
/// Summary of errors, for SMART.
const LOG_SUMMARY_ERRORS: u8 = 0x01;
/// Self-tests, for SMART.
const LOG_SELF_TESTS: u8 = 0x06;
/// What made a queued command fail.
const LOG_QUEUE_ERROR: u8 = 0x10;
/// Off-line collection was never started; no self-test ran (ACS 7.53.6.1).
const SMART_CAPABILITIES_AT: usize = 368;

/// What made a queued command fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct QueueError {
    tag: u8,
    error: u8,
    lba: u64,
    device: u8,
    count: u16,
}

impl<V: Volume> Disk<V> {
    /// A queued command failed: the next who asks learns which.
    pub(crate) fn note_queue_error(&mut self, error: u8, registers: &Registers) {
        let Registers { lba, device, count, .. } = *registers;
        let tag = registers.queue_tag();
        self.settings.queue_error = Some(QueueError { tag, error, lba, device, count });
    }

    pub(super) fn read_log(&mut self, registers: &Registers, answer: &mut Vec<u8>, mode: Mode) -> Outcome {
        let page = registers.lba >> 8 & 0xFF | registers.lba >> 24 & 0xFF00;
        let log = registers.lba as u8;
        if registers.count != 1 || page != 0 {
            return Err(ERROR_ABORT);
        }
        *answer = match log {
            LOG_DIRECTORY => directory(LOG_QUEUE_ERROR),
            LOG_QUEUE_ERROR => self.queue_error_page(),
            _ => return Err(ERROR_ABORT),
        };
        Ok(Reply::Data(answer_to_host(answer, mode)))
    }

    /// The page that says which queued command failed (ACS A.7).
    fn queue_error_page(&mut self) -> Vec<u8> {
        let mut page = vec![0; PAGE];
        let failed = self.settings.queue_error.take();
        let mut put = |at: usize, value: u8| {
            if let Some(byte) = page.get_mut(at) {
                *byte = value;
            }
        };
        match failed {
            // No queued command has failed.
            None => put(0, 1 << 7),
            Some(failed) => {
                put(0, failed.tag);
                put(2, STATUS_READY | STATUS_SEEK | STATUS_ERROR);
                put(3, failed.error);
                let [low, mid, high, low_before, mid_before, high_before, ..] = failed.lba.to_le_bytes();
                for (at, value) in [(4, low), (5, mid), (6, high), (7, failed.device)] {
                    put(at, value);
                }
                for (at, value) in [(8, low_before), (9, mid_before), (10, high_before)] {
                    put(at, value);
                }
                let [count, count_before] = failed.count.to_le_bytes();
                put(12, count);
                put(13, count_before);
            }
        }
        with_checksum(page)
    }

    pub(super) fn smart(&mut self, registers: &mut Registers, answer: &mut Vec<u8>) -> Outcome {
        let feature = registers.feature as u8;
        if registers.lba & smart::KEY_MASK != smart::KEY {
            return Err(ERROR_ABORT);
        }
        if !self.settings.smart && feature != smart::ENABLE {
            return Err(ERROR_ABORT);
        }
        match feature {
            smart::ENABLE => self.settings.smart = true,
            smart::DISABLE => self.settings.smart = false,
            // The key unchanged says that nothing is wrong.
            smart::AUTOSAVE | smart::EXECUTE_TEST | smart::RETURN_STATUS => {}
            smart::READ_DATA => *answer = smart_data(),
            smart::READ_THRESHOLDS => *answer = with_checksum(numbered_page(0x10)),
            smart::READ_LOG => *answer = smart_log(registers)?,
            _ => return Err(ERROR_ABORT),
        }
        if answer.is_empty() { Ok(Reply::Done) } else { Ok(Reply::Data(answer_to_host(answer, Mode::Pio))) }
    }
}

fn smart_log(registers: &Registers) -> Result<Vec<u8>, u8> {
    if registers.count & 0xFF != 1 {
        return Err(ERROR_ID_NOT_FOUND);
    }
    match registers.lba as u8 {
        LOG_DIRECTORY => Ok(directory(LOG_SELF_TESTS)),
        // Both are empty.
        LOG_SUMMARY_ERRORS | LOG_SELF_TESTS => Ok(with_checksum(numbered_page(1))),
        _ => Err(ERROR_ABORT),
    }
}

/// The directory: one page for each log.
fn directory(log: u8) -> Vec<u8> {
    let mut page = numbered_page(1);
    if let Some(pages) = page.get_mut(usize::from(log).saturating_mul(2)) {
        *pages = 1;
    }
    page
}

fn smart_data() -> Vec<u8> {
    let mut page = numbered_page(0x10);
    if let Some(capabilities) = page.get_mut(SMART_CAPABILITIES_AT) {
        // Attributes are saved by the command that switches that on, for want of attributes.
        *capabilities = 3;
    }
    with_checksum(page)
}

/// A page that begins with a version.
fn numbered_page(version: u8) -> Vec<u8> {
    let mut page = vec![0; PAGE];
    if let Some(first) = page.first_mut() {
        *first = version;
    }
    page
}

/// Makes all bytes add up to zero by the last one.
fn with_checksum(mut page: Vec<u8>) -> Vec<u8> {
    let sum = page.iter().copied().fold(0, u8::wrapping_add);
    if let Some(last) = page.last_mut() {
        *last = last.wrapping_sub(sum);
    }
    page
}
