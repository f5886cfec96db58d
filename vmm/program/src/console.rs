//! Text between the guest's consoles and the console channel.
//!
//! Both the UART and the virtio console write to the channel; what is typed goes to the one that wrote last.
//!
//! What the guest transmits is collected for a moment, so that a line of text is one message and not
//! eighty. What is typed waits here while the UART is full, and in the channel while there is something here.

use crate::{board::Board, machine::Machine, vm::Vm};
use alloc::vec::Vec;
use base_units::Nanos;
use user_rt::Error;
use vmm_bus::{Bus, Context};

/// So many waiting bytes are sent at once.
const SEND_AT: usize = 128;
/// Fewer wait so long for others.
const PATIENCE: Nanos = Nanos::new(1_000_000);
/// Bytes in one message at the most.
const MESSAGE_BYTES: usize = 256;
/// Messages in one go; then others get the lock.
const MESSAGES_MAX: usize = 16;
/// Typed bytes that are taken from the channel at a time.
const TYPED_BYTES: usize = 1024;

/// A console of the guest.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Terminal {
    #[default]
    Uart,
    Virtio,
}

/// State of the connection.
#[derive(Default)]
pub(crate) struct Console {
    /// When waiting bytes are to be sent.
    flush_at: Option<Nanos>,
    /// The channel is full: wait until it says that there is room.
    is_blocked: bool,
    /// What the guest used last.
    terminal: Terminal,
    /// Typed bytes that did not fit.
    typed: Vec<u8>,
    /// The message that the channel refused.
    held: Vec<u8>,
}

impl Console {
    /// When the device loop should send what waits.
    pub(crate) fn flush_at(&self) -> Nanos {
        self.flush_at.unwrap_or(Nanos::MAX)
    }

    /// Whether the channel is to be read.
    fn wants_typed(&self) -> bool {
        self.typed.is_empty()
    }
}

impl Machine {
    /// The UART has bytes to send, or room for typed ones.
    pub(crate) fn console_attention(&mut self, vm: &Vm) {
        if !self.console.typed.is_empty() {
            self.feed(vm);
        }
        let waiting = self.waiting_output();
        if waiting == 0 || self.console.is_blocked {
            return;
        }
        if waiting >= SEND_AT {
            self.send_console(vm);
        } else if self.console.flush_at.is_none() {
            let at = user_rt::now().saturating_add(PATIENCE);
            self.console.flush_at = Some(at);
            if at < self.armed {
                vm.wake_device_loop();
            }
        }
    }

    /// Sends what waits, if it has waited long enough.
    pub(crate) fn flush_console(&mut self, vm: &Vm, now: Nanos) {
        if self.console.flush_at() <= now {
            self.send_console(vm);
        }
    }

    /// The channel has room again.
    pub(crate) fn console_has_room(&mut self, vm: &Vm) {
        self.console.is_blocked = false;
        self.send_console(vm);
    }

    /// Sends everything that waits, until the channel is full.
    pub(crate) fn send_console(&mut self, vm: &Vm) {
        self.console.flush_at = None;
        for _ in 0..MESSAGES_MAX {
            if self.console.held.is_empty() && !self.hold_next(vm) {
                break;
            }
            match vm.console.send(&self.console.held) {
                Err(Error::WouldBlock) => {
                    self.console.is_blocked = true;
                    return;
                }
                // Sent, or nobody listens any more.
                Ok(()) | Err(_) => self.console.held.clear(),
            }
        }
        if self.waiting_output() > 0 {
            self.console.flush_at = Some(user_rt::now());
        }
    }

    fn waiting_output(&mut self) -> usize {
        let uart = self.bus.device_mut(self.board.uart).transmitted_len();
        uart + self.bus.device_mut(self.board.console).device().output_len()
    }

    /// Takes the next message from a console; `false` if nothing waits.
    fn hold_next(&mut self, vm: &Vm) -> bool {
        let mut bytes = [0; MESSAGE_BYTES];
        let (terminal, taken) = self.at_consoles(vm, |bus, board, context| {
            let taken = bus.device_mut(board.uart).take_transmitted(&mut bytes, context.effects);
            if taken > 0 {
                return (Terminal::Uart, taken);
            }
            let taken = bus
                .device_mut(board.console)
                .with_device(context, |console, guest| Ok(console.take_output(&mut bytes, guest)));
            (Terminal::Virtio, taken.unwrap_or(0))
        });
        if taken > 0 {
            self.console.terminal = terminal;
            self.console.held.extend_from_slice(bytes.get(..taken).unwrap_or_default());
        }
        taken > 0
    }

    /// Reads what was typed.
    pub(crate) fn read_console(&mut self, vm: &Vm) {
        while self.console.wants_typed() {
            let mut bytes = [0; TYPED_BYTES];
            match vm.console.receive_bytes(&mut bytes) {
                Ok(length) => self.console.typed.extend_from_slice(bytes.get(..length).unwrap_or_default()),
                Err(Error::BufferTooSmall) => {
                    // Nobody types so much at once, and nobody types handles: drop the message.
                    let _ = vm.console.receive();
                }
                Err(_) => return,
            }
            self.feed(vm);
        }
    }

    /// Gives typed bytes to the guest, as many as it takes.
    fn feed(&mut self, vm: &Vm) {
        let typed = core::mem::take(&mut self.console.typed);
        let terminal = self.console.terminal;
        let taken = self.at_consoles(vm, |bus, board, context| match terminal {
            Terminal::Uart => bus.device_mut(board.uart).receive(&typed, context.effects),
            Terminal::Virtio => {
                let console = bus.device_mut(board.console);
                // A broken device takes nothing any more: what was typed is lost with it.
                console
                    .with_device(context, |console, guest| console.type_bytes(&typed, guest))
                    .unwrap_or(typed.len())
            }
        });
        self.console.typed = typed;
        self.console.typed.drain(..taken.min(self.console.typed.len()));
    }

    /// Calls the console devices by hand, and delivers the interrupts that follow. What else they want
    /// waits for the next access: this runs while effects are being carried out.
    fn at_consoles<R>(&mut self, vm: &Vm, act: impl FnOnce(&mut Bus, &Board, &mut Context<'_>) -> R) -> R {
        let mut context =
            Context { now: user_rt::now(), memory: vm.ram.memory(), effects: &mut self.effects };
        let result = act(&mut self.bus, &self.board, &mut context);
        self.bus.settle(&mut context);
        self.settle_messages(vm);
        result
    }
}
