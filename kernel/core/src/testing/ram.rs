//! RAM, processors and the frame allocator of the machine that tests run on. Each test thread has its own.

use crate::machine::{CPUS_MAX, Machine};
use crate::memory::{Frames, FramesSetup, NodeRange, PhysicalRange};
use base_units::{Hpa, PAGE_BYTES, PageSize};
use core::sync::atomic::AtomicU32;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
#[cfg(not(test))]
#[allow(unused_imports)]
use std::{boxed::Box, string::String, vec::Vec};

/// What is in RAM that nobody has written: a test that reads it is wrong, and shall see that.
const JUNK: u8 = 0xa5;

/// What [`Machine::share_kernel_half`] writes.
pub(crate) const KERNEL_ENTRY: u64 = 0x8000_0000_0000_0003;

/// One frame.
enum Content {
    Zero,
    Bytes(Box<[u8; PAGE_BYTES as usize]>),
}

#[derive(Default)]
struct Ram {
    end: u64,
    frames: HashMap<u64, Content>,
    kernel_blocks: HashSet<u64>,
    /// Processors that were notified and have not noticed yet.
    notified: HashSet<usize>,
}

thread_local! {
    static RAM: RefCell<Ram> = RefCell::default();
    static FRAMES: Cell<Option<&'static (dyn Any + Send + Sync)>> = const { Cell::new(None) };
    static CPU: Cell<usize> = const { Cell::new(0) };
    static ON_NOTIFY: Cell<fn(usize)> = const { Cell::new(|_| ()) };
}

/// Gives the calling thread a machine with `bytes` of RAM from address 0 on, fresh.
pub(crate) fn set_up<M: Machine>(bytes: u64) {
    let half = PhysicalRange { start: Hpa::new(bytes / 2), bytes: bytes / 2 };
    set_up_with::<M>(bytes, &[NodeRange { range: half, node: 1 }]);
}

/// [`set_up`] with these NUMA nodes.
pub(crate) fn set_up_with<M: Machine>(bytes: u64, nodes: &[NodeRange]) {
    RAM.with(|ram| *ram.borrow_mut() = Ram { end: bytes, ..Ram::default() });
    CPU.set(0);
    ON_NOTIFY.set(|_| ());
    super::processors::forget();
    let words = Frames::<M>::table_words(bytes / PAGE_BYTES);
    let table: Vec<AtomicU32> = (0..words).map(|_| AtomicU32::new(0)).collect();
    let frames = Frames::<M>::new(&FramesSetup {
        table: table.leak(),
        usable: &[PhysicalRange { start: Hpa::new(0), bytes }],
        kernel: &[],
        // Frame 0 stays out: a null address is nobody's.
        reserved: &[PhysicalRange { start: Hpa::new(0), bytes: PAGE_BYTES }],
        nodes,
    });
    FRAMES.set(Some(Box::leak(Box::new(frames))));
}

/// The allocator of [`set_up`].
pub(crate) fn frames<M: Machine>() -> &'static Frames<M> {
    let frames = FRAMES.get().expect("the test has not called set_up");
    frames.downcast_ref().expect("set_up was called for another machine")
}

/// The processor that the calling test acts as.
pub(crate) fn cpu() -> usize {
    CPU.get()
}

/// Acts as another processor from now on.
pub(crate) fn set_cpu(cpu: usize) {
    assert!(cpu < CPUS_MAX);
    CPU.set(cpu);
}

/// What a processor does when it notices a notification.
pub(crate) fn on_notify(action: fn(usize)) {
    ON_NOTIFY.set(action);
}

pub(crate) fn notify(cpu: usize) {
    RAM.with(|ram| ram.borrow_mut().notified.insert(cpu));
}

/// Lets notified processors notice.
pub(crate) fn relax() {
    let noticed = RAM.with(|ram| core::mem::take(&mut ram.borrow_mut().notified));
    assert!(!noticed.is_empty(), "a spin loop waits for ever");
    noticed.into_iter().for_each(|cpu| ON_NOTIFY.get()(cpu));
}

pub(crate) fn read(address: Hpa, buffer: &mut [u8]) {
    let start = address.page_offset() as usize;
    assert!(start + buffer.len() <= PAGE_BYTES as usize, "an access leaves its frame");
    with_frame(address, |content| match content {
        None => buffer.fill(JUNK),
        Some(Content::Zero) => buffer.fill(0),
        Some(Content::Bytes(bytes)) => buffer.copy_from_slice(&bytes[start..start + buffer.len()]),
    });
}

pub(crate) fn write(address: Hpa, bytes: &[u8]) {
    let start = address.page_offset() as usize;
    assert!(start + bytes.len() <= PAGE_BYTES as usize, "an access leaves its frame");
    with_frame(address, |content| {
        let fill = if matches!(content, Some(Content::Zero)) { 0 } else { JUNK };
        if !matches!(content, Some(Content::Bytes(_))) {
            *content = Some(Content::Bytes(Box::new([fill; PAGE_BYTES as usize])));
        }
        if let Some(Content::Bytes(frame)) = content {
            frame[start..start + bytes.len()].copy_from_slice(bytes);
        }
    });
}

pub(crate) fn zero_pages(address: Hpa, pages: u64) {
    assert!(address.is_aligned(PAGE_BYTES));
    for page in 0..pages {
        with_frame(Hpa::new(address.raw() + page * PAGE_BYTES), |content| *content = Some(Content::Zero));
    }
}

pub(crate) fn copy_page(to: Hpa, from: Hpa) {
    let mut bytes = [0; PAGE_BYTES as usize];
    read(from, &mut bytes);
    write(to, &bytes);
}

pub(crate) fn map_kernel_block(block: Hpa) {
    assert!(block.is_aligned(PageSize::Large.bytes()));
    let is_new = RAM.with(|ram| ram.borrow_mut().kernel_blocks.insert(block.raw()));
    assert!(is_new, "a kernel block is mapped twice");
}

pub(crate) fn read_entry(table: Hpa, index: usize) -> u64 {
    let mut bytes = [0; 8];
    read(entry(table, index), &mut bytes);
    u64::from_le_bytes(bytes)
}

pub(crate) fn write_entry(table: Hpa, index: usize, value: u64) {
    write(entry(table, index), &value.to_le_bytes());
}

fn entry(table: Hpa, index: usize) -> Hpa {
    assert!(table.is_aligned(PAGE_BYTES) && index < 512);
    let block = table.align_down(PageSize::Large.bytes()).raw();
    let is_mapped = RAM.with(|ram| ram.borrow().kernel_blocks.contains(&block));
    assert!(is_mapped, "ring 0 reaches for a frame that it does not map");
    Hpa::new(table.raw() + index as u64 * 8)
}

fn with_frame<R>(address: Hpa, with: impl FnOnce(&mut Option<Content>) -> R) -> R {
    RAM.with(|ram| {
        let ram = &mut *ram.borrow_mut();
        assert!(address.raw() < ram.end, "there is no RAM at {address}");
        let number = address.page_start().raw();
        let mut content = ram.frames.remove(&number);
        let result = with(&mut content);
        if let Some(content) = content {
            ram.frames.insert(number, content);
        }
        result
    })
}
