//! What the fuzz target `packet` does with its bytes.

use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use registry_guard_common::HOST;

use crate::glance::assert_same;
use crate::host::Host;
use crate::naive::Policy;
use crate::same::same;
use crate::{attacks, random};

/// That of the corpus, and random ones.
const POLICIES: u64 = 16;

thread_local! {
    static WORLDS: Vec<(Policy, Host)> = worlds();
}

fn worlds() -> Vec<(Policy, Host)> {
    let random = (1..POLICIES).map(|seed| random::policy(&mut SmallRng::seed_from_u64(seed)));
    let policies = std::iter::once(attacks::policy()).chain(random);
    policies.map(|policy| (policy.clone(), Host::new(&policy))).collect()
}

/// Panics unless parser, verdict and naive model agree on the frame. The first byte chooses the policy, 0 that of the corpus.
pub fn packet(bytes: &[u8]) {
    let Some((choice, frame)) = bytes.split_first() else { return };
    WORLDS.with(|worlds| {
        let (policy, host) = &worlds[usize::from(*choice) % worlds.len()];
        _ = assert_same(frame, frame, &host.in_namespace(HOST));
        let (reason, naive) = (host.judge(frame).reason, policy.verdict(frame));
        assert!(same(reason, naive), "host {reason:?}, naive model {naive:?}\n{frame:02x?}\n{policy:#?}");
    });
}
