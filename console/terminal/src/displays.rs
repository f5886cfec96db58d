//! The console and the displays of VMs: who is shown on the screen and has its keyboard.

use crate::{
    Console, Effect, Keyboard, Motion, Pointer, SessionId, Stroke, StrokeDecoder, report, session::View,
    stroke::HeldKeys,
};
use alloc::{format, string::String, vec::Vec};
use management_protocol::{Refusal, Screen};

/// Questions about a display's text that wait for their answer at the most: one for each terminal is usual.
const QUESTIONS_MAX: usize = 16;

/// The screen's keyboard, as text and as keys.
pub(crate) struct Displays {
    /// The screen can show pictures.
    has_pixels: bool,
    /// Width and height of the screen.
    size: (u32, u32),
    keyboard: Keyboard,
    strokes: StrokeDecoder,
    held: HeldKeys,
    pointer: Pointer,
    /// Questions about text, with the VMs that were asked.
    questions: Vec<(u32, usize)>,
}

impl Displays {
    pub(crate) fn new(screen: Option<&Screen>) -> Self {
        Self {
            has_pixels: screen.is_some_and(|screen| screen.bits == 32),
            size: screen.map_or((1, 1), |screen| (screen.width, screen.height)),
            keyboard: Keyboard::translated(),
            strokes: StrokeDecoder::default(),
            held: HeldKeys::default(),
            pointer: Pointer::default(),
            questions: Vec::new(),
        }
    }
}

impl Console {
    /// The screen's keyboard sent scan codes (set 1).
    pub fn scanned(&mut self, codes: &[u8]) {
        for code in codes {
            let mut typed = Vec::new();
            self.displays.keyboard.push(*code, &mut typed);
            let stroke = self.displays.strokes.push(*code);
            match (self.session(SessionId::Screen).view, stroke) {
                (View::Screen(vm), Some(stroke)) => self.struck(vm, stroke),
                (View::Screen(_), None) => {}
                _ => self.typed(SessionId::Screen, &typed),
            }
        }
    }

    /// The screen's mouse moved. Only a display that is shown takes notice.
    pub fn pointed(&mut self, motion: Motion) {
        let View::Screen(vm) = self.session(SessionId::Screen).view else { return };
        let pointer = self.displays.pointer.moved(motion, self.displays.size);
        self.displays.pointer = pointer;
        let is_joined = match self.effects.last_mut() {
            Some(Effect::Point(to, last)) => *to == vm && last.join(pointer),
            _ => false,
        };
        if !is_joined {
            self.effects.push(Effect::Point(vm, pointer));
        }
    }

    /// A VM's display can be shown from now on.
    pub fn screen_connected(&mut self, vm: usize) {
        if let Some(line) = self.vms.get_mut(vm) {
            line.has_screen = true;
        }
    }

    /// A VM's display is gone.
    pub fn screen_closed(&mut self, vm: usize) {
        let Some(line) = self.vms.get_mut(vm) else { return };
        line.has_screen = false;
        let message = format!("[the display of {} is gone; this is the monitor, type help]", line.name);
        self.leave_screen(Some(vm), &message);
        let gone = self.displays.questions.extract_if(.., |(_, asked)| *asked == vm);
        for (question, _) in gone.collect::<Vec<_>>() {
            self.finish(question, &[String::from("its display is gone")]);
        }
    }

    /// A VM's answer to [`Effect::AskText`].
    pub fn screen_text(&mut self, vm: usize, question: u32, lines: &[String]) {
        let place = self.displays.questions.iter().position(|asked| *asked == (question, vm));
        if let Some(place) = place {
            self.displays.questions.remove(place);
            let lines: Vec<String> = lines.iter().map(|line| report::printable(line)).collect();
            self.finish(question, &lines);
        }
    }

    /// The VM whose display is shown.
    pub fn shown_screen(&self) -> Option<usize> {
        match self.sessions.get(SessionId::Screen as usize)?.view {
            View::Screen(vm) => Some(vm),
            View::Monitor | View::Vm(_) => None,
        }
    }

    /// `look NAME`
    pub(crate) fn look(&mut self, id: SessionId, name: &str) {
        let Some(vm) = self.find_display(id, name) else { return };
        if self.displays.questions.len() >= QUESTIONS_MAX {
            self.displays.questions.remove(0);
        }
        let question = self.await_answer(id);
        self.displays.questions.push((question, vm));
        self.effects.push(Effect::AskText(vm, question));
    }

    /// `screen NAME`: whoever asks, it is the machine's screen that shows the display.
    pub(crate) fn attach_screen(&mut self, id: SessionId, name: &str) {
        let Some(vm) = self.find_display(id, name) else { return };
        if !self.displays.has_pixels {
            let hint =
                format!("the screen of this machine cannot show pictures; type look {name} for its text");
            return self.say(id, &[hint]);
        }
        self.show_screen(vm);
        if id == SessionId::Serial {
            self.say(id, &[format!("the screen shows {name}; Ctrl-] on its keyboard comes back")]);
        }
    }

    /// The VM of this name if it has a display now; else says what is wrong.
    fn find_display(&mut self, id: SessionId, name: &str) -> Option<usize> {
        let vm = self.vms.find(name);
        if vm.and_then(|vm| self.vms.get(vm)).is_some_and(|line| line.has_screen) {
            return vm;
        }
        let problem = match vm {
            Some(_) => format!("{name} is not running, or has no display"),
            None => String::from(report::refusal(Refusal::UnknownVm)),
        };
        self.say(id, &[problem]);
        None
    }

    /// Shows a VM's display.
    pub(crate) fn show_screen(&mut self, vm: usize) {
        if self.shown_screen().is_some() {
            self.leave_screen(None, "");
        }
        let session = self.session(SessionId::Screen);
        session.view = View::Screen(vm);
        session.previous = Some(View::Screen(vm));
        session.is_fallback = false;
        self.effects.push(Effect::ShowScreen(vm));
    }

    /// Goes back to the monitor if a display is shown, and if `only` names one, then if it is that one.
    pub(crate) fn leave_screen(&mut self, only: Option<usize>, message: &str) {
        let Some(vm) = self.shown_screen().filter(|vm| only.is_none_or(|only| only == *vm)) else { return };
        let strokes: Vec<Stroke> = self.displays.held.release().collect();
        self.effects.push(Effect::Strokes(vm, strokes));
        if self.displays.pointer.motion.buttons != 0 {
            self.displays.pointer.motion = Motion::default();
            self.effects.push(Effect::Point(vm, self.displays.pointer));
        }
        self.effects.push(Effect::HideScreen(vm));
        self.show_monitor(SessionId::Screen, message);
    }

    /// A key of the screen's keyboard while a display is shown.
    fn struck(&mut self, vm: usize, stroke: Stroke) {
        if self.displays.held.is_escape(stroke) {
            self.leave_screen(None, "[this is the monitor, type help; Ctrl-] goes back]");
        } else if self.displays.held.note(stroke) {
            self.effects.push(Effect::Strokes(vm, [stroke].into()));
        }
    }
}
