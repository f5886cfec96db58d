//! The machine's console: what operators type, what VMs say, what the supervisor answers.

use super::messages::decode;
use crate::Input;
use console_terminal::{Console, Effect, Motion, SessionId, Terminal};
use management_protocol::{Notice, Question, Request, Screen, StartMessage, VmConsole};

/// Commands and keys.
pub const WORDS: &[&[u8]] = &[
    b"help\r",
    b"vms\r",
    b"start demo\r",
    b"stop other\r",
    b"console demo\r",
    b"screen demo\r",
    b"look demo\r",
    b"\x1d\x1b\x9b\x9d",
    b"log 10000\r",
    b"stats\r",
    b"cpus\r",
    b"memory\r",
    b"shutdown\r",
    b"\x1d",
    b"\x1b[A",
    b"\x1b[3~",
    b"\x03",
    b"\x17",
    b"\t",
    b"\x00\x08help\r",
    b"\x01\x08console ",
];

/// Names of the VMs; the second has the serial line.
const VMS: [&str; 3] = ["demo", "other", "third"];
/// Events in one run at the most.
const EVENTS_MAX: usize = 300;
/// Bytes on the two terminals for one event at the most: more would be an echo without end.
const OUTPUT_BYTES_MAX: usize = 1 << 20;

/// Reads the bytes as events.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let vms = VMS.map(|name| VmConsole { name: name.into(), is_host: name == "other" }).to_vec();
    let banner = String::from("Corten");
    let mut console = Console::new(&StartMessage {
        has_log: true,
        serial: None,
        screen: Some(Screen { width: 640, height: 480, stride_bytes: 2560, bits: 32, offset_bytes: 0 }),
        keyboard: None,
        vms,
        banner,
    });
    console.greet("Corten");
    let mut screen = Terminal::new(80, 25);
    let mut last_question = 0;
    for _ in 0..EVENTS_MAX {
        if input.is_empty() {
            return;
        }
        perform(&mut console, &mut input, last_question);
        last_question = check(&mut console, &mut screen).unwrap_or(last_question);
    }
}

fn perform(console: &mut Console, input: &mut Input<'_>, last_question: u32) {
    let (code, count) = (input.u8(), usize::from(input.u8()));
    let vm = count % (VMS.len() + 1);
    match code % 15 {
        14 => console.pointed(Motion { right: count as i16, buttons: code >> 5, ..Motion::default() }),
        10 => console.screen_connected(vm),
        11 => console.screen_closed(vm),
        12 => console.scanned(input.bytes(count)),
        13 => {
            let text = String::from_utf8_lossy(input.bytes(count)).into_owned();
            console.screen_text(vm, last_question, &[text]);
        }
        0 | 1 => console.typed(SessionId::Serial, input.bytes(count)),
        2 | 3 => console.typed(SessionId::Screen, input.bytes(count)),
        4 => console.vm_connected(vm),
        5 => console.vm_said(vm, input.bytes(count)),
        6 => console.vm_closed(vm),
        7 => console.logged(input.bytes(count)),
        8 => console.show_log_page(
            if code & 16 == 0 { SessionId::Serial } else { SessionId::Screen },
            input.bytes(count),
        ),
        _ => {
            // The supervisor is asked for by what it says, not by who it is.
            if let Some(notice) = decode::<Notice>(input.bytes(count)) {
                console.notice(answering(notice, last_question));
            }
        }
    }
}

/// Hardly any answer would be for the question that waits.
fn answering(notice: Notice, last_question: u32) -> Notice {
    match notice {
        Notice::Answer { id, reply } if id % 4 != 0 => Notice::Answer { id: last_question, reply },
        other => other,
    }
}

/// Looks at everything that the console wants; returns the number of its last question.
fn check(console: &mut Console, screen: &mut Terminal) -> Option<u32> {
    let mut last = None;
    for effect in console.take_effects() {
        match effect {
            Effect::Ask(question) => {
                check_question(&question);
                last = Some(question.id);
            }
            Effect::ToVm(vm, bytes) => assert!(vm < VMS.len() && !bytes.is_empty(), "a byte for nobody"),
            Effect::ShowScreen(vm)
            | Effect::HideScreen(vm)
            | Effect::Strokes(vm, _)
            | Effect::Point(vm, _) => {
                assert!(vm < VMS.len(), "a screen of nobody");
            }
            Effect::AskText(vm, question) => {
                assert!(vm < VMS.len(), "a question to nobody");
                last = Some(question);
            }
            Effect::ReadLog(_, lines) => assert!((1..=10_000).contains(&lines)),
            Effect::Flush | Effect::Panic => {}
        }
    }
    for id in SessionId::ALL {
        let output = console.session(id).take_output();
        assert!(output.len() <= OUTPUT_BYTES_MAX, "output without end");
        screen.write(&output);
        assert!(
            (0..VMS.len()).filter(|vm| console.is_shown(id, *vm)).count() <= 1,
            "two VMs on one terminal"
        );
    }
    last
}

fn check_question(question: &Question) {
    let name = match &question.request {
        Request::Start(name) | Request::Stop(name) | Request::Reset(name) | Request::Kill(name) => name,
        _ => return,
    };
    assert!(
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()),
        "a name that is none: {name:?}"
    );
}
