//! The real verdict on the host and the naive model say the same of random packets and lookups. The loaded programs are
//! asked about many more by the test of the same name in `tests`.

use model::host::Host;
use model::random;
use model::same::same;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;

const POLICIES: u64 = 400;
const PER_POLICY: u64 = 500;

#[test]
fn host_and_naive_model_agree_on_random_packets() {
    for seed in 0..POLICIES {
        let mut rng = SmallRng::seed_from_u64(seed);
        let policy = random::policy(&mut rng);
        let host = Host::new(&policy);
        for packet in 0..PER_POLICY {
            let frame = random::frame(&mut rng, &policy);
            let (host, naive) = (host.judge(&frame).reason, policy.verdict(&frame));
            assert!(
                same(host, naive),
                "seed {seed}, packet {packet}: host {host:?}, naive model {naive:?}\n{frame:02x?}\n{policy:#?}"
            );
        }
    }
}

#[test]
fn host_and_naive_model_agree_on_random_lookups() {
    for seed in 0..POLICIES {
        let mut rng = SmallRng::seed_from_u64(seed);
        let policy = random::policy(&mut rng);
        let host = Host::new(&policy);
        for namespace in &policy.namespaces {
            for _ in 0..PER_POLICY {
                let lookup = random::lookup(&mut rng, &policy, namespace);
                let judgement = host.judge_at_socket(namespace, &lookup);
                let naive = policy.at_socket(namespace, &lookup);
                let registry = judgement.endpoint.registry().and_then(|registry| usize::try_from(registry).ok());
                assert!(
                    same(judgement.reason, naive.verdict) && registry == naive.registry,
                    "seed {seed}: host {judgement:?}, naive model {naive:?}\n{lookup:?}\n{namespace:?}\n{policy:#?}"
                );
            }
        }
    }
}
