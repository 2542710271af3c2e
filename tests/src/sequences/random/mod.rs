//! Random calls: mostly such as an owner would make, on few enough names and addresses that they meet each other.

mod call;
mod words;

use proptest::collection::vec;
use proptest::prelude::*;

use super::call::{Call, Condition, RuleText, Sequence, Step, SubnetText};
use super::model::GROUP;

/// Sequences of up to 24 calls; two of three begin with a network, a subnet with the service endpoint, and its rule.
pub fn sequences() -> impl Strategy<Value = Sequence> {
    (0..3_u8, vec(step(), 1..=20)).prop_map(|(furnished, steps)| match furnished {
        0 => steps,
        _ => furniture().into_iter().map(unconditional).chain(steps).collect(),
    })
}

fn step() -> impl Strategy<Value = Step> {
    (call::call(), condition()).prop_map(|(call, condition)| {
        let creates = matches!(call, Call::PutNetwork { .. } | Call::PutSubnet(..) | Call::PutPrivateEndpoint { .. });
        let condition = match condition {
            Condition::IfAbsent | Condition::IfAbsentGarbage(_) if !creates => Condition::Always,
            other => other,
        };
        Step { call, condition }
    })
}

fn condition() -> impl Strategy<Value = Condition> {
    prop_oneof![
        16 => Just(Condition::Always),
        3 => Just(Condition::IfCurrent),
        1 => Just(Condition::IfStale),
        1 => words::garbage().prop_map(Condition::IfGarbage),
        2 => Just(Condition::IfAbsent),
        1 => words::garbage().prop_map(Condition::IfAbsentGarbage),
    ]
}

fn furniture() -> [Call; 2] {
    let texts = |texts: &[&str]| Some(texts.iter().map(ToString::to_string).collect::<Vec<String>>());
    let ci = SubnetText {
        name: "ci".to_owned(),
        prefixes: texts(&["10.1.7.0/24"]),
        services: texts(&["Microsoft.ContainerRegistry"]),
    };
    let desk = SubnetText { name: "desk".to_owned(), prefixes: texts(&["10.1.8.0/24"]), services: None };
    let office = Call::PutNetwork {
        name: "office".to_owned(),
        vni: Some(5001),
        prefixes: texts(&["10.1.0.0/16", "2001:db8:a::/48"]),
        subnets: Some(vec![ci, desk]),
    };
    [office, Call::PutSubnetRule(RuleText { value: words::id_of("office", "ci"), action: None })]
}

fn unconditional(call: Call) -> Step {
    Step { call, condition: Condition::Always }
}
