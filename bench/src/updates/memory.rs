use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;

/// What RCU and work queues may take until what was freed is free.
const SETTLES: Duration = Duration::from_secs(2);

/// Memory that the kernel uses for itself, in bytes, by `/proc/meminfo`. Nodes of tries are slab objects, arrays are vmalloc.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct KernelMemory {
    pub(crate) slab: i64,
    pub(crate) vmalloc: i64,
    /// What there is once for each CPU.
    pub(crate) per_cpu: i64,
}

impl KernelMemory {
    pub(super) fn now() -> Result<Self> {
        let text = fs::read_to_string("/proc/meminfo")?;
        let bytes = |key: &str| -> Result<i64> {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
            let kilobytes =
                line.and_then(|line| line.split_whitespace().next()).with_context(|| format!("no {key}"))?;
            Ok(kilobytes.parse::<i64>()? * 1024)
        };
        Ok(Self { slab: bytes("SUnreclaim")?, vmalloc: bytes("VmallocUsed")?, per_cpu: bytes("Percpu")? })
    }

    /// The same after what is on its way has arrived.
    pub(super) fn settled() -> Result<Self> {
        thread::sleep(SETTLES);
        Self::now()
    }

    pub(super) const fn since(&self, before: &Self) -> Self {
        Self {
            slab: self.slab - before.slab,
            vmalloc: self.vmalloc - before.vmalloc,
            per_cpu: self.per_cpu - before.per_cpu,
        }
    }

    pub(crate) const fn total(&self) -> i64 {
        self.slab + self.vmalloc + self.per_cpu
    }
}
