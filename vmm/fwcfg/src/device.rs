//! The registers.

use crate::{
    content::{Content, ContentError},
    dma::{Cursor, Transfer},
    item::Item,
};
use base_units::{Gpa, Nanos};
use serde::{Deserialize, Serialize};
use vmm_bus::{AccessSize, Attention, Context, Device, Inspector, Region};
use vmm_snapshot::{RestoreError, Saved, SavedState};

const VERSION: u16 = 1;

/// The device's only region: [`PORTS`] ports from [`PORT_SELECTOR`] on.
pub const REGION: Region = Region(0);
/// Port of the selector, 16 bits, and the first one of all.
pub const PORT_SELECTOR: u16 = 0x510;
/// Port of the data, 8 bits.
pub const PORT_DATA: u16 = 0x511;
/// First port of the DMA address, 64 bits, big-endian.
pub const PORT_DMA: u16 = 0x514;
/// Number of ports.
pub const PORTS: u16 = 12;

const SELECTOR: u64 = 0;
const DATA: u64 = 1;
const DMA_HIGH: u64 = 4;
const DMA_LOW: u64 = 8;
/// What the DMA address reads as: the sign that it is there.
const DMA_SIGNATURE: [u8; 8] = *b"QEMU CFG";

#[derive(Serialize, Deserialize)]
struct State {
    cursor: Cursor,
    dma_high: u32,
    transfer: Option<Transfer>,
}

/// The device.
pub struct FwCfg {
    content: Content,
    cursor: Cursor,
    /// Upper half of the address of the next request.
    dma_high: u32,
    /// The request that is under way.
    transfer: Option<Transfer>,
}

impl FwCfg {
    /// A device with this content.
    pub fn new(mut content: Content) -> Self {
        content.finish();
        Self { content, cursor: Cursor::default(), dma_high: 0, transfer: None }
    }

    /// Replaces a file's bytes, as a machine does whose tables depend on where firmware has put something.
    pub fn replace_file(&mut self, name: &str, item: impl Into<Item>) -> Result<(), ContentError> {
        self.content.replace_file(name, item)?;
        self.content.finish();
        Ok(())
    }

    /// What there is to read.
    pub fn content(&self) -> &Content {
        &self.content
    }

    fn request(&mut self, low: u32, context: &mut Context<'_>) {
        let at = Gpa::new(u64::from(self.dma_high) << 32 | u64::from(low));
        self.dma_high = 0;
        // A guest that does not wait for the end of one request loses the next one.
        if self.transfer.is_none() {
            self.transfer = Transfer::begin(context.memory, at, &mut self.cursor);
            self.go_on(context);
        }
    }

    fn go_on(&mut self, context: &mut Context<'_>) {
        let Some(transfer) = self.transfer.take() else { return };
        self.transfer = transfer.step(context.memory, &self.content, &mut self.cursor);
        context.effects.note(Attention::DEADLINE);
    }

    fn read_data(&mut self) -> u64 {
        let mut byte = [0; 1];
        self.cursor.read(&self.content, &mut byte);
        let [byte] = byte;
        u64::from(byte)
    }
}

impl Device for FwCfg {
    fn name(&self) -> &'static str {
        "fw_cfg"
    }

    fn read(&mut self, _: Region, offset: u64, size: AccessSize, _: &mut Context<'_>) -> u64 {
        match offset {
            DATA if size == AccessSize::Byte => self.read_data(),
            DMA_HIGH.. => vmm_bus::access::read_bytes(&DMA_SIGNATURE, offset - DMA_HIGH, size),
            _ => size.ones(),
        }
    }

    fn write(&mut self, _: Region, offset: u64, size: AccessSize, value: u64, context: &mut Context<'_>) {
        // Cut by the bus to 32 bits, and to what the size says.
        let value = value as u32;
        match (offset, size) {
            (SELECTOR, AccessSize::Word) => self.cursor = Cursor::select(value as u16),
            (DMA_HIGH, AccessSize::Dword) => self.dma_high = value.swap_bytes(),
            (DMA_LOW, AccessSize::Dword) => self.request(value.swap_bytes(), context),
            _ => {}
        }
    }

    fn reset(&mut self, _: &mut Context<'_>) {
        self.cursor = Cursor::default();
        self.dma_high = 0;
        self.transfer = None;
    }

    fn deadline(&self) -> Nanos {
        if self.transfer.is_some() { Nanos::ZERO } else { Nanos::MAX }
    }

    fn advance(&mut self, context: &mut Context<'_>) {
        self.go_on(context);
    }

    fn save(&self) -> SavedState {
        let state = State { cursor: self.cursor, dma_high: self.dma_high, transfer: self.transfer };
        SavedState::encode(VERSION, &state)
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        let state: State = saved.decode(VERSION)?;
        self.cursor = state.cursor;
        self.dma_high = state.dma_high;
        self.transfer = state.transfer;
        Ok(())
    }

    fn inspect(&self, inspector: &mut dyn Inspector) {
        inspector.number("selected", u64::from(self.cursor.key().0));
        inspector.number("offset", u64::from(self.cursor.offset()));
        inspector.flag("transfer under way", self.transfer.is_some());
        for (name, bytes) in self.content.files() {
            inspector.number(name, u64::from(bytes));
        }
    }
}
