//! The host's end of the serial port.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// The name that qemu gives the port.
const PORT: &str = "/dev/virtio-ports/registry-guard.host";

/// Who says what to do.
pub(crate) struct Host {
    listen: BufReader<File>,
    speak: File,
}

impl Host {
    /// Opens the port.
    pub(crate) fn find() -> Result<Self> {
        let port = File::options().read(true).write(true).open(PORT).with_context(|| format!("opening {PORT}"))?;
        Ok(Self { listen: BufReader::new(port.try_clone()?), speak: port })
    }

    /// Returns after qemu has taken it.
    pub(crate) fn say(&mut self, message: &Value) -> Result<()> {
        self.speak.write_all(format!("{message}\n").as_bytes()).context("talking to the host")
    }

    /// Waits for the next thing that the host says.
    pub(crate) fn hear(&mut self) -> Result<Value> {
        let mut line = String::new();
        ensure!(self.listen.read_line(&mut line)? > 0, "the host says no more");
        serde_json::from_str(&line).with_context(|| format!("the host says {line}"))
    }
}
