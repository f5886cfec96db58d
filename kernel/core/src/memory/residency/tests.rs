//! All interleavings of the protocol's steps, in a model of a sequentially consistent machine with store buffers.

use super::*;
use crate::testing::{FakeMachine, ram};
use std::collections::HashSet;

/// The visitor's next step.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Visitor {
    /// Step 1: the store goes to the store buffer.
    Store,
    /// Step 2: waits for the buffer.
    Fence,
    /// Step 3.
    ReadGeneration,
    /// Step 4. A guest uses its TLB if that has the entry and walks the table otherwise, twice, so that it also uses
    /// what it has cached; ring 0 under a stay walks first and uses later what it found.
    Use(u8),
    Leave,
    Done,
}

/// The remover's next step.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Remover {
    /// Step a.
    Change,
    /// Step b.
    Bump,
    /// Step c: waits for the buffer.
    Fence,
    /// Step d.
    Look,
    Wait(u8),
    /// Step e.
    Free,
    Done,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct World {
    visitor: Visitor,
    visits_left: u8,
    /// Whether the visitor is ring 0 under a stay: it compares no generation.
    is_stay: bool,
    seen: u8,
    tlb_has_entry: bool,
    /// (is in the space, visits): memory, and stores that wait in the visitor's buffer.
    slot: (bool, u8),
    slot_buffer: Vec<(bool, u8)>,

    remover: Remover,
    entry: bool,
    generation: u8,
    remover_buffer: Vec<Write>,
    is_freed: bool,
    /// A freed frame was used.
    is_broken: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Write {
    EntryGone,
    Generation,
}

/// What can be left out, to see that the model notices.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    NoVisitorFence,
    NoRemoverFence,
    NoWait,
    NoFlush,
}

impl World {
    fn new(is_stay: bool) -> Self {
        Self {
            visitor: Visitor::Store,
            visits_left: 2,
            is_stay,
            seen: 0,
            tlb_has_entry: !is_stay,
            slot: (false, 0),
            slot_buffer: Vec::new(),
            remover: Remover::Change,
            entry: true,
            generation: 0,
            remover_buffer: Vec::new(),
            is_freed: false,
            is_broken: false,
        }
    }

    /// What the visitor itself sees in its slot.
    fn own_slot(&self) -> (bool, u8) {
        self.slot_buffer.last().copied().unwrap_or(self.slot)
    }

    fn drain_visitor(&self) -> Option<Self> {
        let mut next = self.clone();
        (!next.slot_buffer.is_empty()).then(|| next.slot_buffer.remove(0)).map(|slot| {
            next.slot = slot;
            next
        })
    }

    fn drain_remover(&self) -> Option<Self> {
        let mut next = self.clone();
        (!next.remover_buffer.is_empty()).then(|| next.remover_buffer.remove(0)).map(|write| {
            match write {
                Write::EntryGone => next.entry = false,
                Write::Generation => next.generation += 1,
            }
            next
        })
    }

    fn step_visitor(&self, flaw: Flaw) -> Option<Self> {
        let mut next = self.clone();
        next.visitor =
            match self.visitor {
                Visitor::Store => {
                    next.slot_buffer.push((true, self.own_slot().1));
                    Visitor::Fence
                }
                Visitor::Fence if self.slot_buffer.is_empty() || flaw == Flaw::NoVisitorFence => {
                    if self.is_stay { Visitor::Use(0) } else { Visitor::ReadGeneration }
                }
                Visitor::Fence => return None,
                Visitor::ReadGeneration => {
                    if self.generation != self.seen && flaw != Flaw::NoFlush {
                        next.tlb_has_entry = false;
                    }
                    next.seen = self.generation;
                    Visitor::Use(0)
                }
                Visitor::Use(count) => {
                    next.tlb_has_entry = match (self.is_stay, count) {
                        (false, _) => self.tlb_has_entry || self.entry,
                        (true, 0) => self.entry,
                        (true, _) => self.tlb_has_entry,
                    };
                    next.is_broken = next.tlb_has_entry && self.is_freed;
                    if count == 0 { Visitor::Use(1) } else { Visitor::Leave }
                }
                Visitor::Leave => {
                    next.slot_buffer.push((false, self.own_slot().1 + 1));
                    next.visits_left -= 1;
                    if next.visits_left == 0 { Visitor::Done } else { Visitor::Store }
                }
                Visitor::Done => return None,
            };
        Some(next)
    }

    fn step_remover(&self, flaw: Flaw) -> Option<Self> {
        let mut next = self.clone();
        next.remover = match self.remover {
            Remover::Change => {
                next.remover_buffer.push(Write::EntryGone);
                Remover::Bump
            }
            Remover::Bump => {
                next.remover_buffer.push(Write::Generation);
                Remover::Fence
            }
            Remover::Fence if self.remover_buffer.is_empty() || flaw == Flaw::NoRemoverFence => Remover::Look,
            Remover::Fence => return None,
            Remover::Look if self.slot.0 && flaw != Flaw::NoWait => Remover::Wait(self.slot.1),
            Remover::Look => Remover::Free,
            Remover::Wait(visits) if self.slot == (true, visits) => return None,
            Remover::Wait(_) => Remover::Free,
            Remover::Free => {
                next.is_freed = true;
                Remover::Done
            }
            Remover::Done => return None,
        };
        Some(next)
    }
}

/// Runs all interleavings; how many states there are, or `None` if one of them uses a freed frame.
fn explore(is_stay: bool, flaw: Flaw) -> Option<usize> {
    let mut seen = HashSet::new();
    let mut open = vec![World::new(is_stay)];
    while let Some(world) = open.pop() {
        if world.is_broken {
            return None;
        }
        if !seen.insert(world.clone()) {
            continue;
        }
        let next = [
            world.step_visitor(flaw),
            world.step_remover(flaw),
            world.drain_visitor(),
            world.drain_remover(),
        ];
        let is_stuck = next.iter().all(Option::is_none);
        assert!(
            !is_stuck || (world.remover == Remover::Done && world.visitor == Visitor::Done),
            "a deadlock"
        );
        open.extend(next.into_iter().flatten());
    }
    Some(seen.len())
}

#[test]
fn no_interleaving_uses_a_freed_frame() {
    assert!(explore(false, Flaw::None) > Some(100));
    assert!(explore(true, Flaw::None) > Some(100));
}

#[test]
fn every_step_of_the_protocol_is_needed() {
    assert_eq!(explore(false, Flaw::NoVisitorFence), None);
    assert_eq!(explore(false, Flaw::NoRemoverFence), None);
    assert_eq!(explore(false, Flaw::NoWait), None);
    assert_eq!(explore(false, Flaw::NoFlush), None);
    assert_eq!(explore(true, Flaw::NoVisitorFence), None);
    assert_eq!(explore(true, Flaw::NoRemoverFence), None);
    assert_eq!(explore(true, Flaw::NoWait), None);
}

fn set_up() -> Residency<FakeMachine> {
    ram::set_up::<FakeMachine>(16 << 20);
    ram::on_notify(Residency::<FakeMachine>::leave);
    Residency::new()
}

#[test]
fn a_processor_flushes_once_after_each_shoot_down() {
    let residency = set_up();

    assert!(residency.enter(1));
    Residency::<FakeMachine>::leave(1);
    assert!(!residency.enter(1));
    Residency::<FakeMachine>::leave(1);
    residency.shoot_down();

    assert!(residency.enter(1));
    Residency::<FakeMachine>::leave(1);
    assert!(residency.enter(2));
}

#[test]
fn only_processors_in_the_space_are_waited_for() {
    let residency = set_up();
    let other = Residency::<FakeMachine>::new();
    residency.enter(1);
    other.enter(2);

    residency.shoot_down();

    // Processor 1 was notified and left; processor 2 was not.
    let is_in = |cpu: usize| FakeMachine::frames().presence()[cpu].look() >> SPACE_SHIFT != 0;
    assert!(!is_in(1));
    assert!(is_in(2));
}

#[test]
fn a_tagged_visitor_sees_each_change() {
    let residency = set_up();
    let first = residency.enter_tagged(1);
    Residency::<FakeMachine>::leave(1);

    residency.shoot_down();

    assert_ne!(residency.enter_tagged(1), first);
}
