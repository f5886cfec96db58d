//! The controller as a value, and how it takes commands from its queues.

use crate::{
    admin::{Events, Features},
    command::{Command, End, Failure, Outcome},
    doorbell_buffer::DoorbellBuffer,
    io::{Counters, Zeroing},
    queues::{Completion, Submission},
};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use spec::nvme::{CSTS_FATAL, CSTS_READY, status};
use vmm_bus::{
    Attention, Context, Effects, GuestMemory, Line, MemoryError, Volume,
    pci::{BarKind, ExpressRole, Function, Identity, express, function::MsixPlace},
    volume::Access,
};

/// Bytes of the serial number.
pub const SERIAL_BYTES: usize = 20;
/// Queues, the admin queue among them.
pub const QUEUES_MAX: u16 = 17;
/// The BAR of registers, doorbells and MSI-X structures; 64 bits wide.
pub const BAR: u8 = 0;
/// Bytes of the window.
pub const BAR_BYTES: u64 = 0x4000;
/// Places of the MSI-X structures in the window.
const MSIX_TABLE: u32 = 0x2000;
const MSIX_PENDING: u32 = 0x3000;
/// Bytes of a block.
pub(crate) const BLOCK_BYTES: u64 = 512;
/// Commands that one call handles at the most; the rest waits for the next.
const CALL_COMMANDS_MAX: usize = 64;
/// Bytes after which a call takes no further command.
const CALL_BYTES_MAX: u64 = 1 << 20;

/// A controller that stock drivers take by its class.
const IDENTITY: Identity = Identity {
    vendor: 0x1B36,
    device: 0x0010,
    subsystem_vendor: 0x1AF4,
    subsystem: 0x1100,
    class: 0x01_08_02,
    revision: 2,
};

/// What a controller is made with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NvmeConfig {
    /// Whether the guest may write.
    pub access: Access,
    /// What the guest sees as serial number: text, padded with spaces.
    pub serial: [u8; SERIAL_BYTES],
}

/// Registers that software writes (3.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Registers {
    pub(crate) interrupt_mask: u32,
    pub(crate) configuration: u32,
    pub(crate) status: u32,
    pub(crate) admin_sizes: u32,
    pub(crate) admin_submission: u64,
    pub(crate) admin_completion: u64,
}

/// What a driver sets up after it enabled the controller, and what is forgotten when it disables it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) submissions: Vec<Option<Submission>>,
    pub(crate) completions: Vec<Option<Completion>>,
    pub(crate) features: Features,
    pub(crate) events: Events,
    pub(crate) doorbell_buffer: Option<DoorbellBuffer>,
    /// A command under way that takes several calls.
    pub(crate) zeroing: Option<Zeroing>,
    /// The queue that is looked at next.
    pub(crate) turn: u16,
    /// More is to be done than one call may.
    pub(crate) has_work: bool,
}

/// The controller.
pub struct Nvme<V> {
    pub(crate) config: NvmeConfig,
    pub(crate) blocks: u64,
    pub(crate) volume: V,
    pub(crate) function: Function,
    pub(crate) registers: Registers,
    pub(crate) session: Session,
    pub(crate) counters: Counters,
}

impl<V: Volume> Nvme<V> {
    /// A controller whose namespace has the blocks of `volume`; what does not fill a block at its end is not shown.
    pub fn new(config: NvmeConfig, line: Line, volume: V) -> Self {
        let place = MsixPlace { vectors: QUEUES_MAX, bar: BAR, table: MSIX_TABLE, pending: MSIX_PENDING };
        let mut function = Function::new(&IDENTITY).with_line(line).with_msix(place).with_bar(
            BAR,
            BarKind::Memory64,
            BAR_BYTES,
        );
        express::add(function.config_mut(), ExpressRole::Endpoint);
        let blocks = volume.bytes() / BLOCK_BYTES;
        Self {
            config,
            blocks,
            volume,
            function,
            registers: Registers::default(),
            session: Session::default(),
            counters: Counters::default(),
        }
    }

    /// The volume behind the namespace.
    pub fn volume(&self) -> &V {
        &self.volume
    }

    /// Whether the controller takes commands.
    pub(crate) fn is_ready(&self) -> bool {
        self.registers.status & (CSTS_READY | CSTS_FATAL) == CSTS_READY
    }

    /// The host broke the rules so badly that nothing can be told to it: it must reset the controller (9.5).
    pub(crate) fn fail(&mut self) {
        self.registers.status |= CSTS_FATAL;
        self.session.has_work = false;
    }

    /// Takes commands, as many as one call may, and drives the interrupts.
    pub(crate) fn run(&mut self, context: &mut Context<'_>) {
        let had_work = self.session.has_work;
        if self.is_ready() && self.function.is_master() {
            if self.take_commands(context).is_err() {
                self.fail();
            }
            if self.session.has_work != had_work {
                context.effects.note(Attention::DEADLINE);
            }
        }
        self.update_level(context.effects);
    }

    fn take_commands(&mut self, context: &mut Context<'_>) -> Result<(), MemoryError> {
        self.session.has_work = false;
        self.deliver_event(context)?;
        let limit = self.counters.bytes().saturating_add(CALL_BYTES_MAX);
        for _ in 0..CALL_COMMANDS_MAX {
            if self.session.zeroing.is_some() {
                self.go_on_zeroing(context)?;
            } else {
                let Some(queue) = self.next_queue(context.memory)? else { return Ok(()) };
                self.take_command(queue, context)?;
            }
            if !self.is_ready() {
                return Ok(());
            }
            if self.counters.bytes() >= limit {
                break;
            }
        }
        // Whether there is more is for the next call to find out.
        self.session.has_work = true;
        Ok(())
    }

    /// The next queue, in turn, that has a command and room for its completion.
    fn next_queue(&mut self, memory: &dyn GuestMemory) -> Result<Option<u16>, MemoryError> {
        for step in 0..QUEUES_MAX {
            let index = self.session.turn.wrapping_add(step) % QUEUES_MAX;
            if self.is_waiting(index, memory)? {
                self.session.turn = index.wrapping_add(1) % QUEUES_MAX;
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    fn is_waiting(&mut self, index: u16, memory: &dyn GuestMemory) -> Result<bool, MemoryError> {
        let buffer = self.session.doorbell_buffer;
        let Some(Some(queue)) = self.session.submissions.get_mut(usize::from(index)) else {
            return Ok(false);
        };
        // The admin queue's doorbells are always those of the window (B.5).
        if let Some(buffer) = buffer.filter(|_| index != 0 && queue.is_empty()) {
            buffer.update_tail(memory, index, queue)?;
        }
        if queue.is_empty() {
            return Ok(false);
        }
        let target = queue.completion;
        let Some(Some(completion)) = self.session.completions.get_mut(usize::from(target)) else {
            return Ok(false);
        };
        if let Some(buffer) = buffer.filter(|_| target != 0 && completion.is_full()) {
            buffer.update_head(memory, target, completion)?;
        }
        Ok(!completion.is_full())
    }

    fn take_command(&mut self, index: u16, context: &mut Context<'_>) -> Result<(), MemoryError> {
        let Some(Some(queue)) = self.session.submissions.get_mut(usize::from(index)) else { return Ok(()) };
        let command = Command::parse(&queue.take(context.memory)?);
        let outcome = if command.is_exotic() {
            Err(Failure::lasting(status::INVALID_FIELD))
        } else if index == 0 {
            self.execute_admin(&command, context)
        } else {
            self.execute_io(index, &command, context.memory)
        };
        self.complete(index, command.id(), outcome, context)
    }

    /// Tells the host how a command ended; there is room for that.
    pub(crate) fn complete(
        &mut self,
        index: u16,
        id: u16,
        outcome: Outcome,
        context: &mut Context<'_>,
    ) -> Result<(), MemoryError> {
        let (result, code) = match outcome {
            Ok(End::Later) => return Ok(()),
            Ok(End::Done(result)) => (result, status::SUCCESS),
            Err(Failure(code)) => {
                self.counters.failures = self.counters.failures.saturating_add(1);
                (0, code)
            }
        };
        // The command may have deleted its own queue; then nobody waits.
        let Some(Some(queue)) = self.session.submissions.get(usize::from(index)) else { return Ok(()) };
        let (head, target) = (queue.head, queue.completion);
        let Some(Some(completion)) = self.session.completions.get_mut(usize::from(target)) else {
            return Ok(());
        };
        let place = u32::from(head) | u32::from(index) << 16;
        completion.put(context.memory, [result, place, u32::from(id) | u32::from(code) << 17])?;
        if completion.interrupts && self.function.uses_msix() {
            self.function.signal(completion.vector, context.effects);
        } else if let Some(buffer) = self.session.doorbell_buffer.filter(|_| target != 0) {
            buffer.watch_head(context.memory, target, completion)?;
        }
        Ok(())
    }

    /// Drives the pin, for software that does not use MSI-X: high while a completion was not taken (7.5.1).
    pub(crate) fn update_level(&mut self, effects: &mut Effects) {
        let mask = self.registers.interrupt_mask;
        let wants = |queue: &Completion| {
            let bit = 1u32.checked_shl(u32::from(queue.vector)).unwrap_or(0);
            queue.interrupts && !queue.is_empty() && mask & bit == 0
        };
        let is_waiting = self.session.completions.iter().flatten().any(wants);
        self.function.set_level(is_waiting && !self.function.uses_msix(), effects);
    }
}
