//! The local APIC of one vCPU, as a value.
//!
//! It takes register accesses, interrupts and points in time in and hands [`Effect`]s out. The
//! run loop carries them out. Layout of the registers: [`spec::apic`].

mod access;
mod command;
mod kept;
mod saved;
mod timer;
mod vectors;

pub(crate) use command::{Addressing, Delivery, Message, Target};
pub(crate) use timer::Deadline;

use spec::apic::{
    BASE_BSP, BASE_DEFAULT, BASE_ENABLE, BASE_X2APIC, ESR_RECEIVE_ILLEGAL, ESR_SEND_ILLEGAL, LVT_MASKED,
    SVR_ENABLE,
};
use timer::{Timer, TimerMode};
use vectors::VectorSet;

/// Entries of the local vector table: timer, thermal, performance, LINT0, LINT1, error.
const LVT_COUNT: usize = 6;
const LVT_TIMER: usize = 0;
const LVT_LINT0: usize = 3;
const LVT_ERROR: usize = 5;
/// Version 0x14 with six LVT entries; no EOI-broadcast suppression.
const VERSION: u32 = 0x0005_0014;
/// Vectors below this are reserved: the APIC neither sends nor takes them.
pub(super) const VECTOR_MIN: u8 = 16;

/// What a register write asks of the run loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Effect {
    /// Nothing.
    None,
    /// What can be delivered may have changed.
    Recheck,
    /// An interrupt was acknowledged; a level-triggered one is named: the I/O APIC wants to know.
    Acknowledged {
        /// Its vector.
        level: Option<u8>,
    },
    /// Send this.
    Send(Message),
    /// The timer's deadline may have changed.
    Timer,
    /// How interrupts find this APIC has changed, and perhaps what can be delivered.
    Addressing,
    /// The guest gets #GP(0) (x2APIC mode only).
    Fault,
}

/// The mode that IA32_APIC_BASE selects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// No APIC.
    Disabled,
    /// A page of registers.
    Xapic,
    /// MSRs.
    X2apic,
}

/// A local APIC.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Lapic {
    id: u32,
    physical_bits: u32,

    base: u64,
    task_priority: u8,
    logical: u32,
    format: u32,
    spurious: u32,
    /// Errors seen since ESR was last written.
    errors: u32,
    /// What ESR reads.
    error_status: u32,
    icr: u64,
    vector_table: [u32; LVT_COUNT],
    requested: VectorSet,
    in_service: VectorSet,
    /// The highest vector in service; 0 = none.
    serving: u8,
    trigger: VectorSet,
    timer: Timer,
}

impl Lapic {
    /// The state after RESET. The vCPU with id 0 is the bootstrap processor.
    pub(crate) fn new(id: u32, physical_bits: u32) -> Self {
        let bootstrap = if id == 0 { BASE_BSP } else { 0 };
        let mut apic = Self {
            id,
            physical_bits,
            base: BASE_DEFAULT | BASE_ENABLE | bootstrap,
            task_priority: 0,
            logical: 0,
            format: 0,
            spurious: 0,
            errors: 0,
            error_status: 0,
            icr: 0,
            vector_table: [LVT_MASKED; LVT_COUNT],
            requested: VectorSet::default(),
            in_service: VectorSet::default(),
            serving: 0,
            trigger: VectorSet::default(),
            timer: Timer::new(),
        };
        apic.reset_registers();
        apic
    }

    /// The APIC's part of INIT: all but id and base (Intel SDM vol. 3, 11.4.7.3).
    pub(crate) fn reset_registers(&mut self) {
        self.task_priority = 0;
        self.logical = if self.mode() == Mode::X2apic { self.x2apic_logical() } else { 0 };
        self.format = u32::MAX;
        self.spurious = 0xff;
        self.errors = 0;
        self.error_status = 0;
        self.icr = 0;
        self.vector_table = [LVT_MASKED; LVT_COUNT];
        self.requested = VectorSet::default();
        self.in_service = VectorSet::default();
        self.serving = 0;
        self.trigger = VectorSet::default();
        self.timer = Timer::new();
    }

    /// Its id.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// IA32_APIC_BASE.
    #[inline]
    pub(crate) fn base(&self) -> u64 {
        self.base
    }

    /// The mode it is in.
    #[inline]
    pub(crate) fn mode(&self) -> Mode {
        if self.base & BASE_ENABLE == 0 {
            Mode::Disabled
        } else if self.base & BASE_X2APIC == 0 {
            Mode::Xapic
        } else {
            Mode::X2apic
        }
    }

    /// Whether `gpa` is in the register page, and the page is there.
    #[inline]
    pub(crate) fn has_page_at(&self, gpa: u64) -> bool {
        (gpa ^ self.base) >> 12 == 0 && self.mode() == Mode::Xapic
    }

    /// Writes IA32_APIC_BASE. [`Effect::Fault`] for reserved bits and for the transitions that the manual
    /// forbids (Intel SDM vol. 3, figure 11-27). `has_x2apic` is what the guest's CPUID says.
    pub(crate) fn write_base(&mut self, value: u64, has_x2apic: bool) -> Effect {
        let address_mask = ((1u64 << self.physical_bits) - 1) & !0xfff;
        let known = BASE_BSP | BASE_ENABLE | address_mask | if has_x2apic { BASE_X2APIC } else { 0 };
        let enable = BASE_ENABLE | BASE_X2APIC;
        let is_legal = match (self.base & enable, value & enable) {
            (_, BASE_X2APIC) => false,
            (old, new) if old == enable => new == enable || new == 0,
            (0, new) => new != enable,
            _ => true,
        };
        if value & !known != 0 || !is_legal {
            return Effect::Fault;
        }
        let changed = self.base ^ value;
        self.base = value;
        if changed & BASE_X2APIC != 0 {
            self.logical = if self.mode() == Mode::X2apic { self.x2apic_logical() } else { 0 };
        }
        if value & BASE_ENABLE == 0 {
            self.reset_registers();
        }
        Effect::Addressing
    }

    /// How interrupts find it.
    pub(crate) fn addressing(&self) -> Addressing {
        Addressing {
            logical: self.logical,
            is_enabled: self.mode() != Mode::Disabled,
            is_x2apic: self.mode() == Mode::X2apic,
            is_cluster: self.format >> 28 == 0,
            is_listening: self.is_software_enabled(),
        }
    }

    /// Cluster and bit from the id (Intel SDM vol. 3, 11.12.10.2).
    fn x2apic_logical(&self) -> u32 {
        self.id >> 4 << 16 | 1 << (self.id & 0xf)
    }

    fn is_software_enabled(&self) -> bool {
        self.spurious & SVR_ENABLE != 0 && self.base & BASE_ENABLE != 0
    }

    /// Task priority register.
    #[inline]
    pub(crate) fn task_priority(&self) -> u8 {
        self.task_priority
    }

    /// Sets the task priority, from CR8 or otherwise.
    #[inline]
    pub(crate) fn set_task_priority(&mut self, value: u8) {
        self.task_priority = value;
    }

    /// Processor priority (Intel SDM vol. 3, 11.8.3.1).
    pub(crate) fn processor_priority(&self) -> u8 {
        let serving = self.serving;
        if self.task_priority >> 4 >= serving >> 4 { self.task_priority } else { serving & 0xf0 }
    }

    /// Takes an interrupt in. False if the APIC does not listen.
    pub(crate) fn request(&mut self, vector: u8, is_level: bool) -> bool {
        if !self.is_software_enabled() {
            return false;
        }
        if vector < VECTOR_MIN {
            self.raise_error(ESR_RECEIVE_ILLEGAL);
            return false;
        }
        if is_level {
            self.trigger.insert(vector);
        } else {
            self.trigger.remove(vector);
        }
        self.requested.insert(vector);
        true
    }

    /// Takes 64 vectors in at once: those of `requested` in word `word` (below 4).
    pub(crate) fn request_word(&mut self, word: usize, requested: u64, level: u64) {
        if requested == 0 || !self.is_software_enabled() {
            return;
        }
        let legal = if word == 0 { requested & !0xffff } else { requested };
        if legal != requested {
            self.raise_error(ESR_RECEIVE_ILLEGAL);
        }
        self.trigger.set_word(word, legal, level);
        self.requested.set_word(word, legal, legal);
    }

    /// The interrupt that comes next as far as the interrupts in service go; the task priority may hold
    /// it back still.
    #[inline]
    pub(crate) fn next(&self) -> Option<u8> {
        let vector = self.requested.highest()?;
        (vector >> 4 > self.serving >> 4).then_some(vector)
    }

    /// Whether nothing is requested at all.
    #[inline]
    pub(crate) fn is_quiet(&self) -> bool {
        self.requested.is_empty()
    }

    /// Whether exactly one interrupt is requested.
    #[inline]
    pub(crate) fn has_single_request(&self) -> bool {
        self.requested.is_single()
    }

    /// The processor took `vector`.
    #[inline]
    pub(crate) fn accept(&mut self, vector: u8) {
        self.requested.remove(vector);
        self.in_service.insert(vector);
        self.serving = self.serving.max(vector);
    }

    /// Whether an interrupt is in service.
    #[inline(always)]
    pub(crate) fn is_serving(&self) -> bool {
        self.serving != 0
    }

    /// The delivery of `vector` was broken off and shall start anew. False if it was not in service.
    pub(crate) fn take_back(&mut self, vector: u8) -> bool {
        if !self.in_service.has(vector) {
            return false;
        }
        self.in_service.remove(vector);
        self.serving = self.in_service.highest().unwrap_or(0);
        self.requested.insert(vector);
        true
    }

    /// End of interrupt.
    #[inline]
    pub(crate) fn acknowledge(&mut self) -> Effect {
        let vector = self.serving;
        if vector == 0 {
            return Effect::None;
        }
        self.in_service.remove(vector);
        self.serving = if self.in_service.is_empty() { 0 } else { self.in_service.highest().unwrap_or(0) };
        let level = self.trigger.has(vector).then_some(vector);
        Effect::Acknowledged { level }
    }

    /// When the timer has to be looked at; `None` while it cannot interrupt.
    pub(crate) fn deadline(&self) -> Option<Deadline> {
        let entry = self.vector_table[LVT_TIMER];
        if entry & LVT_MASKED != 0 || self.mode() == Mode::Disabled {
            return None;
        }
        self.timer.deadline(TimerMode::from_entry(entry))
    }

    /// Lets the timer fire if its time has come. True if it did.
    pub(crate) fn expire(&mut self, now_ns: u64, guest_tsc: u64) -> bool {
        let entry = self.vector_table[LVT_TIMER];
        if !self.timer.expire(TimerMode::from_entry(entry), now_ns, guest_tsc) {
            return false;
        }
        if entry & LVT_MASKED == 0 {
            self.request(entry as u8, false);
        }
        true
    }

    /// IA32_TSC_DEADLINE: 0 outside of that mode.
    pub(crate) fn tsc_deadline(&self) -> u64 {
        match TimerMode::from_entry(self.vector_table[LVT_TIMER]) {
            TimerMode::TscDeadline => self.timer.tsc_deadline(),
            _ => 0,
        }
    }

    /// Writes IA32_TSC_DEADLINE: ignored outside of that mode (Intel SDM vol. 3, 11.5.4.1).
    pub(crate) fn write_tsc_deadline(&mut self, value: u64) -> Effect {
        match TimerMode::from_entry(self.vector_table[LVT_TIMER]) {
            TimerMode::TscDeadline if self.mode() != Mode::Disabled => {
                self.timer.set_tsc_deadline(value);
                Effect::Timer
            }
            _ => Effect::None,
        }
    }

    /// Whether the PIC's output at LINT0 goes on to the processor: the entry is an ExtINT's, or there is no APIC (Intel SDM vol. 3,
    /// 11.4.3 and 11.5.1).
    pub(crate) fn passes_external(&self) -> bool {
        let entry = self.vector_table[LVT_LINT0];
        let is_wired = entry & LVT_MASKED == 0 && Delivery::from_field(entry >> 8) == Delivery::External;
        is_wired || self.mode() == Mode::Disabled
    }

    /// LINT0 has risen: a fixed interrupt is requested. True if it means an NMI.
    pub(crate) fn strike_local_line(&mut self) -> bool {
        let entry = self.vector_table[LVT_LINT0];
        if entry & LVT_MASKED != 0 || self.mode() == Mode::Disabled {
            return false;
        }
        let delivery = Delivery::from_field(entry >> 8);
        if delivery == Delivery::Fixed {
            self.request(entry as u8, false);
        }
        delivery == Delivery::Nmi
    }

    /// Notes an error and raises the error interrupt.
    fn raise_error(&mut self, bit: u32) {
        self.errors |= bit;
        let entry = self.vector_table[LVT_ERROR];
        let vector = entry as u8;
        if entry & LVT_MASKED == 0 && vector >= VECTOR_MIN && self.is_software_enabled() {
            self.trigger.remove(vector);
            self.requested.insert(vector);
        }
    }

    /// Carries an x2APIC command out if it is a fixed interrupt for this APIC itself, the most frequent kind that needs
    /// no way to others: the vector is requested then. `None`: nothing happened.
    #[inline]
    pub(crate) fn command_to_itself(&mut self, icr: u64) -> Option<u8> {
        // All but vector, level (bit 14) and the delivery status, which always reads 0.
        let kind = icr as u32 & !0x50ff;
        let is_own = kind == 0 && (icr >> 32) as u32 == self.id || kind == 1 << 18;
        let vector = icr as u8;
        let is_possible = vector >= VECTOR_MIN && self.mode() == Mode::X2apic && self.is_software_enabled();
        if !is_own || !is_possible {
            return None;
        }
        self.icr = icr & !(1 << 12);
        self.trigger.remove(vector);
        self.requested.insert(vector);
        Some(vector)
    }

    /// Carries an x2APIC command out if it is a fixed interrupt for one other APIC by its id, the most frequent kind: the
    /// caller posts it. `None`: nothing happened.
    #[inline]
    pub(crate) fn command_to_another(&mut self, icr: u64) -> Option<u32> {
        let target = (icr >> 32) as u32;
        // All but vector, level (bit 14) and the delivery status, which always reads 0.
        let is_plain = icr as u32 & !0x50ff == 0 && icr as u8 >= VECTOR_MIN;
        if !is_plain || target == self.id || target == u32::MAX || self.mode() != Mode::X2apic {
            return None;
        }
        self.icr = icr & !(1 << 12);
        Some(target)
    }

    /// Whether `vector` is of a higher class than all in service and than the task priority.
    #[inline]
    pub(crate) fn outranks(&self, vector: u8) -> bool {
        vector >> 4 > self.serving.max(self.task_priority) >> 4
    }

    /// What a write of the command register sends.
    fn send(&mut self, icr: u64, is_x2apic: bool) -> Effect {
        let Some(message) = Message::from_icr(icr, is_x2apic) else { return Effect::None };
        if message.has_vector() && message.vector < VECTOR_MIN {
            self.raise_error(ESR_SEND_ILLEGAL);
            return Effect::Recheck;
        }
        if message.is_sendable() { Effect::Send(message) } else { Effect::None }
    }
}

#[cfg(test)]
mod tests;
