//! What the agent's own verdict on this machine means.

use std::net::IpAddr;

use serde::Deserialize;

use super::Visit;
use super::finding::Finding;

const CHECK: &str = "rules";

/// The answer to `check`, as far as it matters here.
#[derive(Deserialize)]
pub(in crate::cli) struct Verdict {
    #[serde(rename = "verdict")]
    word: String,
    reason: String,
    rule: Option<String>,
    message: String,
}

/// What the loaded program does with connections of this machine as it would open them.
pub(in crate::cli) fn judged(registry: &str, visit: &Visit, verdict: &Verdict) -> Finding {
    let (source, target) = (visit.source, visit.destination);
    let rule = verdict.rule.as_ref().map(|rule| format!(" (rule {rule})")).unwrap_or_default();
    let message = format!("{source} gets {}: {}{rule}. {}", verdict.word, verdict.reason, verdict.message);
    match verdict.word.as_str() {
        "Allow" => Finding::ok(CHECK, &target, message),
        "Deny" if visit.served => Finding::warning(
            CHECK,
            &target,
            format!("the registry answered this machine, yet from elsewhere {message}"),
            "this is the registry's own host, which `allow-local` lets in: run it on a client to see what clients see",
        ),
        "Deny" => Finding::failed(CHECK, &target, message, advice(registry, source, &verdict.reason)),
        _ => Finding::warning(CHECK, &target, message, "see `registry-guard status`: nothing is enforced there"),
    }
}

fn advice(registry: &str, source: IpAddr, reason: &str) -> String {
    match reason {
        "NoRule" => format!("allow it: `registry-guard network-rule add --name {registry} --ip-address {source}`"),
        "DenyRule" => format!(
            "change the rule: `registry-guard network-rule add --name {registry} --ip-address {source} --action Allow`, or remove it"
        ),
        "PublicAccessDisabled" => format!(
            "use a private endpoint, or switch public access on: `registry-guard update --name {registry} --public-network-enabled true`"
        ),
        _ => format!(
            "see what `registry-guard check --name {registry} --source {source}` and `registry-guard status` say"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    #[test]
    fn a_denial_says_what_would_lift_it_unless_the_machine_was_served() {
        let verdict = |verdict: &str, reason: &str| Verdict {
            word: verdict.to_owned(),
            reason: reason.to_owned(),
            rule: None,
            message: "So it is.".to_owned(),
        };
        let visit = |served| Visit {
            source: "198.51.100.7".parse().unwrap(),
            destination: "203.0.113.10:443".parse().unwrap(),
            served,
        };
        for (given, served, status, advice) in [
            (verdict("Allow", "IpRule"), false, Status::Ok, None),
            (verdict("Deny", "NoRule"), false, Status::Failed, Some("add --name contoso --ip-address 198.51.100.7`")),
            (verdict("Deny", "DenyRule"), false, Status::Failed, Some("--action Allow")),
            (verdict("Deny", "PublicAccessDisabled"), false, Status::Failed, Some("--public-network-enabled true")),
            (verdict("Deny", "NoRule"), true, Status::Warning, Some("allow-local")),
            (verdict("NotGuarded", "NotGuarded"), true, Status::Warning, Some("status")),
        ] {
            let finding = judged("contoso", &visit(served), &given);
            assert_eq!(finding.status, status, "{}", finding.message);
            assert!(finding.message.contains("So it is."));
            match (&finding.advice, advice) {
                (None, None) => {}
                (Some(said), Some(words)) => assert!(said.contains(words), "{said}"),
                other => panic!("{other:?}"),
            }
        }
    }
}
