//! The one loop.

use crate::{
    devices::{KeyboardDevice, SerialDevice},
    keys::Key,
    log_reader::LogReader,
    screen::ScreenDevice,
    screens::{Screens, Told},
    startup::Parts,
    vm_channels::{Heard, VmChannels},
};
use alloc::{collections::BTreeSet, vec::Vec};
use base_units::Nanos;
use console_terminal::{Console, Effect, SessionId, TRANSMIT_BYTES_MAX};
use management_protocol::{Notice, Question, Request};
use user_rt::{Channel, Error, MESSAGE_BYTES_MAX, Object, OwnedHandle, Packet, Port, Signals, now};

/// Packets taken at once.
const PACKETS: usize = 16;
/// Messages of one VM in a row, so that a talkative one does not keep the others waiting.
const VM_MESSAGES_IN_A_ROW: usize = 8;
/// How long the last words may take on their way out.
const FLUSH_LIMIT: Nanos = Nanos::from_millis(1_500);

/// The program's state.
pub(crate) struct Service {
    port: Port,
    supervisor: Channel,

    console: Console,
    serial: Option<SerialDevice>,
    screen: Option<ScreenDevice>,
    keyboard: Option<KeyboardDevice>,
    log: Option<LogReader>,
    vms: VmChannels,
    screens: Screens,
    /// VMs that may have more to say.
    talking: BTreeSet<usize>,
    is_orphaned: bool,
}

impl Service {
    /// Takes everything over and greets.
    pub(crate) fn new(parts: Parts) -> Result<Self, Error> {
        let port = Port::create()?;
        let start = &parts.start;
        let screen = match (&start.screen, &parts.screen) {
            (Some(screen), Some(memory)) => ScreenDevice::new(screen, memory)?,
            _ => None,
        };
        let serial = start.serial.zip(parts.serial).and_then(|(line, parts)| SerialDevice::new(line, parts));
        let keyboard =
            start.keyboard.zip(parts.keyboard).and_then(|(ports, parts)| KeyboardDevice::new(ports, parts));
        let mut service = Self {
            console: Console::new(start),
            port,
            supervisor: parts.supervisor,
            serial,
            screen,
            keyboard,
            log: parts.log.map(LogReader::new),
            vms: VmChannels::default(),
            screens: Screens::default(),
            talking: BTreeSet::new(),
            is_orphaned: false,
        };
        service.take_log_over();
        service.console.greet(&parts.start.banner);
        service.bind_all()?;
        Ok(service)
    }

    /// Serves until the supervisor is gone.
    pub(crate) fn run(&mut self) {
        // What was typed before the interrupts were bound.
        self.wake(Key::Serial, Signals::INTERRUPT);
        self.wake(Key::Keyboard, Signals::INTERRUPT);
        let mut packets = [Packet::default(); PACKETS];
        while !self.is_orphaned {
            self.settle();
            let deadline = if self.can_listen() { Nanos::ZERO } else { self.screens.deadline() };
            let woken: &[Packet] = self.port.wait(&mut packets, deadline).unwrap_or(&[]);
            for packet in woken {
                if let Some(key) = Key::from_raw(packet.key) {
                    self.wake(key, Signals::from_bits_truncate(packet.signals));
                }
            }
            self.listen_to_vms();
            self.screens.look_again(now());
        }
    }

    /// What the log said so far stands on the serial line, for the kernel printed it there; the
    /// screen is drawn anew.
    fn take_log_over(&mut self) {
        let Some(log) = &mut self.log else { return };
        log.read(|text| self.console.show_past(SessionId::Screen, text));
        // A line in between appears twice, which is better than never.
        let _ = log.log().stop_echo();
    }

    fn bind_all(&self) -> Result<(), Error> {
        let port = &self.port;
        port.bind(&self.supervisor, Signals::READABLE | Signals::PEER_CLOSED, Key::Supervisor.raw())?;
        if let Some(log) = &self.log {
            port.bind(log.log(), Signals::READABLE, Key::Log.raw())?;
        }
        if let Some(serial) = &self.serial {
            port.bind(&serial.interrupt, Signals::INTERRUPT, Key::Serial.raw())?;
        }
        if let Some(keyboard) = &self.keyboard {
            port.bind(&keyboard.interrupt, Signals::INTERRUPT, Key::Keyboard.raw())?;
            port.bind(&keyboard.mouse_interrupt, Signals::INTERRUPT, Key::Mouse.raw())?;
        }
        Ok(())
    }

    fn wake(&mut self, key: Key, signals: Signals) {
        match key {
            Key::Supervisor => self.hear_supervisor(),
            Key::Log => self.read_log(),
            Key::Serial => {
                let typed = self.serial.as_mut().map(SerialDevice::interrupted).unwrap_or_default();
                self.console.typed(SessionId::Serial, &typed);
            }
            Key::Keyboard | Key::Mouse => {
                let sent = self.keyboard.as_mut().map(KeyboardDevice::interrupted).unwrap_or_default();
                self.console.scanned(&sent.codes);
                sent.motions.into_iter().for_each(|motion| self.console.pointed(motion));
            }
            Key::Vm(vm) => {
                if signals.contains(Signals::WRITABLE) {
                    self.vms.send_rest(vm);
                }
                self.talking.insert(vm);
            }
            Key::Screen(vm) => {
                for _ in 0..VM_MESSAGES_IN_A_ROW {
                    match self.screens.hear(vm, self.screen.as_mut()) {
                        Told::Nothing => break,
                        Told::Text(question, lines) => self.console.screen_text(vm, question, &lines),
                        Told::Closed => {
                            self.console.screen_closed(vm);
                            break;
                        }
                    }
                }
            }
        }
    }

    fn read_log(&mut self) {
        if let Some(log) = &mut self.log {
            log.read(|text| self.console.logged(text));
        }
    }

    fn hear_supervisor(&mut self) {
        let mut buffer = alloc::vec![0; MESSAGE_BYTES_MAX];
        let mut handles = Vec::new();
        loop {
            match self.supervisor.receive_into(&mut buffer, &mut handles) {
                Ok(length) => {
                    let bytes = buffer.get(..length).unwrap_or(&[]);
                    if let Ok(notice) = user_ipc::decode::<Notice>(bytes) {
                        self.hear(notice, handles.drain(..).next());
                    }
                    handles.clear();
                }
                Err(Error::WouldBlock) => return,
                Err(_) => {
                    self.is_orphaned = true;
                    return;
                }
            }
        }
    }

    fn hear(&mut self, notice: Notice, handle: Option<OwnedHandle>) {
        let handle = match (&notice, handle) {
            (Notice::Screen { vm }, Some(handle)) => {
                self.connect_screen(vm, Channel::from_handle(handle));
                None
            }
            (_, handle) => handle,
        };
        if let (Notice::Line { vm }, Some(handle)) = (&notice, handle)
            && let Some(index) = self.console.find_vm(vm)
        {
            // A handle that is no channel is refused here, and the VM stays unconnected.
            if self.vms.connect(&self.port, index, Channel::from_handle(handle)).is_ok() {
                self.console.vm_connected(index);
                self.talking.insert(index);
            }
        }
        self.console.notice(notice);
    }

    fn connect_screen(&mut self, vm: &str, channel: Channel) {
        if let Some(index) = self.console.find_vm(vm)
            && self.screens.connect(&self.port, index, channel).is_ok()
        {
            self.console.screen_connected(index);
        }
    }

    /// Whether a VM that has something to say can be heard now.
    fn can_listen(&self) -> bool {
        self.talking.iter().any(|vm| !self.is_held_back(*vm))
    }

    /// A VM whose words go to the serial line waits while the line is behind.
    fn is_held_back(&self, vm: usize) -> bool {
        let queued = self.serial.as_ref().map_or(0, |serial| serial.port.queued());
        queued >= TRANSMIT_BYTES_MAX && self.console.is_shown(SessionId::Serial, vm)
    }

    fn listen_to_vms(&mut self) {
        let talking: Vec<usize> = self.talking.iter().copied().collect();
        for vm in talking {
            self.listen_to(vm);
        }
    }

    fn listen_to(&mut self, vm: usize) {
        for _ in 0..VM_MESSAGES_IN_A_ROW {
            if self.is_held_back(vm) {
                return;
            }
            match self.vms.read(vm) {
                Heard::Bytes(bytes) => {
                    self.console.vm_said(vm, &bytes);
                    self.send_to_serial();
                }
                Heard::Nothing => {
                    self.talking.remove(&vm);
                    return;
                }
                Heard::Closed => {
                    self.talking.remove(&vm);
                    self.console.vm_closed(vm);
                    return;
                }
            }
        }
    }

    /// Carries out what the console wants, until it wants nothing more.
    fn settle(&mut self) {
        loop {
            let effects = self.console.take_effects();
            if effects.is_empty() {
                break;
            }
            for effect in effects {
                self.carry_out(effect);
            }
        }
        self.show();
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Ask(question) => self.ask(&question),
            Effect::ToVm(vm, bytes) => self.vms.send(vm, &bytes),
            Effect::ShowScreen(vm) => {
                if let Some(screen) = &mut self.screen {
                    screen.begin_picture();
                    self.screens.show(vm);
                }
            }
            Effect::HideScreen(vm) => {
                self.screens.hide(vm);
                if let Some(screen) = &mut self.screen {
                    screen.end_picture();
                }
            }
            Effect::AskText(vm, question) => self.screens.ask_text(vm, question),
            Effect::Strokes(vm, strokes) => self.screens.send_strokes(vm, &strokes),
            Effect::Point(vm, pointer) => self.screens.send_pointer(vm, &pointer),
            Effect::ReadLog(session, lines) => {
                let text = self.log.as_ref().map(|log| log.last_lines(lines)).unwrap_or_default();
                self.console.show_log_page(session, &text);
            }
            Effect::Panic => {
                self.show();
                panic!("somebody at the monitor asked for it");
            }
            Effect::Flush => {
                self.read_log();
                self.flush();
                self.ask(&Question { id: 0, request: Request::Flushed });
            }
        }
    }

    fn ask(&self, question: &Question) {
        if let Ok(bytes) = user_ipc::encode_to_vec(question, MESSAGE_BYTES_MAX) {
            // A supervisor that does not listen is no longer there to answer either.
            let _ = self.supervisor.send(&bytes);
        }
    }

    fn show(&mut self) {
        self.send_to_serial();
        let bytes = self.console.session(SessionId::Screen).take_output();
        if let Some(screen) = &mut self.screen
            && !bytes.is_empty()
        {
            screen.show(&bytes);
        }
    }

    fn send_to_serial(&mut self) {
        let bytes = self.console.session(SessionId::Serial).take_output();
        if let Some(serial) = &mut self.serial
            && !bytes.is_empty()
        {
            serial.port.send(&bytes);
        }
    }

    /// Sends everything without waiting for interrupts, the last words of VMs included.
    fn flush(&mut self) {
        self.talking.extend(self.vms.indices());
        let deadline = now().saturating_add(FLUSH_LIMIT);
        while self.can_listen() && now() < deadline {
            self.listen_to_vms();
        }
        self.show();
        if let Some(serial) = &mut self.serial {
            serial.port.flush(|| now() < deadline);
        }
    }
}
