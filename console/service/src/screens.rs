//! The displays of VMs: the channels to them, and the one that is looked at.

use crate::{keys::Key, screen::ScreenDevice};
use alloc::{collections::BTreeMap, format, string::String, vec, vec::Vec};
use base_units::Nanos;
use console_terminal::{Motion, Pointer, Stroke};
use user_rt::{Channel, Error, Memory, Object, OwnedHandle, Port, Signals, now};
use vmm_protocol::screen::{
    BANDS_MAX, Band, HEIGHT_MAX, KeyStroke, PointerMove, REPORT_BYTES_MAX, REQUEST_BYTES_MAX, STROKES_MAX,
    ScreenReport, ScreenRequest, Shown, WIDTH_MAX,
};

/// How long the screen shows a picture before it asks for the next: 20 in a second at the most.
const INTERVAL: Nanos = Nanos::from_millis(50);
/// Reports that are read in a row: an honest VMM sends two.
const REPORTS_MAX: usize = 4;
const PIXEL_BYTES: usize = 4;

/// What came of reading a channel.
pub(crate) enum Told {
    /// Whatever there was to do is done.
    Nothing,
    /// The answer to the question of this number. There may be more.
    Text(u32, Vec<String>),
    /// The VM is gone.
    Closed,
}

/// What the VMM was asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// It was asked and will answer.
    Theirs,
    /// It is asked at this time.
    Ours(Nanos),
}

/// The display that is looked at.
struct View {
    vm: usize,
    /// Its number, which tells its reports from those of earlier ones.
    look: u32,
    turn: Turn,
    /// The picture's memory, once it came.
    memory: Option<Memory>,
}

/// The channels of the VMs that have a display, by index.
#[derive(Default)]
pub(crate) struct Screens {
    channels: BTreeMap<usize, Channel>,
    view: Option<View>,
    looks: u32,
}

impl Screens {
    /// Takes a VM's channel; an older one of the same VM is dropped.
    pub(crate) fn connect(&mut self, port: &Port, vm: usize, channel: Channel) -> Result<(), Error> {
        port.bind(&channel, Signals::READABLE | Signals::PEER_CLOSED, Key::Screen(vm).raw())?;
        self.channels.insert(vm, channel);
        Ok(())
    }

    /// Looks at a VM's display.
    pub(crate) fn show(&mut self, vm: usize) {
        self.looks = self.looks.wrapping_add(1);
        self.view = Some(View { vm, look: self.looks, turn: Turn::Theirs, memory: None });
        self.send(vm, &ScreenRequest::Show { look: self.looks });
    }

    /// Looks no more.
    pub(crate) fn hide(&mut self, vm: usize) {
        self.view = None;
        self.send(vm, &ScreenRequest::Hide);
    }

    /// Sends keys.
    pub(crate) fn send_strokes(&self, vm: usize, strokes: &[Stroke]) {
        for strokes in strokes.chunks(STROKES_MAX) {
            let key = |stroke: &Stroke| KeyStroke { usage: stroke.usage, is_pressed: stroke.is_pressed };
            self.send(vm, &ScreenRequest::Strokes(strokes.iter().map(key).collect()));
        }
    }

    /// Sends where the pointer is.
    pub(crate) fn send_pointer(&self, vm: usize, pointer: &Pointer) {
        let Pointer { x, y, motion: Motion { right, down, wheel, buttons } } = *pointer;
        self.send(vm, &ScreenRequest::Point(PointerMove { x, y, right, down, wheel, buttons }));
    }

    /// Asks what a VM's display says.
    pub(crate) fn ask_text(&self, vm: usize, question: u32) {
        self.send(vm, &ScreenRequest::Text { question });
    }

    /// When the display that is looked at is asked again.
    pub(crate) fn deadline(&self) -> Nanos {
        match &self.view {
            Some(View { turn: Turn::Ours(at), .. }) => *at,
            _ => Nanos::MAX,
        }
    }

    /// Asks for the next picture if it is time.
    pub(crate) fn look_again(&mut self, now: Nanos) {
        if self.deadline() > now {
            return;
        }
        let Some(vm) = self.view.as_ref().map(|view| view.vm) else { return };
        let was_sent = self.send(vm, &ScreenRequest::Next);
        if let Some(view) = &mut self.view {
            view.turn = if was_sent { Turn::Theirs } else { Turn::Ours(now.saturating_add(INTERVAL)) };
        }
    }

    /// Reads what a VM's VMM reports and shows it.
    pub(crate) fn hear(&mut self, vm: usize, mut screen: Option<&mut ScreenDevice>) -> Told {
        for _ in 0..REPORTS_MAX {
            let Some(channel) = self.channels.get(&vm) else { return Told::Nothing };
            let mut bytes = vec![0; REPORT_BYTES_MAX];
            let mut handles = Vec::new();
            match channel.receive_into(&mut bytes, &mut handles) {
                Ok(length) => {
                    let report = user_ipc::decode::<ScreenReport>(bytes.get(..length).unwrap_or_default());
                    // What does not decode, or comes unasked, is dropped.
                    match (report, screen.as_deref_mut()) {
                        (Ok(ScreenReport::Text { question, shown }), _) => {
                            return Told::Text(question, lines(shown));
                        }
                        (Ok(report), Some(screen)) => self.take(vm, report, handles, screen),
                        _ => {}
                    }
                }
                Err(Error::WouldBlock) => return Told::Nothing,
                // Closed, or a message that no honest VMM sends.
                Err(_) => {
                    self.channels.remove(&vm);
                    self.view = self.view.take().filter(|view| view.vm != vm);
                    return Told::Closed;
                }
            }
        }
        // More in a row is noise: it is looked at again when more comes.
        Told::Nothing
    }

    fn take(
        &mut self,
        vm: usize,
        report: ScreenReport,
        handles: Vec<OwnedHandle>,
        screen: &mut ScreenDevice,
    ) {
        let Some(view) = self.view.as_mut().filter(|view| view.vm == vm && view.turn == Turn::Theirs) else {
            return;
        };
        match report {
            ScreenReport::Opened { look } if look == view.look => {
                view.memory = handles.into_iter().next().map(Memory::from_handle)
            }
            ScreenReport::Changed { look, width, height, bands } if look == view.look => {
                let is_possible = (1..=WIDTH_MAX).contains(&width) && (1..=HEIGHT_MAX).contains(&height);
                if let Some(memory) = view.memory.as_ref().filter(|_| is_possible)
                    && screen.set_picture_size(width, height)
                {
                    copy(memory, (width, height), &bands, screen);
                }
                view.turn = Turn::Ours(now().saturating_add(INTERVAL));
            }
            ScreenReport::Opened { .. }
            | ScreenReport::Unavailable
            | ScreenReport::Changed { .. }
            | ScreenReport::Text { .. } => {}
        }
    }

    fn send(&self, vm: usize, request: &ScreenRequest) -> bool {
        let Some(channel) = self.channels.get(&vm) else { return false };
        user_ipc::encode_to_vec(request, REQUEST_BYTES_MAX).is_ok_and(|bytes| channel.send(&bytes).is_ok())
    }
}

/// What is shown, for somebody who sees text only.
fn lines(shown: Shown) -> Vec<String> {
    match shown {
        Shown::Nothing => vec![String::from("[its display shows nothing]")],
        Shown::Pixels(width, height) => vec![format!("[its display shows {width} x {height} pixels]")],
        Shown::Rows(rows) => rows,
    }
}

/// Copies lines from the picture's memory to the screen.
fn copy(memory: &Memory, (width, height): (u32, u32), bands: &[Band], screen: &mut ScreenDevice) {
    let mut line = vec![0; width as usize * PIXEL_BYTES];
    for band in bands.iter().take(BANDS_MAX) {
        for y in band.lines(height) {
            let offset = u64::from(y) * line.len() as u64;
            // The memory may be smaller than its owner says.
            if memory.read(offset, &mut line).is_err() {
                return;
            }
            screen.draw_picture_line(y, &line);
        }
    }
}
