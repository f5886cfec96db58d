//! Frames of memory objects: counted references, a cache for each processor.

use super::cache::CACHE_BATCH;
use super::records::{Tag, pack, value_of, zone_of};
use super::{Frames, NODES_MAX, address_of, number_of};
use crate::machine::Machine;
use base_units::{Hpa, PageSize};
use core::sync::atomic::Ordering::Relaxed;

impl<M: Machine> Frames<M> {
    /// Frames for a memory object, with one reference each and whatever was in them. Aligned to `size`.
    #[inline]
    pub(in crate::memory) fn allocate_object(&self, size: PageSize) -> Option<Hpa> {
        if size != PageSize::Small {
            return self.allocate_large(size.order());
        }
        let cpu = M::cpu();
        let cached = self.caches[cpu].lock().pop(self.records);
        let frame = match cached {
            Some(frame) => frame,
            None => self.refill(cpu)?,
        };
        let word = self.records.word(frame);
        self.records.set_word(frame, pack(Tag::Object, zone_of(word), 1));
        Some(address_of(frame))
    }

    /// Adds a reference to each frame of a page. `false`, and nothing is done, if one has too many.
    pub(in crate::memory) fn share_object(&self, address: Hpa, size: PageSize) -> bool {
        let first = number_of(address);
        for frame in first..first + (1 << size.order()) {
            if !self.records.add_reference(frame) {
                for done in first..frame {
                    // The caller's own reference stays, so this is never the last one.
                    let _ = self.records.drop_reference(done);
                }
                return false;
            }
        }
        true
    }

    /// Whether somebody else has a reference to a frame of this page.
    pub(in crate::memory) fn is_shared(&self, address: Hpa, size: PageSize) -> bool {
        let first = number_of(address);
        (first..first + (1 << size.order())).any(|frame| value_of(self.records.word(frame)) > 1)
    }

    /// Drops a reference to each frame of a page. No processor may be able to reach them through this
    /// reference any more.
    pub(in crate::memory) fn release_object(&self, address: Hpa, size: PageSize) {
        let first = number_of(address);
        if size == PageSize::Small {
            if let Some(zone) = self.records.drop_reference(first) {
                self.free_single(first, zone);
            }
            return;
        }
        let frames = first..first + (1 << size.order());
        if !self.is_shared(address, size) {
            let mut zone = 0;
            for frame in frames {
                zone = zone_of(self.records.word(frame));
                self.records.forget(frame);
            }
            self.zones[zone as usize].lock().free(self.records, first, size.order());
            return;
        }
        for frame in frames {
            if let Some(zone) = self.records.drop_reference(frame) {
                self.free_single(frame, zone);
            }
        }
    }

    fn free_single(&self, frame: u32, zone: u32) {
        self.records.set_word(frame, pack(Tag::Cached, zone, 0));
        let cpu = M::cpu();
        let mut cache = self.caches[cpu].lock();
        // A frame of a distant node would come back as a near one.
        if zone == self.node(cpu) as u32 && cache.push(self.records, frame) {
            return;
        }
        drop(cache);
        self.zones[zone as usize].lock().free(self.records, frame, 0);
        if zone == self.node(cpu) as u32 {
            self.drain(cpu, CACHE_BATCH as usize);
        }
    }

    /// Takes one frame and fills the cache of `cpu`, which is empty.
    fn refill(&self, cpu: usize) -> Option<u32> {
        let mut found = self.take_single(cpu);
        if found.is_none() {
            (0..self.caches.len()).for_each(|cpu| self.drain(cpu, usize::MAX));
            found = self.take_single(cpu);
        }
        found
    }

    fn take_single(&self, cpu: usize) -> Option<u32> {
        let near = self.node(cpu);
        if let Some(frame) = self.take_batch(cpu, near) {
            return Some(frame);
        }
        for node in (0..NODES_MAX).map(|step| (near + step) % NODES_MAX) {
            let taken = self.zones[node].lock().allocate(self.records, 0);
            if let Some(frame) = taken {
                self.records.set_word(frame, pack(Tag::Cached, node as u32, 0));
                return Some(frame);
            }
        }
        None
    }

    /// Takes a block of frames apart: one for the caller, the others for the cache of `cpu`, which is empty.
    fn take_batch(&self, cpu: usize, node: usize) -> Option<u32> {
        let first = self.zones[node].lock().allocate(self.records, CACHE_BATCH.ilog2())?;
        let mut cache = self.caches[cpu].lock();
        // From the end on, so that low frames are handed out first.
        for frame in (first..first + CACHE_BATCH).rev() {
            self.records.set_word(frame, pack(Tag::Cached, node as u32, 0));
            assert!(frame == first || cache.push(self.records, frame), "an empty cache is full");
        }
        Some(first)
    }

    /// Gives at most `count` frames of a cache back to their zones.
    pub(super) fn drain(&self, cpu: usize, count: usize) {
        for _ in 0..count {
            let Some(frame) = self.caches[cpu].lock().pop(self.records) else { return };
            let zone = zone_of(self.records.word(frame));
            self.zones[zone as usize].lock().free(self.records, frame, 0);
        }
    }

    fn allocate_large(&self, order: u32) -> Option<Hpa> {
        let near = self.node(M::cpu());
        for node in (0..NODES_MAX).map(|step| (near + step) % NODES_MAX) {
            let taken = self.zones[node].lock().allocate(self.records, order);
            let Some(first) = taken else { continue };
            for frame in first..first + (1 << order) {
                self.records.set_word(frame, pack(Tag::Object, node as u32, 1));
            }
            return Some(address_of(first));
        }
        None
    }

    fn node(&self, cpu: usize) -> usize {
        usize::from(self.cpu_nodes[cpu].load(Relaxed))
    }
}
