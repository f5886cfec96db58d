//! Definitions of virtual machines, put together.

/// A Linux guest.
#[derive(Clone)]
pub(crate) struct Linux {
    name: String,
    vcpus: u32,
    memory_mib: u32,
    todo: String,
    words: String,
    further: String,
}

impl Linux {
    /// A guest with one vCPU that does `todo` (see the RAM disk's script).
    pub(crate) fn new(name: &str, todo: &str) -> Self {
        Self {
            name: name.into(),
            vcpus: 1,
            memory_mib: 128,
            todo: todo.into(),
            words: String::new(),
            further: String::new(),
        }
    }

    /// Sets the number of vCPUs.
    pub(crate) fn vcpus(mut self, vcpus: u32) -> Self {
        self.vcpus = vcpus;
        self
    }

    /// Sets the memory.
    pub(crate) fn memory_mib(mut self, memory_mib: u32) -> Self {
        self.memory_mib = memory_mib;
        self
    }

    /// Adds words to the kernel's command line.
    pub(crate) fn words(mut self, words: &str) -> Self {
        self.words = format!("{words} ");
        self
    }

    /// Adds a line to the definition.
    pub(crate) fn with(mut self, line: &str) -> Self {
        self.further.push_str(line);
        self.further.push('\n');
        self
    }

    /// Gives the guest the machine's serial line.
    pub(crate) fn on_host_console(self) -> Self {
        self.with("console = \"host\"")
    }

    fn text(&self) -> String {
        let Self { name, vcpus, memory_mib, todo, words, further } = self;
        format!(
            "\n[[vm]]\nname = \"{name}\"\nvcpus = {vcpus}\nmemory = \"{memory_mib}M\"\nkernel = \"vmlinuz\"\n\
             initrd = \"initrd.img\"\ncmdline = \"console=ttyS0 quiet {words}corten.do={todo} corten.name={name}\"\n{further}"
        )
    }
}

/// A Linux that is spared what takes long in Bochs: tests of its ciphers, guards against processors that it is not on.
pub(crate) fn slow_linux(todo: &str) -> Linux {
    let words = "nokaslr mitigations=off cryptomgr.notests";
    Linux::new("linux", todo).memory_mib(256).on_host_console().words(words)
}

/// A definition that turns the machine off when all its guests have stopped.
pub(crate) fn until_all_stopped(guests: &[Linux]) -> String {
    let guests: String = guests.iter().map(Linux::text).collect();
    format!("when_all_stopped = \"poweroff\"\n{guests}")
}

/// A definition that leaves the machine on.
pub(crate) fn staying_on(guests: &[Linux]) -> String {
    guests.iter().map(Linux::text).collect()
}
