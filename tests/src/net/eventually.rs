use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long a test waits for what must happen: the kernel alone may take a minute to let a namespace go whose last connection
/// was left in `FIN_WAIT2` (`tcp_fin_timeout`).
const LIMIT: Duration = Duration::from_mins(2);

/// Waits until `condition` holds; an error that says `what` did not happen if that takes two minutes.
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
