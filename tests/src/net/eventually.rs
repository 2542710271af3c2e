use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long a test waits for what must happen.
const LIMIT: Duration = Duration::from_secs(30);

/// Waits until `condition` holds; an error that says `what` did not happen if that takes half a minute.
pub fn eventually(what: &str, mut condition: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !condition()? {
        if start.elapsed() > LIMIT {
            bail!("within {LIMIT:?} it did not happen that {what}");
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
