//! Pictures.

use super::backing::Backing;
use crate::{frame::Size, pages::SavedPages};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use spec::virtio_gpu::{
    FORMAT_A8B8G8R8, FORMAT_A8R8G8B8, FORMAT_B8G8R8A8, FORMAT_B8G8R8X8, FORMAT_R8G8B8A8, FORMAT_R8G8B8X8,
    FORMAT_X8B8G8R8, FORMAT_X8R8G8B8,
};
use vmm_bus::GuestMemory;
use vmm_snapshot::RestoreError;

/// Pictures of one guest at the most.
pub const RESOURCES_MAX: usize = 256;
/// Bytes of all pictures of one guest at the most.
pub const RESOURCE_BYTES_MAX: u64 = 32 << 20;
/// Bytes of a pixel.
pub(super) const PIXEL_BYTES: u64 = 4;
/// Pixels each way at the most: larger ones could not be shown.
const SIDE_MAX: u32 = 8192;

/// A rectangle of pixels. Having one says nothing about what lies there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Rectangle {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Rectangle {
    /// Whether it has pixels and all of them lie in a picture of this size.
    pub(super) fn fits(&self, size: Size) -> bool {
        let is_within = |start: u32, length: u32, limit: u32| {
            length > 0 && start.checked_add(length).is_some_and(|end| end <= limit)
        };
        is_within(self.x, self.width, size.width) && is_within(self.y, self.height, size.height)
    }
}

/// How a pixel's bytes are to be understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Format {
    /// Blue, green, red, and one more.
    Bgr,
    /// One more, then red, green, blue.
    Rgb1,
    /// Red, green, blue, and one more.
    Rgb,
    /// One more, then blue, green, red.
    Bgr1,
}

impl Format {
    pub(super) fn from_raw(raw: u32) -> Option<Self> {
        Some(match raw {
            FORMAT_B8G8R8A8 | FORMAT_B8G8R8X8 => Self::Bgr,
            FORMAT_A8R8G8B8 | FORMAT_X8R8G8B8 => Self::Rgb1,
            FORMAT_R8G8B8A8 | FORMAT_R8G8B8X8 => Self::Rgb,
            FORMAT_X8B8G8R8 | FORMAT_A8B8G8R8 => Self::Bgr1,
            _ => return None,
        })
    }

    /// A pixel as 0xAARRGGBB.
    pub(super) fn pixel(self, bytes: [u8; 4]) -> u32 {
        let [first, second, third, fourth] = bytes;
        u32::from_be_bytes(match self {
            Self::Bgr => [fourth, third, second, first],
            Self::Rgb1 => [first, second, third, fourth],
            Self::Rgb => [fourth, first, second, third],
            Self::Bgr1 => [first, fourth, third, second],
        })
    }
}

/// A picture.
pub(super) struct Resource {
    pub(super) id: u32,
    pub(super) size: Size,
    pub(super) format: Format,
    /// Rows of pixels, one after the other.
    content: Vec<u8>,
    pub(super) backing: Backing,
}

/// A picture as it is saved.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct ResourceState {
    id: u32,
    width: u32,
    height: u32,
    format: Format,
    backing: Backing,
    content: SavedPages,
}

/// Why there is no picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NoResource {
    /// Nobody makes one of this size.
    BadSize,
    /// There is no memory for it.
    OutOfMemory,
}

impl Resource {
    /// A black picture.
    pub(super) fn new(id: u32, size: Size, format: Format) -> Result<Self, NoResource> {
        let is_possible = |side: u32| (1..=SIDE_MAX).contains(&side);
        if !is_possible(size.width) || !is_possible(size.height) {
            return Err(NoResource::BadSize);
        }
        let bytes = size.width as usize * size.height as usize * PIXEL_BYTES as usize;
        let mut content = Vec::new();
        content.try_reserve_exact(bytes).map_err(|_| NoResource::OutOfMemory)?;
        content.resize(bytes, 0);
        Ok(Self { id, size, format, content, backing: Backing::default() })
    }

    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> u64 {
        self.content.len() as u64
    }

    /// Copies a rectangle that fits from the guest's memory, where it begins at `offset` and rows are as long as the
    /// picture's. `false` if the guest does not have such memory.
    pub(super) fn transfer(&mut self, memory: &dyn GuestMemory, rectangle: Rectangle, offset: u64) -> bool {
        let stride = u64::from(self.size.width) * PIXEL_BYTES;
        // Whole rows lie one after the other.
        let (rows, rows_at_once) =
            if rectangle.width == self.size.width { (1, rectangle.height) } else { (rectangle.height, 1) };
        let bytes = u64::from(rectangle.width) * PIXEL_BYTES * u64::from(rows_at_once);
        let start = u64::from(rectangle.y) * stride + u64::from(rectangle.x) * PIXEL_BYTES;
        (0..u64::from(rows)).all(|row| {
            let place = start + row * stride;
            let into = self.content.get_mut(place as usize..(place + bytes) as usize);
            let from = offset.checked_add(row * stride);
            from.zip(into).is_some_and(|(from, into)| self.backing.read(memory, from, into))
        })
    }

    /// The pixels from a place on to the end of their row.
    pub(super) fn pixels(&self, x: u32, y: u32) -> impl Iterator<Item = u32> {
        let stride = self.size.width as usize * PIXEL_BYTES as usize;
        let row = self.content.chunks(stride).nth(y as usize).unwrap_or_default();
        row.as_chunks::<4>().0.iter().skip(x as usize).map(|bytes| self.format.pixel(*bytes))
    }

    pub(super) fn save(&self) -> ResourceState {
        let content = SavedPages::of(self.bytes(), |offset, page| {
            let from = self.content.get(offset as usize..).unwrap_or_default();
            page.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        });
        let Size { width, height } = self.size;
        ResourceState {
            id: self.id,
            width,
            height,
            format: self.format,
            backing: self.backing.clone(),
            content,
        }
    }

    pub(super) fn restore(state: &ResourceState) -> Result<Self, RestoreError> {
        let size = Size { width: state.width, height: state.height };
        let mut resource = Self::new(state.id, size, state.format)
            .map_err(|_| RestoreError::Impossible("a picture is too large"))?;
        if state.id == 0 || !state.backing.is_possible() {
            return Err(RestoreError::Impossible("a picture has an impossible number or memory"));
        }
        resource.backing = state.backing.clone();
        let content = &mut resource.content;
        state.content.restore(content.len() as u64, |offset, page| {
            let into = content.get_mut(offset as usize..).unwrap_or_default();
            into.iter_mut().zip(page).for_each(|(to, from)| *to = *from);
        })?;
        Ok(resource)
    }
}
