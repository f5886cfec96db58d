//! String instructions, with and without repetition.

use super::{ACCUMULATOR, Progress, Step, flags, virtual_memory::Place};
use crate::{
    Fault, FullProcessor, Platform, SegmentRegister, Width,
    decode::{Arithmetic, Repeat, Text},
    paging::{Intent, left_in_page},
};
use vmm_bus::{GuestMemory, GuestRange};

/// Repetitions in one go: a page of bytes. Then the guest gets its interrupts.
const REPETITIONS_MAX: u32 = 4096;

/// Bytes of a repeated INS that are taken at once: a sector.
const STRING_BYTES_MAX: usize = 512;

const COUNT: u8 = 1;
const PORT: u8 = 2;
const BASE: u8 = 3;
const SOURCE: u8 = 6;
const TARGET: u8 = 7;

impl<C: FullProcessor, P: Platform> Step<'_, C, P> {
    pub(super) fn text(&mut self, text: Text) -> Result<Progress, Fault> {
        if self.instruction.repeat == Repeat::Once {
            self.text_once(text)?;
            return Ok(Progress::Done);
        }
        let mut left = REPETITIONS_MAX;
        while left > 0 {
            let count = self.address_register(COUNT);
            if count == 0 {
                return Ok(Progress::Done);
            }
            let mut done = 0;
            if text == Text::Input {
                done = self.input_many(count.min(u64::from(left)))?;
            }
            if done == 0 {
                self.text_once(text)?;
                done = 1;
            }
            self.set_address_register(COUNT, count - done);
            left = left.saturating_sub(done as u32);
            if self.is_ended_by_flags(text) {
                return Ok(Progress::Done);
            }
        }
        let is_done = self.address_register(COUNT) == 0;
        Ok(if is_done { Progress::Done } else { Progress::Repeat })
    }

    fn is_ended_by_flags(&self, text: Text) -> bool {
        let is_equal = self.cpu.flags() & flags::ZERO != 0;
        match (text, self.instruction.repeat) {
            (Text::Compare | Text::Scan, Repeat::WhileEqual) => !is_equal,
            (Text::Compare | Text::Scan, Repeat::WhileNotEqual) => is_equal,
            _ => false,
        }
    }

    /// One element. Memory is touched before a register changes, so that a fault leaves them in step.
    fn text_once(&mut self, text: Text) -> Result<(), Fault> {
        let width = self.instruction.width;
        match text {
            Text::Move => {
                // A device is read only when its value can be stored; but the source's fault comes first.
                let source = self.place(self.source()?, width, Intent::Read)?;
                let target = self.place(self.target(Intent::Write)?, width, Intent::Write)?;
                let value = self.read_place(&source, width);
                self.write_place(&target, width, value);
            }
            Text::Store => {
                let value = self.read_register(ACCUMULATOR, width);
                self.write_memory(self.target(Intent::Write)?, width, value)?;
            }
            Text::Load => {
                let value = self.read_memory(self.source()?, width)?;
                self.write_register(ACCUMULATOR, width, value);
            }
            Text::Compare => {
                let source = self.place(self.source()?, width, Intent::Read)?;
                let target = self.place(self.target(Intent::Read)?, width, Intent::Read)?;
                let left = self.read_place(&source, width);
                let right = self.read_place(&target, width);
                self.compare(left, right);
            }
            Text::Scan => {
                let right = self.read_memory(self.target(Intent::Read)?, width)?;
                self.compare(self.read_register(ACCUMULATOR, width), right);
            }
            Text::Input => self.input()?,
            Text::Output => {
                let value = self.read_memory(self.source()?, width)?;
                self.platform.write_port(self.port(), width.access_size(), value as u32);
            }
        }
        if !matches!(text, Text::Store | Text::Scan | Text::Input) {
            self.advance(SOURCE);
        }
        if !matches!(text, Text::Load | Text::Output) {
            self.advance(TARGET);
        }
        Ok(())
    }

    /// The port is read only when its value can be stored.
    fn input(&mut self) -> Result<(), Fault> {
        let width = self.instruction.width;
        let target = self.place(self.target(Intent::Write)?, width, Intent::Write)?;
        let value = self.platform.read_port(self.port(), width.access_size());
        self.write_place(&target, width, u64::from(value));
        Ok(())
    }

    /// As many of these elements at once as are sure to go to RAM, in one page and upwards: how many that were, or none.
    fn input_many(&mut self, elements: u64) -> Result<u64, Fault> {
        let bytes = self.instruction.width.bytes();
        let offset = self.address_register(TARGET);
        let address = self.target(Intent::Write)?;
        let before_wrap = self.instruction.address_width.mask() - offset;
        let room = left_in_page(address).min(before_wrap).min(STRING_BYTES_MAX as u64);
        let elements = elements.min(room / bytes);
        let is_down = self.cpu.flags() & flags::DIRECTION != 0;
        if is_down || elements < 2 {
            return Ok(0);
        }
        // One by one it shows which element, if any, the segment does not have.
        if self.segmented(SegmentRegister::Es, offset, elements * bytes, Intent::Write).is_err() {
            return Ok(0);
        }
        let Place::Whole(at) = self.place(address, self.instruction.width, Intent::Write)? else {
            return Ok(0);
        };
        let mut buffer = [0; STRING_BYTES_MAX];
        let Some(part) = buffer.get_mut(..(elements * bytes) as usize) else { return Ok(0) };
        let range = GuestRange { start: at, bytes: elements * bytes };
        if self.platform.memory().check(range).is_err() {
            return Ok(0);
        }
        self.platform.read_port_string(self.port(), self.instruction.width.access_size(), part);
        // It is RAM, as was checked.
        let _ = self.platform.memory().write(at, part);
        self.set_address_register(TARGET, offset + elements * bytes);
        Ok(elements)
    }

    /// XLAT: AL is an index into a table of bytes at RBX.
    pub(super) fn table_byte(&mut self) -> Result<(), Fault> {
        let index = self.cpu.register(usize::from(ACCUMULATOR)) & 0xFF;
        let offset = self.address_register(BASE).wrapping_add(index) & self.instruction.address_width.mask();
        let segment = self.instruction.segment.unwrap_or(SegmentRegister::Ds);
        let value = self.read_memory(self.segmented(segment, offset, 1, Intent::Read)?, Width::W8)?;
        self.write_register(ACCUMULATOR, Width::W8, value);
        Ok(())
    }

    fn compare(&mut self, left: u64, right: u64) {
        let width = self.instruction.width;
        let (_, flags) = flags::arithmetic(Arithmetic::Compare, left, right, width, self.cpu.flags());
        self.cpu.set_flags(flags);
    }

    fn port(&self) -> u16 {
        self.cpu.register(usize::from(PORT)) as u16
    }

    fn source(&self) -> Result<u64, Fault> {
        let segment = self.instruction.segment.unwrap_or(SegmentRegister::Ds);
        self.segmented(segment, self.address_register(SOURCE), self.instruction.width.bytes(), Intent::Read)
    }

    /// Always in ES.
    fn target(&self, intent: Intent) -> Result<u64, Fault> {
        self.segmented(
            SegmentRegister::Es,
            self.address_register(TARGET),
            self.instruction.width.bytes(),
            intent,
        )
    }

    fn advance(&mut self, register: u8) {
        let bytes = self.instruction.width.bytes();
        let old = self.address_register(register);
        let is_down = self.cpu.flags() & flags::DIRECTION != 0;
        let new = if is_down { old.wrapping_sub(bytes) } else { old.wrapping_add(bytes) };
        self.set_address_register(register, new);
    }

    fn address_register(&self, register: u8) -> u64 {
        self.cpu.register(usize::from(register)) & self.instruction.address_width.mask()
    }

    fn set_address_register(&mut self, register: u8, value: u64) {
        let index = usize::from(register);
        let old = self.cpu.register(index);
        self.cpu.set_register(index, self.instruction.address_width.merge(old, value));
    }
}
