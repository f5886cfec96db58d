//! The GPU as a value: what each command does.

use super::{
    backing::{Backing, PIECES_MAX},
    commands::{COMMAND_BYTES, Command, CursorPlace, Header},
    resource::{Format, NoResource, RESOURCE_BYTES_MAX, RESOURCES_MAX, Rectangle, Resource},
};
use crate::{
    edid::edid,
    frame::{HEIGHT_MAX, Size, WIDTH_MAX},
};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use spec::virtio_gpu::{
    DISPLAY_BYTES, EDID_BYTES_MAX, ERROR_INVALID_PARAMETER, ERROR_INVALID_RESOURCE, ERROR_INVALID_SCANOUT,
    ERROR_OUT_OF_MEMORY, ERROR_UNSPECIFIED, MEMORY_ENTRY_BYTES, OK_DISPLAY_INFO, OK_EDID, OK_NO_DATA,
    SCANOUTS_MAX,
};
use vmm_bus::GuestMemory;
use vmm_virtio::{Chain, Fault, Parts};

/// The only screen.
const SCANOUT: u32 = 0;
/// Sides of a cursor at the most.
pub(super) const CURSOR_SIDE_MAX: u32 = 64;

/// What is shown of which picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Scanout {
    pub(super) id: u32,
    pub(super) rectangle: Rectangle,
}

/// The cursor.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// Its picture; 0 = none.
    pub(super) id: u32,
    /// Where its hot spot is.
    pub(super) x: u32,
    pub(super) y: u32,
    /// Its hot spot within the picture.
    pub(super) hot_x: u32,
    pub(super) hot_y: u32,
}

/// A GPU without 3D, with one screen.
pub struct Gpu {
    /// The size that the screen asks for.
    pub(super) native: Size,
    pub(super) resources: Vec<Resource>,
    pub(super) scanout: Option<Scanout>,
    pub(super) cursor: Cursor,
    pub(super) chain: Chain,
    /// Bytes copied from the guest since [`super::device`] looked last.
    pub(super) copied: u64,
}

/// Why a command was not carried out: the answer.
struct Refusal(u32);

const UNKNOWN_RESOURCE: Refusal = Refusal(ERROR_INVALID_RESOURCE);
const BAD_PARAMETER: Refusal = Refusal(ERROR_INVALID_PARAMETER);

impl Gpu {
    /// A GPU whose screen asks for this size.
    pub fn new(native: Size) -> Self {
        Self {
            native,
            resources: Vec::new(),
            scanout: None,
            cursor: Cursor::default(),
            chain: Chain::new(),
            copied: 0,
        }
    }

    /// Carries out the command in `chain`; returns the answer.
    pub(super) fn handle(&mut self, chain: &Chain, memory: &dyn GuestMemory) -> Result<Vec<u8>, Fault> {
        let sent = chain.readable();
        let mut bytes = [0; COMMAND_BYTES];
        let count = usize::try_from(sent.len()).unwrap_or(usize::MAX).min(COMMAND_BYTES);
        let bytes = bytes.get_mut(..count).unwrap_or_default();
        sent.read(memory, 0, bytes)?;
        let Some(header) = Header::parse(bytes) else {
            return Ok(Header::default().answer(ERROR_UNSPECIFIED));
        };
        let mut data = Vec::new();
        let answer = match Command::parse(header.kind, bytes) {
            Some(Command::DisplayInfo) => {
                data = self.display_info();
                Ok(OK_DISPLAY_INFO)
            }
            Some(Command::Edid { scanout: SCANOUT }) => {
                data = self.edid();
                Ok(OK_EDID)
            }
            Some(Command::Attach { id, entries }) => self.attach(id, entries, &sent, memory)?,
            Some(command) => self.perform(command, memory).map(|()| OK_NO_DATA),
            None => Err(Refusal(ERROR_UNSPECIFIED)),
        };
        let mut bytes = header.answer(answer.unwrap_or_else(|Refusal(kind)| kind));
        bytes.extend(data);
        Ok(bytes)
    }

    /// Commands that are answered with a word.
    fn perform(&mut self, command: Command, memory: &dyn GuestMemory) -> Result<(), Refusal> {
        match command {
            Command::Create { id, format, width, height } => self.create(id, format, Size { width, height }),
            Command::Unref { id } => self.unref(id),
            Command::SetScanout { rectangle, scanout, id } => self.set_scanout(rectangle, scanout, id),
            Command::Flush { rectangle, id } => {
                let resource = self.resource(id)?;
                rectangle.fits(resource.size).then_some(()).ok_or(BAD_PARAMETER)
            }
            Command::Transfer { rectangle, offset, id } => self.transfer(rectangle, offset, id, memory),
            Command::Detach { id } => {
                self.resource(id)?.backing = Backing::default();
                Ok(())
            }
            Command::UpdateCursor { cursor, id, hot } => self.update_cursor(cursor, id, hot),
            Command::MoveCursor { cursor } => {
                self.cursor = Cursor { x: cursor.x, y: cursor.y, ..self.cursor };
                check_scanout(cursor.scanout)
            }
            Command::Edid { scanout } => check_scanout(scanout),
            Command::DisplayInfo | Command::Attach { .. } | Command::Unknown => {
                Err(Refusal(ERROR_UNSPECIFIED))
            }
        }
    }

    fn create(&mut self, id: u32, format: u32, size: Size) -> Result<(), Refusal> {
        if id == 0 || self.find(id).is_some() {
            return Err(UNKNOWN_RESOURCE);
        }
        let format = Format::from_raw(format).ok_or(BAD_PARAMETER)?;
        let used: u64 = self.resources.iter().map(Resource::bytes).sum();
        let bytes = u64::from(size.width).saturating_mul(u64::from(size.height)).saturating_mul(4);
        if self.resources.len() >= RESOURCES_MAX || used.saturating_add(bytes) > RESOURCE_BYTES_MAX {
            return Err(Refusal(ERROR_OUT_OF_MEMORY));
        }
        let resource = Resource::new(id, size, format).map_err(|error| match error {
            NoResource::BadSize => BAD_PARAMETER,
            NoResource::OutOfMemory => Refusal(ERROR_OUT_OF_MEMORY),
        })?;
        self.resources.push(resource);
        Ok(())
    }

    fn unref(&mut self, id: u32) -> Result<(), Refusal> {
        self.resource(id)?;
        self.resources.retain(|resource| resource.id != id);
        self.scanout = self.scanout.filter(|scanout| scanout.id != id);
        if self.cursor.id == id {
            self.cursor.id = 0;
        }
        Ok(())
    }

    fn set_scanout(&mut self, rectangle: Rectangle, scanout: u32, id: u32) -> Result<(), Refusal> {
        check_scanout(scanout)?;
        if id == 0 {
            self.scanout = None;
            return Ok(());
        }
        let size = self.resource(id)?.size;
        if !is_showable(rectangle, size) {
            return Err(BAD_PARAMETER);
        }
        self.scanout = Some(Scanout { id, rectangle });
        Ok(())
    }

    fn transfer(
        &mut self,
        rectangle: Rectangle,
        offset: u64,
        id: u32,
        memory: &dyn GuestMemory,
    ) -> Result<(), Refusal> {
        let resource = self.resource(id)?;
        if !rectangle.fits(resource.size) || !resource.transfer(memory, rectangle, offset) {
            return Err(BAD_PARAMETER);
        }
        let pixels = u64::from(rectangle.width).saturating_mul(u64::from(rectangle.height));
        self.copied = self.copied.saturating_add(pixels.saturating_mul(4));
        Ok(())
    }

    /// Takes the list of memory that follows the command.
    fn attach(
        &mut self,
        id: u32,
        entries: u32,
        sent: &Parts<'_>,
        memory: &dyn GuestMemory,
    ) -> Result<Result<u32, Refusal>, Fault> {
        let used: usize = self.resources.iter().map(|resource| resource.backing.len()).sum();
        let Ok(resource) = self.resource(id) else { return Ok(Err(UNKNOWN_RESOURCE)) };
        let count = entries as usize;
        if resource.backing.len() != 0 || count > PIECES_MAX.saturating_sub(used) {
            return Ok(Err(Refusal(ERROR_UNSPECIFIED)));
        }
        let mut backing = Backing::default();
        // Two words behind the header, then the list.
        let mut at = spec::virtio_gpu::HEADER_BYTES as u64 + 8;
        for _ in 0..count {
            let mut entry = [0; MEMORY_ENTRY_BYTES];
            sent.read(memory, at, &mut entry)?;
            at = at.saturating_add(MEMORY_ENTRY_BYTES as u64);
            let [low, high] = [entry.first_chunk::<8>(), entry.last_chunk::<8>()]
                .map(|part| part.map_or(0, |bytes| u64::from_le_bytes(*bytes)));
            if !backing.push(low, high as u32) {
                return Ok(Err(BAD_PARAMETER));
            }
        }
        resource.backing = backing;
        Ok(Ok(OK_NO_DATA))
    }

    fn update_cursor(&mut self, place: CursorPlace, id: u32, hot: (u32, u32)) -> Result<(), Refusal> {
        check_scanout(place.scanout)?;
        if id != 0 {
            let size = self.resource(id)?.size;
            if size.width > CURSOR_SIDE_MAX || size.height > CURSOR_SIDE_MAX {
                return Err(BAD_PARAMETER);
            }
        }
        let (hot_x, hot_y) = hot;
        self.cursor = Cursor { id, x: place.x, y: place.y, hot_x, hot_y };
        Ok(())
    }

    /// Size, position and presence of all screens: there is one.
    fn display_info(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SCANOUTS_MAX * DISPLAY_BYTES);
        for word in [0, 0, self.native.width, self.native.height, 1, 0] {
            bytes.extend(u32::to_le_bytes(word));
        }
        bytes.resize(SCANOUTS_MAX * DISPLAY_BYTES, 0);
        bytes
    }

    fn edid(&self) -> Vec<u8> {
        let edid = edid(self.native);
        let mut bytes = Vec::with_capacity(8 + EDID_BYTES_MAX);
        bytes.extend((edid.len() as u32).to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(edid);
        bytes.resize(8 + EDID_BYTES_MAX, 0);
        bytes
    }

    pub(super) fn find(&self, id: u32) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.id == id)
    }

    fn resource(&mut self, id: u32) -> Result<&mut Resource, Refusal> {
        self.resources.iter_mut().find(|resource| resource.id == id).ok_or(UNKNOWN_RESOURCE)
    }
}

/// Whether a part of a picture of this size can be shown.
pub(super) fn is_showable(rectangle: Rectangle, size: Size) -> bool {
    rectangle.fits(size) && rectangle.width <= WIDTH_MAX && rectangle.height <= HEIGHT_MAX
}

fn check_scanout(scanout: u32) -> Result<(), Refusal> {
    if scanout == SCANOUT { Ok(()) } else { Err(Refusal(ERROR_INVALID_SCANOUT)) }
}
