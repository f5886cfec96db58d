//! The run loop on a fake processor: what each exit does, and what never happens.

mod delivery;
mod exits;
mod external;
mod kept;
mod posted;
mod state;

use super::*;
use crate::group::Group;
use crate::memory::{MemoryObject, Permissions};
use crate::testing::vcpu::FakeVcpu;
use crate::testing::{FakeMachine, clock, ram};
use abi::{CpuidEntry, ExitKind, MemoryFlags, StateKind, VcpuPage};
use alloc::sync::Arc;
use base_units::Gpa;
use core::sync::atomic::{AtomicU32, Ordering};
use zerocopy::IntoBytes;

/// RAM of the guest.
const GUEST_BYTES: u64 = 1 << 20;

struct Sleeper(AtomicU32);

impl Wake for Sleeper {
    fn wake(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[derive(Default)]
struct Host {
    deadlines: Vec<Option<u64>>,
    has_news: bool,
}

impl RunHost for Host {
    fn set_guest_deadline(&mut self, ticks: Option<u64>) {
        self.deadlines.push(ticks);
    }

    fn is_turn_over(&mut self) -> bool {
        self.has_news
    }
}

type FakeProcessor = Vcpu<FakeMachine, FakeVcpu>;

/// A guest with its vCPUs, on a fresh machine.
struct Bench {
    guest: Arc<Guest<FakeMachine>>,
    vcpus: Vec<FakeProcessor>,
    sleepers: Vec<Arc<Sleeper>>,
    host: Host,
}

impl Bench {
    fn new(count: u32) -> Self {
        ram::set_up::<FakeMachine>(64 << 20);
        clock::set_ticks(1000);
        let group = Group::root();
        let guest = Guest::new(&group).unwrap();
        let memory = MemoryObject::create(group, GUEST_BYTES, MemoryFlags::empty()).unwrap();
        let permissions = Permissions { write: true, execute: true };
        guest.space().map(memory, 0, GUEST_BYTES, Some(Gpa::new(0)), permissions).unwrap();
        let mut bench = Self { guest, vcpus: Vec::new(), sleepers: Vec::new(), host: Host::default() };
        for id in 0..count {
            bench.add(id);
        }
        bench
    }

    fn add(&mut self, id: u32) {
        let sleeper = Arc::new(Sleeper(AtomicU32::new(0)));
        let frame = <FakeMachine as crate::machine::Machine>::frames().allocate_kernel().unwrap();
        let mut vcpu = FakeProcessor::new(self.guest.clone(), id, frame.address(), sleeper.clone()).unwrap();
        core::mem::forget(frame);
        vcpu.write(StateKind::Cpuid, table().as_bytes()).unwrap();
        vcpu.hardware.next_rip = Some(0x1002);
        self.vcpus.push(vcpu);
        self.sleepers.push(sleeper);
    }

    /// The guest of vCPU `index` will do this next.
    fn turn(&mut self, index: usize, turn: impl FnOnce(&mut FakeVcpu, &VcpuPage) -> Exit + Send + 'static) {
        self.vcpus[index].hardware.turns.push_back(Box::new(turn));
    }

    /// The guest exits so.
    fn exits(&mut self, exit: Exit) {
        self.turn(0, move |_, _| exit);
    }

    /// The guest writes this to an MSR.
    fn writes_msr(&mut self, index: usize, number: u32, value: u64) {
        self.turn(index, move |_, page| {
            page.gpr[1].store(u64::from(number), Ordering::Relaxed);
            page.gpr[0].store(value & 0xffff_ffff, Ordering::Relaxed);
            page.gpr[2].store(value >> 32, Ordering::Relaxed);
            Exit::WriteMsr
        });
    }

    fn run(&mut self, index: usize) -> Outcome {
        self.vcpus[index].run(&mut self.host)
    }

    fn page(&self) -> &VcpuPage {
        self.vcpus[0].page
    }

    fn gpr(&self, index: usize) -> u64 {
        self.page().gpr[index].load(Ordering::Relaxed)
    }

    fn kind(&self) -> Option<ExitKind> {
        ExitKind::from_raw(self.page().exit_kind.load(Ordering::Relaxed))
    }

    fn detail(&self, index: usize) -> u64 {
        self.page().detail[index].load(Ordering::Relaxed)
    }

    /// Software-enables the local APIC of vCPU `index` in x2APIC mode.
    fn enable_x2apic(&mut self, index: usize) {
        self.writes_msr(index, 0x1b, 0xfee0_0c00 | if index == 0 { 0x100 } else { 0 });
        self.writes_msr(index, 0x80f, 0x1ff);
        assert_eq!(self.run(index), Outcome::Interrupted);
    }
}

/// A CPUID table with x2APIC.
fn table() -> [CpuidEntry; 3] {
    let line = |leaf, eax, ecx| CpuidEntry { leaf, eax, ecx, ..CpuidEntry::default() };
    [line(0, 1, 0x1111), line(1, 0x600, 1 << 21), line(0xd, 7, 0)]
}
