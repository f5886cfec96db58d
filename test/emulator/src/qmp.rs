//! QEMU's control socket, as far as tests need it: pictures of the screen and keys.

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
        self.execute(&format!(r#"{{"execute":"screendump","arguments":{{"filename":"{name}"}}}}"#))
    }

    /// Presses a key and lets it go; `key` as QEMU's `sendkey` names it, such as `ctrl-a`.
    pub(crate) fn press(&mut self, key: &str) -> Result<(), Failure> {
        let line = format!("sendkey {key}");
        self.execute(&format!(
            r#"{{"execute":"human-monitor-command","arguments":{{"command-line":"{line}"}}}}"#
        ))
    }

    /// Runs one command and waits for its end.
    fn execute(&mut self, command: &str) -> Result<(), Failure> {
        writeln!(self.stream.get_mut(), "{command}").map_err(refused)?;
        for _ in 0..EVENTS_MAX {
            let mut line = String::new();
            if self.stream.read_line(&mut line).map_err(refused)? == 0 {
                break;
            }
            if line.contains("\"return\"") {
                return Ok(());
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
