//! What a memory object knows about a page.

use base_units::{Hpa, PageSize};

const PRESENT: u64 = 1 << 0;
const NODE: u64 = 1 << 1;
const SHARED: u64 = 1 << 2;
const DIRTY: u64 = 1 << 3;
const FOREIGN: u64 = 1 << 4;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// A slot of the tree: nothing (zero), a node with 512 finer slots, or a leaf: a page of 4 KiB, 2 MiB or 1 GiB by
/// the level that it stands on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Slot(pub(super) u64);

impl Slot {
    pub(super) const NONE: Slot = Slot(0);
    /// No page, but written since the last report of dirty pages: it was given back.
    pub(super) const GIVEN_BACK: Slot = Slot(DIRTY);

    pub(super) const fn node(node: Hpa) -> Slot {
        Slot(node.raw() | NODE)
    }

    /// A page of the object's own.
    pub(super) const fn page(frame: Hpa) -> Slot {
        Slot(frame.raw() | PRESENT)
    }

    /// A page that is read from somebody else's frame, which is never written and never freed.
    pub(super) const fn foreign(frame: Hpa) -> Slot {
        Slot(frame.raw() | PRESENT | SHARED | FOREIGN)
    }

    pub(super) const fn address(self) -> Hpa {
        Hpa::new(self.0 & ADDRESS)
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) const fn is_node(self) -> bool {
        self.0 & NODE != 0
    }

    pub(super) const fn is_present(self) -> bool {
        self.0 & PRESENT != 0
    }

    /// Copied before it is written: others may have a reference to the frame.
    pub(super) const fn is_shared(self) -> bool {
        self.0 & SHARED != 0
    }

    pub(super) const fn is_dirty(self) -> bool {
        self.0 & DIRTY != 0
    }

    pub(super) const fn is_foreign(self) -> bool {
        self.0 & FOREIGN != 0
    }

    /// Present, and counted and charged as a page of the object.
    pub(super) const fn is_own(self) -> bool {
        self.is_present() && !self.is_foreign()
    }

    pub(super) const fn shared(self) -> Slot {
        Slot(self.0 | SHARED)
    }

    pub(super) const fn unshared(self) -> Slot {
        Slot(self.0 & !SHARED)
    }

    pub(super) const fn dirty(self) -> Slot {
        Slot(self.0 | DIRTY)
    }

    pub(super) const fn clean(self) -> Slot {
        Slot(self.0 & !DIRTY)
    }

    /// Part `index` of the 512 of a leaf that stands above `size`.
    pub(super) const fn part(self, index: usize, size_order: u32) -> Slot {
        if self.is_present() { Slot(self.0 + ((index as u64) << (12 + size_order))) } else { self }
    }
}

/// The level on which pages of this size stand.
pub(super) const fn level_of(size: PageSize) -> u32 {
    size.order() / 9
}

/// The size of a leaf on a level of the tree. No page stands higher than level 2.
pub(super) const fn size_of_level(level: u32) -> PageSize {
    match level {
        0 => PageSize::Small,
        1 => PageSize::Large,
        _ => PageSize::Huge,
    }
}
