//! What a device says of itself (USB 2.0, 9.6).

use alloc::{vec, vec::Vec};
use spec::usb::{
    CLASS_HID, CONFIGURATION_BUS_POWERED, DEVICE_BYTES, ENDPOINT_INTERRUPT, LANGUAGE_ENGLISH,
    QUALIFIER_BYTES, REQUEST_IN,
    descriptor::{CONFIGURATION, DEVICE, ENDPOINT, HID, INTERFACE, OTHER_SPEED, QUALIFIER, REPORT, STRING},
};

/// The only interrupt endpoint of our devices: IN, number 1.
pub(crate) const INTERRUPT_ENDPOINT: u8 = REQUEST_IN | 1;
/// Bytes of a packet of the default endpoint at high speed.
const DEFAULT_PACKET: u8 = 64;
/// Vendor and product that stock drivers know as an emulated input device.
const VENDOR: u16 = 0x0627;
const PRODUCT: u16 = 0x0001;
/// Numbers of the strings.
const MANUFACTURER_STRING: u8 = 1;
const PRODUCT_STRING: u8 = 2;
const SERIAL_STRING: u8 = 3;
const MANUFACTURER: &str = "Corten";
/// USB 2.0 and HID 1.11 in binary-coded decimals.
const USB_2_0: u16 = 0x0200;
const HID_1_11: u16 = 0x0111;
/// Bytes of a configuration, an interface, a HID and an endpoint descriptor.
const CONFIGURATION_BYTES: u8 = 9 + 9 + 9 + 7;
/// Current that it may draw, in 2 mA.
const CURRENT: u8 = 50;

/// A device with one configuration, one interface and one interrupt endpoint.
#[derive(Debug)]
pub(crate) struct Descriptors {
    pub(crate) product: &'static str,
    pub(crate) serial: &'static str,
    pub(crate) subclass: u8,
    pub(crate) protocol: u8,
    /// What its reports mean (HID 6.2.2).
    pub(crate) report: &'static [u8],
    /// Bytes of a packet of the interrupt endpoint.
    pub(crate) packet: u16,
    /// How often it wants to be asked: 2^(n-1) microframes.
    pub(crate) interval: u8,
}

impl Descriptors {
    /// The descriptor of this type and index, if the device has it.
    pub(crate) fn find(&self, kind: u8, index: u8) -> Option<Vec<u8>> {
        match (kind, index) {
            (DEVICE, 0) => Some(self.device()),
            (CONFIGURATION | OTHER_SPEED, 0) => Some(self.configuration(kind)),
            (QUALIFIER, 0) => Some(qualifier()),
            (STRING, _) => self.string(index),
            (HID, 0) => Some(self.hid()),
            (REPORT, 0) => Some(self.report.to_vec()),
            _ => None,
        }
    }

    fn device(&self) -> Vec<u8> {
        let [usb_low, usb_high] = USB_2_0.to_le_bytes();
        let [vendor_low, vendor_high] = VENDOR.to_le_bytes();
        let [product_low, product_high] = PRODUCT.to_le_bytes();
        // Its class is that of its interface; version 0.0 of the device; one configuration.
        vec![
            DEVICE_BYTES as u8,
            DEVICE,
            usb_low,
            usb_high,
            0,
            0,
            0,
            DEFAULT_PACKET,
            vendor_low,
            vendor_high,
            product_low,
            product_high,
            0,
            0,
            MANUFACTURER_STRING,
            PRODUCT_STRING,
            SERIAL_STRING,
            1,
        ]
    }

    fn configuration(&self, kind: u8) -> Vec<u8> {
        // One interface; configuration 1 without a name.
        let mut bytes = vec![9, kind, CONFIGURATION_BYTES, 0, 1, 1, 0, CONFIGURATION_BUS_POWERED, CURRENT];
        bytes.extend([9, INTERFACE, 0, 0, 1, CLASS_HID, self.subclass, self.protocol, 0]);
        bytes.extend(self.hid());
        let [packet_low, packet_high] = self.packet.to_le_bytes();
        bytes.extend([
            7,
            ENDPOINT,
            INTERRUPT_ENDPOINT,
            ENDPOINT_INTERRUPT,
            packet_low,
            packet_high,
            self.interval,
        ]);
        bytes
    }

    fn hid(&self) -> Vec<u8> {
        let [version_low, version_high] = HID_1_11.to_le_bytes();
        let [length_low, length_high] = (self.report.len() as u16).to_le_bytes();
        // No country; one descriptor below.
        vec![9, HID, version_low, version_high, 0, 1, REPORT, length_low, length_high]
    }

    fn string(&self, index: u8) -> Option<Vec<u8>> {
        let text = match index {
            0 => {
                let [low, high] = LANGUAGE_ENGLISH.to_le_bytes();
                return Some(vec![4, STRING, low, high]);
            }
            MANUFACTURER_STRING => MANUFACTURER,
            PRODUCT_STRING => self.product,
            SERIAL_STRING => self.serial,
            _ => return None,
        };
        let mut bytes = vec![0, STRING];
        bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        let length = u8::try_from(bytes.len()).ok()?;
        if let Some(first) = bytes.first_mut() {
            *first = length;
        }
        Some(bytes)
    }
}

/// What it would be at full speed: the same.
fn qualifier() -> Vec<u8> {
    let [usb_low, usb_high] = USB_2_0.to_le_bytes();
    vec![QUALIFIER_BYTES as u8, QUALIFIER, usb_low, usb_high, 0, 0, 0, DEFAULT_PACKET, 1, 0]
}
