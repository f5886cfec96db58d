//! The log on the screen: a linear framebuffer or the VGA text cells.
//!
//! Text is written from top to bottom; at the end it starts again at the top. That costs no
//! copying of a framebuffer, which is slow to read.

use crate::paging::device;
use abi::Framebuffer;
use core::cell::Cell;
use spin::Mutex;

/// The font: 8 by 16 pixels, PSF1 (whatever the crate calls it), glyphs in ASCII order.
const FONT: &[u8] = spleen_font::FONT_8X16;
/// Bytes of the PSF1 header.
const FONT_HEADER_BYTES: usize = 4;
const _: () = assert!(FONT[0] == 0x36 && FONT[1] == 0x04 && FONT[3] == 16, "the font is of another kind");
const GLYPH_WIDTH: u32 = 8;
const GLYPH_HEIGHT: u32 = 16;
/// Light grey on black.
const INK: u32 = 0x00c0_c0c0;
/// Light grey on black, as a VGA text attribute.
const TEXT_ATTRIBUTE: u16 = 0x0700;

/// A screen that is mapped.
struct Screen {
    memory: device::Mapping,
    shape: Framebuffer,
    column: Cell<u32>,
    row: Cell<u32>,
}

static SCREEN: Mutex<Option<Screen>> = Mutex::new(None);

/// Maps the screen and writes to it from now on.
pub(crate) fn use_screen(shape: Framebuffer) {
    let bytes = u64::from(shape.stride) * u64::from(shape.height);
    let is_sane = match shape.bits {
        32 => shape.width >= 320 && shape.height >= 200 && shape.stride / 4 >= shape.width,
        16 => shape.width > 0 && shape.height > 0 && shape.stride / 2 >= shape.width && shape.width <= 132,
        _ => false,
    };
    if shape.address == 0 || !is_sane {
        return;
    }
    let Some(memory) = device::map(shape.address, bytes, device::Caching::WriteCombining) else { return };
    let screen = Screen { memory, shape, column: Cell::new(0), row: Cell::new(0) };
    screen.clear_rows(0, screen.rows());
    *SCREEN.lock() = Some(screen);
}

/// Leaves the screen to whoever draws on it from now on. A panic takes it back.
pub fn release_screen() {
    if let Some(screen) = SCREEN.lock().take() {
        *RELEASED.lock() = Some(screen);
    }
}

static RELEASED: Mutex<Option<Screen>> = Mutex::new(None);

/// Takes the screen back for a panic.
pub(super) fn reclaim() {
    let (Some(mut screen), Some(mut released)) = (SCREEN.try_lock(), RELEASED.try_lock()) else { return };
    if let Some(back) = released.take() {
        back.row.set(0);
        back.column.set(0);
        *screen = Some(back);
    }
}

/// Writes text.
pub(super) fn write(text: &str) {
    // A panic while the lock is held goes on without the screen.
    if let Some(screen) = SCREEN.try_lock()
        && let Some(screen) = screen.as_ref()
    {
        text.chars().for_each(|letter| screen.put(letter));
    }
}

impl Screen {
    fn columns(&self) -> u32 {
        if self.shape.bits == 16 { self.shape.width } else { self.shape.width / GLYPH_WIDTH }
    }

    fn rows(&self) -> u32 {
        if self.shape.bits == 16 { self.shape.height } else { self.shape.height / GLYPH_HEIGHT }
    }

    fn put(&self, letter: char) {
        match letter {
            '\n' => self.next_row(),
            '\r' => self.column.set(0),
            _ => {
                if self.column.get() >= self.columns() {
                    self.next_row();
                }
                self.draw(u8::try_from(letter).unwrap_or(b'?'));
                self.column.set(self.column.get() + 1);
            }
        }
    }

    fn next_row(&self) {
        self.column.set(0);
        let next = self.row.get() + 1;
        self.row.set(if next < self.rows() { next } else { 0 });
        self.clear_rows(self.row.get(), 1);
    }

    fn draw(&self, letter: u8) {
        if self.shape.bits == 16 {
            let offset =
                u64::from(self.row.get()) * u64::from(self.shape.stride) + u64::from(self.column.get()) * 2;
            self.memory.write_u16(offset, TEXT_ATTRIBUTE | u16::from(letter));
            return;
        }
        let glyph = FONT_HEADER_BYTES + usize::from(letter) * GLYPH_HEIGHT as usize;
        let rows = FONT.get(glyph..glyph + GLYPH_HEIGHT as usize).unwrap_or(&[]);
        for (line, &bits) in (0..).zip(rows) {
            let y = u64::from(self.row.get() * GLYPH_HEIGHT + line);
            let x = u64::from(self.column.get() * GLYPH_WIDTH);
            let offset = y * u64::from(self.shape.stride) + x * 4;
            for pixel in (0..8_u64).filter(|pixel| bits & 0x80 >> pixel != 0) {
                self.memory.write_u32(offset + pixel * 4, INK);
            }
        }
    }

    fn clear_rows(&self, first: u32, count: u32) {
        let height = if self.shape.bits == 16 { 1 } else { GLYPH_HEIGHT };
        let (blank, bytes) = if self.shape.bits == 16 {
            let cell = u64::from(TEXT_ATTRIBUTE | u16::from(b' '));
            (cell << 48 | cell << 32 | cell << 16 | cell, 2)
        } else {
            (0, 4)
        };
        let row_bytes = u64::from(self.shape.width) * bytes;
        for line in first * height..(first + count) * height {
            let offset = u64::from(line) * u64::from(self.shape.stride);
            if offset + row_bytes <= self.bytes() {
                self.memory.fill(offset, blank, row_bytes / 8);
            }
        }
    }

    fn bytes(&self) -> u64 {
        u64::from(self.shape.stride) * u64::from(self.shape.height)
    }
}
