//! The screen: a terminal drawn into its memory.

use console_terminal::{Canvas, Screen, Terminal};
use user_rt::{Error, MapFlags, Mapping, Memory};

/// The mapped memory of the screen.
struct Pixels(Mapping);

impl Canvas for Pixels {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        // Beyond the memory there is nothing to see.
        let _ = self.0.write(offset, bytes);
    }
}

/// A terminal on the screen.
pub(crate) struct ScreenDevice {
    terminal: Terminal,
    screen: Screen,
    pixels: Pixels,
}

impl ScreenDevice {
    /// Maps the screen; `None` if it is not one that can be drawn on.
    pub(crate) fn new(screen: &management_protocol::Screen, memory: &Memory) -> Result<Option<Self>, Error> {
        let Some(screen) = Screen::new(screen) else { return Ok(None) };
        let (columns, rows) = screen.size();
        let bytes = memory.info()?.bytes;
        let pixels = Pixels(memory.map(0, bytes, MapFlags::READ | MapFlags::WRITE)?);
        Ok(Some(Self { terminal: Terminal::new(columns, rows), screen, pixels }))
    }

    /// Shows the next bytes of the stream.
    pub(crate) fn show(&mut self, bytes: &[u8]) {
        self.terminal.write(bytes);
        self.screen.draw(self.terminal.grid(), &mut self.pixels);
    }
}
