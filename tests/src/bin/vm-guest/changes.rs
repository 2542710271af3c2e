//! Changes of the policy without an end, each told to the host before it is made and after it was acknowledged.

mod guarded;
mod marker;
mod model;

use anyhow::Result;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::json;

use self::guarded::Guarded;
use self::marker::Marker;
use crate::host::Host;

/// Starts the agent, tells the host what policy it finds and what the kernel makes of it, and changes it until the machine is
/// gone.
pub(crate) fn make(seed: u64, host: &mut Host) -> Result<()> {
    let mut marker = Marker::open()?;
    let mut guarded = Guarded::start()?;
    let (mut rules, revision) = guarded.rules()?;
    let disagreement = guarded.disagreement(&rules)?;
    host.say(&json!({"found": {
        "rules": rules, "revision": revision, "disagreement": disagreement, "marker": marker.found()
    }}))?;
    let mut random = StdRng::seed_from_u64(seed);
    loop {
        // It is on the disk, yet the disk was not told to keep it; the next change's commit does that.
        host.say(&json!({"marker": marker.write()?}))?;
        let change = model::next(&rules, &mut random);
        rules.clone_from(&change.after);
        host.say(&json!({"begin": change.name(), "rules": rules}))?;
        let revision = guarded.make(&change)?;
        host.say(&json!({"acknowledged": revision}))?;
    }
}
