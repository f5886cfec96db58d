//! What a program may do with a guest of its own: find out which memory it writes, and set its clock.

use alloc::{format, string::String, vec, vec::Vec};
use base_units::Gpa;
use core::sync::atomic::Ordering::Relaxed;
use user_rt::{
    ExitCounter, ExitKind, GPR_RAX, GPR_RCX, GPR_RDI, GPR_RDX, GUEST_TSC_RATE, Group, Guest, GuestMapFlags,
    Memory, MemoryFlags, RegisterState, SegmentState, Vcpu, VcpuRunner, read_ticks, system_info,
};

/// Bytes of the guest's memory.
const MEMORY_BYTES: u64 = 8 << 20;
const PAGE: u64 = 4096;
/// Where its code is.
const CODE: u64 = 0x1000;
/// The first page that it writes.
const FIRST: u64 = 4;
/// Pages of a turn: more than a log has room for, and few.
const MANY: u64 = 1300;
const FEW: u64 = 5;
/// Returns to this program that a turn may take.
const RETURNS_MAX: u32 = 1000;
/// What the guest does, again and again: `mov [edi], al; add edi, 4096; loop; out 0x80, al`.
const WRITES: [u8; 14] = [0x88, 0x07, 0x81, 0xc7, 0x00, 0x10, 0, 0, 0xe2, 0xf6, 0xe6, 0x80, 0xeb, 0xf2];

/// And this: `rdtsc; out 0x80, al`.
const CLOCK: [u8; 6] = [0x0f, 0x31, 0xe6, 0x80, 0xeb, 0xfa];
/// Looks at its clock.
const CLOCK_TURNS: u32 = 20;

/// A guest with one vCPU, in 32-bit protected mode without paging.
struct Machine {
    memory: Memory,
    vcpu: Vcpu,
    runner: VcpuRunner,
    _guest: Guest,
}

fn sentence(error: user_rt::Error) -> String {
    format!("the kernel refuses what a program may do with its guest: {error:?}")
}

/// Shows what can be done with guests.
pub(crate) fn obey(group: &Group) -> Result<(), String> {
    let mut machine = Machine::new(group).map_err(sentence)?;
    machine.is_tracked()?;
    machine.has_its_own_clock()
}

impl Machine {
    fn new(group: &Group) -> Result<Self, user_rt::Error> {
        let guest = Guest::create(group)?;
        let memory = Memory::create(group, MEMORY_BYTES, MemoryFlags::LARGE_PAGES)?;
        let all = GuestMapFlags::WRITE | GuestMapFlags::EXECUTE;
        guest.map(&memory, 0, MEMORY_BYTES, Gpa::new(0), all)?;
        let (vcpu, mut runner) = guest.create_vcpu(0)?;
        let mut state = runner.registers()?;
        enter_protected_mode(&mut state);
        runner.set_registers(&state)?;
        memory.write(CODE, &WRITES)?;
        Ok(Self { memory, vcpu, runner, _guest: guest })
    }

    /// Has the guest write a byte to each of `count` pages from `first` on.
    fn write(&mut self, first: u64, count: u64) -> Result<(), String> {
        let page = self.runner.page();
        page.gpr[GPR_RDI].store(first * PAGE, Relaxed);
        page.gpr[GPR_RCX].store(count, Relaxed);
        self.run_to_port()
    }

    /// Runs the guest until it writes to a port.
    fn run_to_port(&mut self) -> Result<(), String> {
        for _ in 0..RETURNS_MAX {
            self.runner.run().map_err(sentence)?;
            match self.runner.page().exit_kind.load(Relaxed) {
                kind if kind == ExitKind::Port as u32 => return Ok(()),
                kind if kind == ExitKind::Kicked as u32 => {}
                kind => return Err(format!("the guest ends with {kind}")),
            }
        }
        Err("the guest never comes to its end".into())
    }

    /// The pages that were written since this was asked last.
    fn written(&self) -> Result<Vec<u64>, String> {
        let mut bitmap = vec![0u64; (MEMORY_BYTES / PAGE / 64) as usize];
        let count = self.memory.take_dirty(0, MEMORY_BYTES, &mut bitmap).map_err(sentence)?;
        let is_set =
            |page: &u64| bitmap.get((page / 64) as usize).is_some_and(|word| word >> (page % 64) & 1 != 0);
        let pages: Vec<u64> = (0..MEMORY_BYTES / PAGE).filter(is_set).collect();
        if pages.len() as u64 != count {
            return Err(format!("{count} pages are said to be written, {} are marked", pages.len()));
        }
        Ok(pages)
    }

    fn faults(&self) -> Result<u64, String> {
        let stats = self.vcpu.stats().map_err(sentence)?;
        Ok(stats.exits[ExitCounter::Memory as usize])
    }

    /// The guest's clock runs at half the speed of the host's, or the kernel says that it cannot.
    fn has_its_own_clock(&mut self) -> Result<(), String> {
        let info = system_info();
        let rate = info.tsc_hz / 2;
        match self.runner.set_tsc_rate(rate) {
            Ok(()) => {}
            Err(user_rt::Error::Unsupported) if info.guest_features & GUEST_TSC_RATE == 0 => {
                user_rt::log!("RING3 a guest's clock has the host's rate");
                return Ok(());
            }
            Err(error) => return Err(sentence(error)),
        }
        self.memory.write(CODE, &CLOCK).map_err(sentence)?;
        let mut state = self.runner.registers().map_err(sentence)?;
        state.rip = CODE;
        self.runner.set_registers(&state).map_err(sentence)?;
        for _ in 0..CLOCK_TURNS {
            let before = read_ticks();
            self.run_to_port()?;
            let after = read_ticks();
            let [low, high] = [GPR_RAX, GPR_RDX].map(|index| self.runner.page().gpr[index].load(Relaxed));
            let seen = high << 32 | low & 0xffff_ffff;
            // The ratio has 48 bits, or 32: it may be a little less than a half.
            let (least, most) = (before / 2, after / 2);
            if seen.saturating_add(seen >> 24) < least || seen > most {
                return Err(format!("a clock of half the speed shows {seen}, not {least} to {most}"));
            }
        }
        user_rt::log!("RING3 a guest's clock has a rate of its own");
        self.runner.set_tsc_rate(0).map_err(sentence)
    }

    /// Each write is in the next report, and nothing else is.
    fn is_tracked(&mut self) -> Result<(), String> {
        self.write(FIRST, MANY)?;
        self.memory.track_start().map_err(sentence)?;
        self.must_report("at first", FIRST, 0)?;
        for (turn, count) in [("once", MANY), ("few", FEW), ("again", MANY), ("nothing", 0), ("at last", FEW)]
        {
            let before = self.faults()?;
            if count > 0 {
                self.write(FIRST, count)?;
            }
            let faults = self.faults()?.saturating_sub(before);
            user_rt::log!("RING3 tracking {turn}: {count} pages cost {faults} faults");
            self.must_report(turn, FIRST, count)?;
        }
        user_rt::log!("RING3 tracking is right");
        self.memory.track_stop().map_err(sentence)
    }

    fn must_report(&self, turn: &str, first: u64, count: u64) -> Result<(), String> {
        let pages = self.written()?;
        if pages.iter().copied().eq(first..first + count) {
            return Ok(());
        }
        let (from, to) = (pages.first(), pages.last());
        Err(format!(
            "tracking {turn}: {count} pages were written, {} reported, {from:?} to {to:?}",
            pages.len()
        ))
    }
}

fn enter_protected_mode(state: &mut RegisterState) {
    let flat =
        |selector: u16, attributes: u16| SegmentState { selector, attributes, limit: u32::MAX, base: 0 };
    state.segments = [flat(16, 0xc93); 6];
    state.segments[1] = flat(8, 0xc9b);
    state.cr0 = 0x11;
    state.rip = CODE;
    state.rflags = 2;
}
