//! The screen: a terminal drawn into its memory, or the display of a VM.

use console_terminal::{Canvas, PictureScreen, Screen, Terminal};
use user_rt::{Error, MapFlags, Mapping, Memory};

/// The mapped memory of the screen.
struct Pixels(Mapping);

impl Canvas for Pixels {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        // Beyond the memory there is nothing to see.
        let _ = self.0.write(offset, bytes);
    }
}

/// A terminal on the screen, and a picture that can take its place.
pub(crate) struct ScreenDevice {
    terminal: Terminal,
    screen: Screen,
    picture: Option<PictureScreen>,
    is_picture_shown: bool,
    pixels: Pixels,
}

impl ScreenDevice {
    /// Maps the screen; `None` if it is not one that can be drawn on.
    pub(crate) fn new(screen: &management_protocol::Screen, memory: &Memory) -> Result<Option<Self>, Error> {
        let picture = PictureScreen::new(screen);
        let Some(screen) = Screen::new(screen) else { return Ok(None) };
        let (columns, rows) = screen.size();
        let bytes = memory.info()?.bytes;
        let pixels = Pixels(memory.map(0, bytes, MapFlags::READ | MapFlags::WRITE)?);
        let terminal = Terminal::new(columns, rows);
        Ok(Some(Self { terminal, screen, picture, is_picture_shown: false, pixels }))
    }

    /// Shows the next bytes of the stream.
    pub(crate) fn show(&mut self, bytes: &[u8]) {
        self.terminal.write(bytes);
        if !self.is_picture_shown {
            self.screen.draw(self.terminal.grid(), &mut self.pixels);
        }
    }

    /// Shows a picture from now on: black at first.
    pub(crate) fn begin_picture(&mut self) {
        if let Some(picture) = &mut self.picture {
            self.is_picture_shown = true;
            picture.clear(&mut self.pixels);
        }
    }

    /// Shows the terminal again.
    pub(crate) fn end_picture(&mut self) {
        if let Some(picture) = self.picture.as_mut().filter(|_| self.is_picture_shown) {
            self.is_picture_shown = false;
            picture.clear(&mut self.pixels);
            self.screen.forget();
            self.screen.draw(self.terminal.grid(), &mut self.pixels);
        }
    }

    /// Says the size of the picture whose lines come; `false` if it cannot be shown.
    pub(crate) fn set_picture_size(&mut self, width: u32, height: u32) -> bool {
        let picture = self.picture.as_mut().filter(|_| self.is_picture_shown);
        picture.is_some_and(|picture| picture.set_size(width, height, &mut self.pixels))
    }

    /// Shows one line of the picture.
    pub(crate) fn draw_picture_line(&mut self, y: u32, pixels: &[u8]) {
        if let Some(picture) = self.picture.as_mut().filter(|_| self.is_picture_shown) {
            picture.draw_line(y as usize, pixels, &mut self.pixels);
        }
    }
}
