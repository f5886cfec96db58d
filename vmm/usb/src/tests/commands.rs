//! Commands and their errors.

use super::driver::{COMMAND_RING, DOORBELLS, Driver, INPUT, OPERATIONAL};
use spec::xhci::{CRCR, CRCR_RUNNING, CRCR_STOP, PORT_RESET, code, endpoint, slot, trb};
use vmm_chipset::i8042::Stroke;

/// The slot in a command.
fn of(slot: u8) -> u32 {
    u32::from(slot) << 24
}

#[test]
fn commands_for_slots_that_are_not_enabled_say_so() {
    let mut driver = Driver::running();
    let all = [
        trb::DISABLE_SLOT,
        trb::ADDRESS_DEVICE,
        trb::CONFIGURE_ENDPOINT,
        trb::EVALUATE_CONTEXT,
        trb::RESET_ENDPOINT,
        trb::STOP_ENDPOINT,
        trb::SET_DEQUEUE,
        trb::RESET_DEVICE,
    ];
    for kind in all {
        for number in [0, 1, 17, 255] {
            assert_eq!(driver.command(kind, INPUT, of(number)).0, code::SLOT_NOT_ENABLED);
        }
    }
    assert_eq!(driver.command(trb::NO_OP_COMMAND, 0, 0).0, code::SUCCESS);
    assert_eq!(driver.command(60, 0, 0).0, code::TRB);
}

#[test]
fn slots_run_out_at_what_software_configured() {
    let mut driver = Driver::running();
    for number in 1..=4 {
        assert_eq!(driver.command(trb::ENABLE_SLOT, 0, 0), (code::SUCCESS, number));
    }
    assert_eq!(driver.command(trb::ENABLE_SLOT, 0, 0).0, code::NO_SLOTS);
    assert_eq!(driver.command(trb::DISABLE_SLOT, 0, of(2)).0, code::SUCCESS);
    assert_eq!(driver.command(trb::ENABLE_SLOT, 0, 0), (code::SUCCESS, 2));
}

#[test]
fn a_device_whose_port_was_not_reset_does_not_answer() {
    let mut driver = Driver::running();
    let (_, number) = driver.command(trb::ENABLE_SLOT, 0, 0);
    driver.prepare_address(number, 1);

    assert_eq!(driver.command(trb::ADDRESS_DEVICE, INPUT, of(number)).0, code::TRANSACTION);
    // An empty port.
    driver.prepare_address(number, 3);
    assert_eq!(driver.command(trb::ADDRESS_DEVICE, INPUT, of(number)).0, code::TRANSACTION);
    driver.write_port(1, PORT_RESET);
    driver.prepare_address(number, 1);
    assert_eq!(driver.command(trb::ADDRESS_DEVICE, INPUT, of(number)).0, code::SUCCESS);
    assert_eq!(driver.output(number, 0, 3), slot::ADDRESSED << 27 | u32::from(number));
    assert_eq!(driver.command(trb::ADDRESS_DEVICE, INPUT, of(number)).0, code::CONTEXT_STATE);
}

#[test]
fn only_one_slot_gets_a_device() {
    let mut driver = Driver::running();
    driver.address(1);
    let (_, second) = driver.command(trb::ENABLE_SLOT, 0, 0);
    driver.prepare_address(second, 1);

    assert_eq!(driver.command(trb::ADDRESS_DEVICE, INPUT, of(second)).0, code::TRANSACTION);
}

#[test]
fn a_device_can_be_asked_before_it_has_an_address() {
    let mut driver = Driver::running();
    driver.write_port(1, PORT_RESET);
    let (_, number) = driver.command(trb::ENABLE_SLOT, 0, 0);
    driver.prepare_address(number, 1);
    let blocked = of(number) | 1 << 9;

    assert_eq!(driver.command(trb::ADDRESS_DEVICE, INPUT, blocked).0, code::SUCCESS);
    assert_eq!(driver.output(number, 0, 3) >> 27, slot::DEFAULT);
    assert_eq!(driver.descriptor(number, 1, 0, 8).len(), 8);
    assert_eq!(driver.command(trb::ADDRESS_DEVICE, INPUT, blocked).0, code::CONTEXT_STATE);
    assert_eq!(driver.command(trb::ADDRESS_DEVICE, INPUT, of(number)).0, code::SUCCESS);
}

#[test]
fn input_contexts_that_make_no_sense_are_parameter_errors() {
    let mut driver = Driver::running();
    driver.write_port(1, PORT_RESET);
    let (_, number) = driver.command(trb::ENABLE_SLOT, 0, 0);
    // Flags, port, route, kind of endpoint, packet.
    for (context, word, value) in
        [(0, 1, 1), (1, 1, 0), (1, 1, 9 << 16), (1, 0, 1), (2, 1, 64 << 16 | 7 << 3), (2, 1, 4 << 3)]
    {
        driver.prepare_address(number, 1);
        driver.input(context, word, value);
        assert_eq!(driver.command(trb::ADDRESS_DEVICE, INPUT, of(number)).0, code::PARAMETER);
    }
}

#[test]
fn endpoints_come_and_go_with_the_slot_state() {
    let mut driver = Driver::running();
    let number = driver.address(1);

    assert_eq!(driver.configure_endpoint(number), code::SUCCESS);
    assert_eq!(driver.output(number, 0, 3) >> 27, slot::CONFIGURED);
    assert_eq!(driver.output(number, 3, 0) & 7, endpoint::RUNNING);
    assert_eq!(driver.output(number, 0, 0) >> 27, 3);
    assert_eq!(driver.command(trb::CONFIGURE_ENDPOINT, 0, of(number) | 1 << 9).0, code::SUCCESS);
    assert_eq!(driver.output(number, 0, 3) >> 27, slot::ADDRESSED);
    assert_eq!(driver.output(number, 3, 0) & 7, endpoint::DISABLED);
    let names = of(number) | 3 << 16;
    assert_eq!(driver.command(trb::STOP_ENDPOINT, 0, names).0, code::ENDPOINT_NOT_ENABLED);
}

#[test]
fn an_endpoint_of_the_wrong_direction_changes_nothing() {
    let mut driver = Driver::running();
    let number = driver.address(1);
    assert_eq!(driver.configure_endpoint(number), code::SUCCESS);
    driver.input(0, 0, 1 << 3);
    driver.input(0, 1, 1 << 2 | 1);
    driver.input(3, 1, 8 << 16 | 7 << 3);

    assert_eq!(driver.command(trb::CONFIGURE_ENDPOINT, INPUT, of(number)).0, code::PARAMETER);
    assert_eq!(driver.output(number, 3, 0) & 7, endpoint::RUNNING);
}

#[test]
fn a_transfer_that_waits_is_told_when_its_endpoint_stops() {
    let (mut driver, number) = Driver::with_device(1);
    let at = driver.ask(number, 8);
    assert_eq!(driver.events(), []);
    let names = of(number) | 3 << 16;

    driver.put_command(trb::STOP_ENDPOINT, 0, names);
    driver.write(DOORBELLS, 0);

    let [stopped, completion] = driver.events()[..] else { panic!("two events") };
    assert_eq!((stopped.kind(), stopped.code(), stopped.parameter), (trb::TRANSFER_EVENT, code::STOPPED, at));
    assert_eq!(stopped.residue(), 8);
    assert_eq!((completion.kind(), completion.code()), (trb::COMMAND_EVENT, code::SUCCESS));
    assert_eq!(driver.output(number, 3, 2), at as u32 | 1);
    assert_eq!(driver.command(trb::STOP_ENDPOINT, 0, names).0, code::CONTEXT_STATE);
    // Rung again, it goes on where it was.
    driver.ring(number, 3);
    assert!(driver.stroke(4, Stroke::Press));
    assert_eq!(driver.events().len(), 1);
}

#[test]
fn a_reset_device_is_at_address_0_with_its_default_endpoint() {
    let (mut driver, number) = Driver::with_device(1);

    assert_eq!(driver.command(trb::RESET_DEVICE, 0, of(number)).0, code::SUCCESS);
    assert_eq!(driver.output(number, 0, 3), slot::DEFAULT << 27);
    assert_eq!(driver.command(trb::RESET_DEVICE, 0, of(number)).0, code::CONTEXT_STATE);
    driver.write_port(1, PORT_RESET);
    assert_eq!(driver.descriptor(number, 1, 0, 18).len(), 18);
}

#[test]
fn evaluate_context_takes_over_the_packet_size() {
    let mut driver = Driver::running();
    let number = driver.address(1);
    driver.input(0, 1, 1 << 1);
    driver.input(2, 1, 512 << 16 | 4 << 3);

    assert_eq!(driver.command(trb::EVALUATE_CONTEXT, INPUT, of(number)).0, code::SUCCESS);
    assert_eq!(driver.output(number, 1, 1) >> 16, 512);
}

#[test]
fn the_command_ring_stops_and_begins_somewhere_else() {
    let mut driver = Driver::running();
    assert_eq!(driver.command(trb::NO_OP_COMMAND, 0, 0).0, code::SUCCESS);
    assert_eq!(driver.read(OPERATIONAL + CRCR), CRCR_RUNNING);

    driver.write64(OPERATIONAL + CRCR, u64::from(CRCR_STOP));

    let events = driver.events();
    assert_eq!(events.last().map(|event| event.code()), Some(code::COMMAND_RING_STOPPED));
    assert_eq!(events.last().map(|event| event.parameter), Some(COMMAND_RING + 16));
    assert_eq!(driver.read(OPERATIONAL + CRCR), 0);
}

#[test]
fn rings_wrap_at_their_links() {
    let mut driver = Driver::running();
    for _ in 0..100 {
        assert_eq!(driver.command(trb::NO_OP_COMMAND, 0, 0).0, code::SUCCESS);
    }
}
