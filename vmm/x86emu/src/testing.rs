//! A processor for tests, of this crate and of others (feature `testing`).

use crate::{
    Beyond, FullProcessor, Mode, Processor, Segment, SegmentRegister, SystemSegment, Table, TableRegister,
};

/// A processor as plain values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestProcessor {
    /// General registers in encoding order.
    pub registers: [u64; 16],
    /// RIP.
    pub rip: u64,
    /// RFLAGS.
    pub flags: u64,
    /// CR0.
    pub cr0: u64,
    /// CR3.
    pub cr3: u64,
    /// CR4.
    pub cr4: u64,
    /// EFER.
    pub efer: u64,
    /// Bases of segments, in encoding order.
    pub bases: [u64; 6],
    /// Attributes of CS, for deciding on the mode.
    pub code_attributes: u16,
    /// The privilege level, whatever SS says.
    pub level: u8,
    /// Limits of segments.
    pub limits: [u32; 6],
    /// Attributes of segments, CS included.
    pub attributes: [u16; 6],
    /// Selectors of segments.
    pub selectors: [u16; 6],
    /// LDTR and TR.
    pub system: [Segment; 2],
    /// GDTR and IDTR.
    pub tables: [TableRegister; 2],
    /// DR6 and DR7.
    pub debug: [u64; 2],
    /// XCR0.
    pub xcr0: u64,
    /// YMM0 to YMM15.
    pub vectors: [[u64; 4]; 16],
    /// What became of the bits beyond a vector that was written.
    pub beyond: [Option<Beyond>; 16],
}

impl TestProcessor {
    /// A processor of the system's level after a jump to 0x1000, with flat segments and without page tables.
    pub fn new(mode: Mode) -> Self {
        let (cr0, efer, code_attributes) = match mode {
            Mode::Bits16 => (0, 0, 0),
            Mode::Bits32 => (1, 0, 1 << 10),
            Mode::Bits64 => (1, 1 << 10, 1 << 9),
        };
        Self {
            registers: [0; 16],
            rip: 0x1000,
            flags: 2,
            cr0,
            cr3: 0,
            cr4: 0,
            efer,
            bases: [0; 6],
            code_attributes,
            level: 0,
            limits: [u32::MAX; 6],
            attributes: [0xC93, 0x09B | code_attributes, 0xC93, 0xC93, 0xC93, 0xC93],
            selectors: [0x10, 8, 0x10, 0x10, 0x10, 0x10],
            system: [Segment::default(); 2],
            tables: [TableRegister::default(); 2],
            debug: [0; 2],
            xcr0: 7,
            vectors: [[0; 4]; 16],
            beyond: [None; 16],
        }
    }
}

impl Processor for TestProcessor {
    fn register(&self, index: usize) -> u64 {
        self.registers[index]
    }
    fn set_register(&mut self, index: usize, value: u64) {
        self.registers[index] = value;
    }
    fn instruction_pointer(&self) -> u64 {
        self.rip
    }
    fn set_instruction_pointer(&mut self, value: u64) {
        self.rip = value;
    }
    fn flags(&self) -> u64 {
        self.flags
    }
    fn set_flags(&mut self, value: u64) {
        self.flags = value;
    }
    fn cr0(&self) -> u64 {
        self.cr0
    }
    fn cr3(&self) -> u64 {
        self.cr3
    }
    fn cr4(&self) -> u64 {
        self.cr4
    }
    fn efer(&self) -> u64 {
        self.efer
    }
    fn segment_base(&self, segment: SegmentRegister) -> u64 {
        self.bases[segment as usize]
    }
    fn code_attributes(&self) -> u16 {
        self.code_attributes
    }
    fn privilege_level(&self) -> u8 {
        self.level
    }
}

impl FullProcessor for TestProcessor {
    fn segment(&self, segment: SegmentRegister) -> Segment {
        let index = segment as usize;
        Segment {
            selector: self.selectors[index],
            attributes: self.attributes[index],
            limit: self.limits[index],
            base: self.bases[index],
        }
    }
    fn set_segment(&mut self, segment: SegmentRegister, value: Segment) {
        let index = segment as usize;
        (self.selectors[index], self.attributes[index]) = (value.selector, value.attributes);
        (self.limits[index], self.bases[index]) = (value.limit, value.base);
        match segment {
            SegmentRegister::Cs => self.code_attributes = value.attributes,
            SegmentRegister::Ss => self.level = value.level(),
            _ => {}
        }
    }
    fn system_segment(&self, segment: SystemSegment) -> Segment {
        self.system[segment as usize]
    }
    fn set_system_segment(&mut self, segment: SystemSegment, value: Segment) {
        self.system[segment as usize] = value;
    }
    fn table(&self, table: Table) -> TableRegister {
        self.tables[table as usize]
    }
    fn set_table(&mut self, table: Table, value: TableRegister) {
        self.tables[table as usize] = value;
    }
    fn set_cr0(&mut self, value: u64) {
        self.cr0 = value;
    }
    fn set_cr3(&mut self, value: u64) {
        self.cr3 = value;
    }
    fn debug_status(&self) -> u64 {
        self.debug[0]
    }
    fn set_debug_status(&mut self, value: u64) {
        self.debug[0] = value;
    }
    fn debug_control(&self) -> u64 {
        self.debug[1]
    }
    fn set_debug_control(&mut self, value: u64) {
        self.debug[1] = value;
    }
    fn xcr0(&self) -> u64 {
        self.xcr0
    }
    fn vector(&self, index: u8) -> Option<[u64; 4]> {
        self.vectors.get(usize::from(index)).copied()
    }
    fn set_vector(&mut self, index: u8, value: [u64; 4], beyond: Beyond) {
        self.vectors[usize::from(index)] = value;
        self.beyond[usize::from(index)] = Some(beyond);
    }
}
