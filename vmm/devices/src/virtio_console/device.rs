//! The console behind the transport, saved and shown.

use super::state::{Console, ConsoleSize, INPUT_BYTES, OUTPUT_BYTES, QUEUES, RECEIVE, TRANSMIT, Unfinished};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use spec::virtio::TYPE_CONSOLE;
use vmm_bus::{AccessSize, Inspector, access::read_bytes};
use vmm_snapshot::{RestoreError, Saved, SavedState};
use vmm_virtio::{Fault, Guest, Progress, VirtioDevice, device::REQUESTS_MAX, queue::ChainState};

const VERSION: u16 = 1;
/// PCI class: simple communication controller.
const CLASS: u32 = 0x07_80_00;
/// Feature: columns and rows are valid (5.3.3).
const FEATURE_SIZE: u64 = 1 << 0;

#[derive(Serialize, Deserialize)]
struct State {
    size: ConsoleSize,
    input: Vec<u8>,
    output: Vec<u8>,
    unfinished: Option<(Unfinished, ChainState)>,
}

impl VirtioDevice for Console {
    fn name(&self) -> &'static str {
        "virtio console"
    }

    fn kind(&self) -> u16 {
        TYPE_CONSOLE
    }

    fn class(&self) -> u32 {
        CLASS
    }

    fn features(&self) -> u64 {
        FEATURE_SIZE
    }

    fn queues(&self) -> &[u16] {
        &QUEUES
    }

    fn config_read(&self, offset: u64, size: AccessSize) -> u64 {
        let [c0, c1] = self.size.columns.to_le_bytes();
        let [r0, r1] = self.size.rows.to_le_bytes();
        // 5.3.4: columns, rows; one port.
        read_bytes(&[c0, c1, r0, r1, 1, 0, 0, 0], offset, size)
    }

    fn activate(&mut self, _features: u64) {}

    fn reset(&mut self) {
        // What was written goes out and what was typed stays for the next driver; the requests are gone.
        self.unfinished = None;
    }

    fn process(&mut self, queue: u16, guest: &mut Guest<'_>) -> Result<Progress, Fault> {
        match queue {
            RECEIVE => {
                let progress = self.deliver(guest)?;
                guest.note_console();
                Ok(progress)
            }
            TRANSMIT => {
                for _ in 0..REQUESTS_MAX {
                    if !self.transmit_one(guest)? {
                        let is_full = self.output.len() >= OUTPUT_BYTES;
                        return Ok(if is_full { Progress::Waiting } else { Progress::Idle });
                    }
                }
                Ok(Progress::More)
            }
            _ => Ok(Progress::Idle),
        }
    }

    fn save(&self) -> SavedState {
        let state = State {
            size: self.size,
            input: Self::bytes_of(&self.input),
            output: Self::bytes_of(&self.output),
            unfinished: self.unfinished.map(|request| (request, self.transmit.save())),
        };
        SavedState::encode(VERSION, &state)
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        let state: State = saved.decode(VERSION)?;
        if state.input.len() > INPUT_BYTES || state.output.len() > OUTPUT_BYTES {
            return Err(RestoreError::Impossible("a console queue is too long"));
        }
        self.unfinished = None;
        if let Some((request, chain)) = &state.unfinished {
            self.transmit.restore(chain)?;
            self.unfinished = Some(*request);
        }
        self.size = state.size;
        self.input = state.input.into();
        self.output = state.output.into();
        Ok(())
    }

    fn inspect(&self, inspector: &mut dyn Inspector) {
        inspector.number("columns", u64::from(self.size.columns));
        inspector.number("rows", u64::from(self.size.rows));
        inspector.number("waiting for the guest", self.input.len() as u64);
        inspector.number("waiting for the owner", self.output.len() as u64);
    }
}
