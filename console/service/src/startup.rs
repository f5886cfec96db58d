//! The start message taken apart.

use management_protocol::StartMessage;
use user_rt::{Channel, Interrupt, IoRange, Log, Memory, Object, OwnedHandle, Startup};

/// What the console was given.
pub(crate) struct Parts {
    pub(crate) supervisor: Channel,
    pub(crate) start: StartMessage,
    pub(crate) log: Option<Log>,
    pub(crate) serial: Option<(IoRange, Interrupt)>,
    pub(crate) screen: Option<Memory>,
    pub(crate) keyboard: Option<(IoRange, IoRange, Interrupt, Interrupt)>,
}

impl Parts {
    /// Sorts the handles by what the message says came along; `None` if it is no start message or
    /// handles are missing.
    pub(crate) fn unpack(startup: Startup) -> Option<Self> {
        let start: StartMessage = user_ipc::decode(&startup.bytes).ok()?;
        let mut handles = startup.handles.into_iter();
        // The runtime took its own handle to the group.
        drop(handles.next()?);
        let log = if start.has_log { Some(next(&mut handles)?) } else { None };
        let serial = match start.serial {
            Some(_) => Some((next(&mut handles)?, next(&mut handles)?)),
            None => None,
        };
        let screen = if start.screen.is_some() { Some(next(&mut handles)?) } else { None };
        let keyboard = match start.keyboard {
            Some(_) => {
                let (data, status) = (next(&mut handles)?, next(&mut handles)?);
                Some((data, status, next(&mut handles)?, next(&mut handles)?))
            }
            None => None,
        };
        Some(Self { supervisor: startup.channel, start, log, serial, screen, keyboard })
    }
}

fn next<Kind: Object>(handles: &mut impl Iterator<Item = OwnedHandle>) -> Option<Kind> {
    handles.next().map(Kind::from_handle)
}
