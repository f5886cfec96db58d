//! What a program may do with a guest of its own: find out which memory it writes, and set its clock.

use alloc::{format, string::String, vec, vec::Vec};
use base_units::{Gpa, Nanos};
use core::sync::atomic::Ordering::Relaxed;
use user_rt::{
    ExitCounter, ExitKind, GPR_RCX, GPR_RDI, Group, Guest, GuestMapFlags, Memory, MemoryFlags, RegisterState,
    Packet, Port, SegmentState, Vcpu, VcpuRunner, now,
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
/// How long the console may take to show what was found.
const PAUSE: Nanos = Nanos::from_millis(500);
/// What the guest does, again and again: `mov [edi], al; add edi, 4096; loop; out 0x80, al`.
const WRITES: [u8; 14] = [0x88, 0x07, 0x81, 0xc7, 0x00, 0x10, 0, 0, 0xe2, 0xf6, 0xe6, 0x80, 0xeb, 0xf2];

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
    // What was found shall be on the console before anything is done that could bring the machine down.
    let port = Port::create().map_err(sentence)?;
    let _ = port.wait(&mut [Packet::default(); 1], Nanos::new(now().raw() + PAUSE.raw()));
    Ok(())
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
