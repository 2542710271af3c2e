//! Maps that an agent of another version has left, in another layout.

use std::fs;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use super::{Kernel, KernelError, bpf};

impl Kernel {
    /// Unpins the maps of other layouts once no pinned link runs a program that reads them, and returns their folders.
    ///
    /// # Errors
    ///
    /// If the kernel does not say what a link runs, or a pin cannot be removed.
    pub fn forget_other_layouts(&self) -> Result<Vec<PathBuf>, KernelError> {
        let others = self.pins.other_layouts()?;
        if others.is_empty() || self.runs_another_program()? {
            return Ok(Vec::new());
        }
        for folder in &others {
            fs::remove_dir_all(folder).map_err(|source| KernelError::File { path: folder.clone(), source })?;
        }
        Ok(others)
    }

    /// Whether a pinned link runs a program that this agent has not loaded.
    fn runs_another_program(&self) -> Result<bool, KernelError> {
        let interfaces = self.pins.linked()?.into_iter().map(|ifindex| self.pins.link(ifindex));
        let namespaces = self.pins.lookups()?.into_iter().map(|pin| self.pins.lookup(pin));
        for pin in interfaces.chain(namespaces) {
            if !self.has_loaded(program_behind(&pin)?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn has_loaded(&self, program: u32) -> bool {
        program == self.program_id || self.socket_layers.values().any(|layer| layer.program_id() == program)
    }
}

fn program_behind(pin: &Path) -> Result<u32, KernelError> {
    let link = bpf::open_pin(pin).map_err(KernelError::bpf("opening a link"))?;
    bpf::program_of_link(link.as_fd()).map_err(KernelError::bpf("asking for a link's program"))
}
