//! `_OSC` of the root bus: what the system may drive itself (PCI Firmware 3.3, 4.5.1; ACPI 6.5, 6.2.11).

use crate::acpi::dsdt::RawAml;
use acpi_tables::{
    Aml,
    aml::{
        And, Arg, CreateDWordField, Else, Equal, If, Local, Method, NotEqual, ONE, Or, Path, Return, Store,
        Uuid,
    },
};
use alloc::{vec, vec::Vec};

/// What the method is about: a PCI host bridge.
const HOST_BRIDGE: &str = "33db4d5b-1ff7-401c-9657-7441c03dd766";
/// Offsets in the buffer: status, and what the system wants to control.
const STATUS_OFFSET: u8 = 0;
const CONTROL_OFFSET: u8 = 8;
/// Power management events and the PCI Express capability. Nothing is plugged in or out and no error is reported, so
/// that there is nothing to hand over for those.
const GRANTED: u8 = 1 << 2 | 1 << 4;
/// Status: the method is about something else, is asked in another version, or grants less than was asked.
const UNKNOWN_UUID: u8 = 1 << 2;
const UNKNOWN_REVISION: u8 = 1 << 3;
const MASKED: u8 = 1 << 4;

/// The method.
pub(super) fn method() -> RawAml {
    let (status, control): (Path, Path) = ("STAT".into(), "CTRL".into());
    let (buffer, granted) = (Arg(3), Local(0));
    let status_of = CreateDWordField::new(&status, &buffer, &STATUS_OFFSET);
    let control_of = CreateDWordField::new(&control, &buffer, &CONTROL_OFFSET);
    let (wrong_uuid, wrong_revision, masked) = (
        Or::new(&status, &status, &UNKNOWN_UUID),
        Or::new(&status, &status, &UNKNOWN_REVISION),
        Or::new(&status, &status, &MASKED),
    );

    let cut = And::new(&granted, &control, &GRANTED);
    let is_other_revision = NotEqual::new(&Arg(1), &ONE);
    let when_other_revision = If::new(&is_other_revision, vec![&wrong_revision]);
    let is_less = NotEqual::new(&control, &granted);
    let when_less = If::new(&is_less, vec![&masked]);
    let store = Store::new(&control, &granted);

    let uuid = Uuid::new(HOST_BRIDGE);
    let is_bridge = Equal::new(&Arg(0), &uuid);
    let when_bridge = If::new(&is_bridge, vec![&control_of, &cut, &when_other_revision, &when_less, &store]);
    let otherwise = Else::new(vec![&wrong_uuid]);
    let answer = Return::new(&buffer);
    let method = Method::new("_OSC".into(), 4, true, vec![&status_of, &when_bridge, &otherwise, &answer]);
    let mut bytes = Vec::new();
    method.to_aml_bytes(&mut bytes);
    RawAml(bytes)
}
