//! Task switches by hardware (Intel SDM vol. 3, chapter 7; AMD APM vol. 2, chapter 12).

use super::{
    Step,
    descriptor::{Descriptor, Loading, Transfer},
    system::{TYPE_BUSY, TYPE_MASK},
    virtual_memory::Place,
};
use crate::{
    Fault, FullProcessor, Platform, Segment, SegmentRegister, SystemSegment, Width,
    decode::{Instruction, decode},
    fault::{GENERAL_PROTECTION, INVALID_TASK, NOT_PRESENT},
    fetch,
    system::PRESENT,
};

const CR0_TS: u64 = 1 << 3;
const CR0_PG: u64 = 1 << 31;
const RFLAGS_FIXED: u64 = 1 << 1;
/// Bits that mean something.
const RFLAGS_VALID: u64 = 0x003F_7FD5;
const RFLAGS_NT: u64 = 1 << 14;
const RFLAGS_VM: u64 = 1 << 17;
/// DR6: a task switch.
const DEBUG_TASK: u64 = 1 << 15;
/// DR7: what is enabled for one task only.
const DEBUG_LOCAL: u64 = 0x155;
const DEBUG: u8 = 1;
/// Types with S: available task states, an LDT.
const TASK_16: u16 = 1;
const TASK_32: u16 = 9;
const LOCAL_TABLE: u16 = 2;
/// Upper halves of registers that a 16-bit task state fills, as processors leave them.
const UPPER_HALF: u64 = 0xFFFF_0000;

/// Why tasks are switched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TaskCause {
    /// CALL.
    Call,
    /// IRET with NT.
    InterruptReturn,
    /// JMP.
    Jump,
    /// A task gate in the IDT, for an event that the processor delivers.
    Event,
    /// A task gate in the IDT, for INT n, INT3 or INTO.
    SoftwareInterrupt,
}

/// A task switch that the processor began and left to us. It has checked the gate, if there was one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TaskSwitch {
    /// Selector of the new task state.
    pub selector: u16,
    /// Why.
    pub cause: TaskCause,
    /// For the new task's stack.
    pub error_code: Option<u32>,
}

/// Switches tasks. An error: nothing has happened but the fault. A fault beside success: it is the new task's.
pub fn switch_task<C: FullProcessor, P: Platform>(
    cpu: &mut C,
    platform: &mut P,
    switch: TaskSwitch,
) -> Result<Option<Fault>, Fault> {
    let next = match switch.cause {
        TaskCause::Event => cpu.instruction_pointer(),
        _ => {
            let bytes = fetch(cpu, platform)?;
            let instruction = decode(bytes.as_slice(), cpu.mode()).ok_or(Fault::Unsupported)?;
            super::next_instruction(cpu, &instruction)
        }
    };
    let mut step = Step { cpu, platform, instruction: &Instruction::NONE, next };
    step.switch_task(switch)
}

/// Where a task state keeps what. Offsets are in bytes; registers and segments lie one after the other.
#[derive(Clone, Copy)]
struct Layout {
    width: Width,
    /// CR3, where the state has one.
    cr3: Option<u64>,
    rip: u64,
    flags: u64,
    registers: u64,
    segments: u64,
    segment_count: usize,
    local_table: u64,
    limit: u32,
}

const LAYOUT_16: Layout = Layout {
    width: Width::W16,
    cr3: None,
    rip: 14,
    flags: 16,
    registers: 18,
    segments: 34,
    segment_count: 4,
    local_table: 42,
    limit: 0x2B,
};
const LAYOUT_32: Layout = Layout {
    width: Width::W32,
    cr3: Some(28),
    rip: 32,
    flags: 36,
    registers: 40,
    segments: 72,
    segment_count: 6,
    local_table: 96,
    limit: 0x67,
};
/// Offset of the T flag, in 32-bit states.
const TRAP: u64 = 100;

/// In the order of task states.
const SEGMENTS: [SegmentRegister; 6] = [
    SegmentRegister::Es,
    SegmentRegister::Cs,
    SegmentRegister::Ss,
    SegmentRegister::Ds,
    SegmentRegister::Fs,
    SegmentRegister::Gs,
];

impl Layout {
    fn of(attributes: u16) -> Self {
        if attributes & TASK_32 == TASK_32 { LAYOUT_32 } else { LAYOUT_16 }
    }

    fn register(&self, index: usize) -> u64 {
        self.registers + self.width.bytes() * index as u64
    }

    fn segment(&self, index: usize) -> u64 {
        self.segments + self.width.bytes() * index as u64
    }
}

/// What a task state says.
struct NewTask {
    cr3: u64,
    rip: u64,
    flags: u64,
    registers: [u64; 8],
    segments: [u16; 6],
    local_table: u16,
    has_trap: bool,
}

impl<C: FullProcessor, P: Platform> Step<'_, C, P> {
    fn switch_task(&mut self, switch: TaskSwitch) -> Result<Option<Fault>, Fault> {
        let new = self.check_new_task(switch)?;
        let old = self.cpu.system_segment(SystemSegment::Task);
        let layout = Layout::of(new.segment.attributes);
        // Everything is read and every place found before something changes.
        let task = self.read_task(&new.segment, layout)?;
        // Tasks of virtual-8086 mode are left out: VT-x does not run what a fault on the way into one leaves.
        if task.flags & RFLAGS_VM != 0 {
            return Err(Fault::Unsupported);
        }
        let saved = self.places_to_save(&old)?;
        let is_nested =
            matches!(switch.cause, TaskCause::Call | TaskCause::Event | TaskCause::SoftwareInterrupt);
        let link = self.system_place(self.behind(new.segment.base, 0), Width::W16)?;
        if matches!(switch.cause, TaskCause::Jump | TaskCause::InterruptReturn) {
            let entry = self.descriptor(old.selector, INVALID_TASK)?;
            self.write_type(&entry, entry.segment.attributes & !TYPE_BUSY)?;
        }
        if switch.cause != TaskCause::InterruptReturn {
            self.write_type(&new, new.segment.attributes | TYPE_BUSY)?;
        }
        let is_return = switch.cause == TaskCause::InterruptReturn;
        self.save_task(&saved, Layout::of(old.attributes).width, is_return);
        if is_nested {
            self.write_place(&link, Width::W16, u64::from(old.selector));
        }
        let mut segment = new.segment;
        segment.attributes |= TYPE_BUSY;
        self.cpu.set_system_segment(SystemSegment::Task, segment);
        self.enter_registers(&task, layout, is_nested);
        Ok(self.enter_segments(&task, layout, switch.error_code).err())
    }

    /// The new task state's descriptor, if it is one that may be switched to.
    fn check_new_task(&mut self, switch: TaskSwitch) -> Result<Descriptor, Fault> {
        let is_return = switch.cause == TaskCause::InterruptReturn;
        let refusal = if is_return { INVALID_TASK } else { GENERAL_PROTECTION };
        let refused = Fault::of_selector(refusal, switch.selector);
        if self.is_long_mode() || self.cpu.has_plain_segments() && self.cpu.flags() & RFLAGS_VM == 0 {
            return Err(Fault::of_selector(GENERAL_PROTECTION, switch.selector));
        }
        if switch.selector & !3 == 0 || switch.selector & 4 != 0 {
            return Err(refused);
        }
        let found = self.descriptor(switch.selector, refusal)?;
        let kind = found.segment.attributes & TYPE_MASK;
        let is_right = if is_return {
            matches!(kind & !TYPE_BUSY, TASK_16 | TASK_32) && kind & TYPE_BUSY != 0
        } else {
            matches!(kind, TASK_16 | TASK_32)
        };
        if !is_right {
            return Err(refused);
        }
        if found.segment.attributes & PRESENT == 0 {
            return Err(Fault::of_selector(NOT_PRESENT, switch.selector));
        }
        if found.segment.limit < Layout::of(found.segment.attributes).limit {
            return Err(Fault::of_selector(INVALID_TASK, switch.selector));
        }
        Ok(found)
    }

    fn read_task(&mut self, state: &Segment, layout: Layout) -> Result<NewTask, Fault> {
        let at = |step: &Self, offset: u64| step.behind(state.base, offset);
        let fill = if layout.width == Width::W16 { UPPER_HALF } else { 0 };
        let mut registers = [0; 8];
        for (index, register) in registers.iter_mut().enumerate() {
            *register = fill | self.read_system(at(self, layout.register(index)), layout.width)?;
        }
        let mut segments = [0; 6];
        for (index, segment) in segments.iter_mut().enumerate().take(layout.segment_count) {
            *segment = self.read_system(at(self, layout.segment(index)), Width::W16)? as u16;
        }
        let cr3 = match layout.cr3 {
            Some(offset) => self.read_system(at(self, offset), Width::W32)?,
            None => self.cpu.cr3(),
        };
        let has_trap = layout.cr3.is_some() && self.read_system(at(self, TRAP), Width::W16)? & 1 != 0;
        Ok(NewTask {
            cr3,
            rip: self.read_system(at(self, layout.rip), layout.width)?,
            flags: self.read_system(at(self, layout.flags), layout.width)?,
            registers,
            segments,
            local_table: self.read_system(at(self, layout.local_table), Width::W16)? as u16,
            has_trap,
        })
    }

    /// Places of RIP, flags, registers and segments in the old task state, in this order.
    fn places_to_save(&self, old: &Segment) -> Result<[Option<Place>; 16], Fault> {
        let layout = Layout::of(old.attributes);
        if old.limit < layout.limit {
            return Err(Fault::of_selector(INVALID_TASK, old.selector));
        }
        let registers = (0..8).map(|index| (layout.register(index), layout.width));
        let segments = (0..layout.segment_count).map(|index| (layout.segment(index), Width::W16));
        let offsets = [(layout.rip, layout.width), (layout.flags, layout.width)].into_iter();
        let mut places = [const { None }; 16];
        for ((offset, width), place) in offsets.chain(registers).chain(segments).zip(&mut places) {
            *place = Some(self.system_place(self.behind(old.base, offset), width)?);
        }
        Ok(places)
    }

    fn save_task(&mut self, places: &[Option<Place>; 16], width: Width, is_return: bool) {
        let old_flags = self.cpu.flags();
        let flags = if is_return { old_flags & !RFLAGS_NT } else { old_flags };
        let mut values = [(0, width); 16];
        values[0].0 = self.next;
        values[1].0 = flags;
        for (index, value) in values.iter_mut().skip(2).take(8).enumerate() {
            value.0 = self.cpu.register(index);
        }
        for (segment, value) in SEGMENTS.into_iter().zip(values.iter_mut().skip(10)) {
            *value = (u64::from(self.cpu.segment(segment).selector), Width::W16);
        }
        for (place, (value, width)) in places.iter().zip(values) {
            if let Some(place) = place {
                self.write_place(place, width, value);
            }
        }
    }

    /// From here on it is the new task that faults.
    fn enter_registers(&mut self, task: &NewTask, layout: Layout, is_nested: bool) {
        self.cpu.set_cr0(self.cpu.cr0() | CR0_TS);
        if layout.cr3.is_some() && self.cpu.cr0() & CR0_PG != 0 {
            self.cpu.set_cr3(task.cr3);
        }
        for (index, value) in task.registers.into_iter().enumerate() {
            self.cpu.set_register(index, value);
        }
        let nested = if is_nested { RFLAGS_NT } else { 0 };
        self.cpu.set_flags(task.flags & RFLAGS_VALID | nested | RFLAGS_FIXED);
        self.cpu.set_instruction_pointer(task.rip);
        self.cpu.set_debug_control(self.cpu.debug_control() & !DEBUG_LOCAL);
    }

    fn enter_segments(
        &mut self,
        task: &NewTask,
        layout: Layout,
        error_code: Option<u32>,
    ) -> Result<(), Fault> {
        for (register, selector) in SEGMENTS.into_iter().zip(task.segments) {
            // A fault finds the selectors there, and nothing usable behind those that were not reached.
            let attributes = match register {
                SegmentRegister::Cs => self.cpu.segment(register).attributes,
                SegmentRegister::Ss => self.cpu.segment(register).attributes & !PRESENT,
                _ => 0,
            };
            let old = self.cpu.segment(register);
            self.cpu.set_segment(register, Segment { selector, attributes, ..old });
        }
        self.enter_local_table(task.local_table)?;
        self.enter_protected_segments(task)?;
        if let Some(code) = error_code {
            self.push_error_code(code, layout.width)?;
        }
        if task.rip > u64::from(self.cpu.segment(SegmentRegister::Cs).limit) {
            return Err(Fault::GENERAL_PROTECTION);
        }
        if task.has_trap {
            self.cpu.set_debug_status(self.cpu.debug_status() | DEBUG_TASK);
            return Err(Fault::Exception { vector: DEBUG, error_code: None, address: 0 });
        }
        Ok(())
    }

    fn enter_local_table(&mut self, selector: u16) -> Result<(), Fault> {
        let none = Segment { selector, ..Segment::default() };
        self.cpu.set_system_segment(SystemSegment::LocalTable, none);
        if selector & !3 == 0 {
            return Ok(());
        }
        let found = self.system_descriptor(selector, INVALID_TASK)?;
        if found.segment.attributes & (TYPE_MASK | PRESENT) != LOCAL_TABLE | PRESENT {
            return Err(Fault::of_selector(INVALID_TASK, selector));
        }
        self.cpu.set_system_segment(SystemSegment::LocalTable, found.segment);
        Ok(())
    }

    /// CS decides the level, SS must agree, and the others must be reachable from it.
    fn enter_protected_segments(&mut self, task: &NewTask) -> Result<(), Fault> {
        let [_, code, stack, ..] = task.segments;
        let level = (code & 3) as u8;
        let found = self.code_segment(code, Transfer::Task)?;
        let segment = self.mark_accessed(found)?;
        let loading = Loading { level, refusal: INVALID_TASK };
        let stack = self.checked_segment(SegmentRegister::Ss, stack, loading)?;
        self.cpu.set_segment(SegmentRegister::Cs, segment);
        self.cpu.set_segment(SegmentRegister::Ss, stack);
        for (register, selector) in SEGMENTS.into_iter().zip(task.segments) {
            if !matches!(register, SegmentRegister::Cs | SegmentRegister::Ss) {
                let segment = self.checked_segment(register, selector, loading)?;
                self.cpu.set_segment(register, segment);
            }
        }
        Ok(())
    }

    fn push_error_code(&mut self, code: u32, width: Width) -> Result<(), Fault> {
        let place = self.stack_place(width.bytes(), width)?;
        self.write_place(&place, width, u64::from(code));
        self.drop_from_stack(0u64.wrapping_sub(width.bytes()));
        Ok(())
    }
}
