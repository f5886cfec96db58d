//! A machine without virtualisation.

use super::FakeMachine;
use crate::vcpu::{DescriptorTable, Event, ExitHandler, Facts, Segment, VirtualCpu};
use abi::{SegmentState, VcpuPage};
use base_units::Hpa;

/// There is none of these, so its functions cannot be called.
pub(crate) enum NoVcpu {}

impl VirtualCpu<FakeMachine> for NoVcpu {
    fn new(_root: Hpa) -> Option<Self> {
        None
    }

    fn facts() -> Facts {
        Facts::default()
    }

    fn load(&mut self, _guest: u64) {
        match *self {}
    }

    fn unload(&mut self) {
        match *self {}
    }

    fn enter(&mut self, _page: &VcpuPage) {
        match *self {}
    }

    fn with_exit<H: ExitHandler<Self>>(_handler: &mut H) {
        unimplemented!()
    }

    fn rip(&self) -> u64 {
        match *self {}
    }

    fn set_rip(&mut self, _rip: u64) {
        match *self {}
    }

    fn advance(&mut self, _rip: u64) -> u64 {
        match *self {}
    }

    fn next_rip(&self) -> Option<u64> {
        match *self {}
    }

    fn instruction_bytes(&self) -> Option<(u32, [u64; 2])> {
        match *self {}
    }

    fn rflags(&self) -> u64 {
        match *self {}
    }

    fn set_rflags(&mut self, _rflags: u64) {
        match *self {}
    }

    fn has_shadow(&self) -> bool {
        match *self {}
    }

    fn set_shadow(&mut self, _has_shadow: bool) {
        match *self {}
    }

    fn cpl(&self) -> u8 {
        match *self {}
    }

    fn cr0(&self) -> u64 {
        match *self {}
    }

    fn set_cr0(&mut self, _value: u64) {
        match *self {}
    }

    fn cr2(&self) -> u64 {
        match *self {}
    }

    fn set_cr2(&mut self, _value: u64) {
        match *self {}
    }

    fn cr3(&self) -> u64 {
        match *self {}
    }

    fn set_cr3(&mut self, _value: u64) {
        match *self {}
    }

    fn cr4(&self) -> u64 {
        match *self {}
    }

    fn set_cr4(&mut self, _value: u64) {
        match *self {}
    }

    fn cr8(&self) -> u8 {
        match *self {}
    }

    fn set_cr8(&mut self, _value: u8) {
        match *self {}
    }

    fn efer(&self) -> u64 {
        match *self {}
    }

    fn set_efer(&mut self, _value: u64) {
        match *self {}
    }

    fn segment(&self, _segment: Segment) -> SegmentState {
        match *self {}
    }

    fn set_segment(&mut self, _segment: Segment, _state: SegmentState) {
        match *self {}
    }

    fn segment_base(&self, _segment: Segment) -> u64 {
        match *self {}
    }

    fn gdt(&self) -> DescriptorTable {
        match *self {}
    }

    fn set_gdt(&mut self, _table: DescriptorTable) {
        match *self {}
    }

    fn idt(&self) -> DescriptorTable {
        match *self {}
    }

    fn set_idt(&mut self, _table: DescriptorTable) {
        match *self {}
    }

    fn debug(&self, _index: u8) -> u64 {
        match *self {}
    }

    fn set_debug(&mut self, _index: u8, _value: u64) {
        match *self {}
    }

    fn msr(&self, _number: u32) -> Option<u64> {
        match *self {}
    }

    fn set_msr(&mut self, _number: u32, _value: u64) -> Option<()> {
        match *self {}
    }

    fn set_tsc_offset(&mut self, _offset: u64) {
        match *self {}
    }

    fn inject(&mut self, _event: Event) {
        match *self {}
    }

    fn injection(&self) -> Option<Event> {
        match *self {}
    }

    fn cancel_injection(&mut self) {
        match *self {}
    }

    fn offer_interrupt(&mut self, _vector: Option<u8>) {
        match *self {}
    }

    fn was_offer_taken(&self) -> bool {
        match *self {}
    }

    fn watch_nmi_end(&mut self, _is_watched: bool) {
        match *self {}
    }

    fn step(&mut self, _is_wanted: bool) {
        match *self {}
    }

    fn watch_cr8(&mut self, _is_watched: bool) {
        match *self {}
    }

    fn flush_tlb(&mut self) {
        match *self {}
    }
}
