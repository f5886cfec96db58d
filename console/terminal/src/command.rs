//! The monitor's commands.

use crate::commands::{Argument, COMMANDS, CommandWord, PANIC, RENEW};
use alloc::string::String;
use core::fmt;

/// Lines of the log that are shown unless another number is given.
const LOG_LINES_DEFAULT: usize = 100;
/// Lines of the log that are shown at the most.
const LOG_LINES_MAX: usize = 10_000;

/// A command with its argument. VM names have not been looked up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// An empty line.
    Nothing,
    /// `help`
    Help,
    /// `vms`
    Vms,
    /// `start NAME`
    Start(String),
    /// `stop NAME`
    Stop(String),
    /// `reset NAME`
    Reset(String),
    /// `kill NAME`
    Kill(String),
    /// `console NAME`
    Console(String),
    /// `screen NAME`
    Screen(String),
    /// `look NAME`
    Look(String),
    /// `balloon NAME MIB`
    Balloon(String, u32),
    /// `stats`
    Statistics,
    /// `log [LINES]`
    Log(usize),
    /// `cpus`
    Cpus,
    /// `memory`
    Memory,
    /// `shutdown`
    Shutdown,
    /// `reboot`
    Reboot,
    /// `panic NAME`: for tests; shows that a dying VMM harms no other.
    Panic(String),
    /// `renew NAME`: for tests; shows that nothing is missing in a VM's saved state.
    Renew(String),
    /// `panic`: for tests; shows that a dying console harms no VM.
    PanicConsole,
}

/// What is wrong with a line, for who typed it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CommandError {
    /// No command has this word.
    Unknown(String),
    /// The command wants a VM's name.
    MissingName(&'static str),
    /// The command wants less than was typed.
    TooMuch {
        /// The command.
        word: &'static str,
        /// How it is written.
        usage: &'static str,
    },
    /// Not a number of lines.
    BadCount(String),
    /// Not a number of MiB.
    BadSize(String),
}

impl Command {
    /// Understands a line.
    pub fn parse(line: &str) -> Result<Self, CommandError> {
        let mut words = line.split_ascii_whitespace();
        let Some(word) = words.next() else { return Ok(Command::Nothing) };
        let known = COMMANDS.iter().chain([&PANIC, &RENEW]).find(|command| command.word == word);
        let command = known.ok_or_else(|| CommandError::Unknown(word.into()))?;
        let argument = words.next();
        let size = if command.argument == Argument::VmAndMib { words.next() } else { None };
        let is_too_much =
            words.next().is_some() || (command.argument == Argument::None && argument.is_some());
        if is_too_much {
            return Err(CommandError::TooMuch { word: command.word, usage: usage(command) });
        }
        match command.argument {
            Argument::None => Ok(Self::plain(command.word)),
            Argument::Count => Ok(Command::Log(argument.map_or(Ok(LOG_LINES_DEFAULT), parse_count)?)),
            Argument::Vm if command.word == PANIC.word && argument.is_none() => Ok(Command::PanicConsole),
            Argument::Vm => {
                let name = argument.ok_or(CommandError::MissingName(command.word))?;
                Ok(Self::with_name(command.word, name.into()))
            }
            Argument::VmAndMib => {
                let name = argument.ok_or(CommandError::MissingName(command.word))?;
                Ok(Command::Balloon(name.into(), parse_mib(size.unwrap_or_default())?))
            }
        }
    }

    fn plain(word: &str) -> Self {
        match word {
            "vms" => Command::Vms,
            "stats" => Command::Statistics,
            "cpus" => Command::Cpus,
            "memory" => Command::Memory,
            "shutdown" => Command::Shutdown,
            "reboot" => Command::Reboot,
            _ => Command::Help,
        }
    }

    fn with_name(word: &str, name: String) -> Self {
        match word {
            "start" => Command::Start(name),
            "stop" => Command::Stop(name),
            "reset" => Command::Reset(name),
            "kill" => Command::Kill(name),
            "panic" => Command::Panic(name),
            "renew" => Command::Renew(name),
            "screen" => Command::Screen(name),
            "look" => Command::Look(name),
            _ => Command::Console(name),
        }
    }
}

fn usage(command: &CommandWord) -> &'static str {
    match command.argument {
        Argument::None => "nothing",
        Argument::Vm => "one VM's name",
        Argument::VmAndMib => "one VM's name and a number of MiB",
        Argument::Count => "at most a number of lines",
    }
}

fn parse_count(word: &str) -> Result<usize, CommandError> {
    let count = word.parse::<usize>().ok().filter(|count| (1..=LOG_LINES_MAX).contains(count));
    count.ok_or_else(|| CommandError::BadCount(word.into()))
}

fn parse_mib(word: &str) -> Result<u32, CommandError> {
    word.parse().map_err(|_| CommandError::BadSize(word.into()))
}

impl fmt::Display for CommandError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommandError::Unknown(word) => {
                write!(out, "there is no command \"{word}\"; type help for the list")
            }
            CommandError::MissingName(word) => {
                write!(out, "{word} wants the name of a VM: {word} NAME; type vms for the list")
            }
            CommandError::TooMuch { word, usage } => write!(out, "after {word} there can be {usage}"),
            CommandError::BadCount(word) => {
                write!(out, "\"{word}\" is not a number of lines from 1 to {LOG_LINES_MAX}")
            }
            CommandError::BadSize(word) => write!(out, "\"{word}\" is not a number of MiB"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    #[test]
    fn every_command_that_help_shows_is_understood() {
        for command in COMMANDS {
            let line = match command.argument {
                Argument::Vm => alloc::format!("  {}  demo ", command.word),
                Argument::VmAndMib => alloc::format!("  {}  demo 5", command.word),
                Argument::None | Argument::Count => command.word.to_string(),
            };
            let parsed = Command::parse(&line);
            assert!(parsed.is_ok(), "{line}");
            assert_eq!(parsed == Ok(Command::Help), command.word == "help", "{line}");
        }
        assert_eq!(Command::parse("console a"), Ok(Command::Console("a".into())));
        assert_eq!(Command::parse("screen a"), Ok(Command::Screen("a".into())));
        assert_eq!(Command::parse("panic a"), Ok(Command::Panic("a".into())));
        assert_eq!(Command::parse("panic"), Ok(Command::PanicConsole));
        assert_eq!(Command::parse("renew a"), Ok(Command::Renew("a".into())));
        assert_eq!(Command::parse("renew"), Err(CommandError::MissingName("renew")));
        assert_eq!(Command::parse("log 5"), Ok(Command::Log(5)));
        assert_eq!(Command::parse("balloon a 64"), Ok(Command::Balloon("a".into(), 64)));
        assert_eq!(Command::parse("balloon a"), Err(CommandError::BadSize("".into())));
        assert_eq!(Command::parse("balloon a -1"), Err(CommandError::BadSize("-1".into())));
        assert_eq!(Command::parse("   "), Ok(Command::Nothing));
    }

    #[test]
    fn mistakes_are_told_with_the_remedy() {
        let told = |line: &str| Command::parse(line).map_err(|error| error.to_string());

        assert_eq!(told("ls"), Err("there is no command \"ls\"; type help for the list".into()));
        assert_eq!(told("stop"), Err("stop wants the name of a VM: stop NAME; type vms for the list".into()));
        assert_eq!(told("vms all"), Err("after vms there can be nothing".into()));
        assert_eq!(told("log x"), Err("\"x\" is not a number of lines from 1 to 10000".into()));
    }

    proptest! {
        #[test]
        fn no_line_panics(line in any::<String>()) {
            let _ = Command::parse(&line);
        }
    }
}
