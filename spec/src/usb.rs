//! Universal Serial Bus 2.0, chapter 9, and the class of human interface devices (HID 1.11).

/// Request type: data goes from the device to the host (9.3.1).
pub const REQUEST_IN: u8 = 0x80;
/// Request type: who defined the request, two bits.
pub const REQUEST_KIND_MASK: u8 = 0x60;
/// Defined by the class.
pub const REQUEST_CLASS: u8 = 0x20;
/// Request type: what it is for.
pub const RECIPIENT_MASK: u8 = 0x1F;
/// For the device.
pub const RECIPIENT_DEVICE: u8 = 0;
/// For an interface.
pub const RECIPIENT_INTERFACE: u8 = 1;
/// For an endpoint.
pub const RECIPIENT_ENDPOINT: u8 = 2;

/// Standard requests (table 9-4).
pub mod request {
    /// Returns status.
    pub const GET_STATUS: u8 = 0;
    /// Clears or disables a feature.
    pub const CLEAR_FEATURE: u8 = 1;
    /// Sets or enables a feature.
    pub const SET_FEATURE: u8 = 3;
    /// Returns a descriptor.
    pub const GET_DESCRIPTOR: u8 = 6;
    /// Returns the configuration.
    pub const GET_CONFIGURATION: u8 = 8;
    /// Sets the configuration.
    pub const SET_CONFIGURATION: u8 = 9;
    /// Returns an interface's alternate setting.
    pub const GET_INTERFACE: u8 = 10;
    /// Selects an alternate setting.
    pub const SET_INTERFACE: u8 = 11;
}

/// Feature: an endpoint is halted (table 9-6).
pub const FEATURE_ENDPOINT_HALT: u16 = 0;

/// Types of descriptors (table 9-5; HID 7.1).
pub mod descriptor {
    /// Device.
    pub const DEVICE: u8 = 1;
    /// Configuration with all that belongs to it.
    pub const CONFIGURATION: u8 = 2;
    /// String.
    pub const STRING: u8 = 3;
    /// Interface.
    pub const INTERFACE: u8 = 4;
    /// Endpoint.
    pub const ENDPOINT: u8 = 5;
    /// What a device says of itself at the other speed.
    pub const QUALIFIER: u8 = 6;
    /// The configuration at the other speed.
    pub const OTHER_SPEED: u8 = 7;
    /// HID.
    pub const HID: u8 = 0x21;
    /// What reports mean.
    pub const REPORT: u8 = 0x22;
}

/// Bytes of a device descriptor.
pub const DEVICE_BYTES: usize = 18;
/// Bytes of a device qualifier.
pub const QUALIFIER_BYTES: usize = 10;
/// Attributes of a configuration: always set; power comes from the bus.
pub const CONFIGURATION_BUS_POWERED: u8 = 0x80;
/// Attributes of an endpoint: interrupt.
pub const ENDPOINT_INTERRUPT: u8 = 3;
/// Strings: English, United States.
pub const LANGUAGE_ENGLISH: u16 = 0x0409;

/// Class of interfaces: human interface device.
pub const CLASS_HID: u8 = 3;
/// Subclass: can use the boot protocol (HID 4.2).
pub const SUBCLASS_BOOT: u8 = 1;
/// Protocol of the boot subclass: keyboard (HID 4.3).
pub const PROTOCOL_KEYBOARD: u8 = 1;

/// Requests of human interface devices (HID 7.2).
pub mod hid_request {
    /// Returns a report.
    pub const GET_REPORT: u8 = 1;
    /// Returns the idle rate.
    pub const GET_IDLE: u8 = 2;
    /// Returns the protocol.
    pub const GET_PROTOCOL: u8 = 3;
    /// Sends a report.
    pub const SET_REPORT: u8 = 9;
    /// Sets the idle rate.
    pub const SET_IDLE: u8 = 10;
    /// Chooses the boot or the report protocol.
    pub const SET_PROTOCOL: u8 = 11;
}

/// Kinds of reports, in the upper byte of a request's value (HID 7.2.1).
pub mod report_kind {
    /// From the device.
    pub const INPUT: u8 = 1;
    /// To the device.
    pub const OUTPUT: u8 = 2;
}
