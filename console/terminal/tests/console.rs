//! Claims about the console as its users see it: what is typed on one side, what is shown on the other.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use console_terminal::{Console, Effect, Motion, Pointer, SessionId};
use management_protocol::{
    Memory, Notice, Refusal, Reply, Request, StartMessage, Statistics, VmConsole, VmLine, VmState,
};
use proptest::prelude::*;

use SessionId::{Screen, Serial};

fn console(host: Option<&str>) -> Console {
    let vm = |name: &str| VmConsole { name: name.into(), is_host: host == Some(name) };
    let mut console = Console::new(&StartMessage {
        has_log: true,
        serial: None,
        screen: None,
        keyboard: None,
        vms: vec![vm("demo"), vm("other")],
        banner: "Corten 0.1.0".into(),
    });
    console.greet("Corten 0.1.0");
    console
}

/// A console whose greeting was read.
fn quiet(host: Option<&str>) -> Console {
    let mut console = console(host);
    shown(&mut console, Serial);
    shown(&mut console, Screen);
    console
}

fn shown(console: &mut Console, id: SessionId) -> String {
    String::from_utf8(console.session(id).take_output()).unwrap()
}

fn question(console: &mut Console) -> (u32, Request) {
    match console.take_effects().as_slice() {
        [Effect::Ask(question)] => (question.id, question.request.clone()),
        other => panic!("not one question: {other:?}"),
    }
}

fn answer(console: &mut Console, id: u32, reply: Reply) {
    console.notice(Notice::Answer { id, reply });
}

#[test]
fn nobody_is_left_without_a_hint() {
    assert!(shown(&mut console(Some("demo")), Serial).contains("Corten: Ctrl-] for the monitor\r\n"));
    assert!(shown(&mut console(None), Serial).ends_with("type help\r\n\r\x1b[Kcorten> "));
    assert!(shown(&mut console(Some("demo")), Screen).ends_with("corten> "));
}

#[test]
fn the_host_vm_has_the_serial_line_byte_for_byte() {
    let mut console = quiet(Some("demo"));
    console.vm_connected(0);
    let bytes: Vec<u8> = (0..=255).filter(|byte| *byte != console_terminal::ESCAPE_KEY).collect();

    console.vm_said(0, &bytes);
    console.typed(Serial, &bytes);
    console.logged(b"[1.0] kernel: something\n");

    assert_eq!(console.session(Serial).take_output(), bytes);
    assert_eq!(console.take_effects(), [Effect::ToVm(0, bytes)]);
    assert!(shown(&mut console, Screen).contains("kernel: something\r\n"));
}

#[test]
fn the_escape_key_goes_to_the_monitor_and_back_without_losing_a_byte() {
    let mut console = quiet(Some("demo"));
    console.vm_connected(0);
    console.vm_said(0, b"login: ");
    shown(&mut console, Serial);

    console.typed(Serial, b"root\x1d");
    assert_eq!(console.take_effects(), [Effect::ToVm(0, b"root".to_vec())]);
    assert!(shown(&mut console, Serial).ends_with("corten> "));
    console.vm_said(0, b"unseen");
    assert_eq!(shown(&mut console, Serial), "");
    console.typed(Serial, b"\x1d");

    assert_eq!(shown(&mut console, Serial), "\r\x1b[K[console of demo; Ctrl-] for the monitor]\r\nunseen");
}

#[test]
fn the_log_of_the_meantime_is_shown_in_the_monitor() {
    let mut console = quiet(Some("demo"));
    console.vm_connected(0);
    console.logged(b"before the first word\n");
    assert!(shown(&mut console, Serial).contains("before the first word"));
    console.vm_said(0, b"x");
    console.logged(b"vm other: started\n");
    assert_eq!(shown(&mut console, Serial), "x");

    console.typed(Serial, b"\x1d");

    assert!(shown(&mut console, Serial).contains("vm other: started\r\n"));
}

#[test]
fn the_end_of_a_vm_leads_to_the_monitor_and_its_restart_back() {
    let mut console = quiet(Some("demo"));
    console.vm_connected(0);
    console.vm_said(0, b"bye\r\n");
    console.vm_closed(0);

    let text = shown(&mut console, Serial);
    assert!(text.contains("[demo has ended; this is the monitor, type help]"), "{text}");
    assert!(text.ends_with("corten> "));
    console.vm_connected(0);
    console.vm_said(0, b"hello");
    assert!(shown(&mut console, Serial).ends_with("[console of demo; Ctrl-] for the monitor]\r\nhello"));
}

#[test]
fn a_restart_does_not_take_the_monitor_from_somebody_who_types() {
    let mut console = quiet(Some("demo"));
    console.vm_connected(0);
    console.vm_closed(0);
    console.typed(Serial, b"vm");
    shown(&mut console, Serial);

    console.vm_connected(0);
    console.vm_said(0, b"hello");

    assert_eq!(shown(&mut console, Serial), "");
}

#[test]
fn the_escape_key_does_not_leave_the_monitor_for_a_vm_that_is_not_running() {
    let mut console = quiet(Some("demo"));
    console.vm_connected(0);
    console.vm_closed(0);
    shown(&mut console, Serial);

    console.typed(Serial, b"\x1d");

    let text = shown(&mut console, Serial);
    assert!(text.contains("demo is not running; this is the monitor"), "{text}");
    assert!(text.ends_with("corten> "));
}

#[test]
fn a_line_of_the_log_does_not_tear_what_is_typed() {
    let mut console = quiet(None);
    console.typed(Serial, b"sta");
    shown(&mut console, Serial);

    console.logged(b"[2.0] half of");
    assert_eq!(shown(&mut console, Serial), "");
    console.logged(b" a line\n");

    assert_eq!(shown(&mut console, Serial), "\r\x1b[K[2.0] half of a line\r\n\r\x1b[Kcorten> sta");
}

#[test]
fn a_command_waits_for_its_answer_and_keeps_what_is_typed_ahead() {
    let mut console = quiet(None);
    console.typed(Serial, b"stop demo\rstart other\r");

    let (id, request) = question(&mut console);
    assert_eq!(request, Request::Stop("demo".into()));
    assert!(shown(&mut console, Serial).ends_with("stop demo\r\n"));
    answer(&mut console, id, Reply::Refused(Refusal::NotRunning));
    assert!(
        shown(&mut console, Serial)
            .contains("it does not run; start it first\r\n\r\x1b[Kcorten> start other")
    );
    assert_eq!(question(&mut console).1, Request::Start("other".into()));
}

#[test]
fn ctrl_c_gives_an_answer_up() {
    let mut console = quiet(None);
    console.typed(Serial, b"stats\r");
    let (id, _) = question(&mut console);

    console.typed(Serial, b"\x03");
    assert!(shown(&mut console, Serial).ends_with("corten> "));
    answer(&mut console, id, Reply::Statistics(Statistics::default()));
    assert_eq!(shown(&mut console, Serial), "");
}

#[test]
fn the_table_of_vms_comes_in_parts() {
    let mut console = quiet(None);
    console.typed(Serial, b"vms\r");
    let line = |name: &str| VmLine {
        name: name.into(),
        state: VmState::Running,
        vcpus: 2,
        memory_bytes: 256 << 20,
        used_bytes: 12 << 20,
        kernel_bytes: 64 << 10,
        cpu_ns: 1_500_000_000,
        wait_ns: 0,
        restarts: 1,
        outcome: "failed: x\u{1b}[2J".into(),
    };

    let (id, request) = question(&mut console);
    assert_eq!(request, Request::Vms { from: 0 });
    answer(&mut console, id, Reply::Vms { total: 2, lines: vec![line("demo")] });
    let (id, request) = question(&mut console);
    assert_eq!(request, Request::Vms { from: 1 });
    answer(&mut console, id, Reply::Vms { total: 2, lines: vec![line("other")] });

    let text = shown(&mut console, Serial);
    assert!(
        text.contains("demo   running     2    256M     12M     64K   1.500 s         1  failed: x?[2J\r\n"),
        "{text}"
    );
    assert!(text.contains("other  running"));
    assert!(text.lines().all(|line| line.len() < 80), "{text}");
}

#[test]
fn a_supervisor_that_promises_more_than_it_sends_is_not_asked_for_ever() {
    let mut console = quiet(None);
    console.typed(Serial, b"vms\r");
    let (id, _) = question(&mut console);

    answer(&mut console, id, Reply::Vms { total: u32::MAX, lines: Vec::new() });

    assert_eq!(console.take_effects(), []);
    assert!(shown(&mut console, Serial).contains("no VMs are defined"));
}

#[test]
fn figures_are_tables() {
    let mut console = quiet(None);
    console.typed(Serial, b"stats\r");
    let (id, _) = question(&mut console);
    let figures = Statistics {
        now_ns: 2_000_000_000,
        cpus: 2,
        idle_ns: 3_000_000_000,
        wake_ups: 1234,
        exits: vec![1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        memory_bytes: 1 << 30,
        free_bytes: 1 << 29,
        ..Statistics::default()
    };
    answer(&mut console, id, Reply::Statistics(figures));

    let text = shown(&mut console, Serial);
    assert!(text.contains("wake-ups from idle           1,234"), "{text}");
    assert!(text.contains("idle                        75.0 %"), "{text}");
    assert!(text.contains("cpuid            3  75.0 %"), "{text}");

    console.typed(Screen, b"memory\r");
    let (id, _) = question(&mut console);
    answer(&mut console, id, Reply::Memory(Memory { total_bytes: 1 << 30, ..Memory::default() }));
    assert!(shown(&mut console, Screen).contains("1.0 GiB"));
}

#[test]
fn console_shows_the_past_of_a_vm_and_leads_to_it() {
    let mut console = quiet(None);
    console.vm_connected(1);
    console.vm_said(1, b"past ");

    console.typed(Serial, b"console other\rhi");
    console.vm_said(1, b"present");

    let text = shown(&mut console, Serial);
    assert!(text.ends_with("[console of other; Ctrl-] for the monitor]\r\npast present"), "{text}");
    assert_eq!(console.take_effects(), [Effect::ToVm(1, b"hi".to_vec())]);
}

#[test]
fn mistakes_are_told_in_a_sentence() {
    let mut console = quiet(None);

    console.typed(Serial, b"console nobody\rfoo\r");

    let text = shown(&mut console, Serial);
    assert!(text.contains("there is no VM of that name; type vms for the list"));
    assert!(text.contains("there is no command \"foo\"; type help for the list"));
    assert!(text.ends_with("corten> "));
}

#[test]
fn the_log_is_read_on_request() {
    let mut console = quiet(None);
    console.typed(Serial, b"log 5\r");
    assert_eq!(console.take_effects(), [Effect::ReadLog(Serial, 5)]);

    console.show_log_page(Serial, b"a\nb\n");

    assert!(shown(&mut console, Serial).ends_with("a\r\nb\r\n\r\x1b[Kcorten> "));
}

#[test]
fn the_last_lines_are_flushed_before_the_end() {
    let mut console = quiet(None);
    console.logged(b"all vms stopped: powering off\n");

    console.notice(Notice::Farewell);

    assert_eq!(console.take_effects(), [Effect::Flush]);
    assert!(shown(&mut console, Serial).contains("all vms stopped: powering off\r\n"));
    console.logged(b"really\n");
    assert_eq!(shown(&mut console, Serial), "\r\x1b[Kreally\r\n", "no prompt any more");
}

proptest! {
    #[test]
    fn nothing_typed_or_said_panics(
        steps in proptest::collection::vec((0u8..6, proptest::collection::vec(any::<u8>(), 0..60), 0usize..3), 0..60)
    ) {
        let mut console = console(Some("demo"));
        let mut last = 0;
        for (kind, bytes, vm) in steps {
            match kind {
                0 => console.typed(Serial, &bytes),
                1 => console.typed(Screen, &bytes),
                2 => console.vm_said(vm, &bytes),
                3 => console.vm_connected(vm),
                4 => console.vm_closed(vm),
                _ => console.logged(&bytes),
            }
            for effect in console.take_effects() {
                match effect {
                    Effect::Ask(question) => last = question.id,
                    Effect::ToVm(vm, bytes) => prop_assert!(vm < 2 && !bytes.is_empty()),
                    Effect::ReadLog(id, lines) => {
                        prop_assert!(lines > 0);
                        console.show_log_page(id, b"line\n");
                    }
                    Effect::Flush | Effect::Panic | Effect::ShowScreen(_) | Effect::HideScreen(_)
                    | Effect::AskText(..)
                    | Effect::Strokes(..) | Effect::Point(..) => {}
                }
            }
            if bytes.len() % 7 == 0 {
                console.notice(Notice::Answer { id: last, reply: Reply::Accepted });
            }
        }
    }
}

/// A console whose screen has pixels, with a VM whose display is connected.
fn with_display() -> Console {
    let vm = |name: &str| VmConsole { name: name.into(), is_host: false };
    let screen = management_protocol::Screen {
        width: 1024,
        height: 768,
        stride_bytes: 4096,
        bits: 32,
        offset_bytes: 0,
    };
    let mut console = Console::new(&StartMessage {
        has_log: false,
        serial: None,
        screen: Some(screen),
        keyboard: None,
        vms: vec![vm("demo"), vm("other")],
        banner: String::new(),
    });
    console.vm_connected(0);
    console.screen_connected(0);
    shown(&mut console, Screen);
    console
}

fn stroke(usage: u8, is_pressed: bool) -> console_terminal::Stroke {
    console_terminal::Stroke { usage, is_pressed }
}

/// Scan codes of Enter going down and up, and of Control, the right bracket.
const ENTER: [u8; 2] = [0x1C, 0x9C];
const CONTROL: u8 = 0x1D;
const RIGHT_BRACKET: u8 = 0x1B;

#[test]
fn a_display_has_the_keyboard_until_the_escape_key() {
    let mut console = with_display();
    console.typed(Screen, b"screen demo");
    console.scanned(&ENTER);
    assert_eq!(console.take_effects(), [Effect::ShowScreen(0)], "Enter goes up unseen by the VM");

    console.scanned(&[0x1E, 0x9E, CONTROL]);
    let strokes = [stroke(0x04, true), stroke(0x04, false), stroke(0xE0, true)];
    assert_eq!(console.take_effects(), strokes.map(|stroke| Effect::Strokes(0, vec![stroke])));
    console.logged(b"something happened\n");
    assert_eq!(shown(&mut console, Screen), "screen demo\r\n");

    console.scanned(&[RIGHT_BRACKET, RIGHT_BRACKET | 0x80, CONTROL | 0x80]);
    let released = Effect::Strokes(0, vec![stroke(0xE0, false)]);
    assert_eq!(console.take_effects(), [released, Effect::HideScreen(0)]);
    let text = shown(&mut console, Screen);
    assert!(text.contains("something happened") && text.ends_with("corten> "), "{text}");
    console.scanned(&[CONTROL, RIGHT_BRACKET]);
    assert_eq!(console.take_effects(), [Effect::ShowScreen(0)], "it goes back");
}

#[test]
fn a_display_has_the_mouse_and_learns_that_its_buttons_go_up() {
    let mut console = with_display();
    let moved = |right, buttons| Motion { right, buttons, ..Motion::default() };
    console.pointed(moved(5, 0));
    assert_eq!(console.take_effects(), [], "nobody is shown");
    console.typed(Serial, b"screen demo\r");
    console.take_effects();

    console.pointed(moved(10, 0));
    console.pointed(moved(502, 0));
    console.pointed(moved(0, 1));
    let middle = |right, buttons| Pointer { x: 16382, y: 0, motion: moved(right, buttons) };
    assert_eq!(console.take_effects(), [Effect::Point(0, middle(512, 0)), Effect::Point(0, middle(0, 1))]);

    console.screen_closed(0);
    assert_eq!(console.take_effects()[1], Effect::Point(0, middle(0, 0)));
}

#[test]
fn the_serial_line_can_switch_the_screen() {
    let mut console = with_display();

    console.typed(Serial, b"screen demo\r");

    assert_eq!(console.take_effects(), [Effect::ShowScreen(0)]);
    assert!(shown(&mut console, Serial).contains("the screen shows demo; Ctrl-] on its keyboard comes back"));
    assert_eq!(console.shown_screen(), Some(0));
}

#[test]
fn a_display_that_goes_away_leaves_the_monitor() {
    let mut console = with_display();
    console.typed(Serial, b"screen demo\r");
    console.scanned(&[0x1E]);
    console.take_effects();

    console.screen_closed(0);

    let released = Effect::Strokes(0, vec![stroke(0x04, false)]);
    assert_eq!(console.take_effects(), [released, Effect::HideScreen(0)]);
    assert!(shown(&mut console, Screen).contains("the display of demo is gone"));
    console.typed(Screen, b"screen demo\r");
    assert!(shown(&mut console, Screen).contains("demo is not running, or has no display"));
    assert_eq!(console.take_effects(), []);
}

#[test]
fn a_screen_without_pixels_shows_no_display() {
    let mut console = quiet(None);
    console.screen_connected(0);

    console.typed(Screen, b"screen demo\rscreen nobody\r");

    let text = shown(&mut console, Screen);
    assert!(text.contains("the screen of this machine cannot show pictures"), "{text}");
    assert!(text.contains("there is no VM of that name"), "{text}");
    assert_eq!(console.take_effects(), []);
}

#[test]
fn the_text_of_a_display_is_printed_without_what_could_move_the_cursor() {
    let mut console = with_display();
    console.typed(Serial, b"look demo\r");
    let effects = console.take_effects();
    let [Effect::AskText(0, question)] = effects.as_slice() else { panic!("{effects:?}") };
    shown(&mut console, Serial);

    console.typed(Serial, b"vms");
    console.screen_text(1, *question, &["of another VM".into()]);
    console.screen_text(0, *question, &["Welcome to GRUB".into(), "\x1b[2Jbad".into()]);

    let text = shown(&mut console, Serial);
    assert!(text.contains("Welcome to GRUB\r\n") && !text.contains("another"), "{text}");
    assert!(!text.contains("\x1b[2J") && text.ends_with("corten> vms"), "{text}");
}

#[test]
fn nobody_waits_for_the_text_of_a_display_that_is_gone() {
    let mut console = with_display();
    console.typed(Serial, b"look demo\rlook other\r");
    shown(&mut console, Serial);

    console.screen_closed(0);

    let text = shown(&mut console, Serial);
    assert!(text.contains("its display is gone"), "{text}");
    assert!(text.contains("other is not running, or has no display"), "what was typed ahead: {text}");
}
