//! Entry points for fuzzers: whatever the bytes, nothing may panic, everything must end, and a display that was
//! saved goes on as the one that was restored.

use crate::{
    Frame, Gpu, Size, TextPage, Vga, VirtioVga,
    frame::{HEIGHT_MAX, WIDTH_MAX},
    vga::{
        FRAME_BUFFER_REGION, MEMORY_REGION, MONO_PORTS_REGION, PORTS_REGION, TEXT_BYTES, VBE_PORTS_REGION,
        WINDOW_REGION,
    },
};
use alloc::{boxed::Box, vec, vec::Vec};
use base_units::{Gpa, Nanos};
use vmm_bus::{
    AccessSize, Context, Device, DirectId, DirectRange, Effects, FlatMemory, Line, Region, VecMemory,
};
use vmm_snapshot::Saved;
use vmm_virtio::testing::Bench;

/// Bytes of the frame buffer of a fuzzed display.
const MEMORY_BYTES: u64 = 0x4_0000;
/// Steps in one run at the most.
const STEPS: usize = 2000;
/// Bytes of one step as the fuzzer writes it.
const STEP_BYTES: usize = 8;
/// Times that a display is saved in one run at the most.
const TWINS_MAX: usize = 4;
/// Looks at the picture in one run at the most: they are long.
const LOOKS_MAX: usize = 8;
/// The regions and their sizes.
const REGIONS: [(Region, u64); 8] = [
    (PORTS_REGION, 32),
    (PORTS_REGION, 32),
    (PORTS_REGION, 32),
    (MONO_PORTS_REGION, 12),
    (VBE_PORTS_REGION, 3),
    (WINDOW_REGION, 0x2_0000),
    (MEMORY_REGION, 0x1000),
    (FRAME_BUFFER_REGION, MEMORY_BYTES),
];
/// Words of commands that a random one would seldom be.
const COMMANDS: [u32; 16] = [
    0x100, 0x101, 0x102, 0x103, 0x104, 0x105, 0x106, 0x107, 0x108, 0x109, 0x10A, 0x300, 0x301, 0x101, 0x105,
    0x106,
];

/// A display with memory of its own.
trait Display: Device + Sized {
    /// Its regions and their sizes.
    const REGIONS: [(Region, u64); 8];

    /// One with a small memory.
    fn sample() -> Self;
    fn frame(&self, now: Nanos) -> Frame<'_>;
    fn text(&self) -> Option<TextPage>;
}

impl Display for Vga {
    const REGIONS: [(Region, u64); 8] = REGIONS;

    fn sample() -> Self {
        sample()
    }

    fn frame(&self, now: Nanos) -> Frame<'_> {
        Vga::frame(self, now)
    }

    fn text(&self) -> Option<TextPage> {
        Vga::text(self)
    }
}

impl Display for VirtioVga {
    // Once each, with virtio's transport among them.
    const REGIONS: [(Region, u64); 8] = {
        let mut regions = REGIONS;
        regions[1] = (Region(4), vmm_virtio::transport::BAR_BYTES);
        regions
    };

    fn sample() -> Self {
        let native = Size { width: 640, height: 480 };
        VirtioVga::new(Box::new(small_memory()), native, Line { pin: 16, source: 1 })
    }

    fn frame(&self, now: Nanos) -> Frame<'_> {
        VirtioVga::frame(self, now)
    }

    fn text(&self) -> Option<TextPage> {
        VirtioVga::text(self)
    }
}

fn small_memory() -> VecMemory {
    VecMemory::new(DirectId(0), vec![0; (MEMORY_BYTES + TEXT_BYTES) as usize])
}

/// A display with a small memory.
pub fn sample() -> Vga {
    Vga::new(Box::new(small_memory()))
}

/// A display at work.
struct Machine<D> {
    display: D,
    memory: FlatMemory,
    effects: Effects,
    now: Nanos,
}

impl<D: Display> Machine<D> {
    fn new(now: Nanos) -> Self {
        Self { display: D::sample(), memory: FlatMemory::new(Gpa::new(0), 0), effects: Effects::new(), now }
    }

    /// What a step shows of the display.
    fn step(&mut self, [kind, a, b, c, v0, v1, v2, v3]: [u8; STEP_BYTES]) -> u64 {
        let mut context = Context { now: self.now, memory: &self.memory, effects: &mut self.effects };
        let (region, bytes) = D::REGIONS.get(usize::from(kind & 7)).copied().unwrap_or((PORTS_REGION, 32));
        let offset = u64::from(u32::from_le_bytes([a, b, c, 0])) % bytes;
        let size = AccessSize::from_bytes(1 << (kind >> 6)).unwrap_or(AccessSize::Byte);
        let value = u64::from(u32::from_le_bytes([v0, v1, v2, v3]));
        match kind >> 3 & 7 {
            0..=3 => self.display.write(region, offset, size, size.cut(value), &mut context),
            4 => return self.display.read(region, offset, size, &mut context),
            5 => {
                // Index and data in one access, as most drivers have it.
                let port = [0x04, 0x0E, 0x14].get(usize::from(a % 3)).copied().unwrap_or(0x04);
                self.display.write(PORTS_REGION, port, AccessSize::Word, value & 0xFFFF, &mut context);
            }
            6 => {
                let register = u16::from(a) & 0xFC;
                self.display.config_write(register, AccessSize::Dword, value as u32, &mut context);
                return u64::from(self.display.config_read(register, AccessSize::Dword, &mut context));
            }
            _ if a == 0 => self.display.reset(&mut context),
            _ => self.now = self.now.saturating_add(Nanos::new(value)),
        }
        0
    }

    fn direct_ranges(&self) -> Vec<DirectRange> {
        let mut ranges = Vec::new();
        self.display.direct_ranges(&mut |range| ranges.push(range));
        for range in &ranges {
            let end = range.offset.saturating_add(range.bytes);
            assert!(end <= MEMORY_BYTES + TEXT_BYTES, "memory that the display does not have");
            assert!(range.offset.is_multiple_of(4096) && range.bytes.is_multiple_of(4096), "parts of pages");
        }
        ranges
    }
}

/// Touches VGA as the fuzzer says; a restored display does the same from the moment of saving on.
pub fn drive(bytes: &[u8]) {
    drive_display::<Vga>(bytes);
}

/// The same with VGA that is virtio-gpu.
pub fn drive_virtio_vga(bytes: &[u8]) {
    drive_display::<VirtioVga>(bytes);
}

fn drive_display<D: Display>(bytes: &[u8]) {
    let mut machine = Machine::<D>::new(Nanos::ZERO);
    let mut twin: Option<Machine<D>> = None;
    let (mut twins, mut looks) = (0, 0);
    for step in bytes.as_chunks::<STEP_BYTES>().0.iter().take(STEPS) {
        let [kind, second, ..] = *step;
        if kind == 0xFF && second < 0x40 && twins < TWINS_MAX {
            twins += 1;
            let saved = machine.display.save();
            let mut restored = Machine::<D>::new(machine.now);
            assert_eq!(restored.display.restore(saved.as_saved()), Ok(()), "what was saved is not restored");
            assert_eq!(restored.display.save(), saved, "what was restored is saved as something else");
            twin = Some(restored);
        }
        if kind == 0xFF && second >= 0xC0 && looks < LOOKS_MAX {
            looks += 1;
            look(&mut machine.display.frame(machine.now));
            let _ = machine.display.text();
        }
        let seen = machine.step(*step);
        let ranges = machine.direct_ranges();
        if let Some(twin) = &mut twin {
            assert_eq!(twin.step(*step), seen, "the restored display does something else");
            assert_eq!(twin.direct_ranges(), ranges);
        }
    }
    look(&mut machine.display.frame(machine.now));
    if let Some(twin) = twin {
        assert_eq!(twin.display.save(), machine.display.save(), "the restored display has another state");
    }
}

/// Restores VGA from bytes that nobody saved, and looks at it if they were taken.
pub fn restore(bytes: &[u8]) {
    restore_display::<Vga>(bytes);
}

/// The same with VGA that is virtio-gpu.
pub fn restore_virtio_vga(bytes: &[u8]) {
    restore_display::<VirtioVga>(bytes);
}

fn restore_display<D: Display>(bytes: &[u8]) {
    let mut machine = Machine::<D>::new(Nanos::ZERO);
    if machine.display.restore(Saved { version: 1, bytes }).is_ok() {
        look(&mut machine.display.frame(machine.now));
        let saved = machine.display.save();
        let mut twin = D::sample();
        assert_eq!(twin.restore(saved.as_saved()), Ok(()));
    }
}

/// Looks at some lines of a picture.
fn look(frame: &mut Frame<'_>) {
    let Size { width, height } = frame.size();
    assert!((1..=WIDTH_MAX).contains(&width) && (1..=HEIGHT_MAX).contains(&height), "an impossible size");
    let mut line = vec![0; width as usize];
    for y in [0, height / 2, height - 1] {
        frame.line(y, &mut line);
        assert!(line.iter().all(|pixel| pixel >> 24 == 0), "a pixel with more than three colours");
    }
}

/// Sends a GPU commands of the fuzzer's choice: a byte for the command, one for its length in words, then words.
pub fn drive_gpu(bytes: &[u8]) {
    let native = Size { width: 640, height: 480 };
    let mut bench = Bench::new(Gpu::new(native), 2, 2);
    let mut rest = bytes;
    // The bench has room for so many.
    for _ in 0..64 {
        let Some(([kind, words], after)) = rest.split_first_chunk::<2>() else { break };
        let count = usize::from(words % 14);
        let (body, after) = after.split_at(after.len().min(count));
        rest = after;
        let command = COMMANDS.get(usize::from(kind & 0xF)).copied().unwrap_or(0);
        let mut sent = command.to_le_bytes().to_vec();
        sent.extend([kind >> 7, 0, 0, 0]);
        sent.extend([0; 16]);
        for byte in body {
            // Small words mostly; some of the others.
            let word = if *byte < 0xF0 { u32::from(*byte) } else { u32::MAX << (byte & 0xF) };
            sent.extend(word.to_le_bytes());
        }
        let queue = u16::from(command >= 0x300);
        bench.add(queue, &[&sent], &[1100]);
        bench.notify(queue);
        if bench.pci.fault().is_some() {
            break;
        }
        for driver in &mut bench.queues {
            while driver.take_used(&bench.memory).is_some() {}
        }
        if let Some(mut frame) = bench.pci.device().frame() {
            look(&mut frame);
        }
    }
    let saved = bench.pci.save();
    let mut twin = Bench::untouched(Gpu::new(native));
    assert_eq!(twin.pci.restore(saved.as_saved()), Ok(()), "what was saved is not restored");
    assert_eq!(twin.pci.save(), saved, "what was restored is saved as something else");
}

/// Restores a GPU from bytes that nobody saved, and looks at it if they were taken.
pub fn restore_gpu(bytes: &[u8]) {
    use vmm_virtio::VirtioDevice;
    let mut gpu = Gpu::new(Size { width: 640, height: 480 });
    if VirtioDevice::restore(&mut gpu, Saved { version: 1, bytes }).is_ok()
        && let Some(mut frame) = gpu.frame()
    {
        look(&mut frame);
    }
}
