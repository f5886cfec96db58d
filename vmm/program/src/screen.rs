//! The machine's display for somebody who looks at it, and the keys that they press.
//!
//! Nothing happens here while nobody looks, and nothing without being asked: see [`vmm_protocol::screen`].

use crate::{board::Board, machine::Machine, vm::Vm};
use alloc::{string::String, vec::Vec};
use user_rt::{Channel, Error, Memory, MemoryFlags, Object, OwnedHandle, Rights};
use vmm_bus::{Bus, Context};
use vmm_chipset::i8042::{Key, Stroke};
use vmm_display::{Screen, Size, TextPage};
use vmm_protocol::screen::{
    Band, HEIGHT_MAX, KeyStroke, REPORT_BYTES_MAX, REQUEST_BYTES_MAX, STROKES_MAX, ScreenReport,
    ScreenRequest, Shown, TEXT_BYTES_MAX, WIDTH_MAX,
};

/// Requests that are answered before others get the thread.
const REQUESTS_MAX: usize = 16;
/// Bytes of a pixel.
const PIXEL_BYTES: u64 = 4;
/// Bytes of the largest picture. Its pages are made when they are drawn.
const PICTURE_BYTES: u64 = WIDTH_MAX as u64 * HEIGHT_MAX as u64 * PIXEL_BYTES;

/// Somebody who looks at the display.
struct Look {
    /// The number that they gave it.
    number: u32,
    /// What they saw last.
    seen: Screen,
    picture: Memory,
}

/// Who looks at the display, if somebody does.
#[derive(Default)]
pub(crate) struct Viewer(Option<Look>);

/// Answers what waits in the channel of the display.
pub(crate) fn read_requests(vm: &Vm) {
    let Some(channel) = &vm.screen else { return };
    for _ in 0..REQUESTS_MAX {
        let mut bytes = [0; REQUEST_BYTES_MAX];
        match channel.receive_bytes(&mut bytes) {
            Ok(length) => {
                // What does not decode is dropped.
                if let Ok(request) = user_ipc::decode(bytes.get(..length).unwrap_or_default()) {
                    answer(vm, channel, request);
                }
            }
            Err(Error::BufferTooSmall) => {
                // No request is so long, or carries handles: drop it.
                let _ = channel.receive();
            }
            Err(_) => return,
        }
    }
    // More wait: the loop comes back at once.
    vm.wake_device_loop();
}

fn answer(vm: &Vm, channel: &Channel, request: ScreenRequest) {
    let mut machine = vm.machine.lock();
    match request {
        ScreenRequest::Show { look } => match open(vm, look) {
            Ok((look, picture)) => {
                let opened = ScreenReport::Opened { look: look.number };
                machine.viewer = Viewer(Some(look));
                send(channel, &opened, [picture].into());
                draw(vm, channel, &mut machine);
            }
            Err(_) => send(channel, &ScreenReport::Unavailable, Vec::new()),
        },
        ScreenRequest::Next => draw(vm, channel, &mut machine),
        ScreenRequest::Hide => machine.viewer = Viewer::default(),
        ScreenRequest::Strokes(strokes) => {
            machine.with_bus(vm, |bus, board, context| strike(&strokes, bus, board, context));
        }
        ScreenRequest::Point(to) => {
            machine.with_bus(vm, |bus, board, context| board.point(bus, to, context));
        }
        ScreenRequest::Text { question } => {
            let shown = machine.with_bus(vm, |bus, board, context| describe(bus, board, context));
            send(channel, &ScreenReport::Text { question, shown }, Vec::new());
        }
    }
}

/// Makes memory for the picture, and a handle that lets the console read it.
fn open(vm: &Vm, number: u32) -> Result<(Look, OwnedHandle), Error> {
    let picture = Memory::create(&vm.group, PICTURE_BYTES, MemoryFlags::empty())?;
    let handle = picture.duplicate(Rights::READ | Rights::TRANSFER)?.into_handle();
    Ok((Look { number, seen: Screen::new(), picture }, handle))
}

/// Draws what has changed and says so.
fn draw(vm: &Vm, channel: &Channel, machine: &mut Machine) {
    let mut viewer = core::mem::take(&mut machine.viewer);
    if let Some(look) = &mut viewer.0 {
        let report = machine.with_bus(vm, |bus, board, context| look.draw(bus, board, context));
        send(channel, &report, Vec::new());
    }
    machine.viewer = viewer;
}

impl Look {
    fn draw(&mut self, bus: &mut Bus, board: &Board, context: &Context<'_>) -> ScreenReport {
        let mut bands = Vec::new();
        let mut bytes = Vec::new();
        let (seen, picture) = (&mut self.seen, &self.picture);
        board.with_frame(bus, context.now, |frame| {
            seen.update(frame, |y, pixels| {
                bytes.clear();
                bytes.extend(pixels.iter().flat_map(|pixel| pixel.to_le_bytes()));
                // Without memory for it, the line stays as it was.
                let _ = picture.write(u64::from(y) * bytes.len() as u64, &bytes);
                Band::add_line(&mut bands, y);
            });
        });
        let Size { width, height } = seen.size();
        ScreenReport::Changed { look: self.number, width, height, bands }
    }
}

/// What the display shows, in words.
fn describe(bus: &mut Bus, board: &Board, context: &Context<'_>) -> Shown {
    if let Some(page) = board.text(bus) {
        return Shown::Rows(rows(&page));
    }
    let mut shown = Shown::Nothing;
    board.with_frame(bus, context.now, |frame| {
        let Size { width, height } = frame.size();
        shown = Shown::Pixels(width, height);
    });
    shown
}

/// The rows of a page, as far as they fit a report, without the empty ones at its end.
fn rows(page: &TextPage) -> Vec<String> {
    let mut bytes: usize = 0;
    let fits = |row: &String| {
        bytes = bytes.saturating_add(row.len());
        bytes <= TEXT_BYTES_MAX
    };
    let mut rows: Vec<String> = (0..page.rows).map(|row| page.row(row)).take_while(fits).collect();
    let used = rows.iter().rposition(|row| !row.is_empty()).map_or(0, |last| last + 1);
    rows.truncate(used);
    rows
}

/// Presses keys. Those that the guest does not take because it reads none are lost.
fn strike(strokes: &[KeyStroke], bus: &mut Bus, board: &Board, context: &mut Context<'_>) {
    for KeyStroke { usage, is_pressed } in strokes.iter().take(STROKES_MAX) {
        let stroke = if *is_pressed { Stroke::Press } else { Stroke::Release };
        board.strike(bus, Key(*usage), stroke, context);
    }
}

fn send(channel: &Channel, report: &ScreenReport, handles: Vec<OwnedHandle>) {
    if let Ok(bytes) = user_ipc::encode_to_vec(report, REPORT_BYTES_MAX) {
        // A console that does not listen asks again.
        let _ = channel.send_with_handles(&bytes, handles);
    }
}
