//! The console: two sessions, the VMs' serial lines, the log, and the supervisor behind.

use crate::{
    Command, ESCAPE_KEY, Outcome, Pointer, Session, Stroke, displays::Displays, report, session::View,
    vm_lines::VmLines,
};
use alloc::{format, string::String, vec::Vec};
use management_protocol::{Notice, Question, Reply, Request, StartMessage, VM_LINES_MAX};

/// Ctrl-C.
const CANCEL: u8 = 3;
/// A line of the log that is longer is shown in pieces.
const LOG_LINE_BYTES_MAX: usize = 2048;
/// VM lines that are asked for at the most, should a supervisor never come to an end.
const VMS_SHOWN_MAX: usize = 4096;

/// One of the two terminals.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SessionId {
    /// The machine's serial line.
    Serial = 0,
    /// The screen and the keyboard.
    Screen = 1,
}

impl SessionId {
    /// How many there are.
    pub const COUNT: usize = 2;
    /// Both.
    pub const ALL: [Self; Self::COUNT] = [Self::Serial, Self::Screen];
}

/// What the service must do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Send this to the supervisor.
    Ask(Question),
    /// Send these bytes to the VM with this index.
    ToVm(usize, Vec<u8>),
    /// Show the display of the VM with this index on the screen instead of the terminal.
    ShowScreen(usize),
    /// Show the terminal again.
    HideScreen(usize),
    /// Tell the VM with this index, whose display is or was shown, of these keys.
    Strokes(usize, Vec<Stroke>),
    /// Tell it where the pointer is.
    Point(usize, Pointer),
    /// Ask the VM with this index what its display says and give the answer to [`Console::screen_text`] with this
    /// number.
    AskText(usize, u32),
    /// Read the log and give its last lines, this many, to [`Console::show_log_page`].
    ReadLog(SessionId, usize),
    /// Send everything that is to be shown, then tell the supervisor that it is.
    Flush,
    /// Die: a test asks for it.
    Panic,
}

/// The console as a value.
pub struct Console {
    pub(crate) vms: VmLines,
    pub(crate) sessions: [Session; SessionId::COUNT],
    pub(crate) displays: Displays,
    next_question: u32,
    /// The start of a line of the log whose end has not come.
    log_rest: Vec<u8>,
    pub(crate) effects: Vec<Effect>,
}

impl Console {
    /// A console for these VMs. The serial line belongs to the VM that wants it, if one does.
    pub fn new(start: &StartMessage) -> Self {
        let vms = VmLines::new(&start.vms);
        let serial_view = vms.host.map_or(View::Monitor, View::Vm);
        let previous = vms.host.map(View::Vm);
        let sessions = [Session::new(serial_view, previous), Session::new(View::Monitor, previous)];
        let displays = Displays::new(start.screen.as_ref());
        Self { vms, sessions, displays, next_question: 1, log_rest: Vec::new(), effects: Vec::new() }
    }

    /// Says what this is, on both terminals. Comes once, before anything but [`Console::show_past`].
    pub fn greet(&mut self, banner: &str) {
        for id in SessionId::ALL {
            self.greet_at(id, banner);
        }
    }

    /// Shows what the log said before this console took over, on a terminal that has not shown it.
    pub fn show_past(&mut self, id: SessionId, text: &[u8]) {
        self.session(id).text(text);
    }

    /// Whether a terminal shows a VM's line as it goes on.
    pub fn is_shown(&self, id: SessionId, vm: usize) -> bool {
        self.sessions.get(id as usize).is_some_and(|session| session.view == View::Vm(vm))
    }

    /// One of the terminals.
    pub fn session(&mut self, id: SessionId) -> &mut Session {
        let [serial, screen] = &mut self.sessions;
        match id {
            SessionId::Serial => serial,
            SessionId::Screen => screen,
        }
    }

    /// Takes what is to be done, oldest first.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        core::mem::take(&mut self.effects)
    }

    /// The index of the VM of this name.
    pub fn find_vm(&self, name: &str) -> Option<usize> {
        self.vms.find(name)
    }

    /// Somebody typed.
    pub fn typed(&mut self, id: SessionId, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = match self.session(id).view {
                View::Vm(vm) => self.typed_at_vm(id, vm, rest),
                View::Monitor => self.typed_at_monitor(id, rest),
                // Its keys go another way.
                View::Screen(_) => &[],
            };
        }
    }

    /// A VM's serial line was connected.
    pub fn vm_connected(&mut self, vm: usize) {
        let Some(line) = self.vms.get_mut(vm) else { return };
        line.is_connected = true;
        line.has_spoken = false;
        for id in SessionId::ALL {
            let session = self.session(id);
            if session.is_fallback && session.previous == Some(View::Vm(vm)) && session.editor.is_empty() {
                self.show_vm(id, vm);
            }
        }
    }

    /// A VM said something.
    pub fn vm_said(&mut self, vm: usize, bytes: &[u8]) {
        let Some(line) = self.vms.get_mut(vm) else { return };
        line.has_spoken = true;
        line.said.push(bytes);
        for id in SessionId::ALL {
            if self.session(id).view == View::Vm(vm) {
                self.session(id).raw(bytes);
                if let Some(line) = self.vms.get_mut(vm) {
                    line.mark_seen(id);
                }
            }
        }
    }

    /// A VM's serial line is gone.
    pub fn vm_closed(&mut self, vm: usize) {
        let Some(line) = self.vms.get_mut(vm) else { return };
        line.is_connected = false;
        let message = format!("[{} has ended; this is the monitor, type help]", line.name);
        for id in SessionId::ALL {
            if self.session(id).view == View::Vm(vm) {
                self.show_monitor(id, &message);
                self.session(id).is_fallback = true;
            }
        }
    }

    /// The kernel's log went on.
    pub fn logged(&mut self, text: &[u8]) {
        self.log_rest.extend_from_slice(text);
        let end = match self.log_rest.iter().rposition(|byte| *byte == b'\n') {
            Some(last) => last + 1,
            None if self.log_rest.len() > LOG_LINE_BYTES_MAX => self.log_rest.len(),
            None => return,
        };
        let lines: Vec<u8> = self.log_rest.drain(..end).collect();
        for id in SessionId::ALL {
            let view = self.session(id).view;
            match view {
                // A VM that has not said anything yet can share its line.
                View::Vm(vm) if self.vms.get(vm).is_some_and(|line| line.has_spoken) => {
                    self.session(id).miss_log(&lines);
                }
                View::Screen(_) => self.session(id).miss_log(&lines),
                View::Vm(_) | View::Monitor => self.session(id).show_log(&lines),
            }
        }
    }

    /// The end of the log, as [`Effect::ReadLog`] asked for.
    pub fn show_log_page(&mut self, id: SessionId, text: &[u8]) {
        let session = self.session(id);
        session.text(text);
        session.prompt();
    }

    /// The supervisor said something. Of [`Notice::Line`] and [`Notice::Screen`] the service takes the handle and
    /// calls [`Console::vm_connected`] and [`Console::screen_connected`].
    pub fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Answer { id, reply } => self.answer(id, reply),
            Notice::Line { .. } | Notice::Screen { .. } => {}
            Notice::Farewell => {
                self.leave_screen(None, "");
                for id in SessionId::ALL {
                    let session = self.session(id);
                    session.is_closing = true;
                    if session.view == View::Monitor {
                        session.raw(b"\r\x1b[K");
                    }
                }
                self.effects.push(Effect::Flush);
            }
        }
    }

    fn greet_at(&mut self, id: SessionId, banner: &str) {
        let hint = match self.session(id).view {
            View::Vm(_) => "Corten: Ctrl-] for the monitor",
            View::Monitor | View::Screen(_) => "Corten: this is the monitor, type help",
        };
        let session = self.session(id);
        session.raw(b"\r\n");
        if !banner.is_empty() {
            session.line(banner);
        }
        session.line(hint);
        session.prompt();
    }

    fn typed_at_vm<'b>(&mut self, id: SessionId, vm: usize, bytes: &'b [u8]) -> &'b [u8] {
        let escape = bytes.iter().position(|byte| *byte == ESCAPE_KEY);
        let (for_vm, rest) = bytes.split_at(escape.unwrap_or(bytes.len()));
        let is_connected = self.vms.get(vm).is_some_and(|line| line.is_connected);
        if is_connected && !for_vm.is_empty() {
            self.effects.push(Effect::ToVm(vm, for_vm.to_vec()));
        } else if for_vm.contains(&b'\r') {
            let message = format!("[{} is not running; Ctrl-] for the monitor]", self.vms.name(vm));
            self.session(id).line(&message);
        }
        if escape.is_some() {
            self.show_monitor(id, "[this is the monitor, type help; Ctrl-] goes back]");
        }
        rest.get(1..).unwrap_or(&[])
    }

    fn typed_at_monitor<'b>(&mut self, id: SessionId, bytes: &'b [u8]) -> &'b [u8] {
        let Some((byte, rest)) = bytes.split_first() else { return &[] };
        let names = self.vms.names();
        let [serial, screen] = &mut self.sessions;
        let session = if id == SessionId::Serial { serial } else { screen };
        if session.waiting.is_some() {
            if *byte == CANCEL {
                session.waiting = None;
                session.type_ahead.clear();
                session.prompt();
            } else {
                session.keep_for_later(*byte);
            }
            return rest;
        }
        session.is_fallback = false;
        let Some(key) = session.decoder.push(*byte) else { return rest };
        match session.edit(key, &names) {
            Outcome::Editing => {}
            Outcome::Cancelled => session.prompt(),
            Outcome::Escape => self.escape_from_monitor(id),
            Outcome::Line(line) => self.run(id, &line),
        }
        rest
    }

    /// Goes to the VM seen last, if there is anything to see: an operator who presses Ctrl-] just when
    /// the VM ends wants the monitor, and has it.
    fn escape_from_monitor(&mut self, id: SessionId) {
        let previous = self.session(id).previous;
        let line = |vm| self.vms.get(vm);
        match previous {
            Some(View::Vm(vm)) if line(vm).is_some_and(|line| line.is_connected) => {
                return self.show_vm(id, vm);
            }
            Some(View::Screen(vm)) if line(vm).is_some_and(|line| line.has_screen) => {
                return self.show_screen(vm);
            }
            _ => {}
        }
        let hint = match previous {
            Some(View::Vm(vm) | View::Screen(vm)) => {
                format!("{} is not running; this is the monitor, type help", self.vms.name(vm))
            }
            Some(View::Monitor) | None => {
                "type console NAME to see a VM's serial line; vms lists the names".into()
            }
        };
        self.session(id).raw(b"\r\n");
        self.say(id, &[hint]);
    }

    pub(crate) fn show_monitor(&mut self, id: SessionId, message: &str) {
        let session = self.session(id);
        if session.view != View::Monitor {
            session.previous = Some(session.view);
        }
        session.view = View::Monitor;
        session.raw(b"\r\n");
        session.line(message);
        session.show_missed_log();
        session.prompt();
    }

    /// Shows a VM's line from where this session left it.
    fn show_vm(&mut self, id: SessionId, vm: usize) {
        let Some(line) = self.vms.get_mut(vm) else { return };
        let (unseen, lost) = line.unseen(id);
        line.mark_seen(id);
        let state = if line.is_connected { "" } else { " (not running)" };
        let message = format!("[console of {}{state}; Ctrl-] for the monitor]", line.name);
        let session = self.session(id);
        session.view = View::Vm(vm);
        session.previous = Some(View::Vm(vm));
        session.is_fallback = false;
        session.raw(b"\r\x1b[K");
        session.line(&message);
        if lost > 0 {
            session.line(&format!("[{lost} older bytes are lost]"));
        }
        session.raw(&unseen);
    }

    fn run(&mut self, id: SessionId, line: &str) {
        let command = match Command::parse(line) {
            Ok(command) => command,
            Err(error) => return self.say(id, &[format!("{error}")]),
        };
        match command {
            Command::Nothing => self.session(id).prompt(),
            Command::Help => self.say(id, &report::help()),
            Command::Console(name) => self.attach(id, &name),
            Command::Screen(name) => self.attach_screen(id, &name),
            Command::Look(name) => self.look(id, &name),
            Command::Log(lines) => self.effects.push(Effect::ReadLog(id, lines)),
            Command::Vms => {
                self.session(id).parts.clear();
                self.ask(id, Request::Vms { from: 0 });
            }
            Command::Start(name) => self.ask(id, Request::Start(name)),
            Command::Stop(name) => self.ask(id, Request::Stop(name)),
            Command::Reset(name) => self.ask(id, Request::Reset(name)),
            Command::Kill(name) => self.ask(id, Request::Kill(name)),
            Command::Balloon(name, mib) => {
                self.ask(id, Request::Balloon { name, bytes: u64::from(mib) << 20 });
            }
            Command::Panic(name) => self.ask(id, Request::Panic(name)),
            Command::Renew(name) => self.ask(id, Request::Renew(name)),
            Command::PanicConsole => self.effects.push(Effect::Panic),
            Command::Statistics => self.ask(id, Request::Statistics),
            Command::Cpus => self.ask(id, Request::Cpus),
            Command::Memory => self.ask(id, Request::Memory),
            Command::Shutdown => self.ask(id, Request::Shutdown),
            Command::Reboot => self.ask(id, Request::Reboot),
        }
    }

    fn attach(&mut self, id: SessionId, name: &str) {
        let Some(vm) = self.vms.find(name) else {
            return self.say(id, &[String::from(report::refusal(management_protocol::Refusal::UnknownVm))]);
        };
        self.show_vm(id, vm);
    }

    pub(crate) fn say(&mut self, id: SessionId, lines: &[String]) {
        let session = self.session(id);
        lines.iter().for_each(|line| session.line(line));
        session.prompt();
    }

    fn ask(&mut self, id: SessionId, request: Request) {
        let question = self.await_answer(id);
        self.effects.push(Effect::Ask(Question { id: question, request }));
    }

    /// Lets a terminal wait for an answer; returns the question's number.
    pub(crate) fn await_answer(&mut self, id: SessionId) -> u32 {
        let question = self.next_question;
        self.next_question = question.wrapping_add(1);
        self.session(id).waiting = Some(question);
        question
    }

    /// The terminal that waits for the answer to a question. One that was given up is nobody's.
    fn asker(&self, question: u32) -> Option<SessionId> {
        let waits =
            |id: &SessionId| self.sessions.get(*id as usize).is_some_and(|s| s.waiting == Some(question));
        SessionId::ALL.into_iter().find(waits)
    }

    fn answer(&mut self, question: u32, reply: Reply) {
        let Some(id) = self.asker(question) else { return };
        let lines = match reply {
            Reply::Accepted => Vec::new(),
            Reply::Refused(refusal) => [String::from(report::refusal(refusal))].into(),
            Reply::Statistics(figures) => report::statistics(&figures),
            Reply::Cpus(figures) => report::cpus(&figures),
            Reply::Memory(figures) => report::memory(&figures),
            Reply::Vms { total, lines } => match self.collect(id, total, lines) {
                Some(lines) => lines,
                None => return,
            },
        };
        self.finish(question, &lines);
    }

    /// Shows the answer to a question.
    pub(crate) fn finish(&mut self, question: u32, lines: &[String]) {
        let Some(id) = self.asker(question) else { return };
        self.session(id).waiting = None;
        // The VM may have come back meanwhile and taken the terminal.
        if self.session(id).view == View::Monitor {
            self.say(id, lines);
        }
        let type_ahead = core::mem::take(&mut self.session(id).type_ahead);
        self.typed(id, &type_ahead);
    }

    /// Collects a table that comes in parts; `None` while more is asked for.
    fn collect(
        &mut self,
        id: SessionId,
        total: u32,
        lines: Vec<management_protocol::VmLine>,
    ) -> Option<Vec<String>> {
        let session = self.session(id);
        let is_last = lines.is_empty() || session.parts.len() >= VMS_SHOWN_MAX;
        session.parts.extend(lines.into_iter().take(VM_LINES_MAX));
        let count = u32::try_from(session.parts.len()).unwrap_or(u32::MAX);
        if count < total && !is_last {
            self.ask(id, Request::Vms { from: count });
            return None;
        }
        Some(report::vms(&core::mem::take(&mut self.session(id).parts)))
    }
}
