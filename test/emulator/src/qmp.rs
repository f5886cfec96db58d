//! QEMU's control socket, as far as tests need it: pictures of the screen, keys, and what the processors are at.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::Failure;

/// How long QEMU may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// Lines that may come before an answer (events).
const EVENTS_MAX: usize = 1000;

/// What `-qmp` takes for a control socket at this path.
pub(crate) fn argument(socket: &Path) -> String {
    format!("unix:{},server=on,wait=off", socket.display())
}

/// An open control socket.
pub(crate) struct Control {
    stream: BufReader<UnixStream>,
}

impl Control {
    /// Opens the socket and leaves QEMU's greeting behind.
    pub(crate) fn open(socket: &Path) -> Result<Self, Failure> {
        let stream = UnixStream::connect(socket).map_err(refused)?;
        stream.set_read_timeout(Some(ANSWER_LIMIT)).map_err(refused)?;
        let mut control = Self { stream: BufReader::new(stream) };
        control.stream.read_line(&mut String::new()).map_err(refused)?;
        control.execute(r#"{"execute":"qmp_capabilities"}"#)?;
        Ok(control)
    }

    /// Writes the screen to a file in PPM format.
    pub(crate) fn screendump(&mut self, file: &Path) -> Result<(), Failure> {
        let name = file.display();
        let command = format!(r#"{{"execute":"screendump","arguments":{{"filename":"{name}"}}}}"#);
        self.execute(&command).map(drop)
    }

    /// Presses a key and lets it go; `key` as QEMU's `sendkey` names it, such as `ctrl-a`.
    pub(crate) fn press(&mut self, key: &str) -> Result<(), Failure> {
        self.ask(&format!("sendkey {key}")).map(drop)
    }

    /// Types a line at QEMU's monitor; gives its answer.
    pub(crate) fn ask(&mut self, line: &str) -> Result<String, Failure> {
        let command =
            format!(r#"{{"execute":"human-monitor-command","arguments":{{"command-line":"{line}"}}}}"#);
        self.execute(&command).map(|answer| text_of(&answer))
    }

    /// Runs one command and waits for its end; gives the answer.
    fn execute(&mut self, command: &str) -> Result<String, Failure> {
        writeln!(self.stream.get_mut(), "{command}").map_err(refused)?;
        for _ in 0..EVENTS_MAX {
            let mut line = String::new();
            if self.stream.read_line(&mut line).map_err(refused)? == 0 {
                break;
            }
            if line.contains("\"return\"") {
                return Ok(line);
            }
            if line.contains("\"error\"") {
                return Err(Failure::Host(format!("QEMU refused {command}: {}", line.trim())));
            }
        }
        Err(Failure::Host(format!("QEMU did not answer {command}")))
    }
}

fn refused(error: std::io::Error) -> Failure {
    Failure::Host(format!("QEMU's control socket: {error}"))
}

/// The text of an answer: it is the only string there, and has no escapes but those of its lines.
fn text_of(answer: &str) -> String {
    let text = answer.split_once(r#""return": ""#).and_then(|(_, rest)| rest.rsplit_once('"'));
    text.map_or(String::new(), |(text, _)| text.replace(r"\r", "").replace(r"\n", "\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_the_monitor_is_read_in_lines() {
        assert_eq!(text_of("{\"return\": \"CPU#0\\r\\nRIP=1\\r\\n\"}\r\n"), "CPU#0\nRIP=1\n");
        assert_eq!(text_of("{\"return\": {}}"), "");
    }
}
