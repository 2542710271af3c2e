//! Every packet of the corpus on the host, by the real verdict and by the naive model.

use model::attacks::{Attack, Source, all, policy};
use model::host::Host;
use model::same::same;

fn each(judge: impl Fn(&Attack, &Source, &[u8])) {
    for attack in all() {
        for source in [Source::ALLOWED, Source::DENIED] {
            judge(&attack, &source, &(attack.packet)(&source).bytes());
        }
    }
}

#[test]
fn every_packet_gets_its_verdict_on_the_host() {
    let host = Host::new(&policy());
    each(|attack, source, frame| {
        assert_eq!(host.judge(frame).reason, attack.reason(source), "{}: {source:?}", attack.name);
    });
}

#[test]
fn the_naive_model_agrees_on_every_packet() {
    let policy = policy();
    each(|attack, source, frame| {
        let naive = policy.verdict(frame);
        assert!(same(attack.reason(source), naive), "{}: {source:?}: {naive:?}", attack.name);
    });
}
