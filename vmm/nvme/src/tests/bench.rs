//! A driver of the controller.

use crate::{Nvme, NvmeConfig, controller::QUEUES_MAX};
use alloc::{vec, vec::Vec};
use base_units::{Gpa, Nanos};
use vmm_bus::{
    AccessSize, ByteVolume, Context, Device, Effects, FlatMemory, GuestMemory, Line, Region, volume::Access,
};

pub(super) const RAM: usize = 0x40_0000;
pub(super) const ASQ: u64 = 0x1000;
pub(super) const ACQ: u64 = 0x2000;
pub(super) const LISTS: u64 = 0x4000;
pub(super) const IDENTIFY: u64 = 0x8000;
pub(super) const DATA: u64 = 0x10_0000;
/// Submission queue n lies here, its completion queue half a page later.
pub(super) const QUEUES: u64 = 0x2_0000;
pub(super) const BLOCKS: u64 = 8192;
pub(super) const ENTRIES: u16 = 16;

/// A command as a driver has it.
#[derive(Clone, Copy, Default)]
pub(super) struct Request {
    pub(super) opcode: u8,
    pub(super) namespace: u32,
    pub(super) pages: (u64, u64),
    pub(super) dwords: [u32; 6],
}

/// What came back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Answer {
    pub(super) result: u32,
    pub(super) status: u16,
    pub(super) id: u16,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Ring {
    pub(super) submission: u64,
    pub(super) completion: u64,
    pub(super) tail: u16,
    pub(super) head: u16,
    pub(super) phase: bool,
}

pub(super) struct Bench {
    pub(super) nvme: Nvme<ByteVolume<Vec<u8>>>,
    pub(super) memory: FlatMemory,
    pub(super) effects: Effects,
    pub(super) rings: Vec<Ring>,
    pub(super) id: u16,
}

pub(super) fn pattern(blocks: u64) -> Vec<u8> {
    (0..blocks as usize * 512).map(|at| (at / 512 * 7 + at) as u8).collect()
}

fn device(access: Access, content: Vec<u8>) -> Nvme<ByteVolume<Vec<u8>>> {
    let config = NvmeConfig { access, serial: *b"serial-1            " };
    Nvme::new(config, Line { pin: 17, source: 2 }, ByteVolume::new(content))
}

impl Bench {
    /// A controller with its admin queue and one pair of I/O queues.
    pub(super) fn new() -> Self {
        let mut bench = Self::untouched(Access::ReadWrite);
        bench.enable();
        bench.create_pair(1);
        bench
    }

    pub(super) fn untouched(access: Access) -> Self {
        let mut bench = Self {
            nvme: device(access, pattern(BLOCKS)),
            memory: FlatMemory::new(Gpa::new(0), RAM),
            effects: Effects::new(),
            rings: vec![Ring::default(); usize::from(QUEUES_MAX)],
            id: 0,
        };
        bench.with(|nvme, context| nvme.config_write(4, AccessSize::Word, 6, context));
        bench
    }

    pub(super) fn enable(&mut self) {
        let last = u32::from(ENTRIES) - 1;
        self.write(0x24, last << 16 | last);
        self.write(0x28, ASQ as u32);
        self.write(0x30, ACQ as u32);
        self.write(0x14, 0x0046_0001);
        assert_eq!(self.read(0x1C), 1);
        self.rings[0] = Ring { submission: ASQ, completion: ACQ, tail: 0, head: 0, phase: true };
        self.poke(ACQ, &[0; 4096]);
    }

    pub(super) fn create_pair(&mut self, index: u16) {
        let submission = QUEUES + u64::from(index) * 0x2000;
        let completion = submission + 0x1000;
        self.poke(completion, &[0; 4096]);
        let (number, size) = (u32::from(index), u32::from(ENTRIES - 1) << 16);
        let create = |opcode, page, flags| Request {
            opcode,
            pages: (page, 0),
            dwords: [size | number, flags, 0, 0, 0, 0],
            ..Request::default()
        };
        assert_eq!(self.admin(create(5, completion, number << 16 | 3)).status, 0);
        assert_eq!(self.admin(create(1, submission, number << 16 | 1)).status, 0);
        self.rings[usize::from(index)] = Ring { submission, completion, tail: 0, head: 0, phase: true };
    }

    pub(super) fn with<R>(
        &mut self,
        act: impl FnOnce(&mut Nvme<ByteVolume<Vec<u8>>>, &mut Context<'_>) -> R,
    ) -> R {
        let mut context = Context { now: Nanos::ZERO, memory: &self.memory, effects: &mut self.effects };
        act(&mut self.nvme, &mut context)
    }

    pub(super) fn read(&mut self, at: u64) -> u32 {
        self.with(|nvme, context| nvme.read(Region(0), at, AccessSize::Dword, context)) as u32
    }

    pub(super) fn write(&mut self, at: u64, value: u32) {
        self.with(|nvme, context| nvme.write(Region(0), at, AccessSize::Dword, u64::from(value), context));
    }

    pub(super) fn poke(&mut self, at: u64, bytes: &[u8]) {
        self.memory.write(Gpa::new(at), bytes).unwrap();
    }

    pub(super) fn peek(&self, at: u64, bytes: usize) -> Vec<u8> {
        let mut content = vec![0; bytes];
        self.memory.read(Gpa::new(at), &mut content).unwrap();
        content
    }

    /// Puts a command into a queue without telling; its id.
    pub(super) fn submit(&mut self, queue: u16, request: Request) -> u16 {
        self.id += 1;
        let id = self.id;
        let mut dwords = [0; 16];
        dwords[0] = u32::from(request.opcode) | u32::from(id) << 16;
        dwords[1] = request.namespace;
        let (first, second) = request.pages;
        dwords[6..10].copy_from_slice(&[
            first as u32,
            (first >> 32) as u32,
            second as u32,
            (second >> 32) as u32,
        ]);
        dwords[10..].copy_from_slice(&request.dwords);
        let raw: Vec<u8> = dwords.iter().flat_map(|dword: &u32| dword.to_le_bytes()).collect();
        let ring = self.rings[usize::from(queue)];
        self.poke(ring.submission + u64::from(ring.tail) * 64, &raw);
        self.rings[usize::from(queue)].tail = (ring.tail + 1) % ENTRIES;
        id
    }

    pub(super) fn ring(&mut self, queue: u16) {
        let tail = self.rings[usize::from(queue)].tail;
        self.write(0x1000 + u64::from(queue) * 8, u32::from(tail));
    }

    pub(super) fn settle(&mut self) {
        for _ in 0..1000 {
            if self.nvme.deadline() != Nanos::ZERO {
                return;
            }
            self.with(|nvme, context| nvme.advance(context));
        }
        panic!("the controller never comes to rest");
    }

    /// Takes the next completion of a queue, if there is one, without telling.
    pub(super) fn take(&mut self, queue: u16) -> Option<Answer> {
        let ring = &mut self.rings[usize::from(queue)];
        let mut raw = [0; 16];
        self.memory.read(Gpa::new(ring.completion + u64::from(ring.head) * 16), &mut raw).unwrap();
        let raw = u128::from_le_bytes(raw);
        let end = (raw >> 96) as u32;
        if (end >> 16 & 1 != 0) != ring.phase {
            return None;
        }
        assert_eq!((raw >> 80) as u16, queue, "the queue of the command");
        ring.head = (ring.head + 1) % ENTRIES;
        ring.phase ^= ring.head == 0;
        Some(Answer { result: raw as u32, status: (end >> 17) as u16, id: end as u16 })
    }

    pub(super) fn acknowledge(&mut self, queue: u16) {
        let head = self.rings[usize::from(queue)].head;
        self.write(0x1004 + u64::from(queue) * 8, u32::from(head));
    }

    /// Runs a command to its end.
    pub(super) fn run(&mut self, queue: u16, request: Request) -> Answer {
        let id = self.submit(queue, request);
        self.ring(queue);
        self.settle();
        let answer = self.take(queue).expect("the command has ended");
        assert_eq!(answer.id, id);
        self.acknowledge(queue);
        answer
    }

    pub(super) fn admin(&mut self, request: Request) -> Answer {
        self.run(0, request)
    }

    pub(super) fn io(&mut self, request: Request) -> Answer {
        self.run(1, request)
    }

    pub(super) fn content(&self) -> &[u8] {
        self.nvme.volume().content()
    }

    /// The same machine with a new controller that takes over the state of this one.
    pub(super) fn twin(&self) -> Self {
        let saved = self.nvme.save();
        let mut twin = Self {
            nvme: device(Access::ReadWrite, self.content().to_vec()),
            memory: FlatMemory::new(Gpa::new(0), RAM),
            effects: Effects::new(),
            rings: self.rings.clone(),
            id: self.id,
        };
        twin.poke(0, &self.peek(0, RAM));
        twin.nvme.restore(saved.as_saved()).unwrap();
        assert_eq!(twin.nvme.save(), saved);
        twin
    }
}

/// A read, write, compare or zeroing of blocks with data at a place in one piece.
pub(super) fn blocks(opcode: u8, first: u64, count: u32, data: u64) -> Request {
    Request {
        opcode,
        namespace: 1,
        pages: (data, data / 4096 * 4096 + 4096),
        dwords: [first as u32, (first >> 32) as u32, count - 1, 0, 0, 0],
    }
}
