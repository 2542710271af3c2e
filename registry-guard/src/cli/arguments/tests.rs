//! What parses, what does not, and what it means.

use clap::{CommandFactory, Parser};

use super::*;
use crate::cli::failure::Failure;

fn try_parse(line: &str) -> Result<Command, clap::Error> {
    let words = line.split(' ').map(|word| if word == "''" { "" } else { word });
    Arguments::try_parse_from(["registry-guard"].into_iter().chain(words)).map(|arguments| arguments.command)
}

fn parse(line: &str) -> Command {
    try_parse(line).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn usage_error(line: &str) -> String {
    match try_parse(line) {
        Ok(command) => panic!("{line} was accepted: {command:?}"),
        Err(error) => {
            assert_eq!(error.exit_code(), 2, "{line}");
            error.to_string()
        }
    }
}

#[test]
fn the_definition_is_consistent() {
    Arguments::command().debug_assert();
}

#[test]
fn every_verb_of_the_design_parses() {
    for line in [
        "run",
        "run --config /c --state /s --pins /p --socket /x",
        "show -n contoso",
        "show --name contoso",
        "list",
        "update --name contoso --default-action Deny",
        "show-endpoints --name contoso",
        "network-rule add --name contoso --ip-address 203.0.113.0/24",
        "network-rule add --name contoso --vnet-name office --subnet ci",
        "network-rule add --name contoso --subnet /subscriptions/0/x",
        "network-rule list --name contoso",
        "network-rule remove --name contoso --ip-address 203.0.113.0/24 --if-match 7",
        "private-endpoint-connection create --registry-name contoso --name desk --vnet-name hub --ip-address 10.1.0.4",
        "private-endpoint-connection create -r contoso -n desk --vnet-name hub --ip-address 2001:db8::4 --if-match 7",
        "private-endpoint-connection list -r contoso",
        "private-endpoint-connection show -r contoso -n desk",
        "private-endpoint-connection approve -r contoso -n desk --description why",
        "private-endpoint-connection reject -r contoso -n desk",
        "private-endpoint-connection delete -r contoso -n desk --if-match *",
        "network vnet create --name office --vni 5001 --address-prefixes 10.1.0.0/16",
        "network vnet list",
        "network vnet show --name office",
        "network vnet delete --name office",
        "network vnet subnet create --vnet-name office --name ci --address-prefixes 10.1.7.0/24",
        "network vnet subnet list --vnet-name office",
        "network vnet subnet show --vnet-name office --name ci",
        "network vnet subnet update --vnet-name office --name ci --service-endpoints Microsoft.ContainerRegistry",
        "network vnet subnet delete --vnet-name office --name ci",
        "check --name contoso --source 203.0.113.9",
        "check --name contoso --source 10.1.7.20 --vni 5001",
        "status",
        "events",
        "events --follow --name contoso --output json",
        "detach",
        "detach --pins /p",
        "export",
        "export --name contoso -o json",
        "apply -f policy.yaml --dry-run --if-match 7",
        "apply --file - -o none",
        "restore --name contoso --yes",
        "restore -n contoso -y --if-match 7",
        "network vnet update -n office --vni 7 --address-prefixes 10.1.0.0/16",
        "show -n contoso -g myResourceGroup --subscription mySubscription",
        "list --resource-group myResourceGroup --debug --verbose",
        "network vnet subnet show -g rg --vnet-name office --name ci",
        "update --name contoso --sku premium",
    ] {
        parse(line);
    }
}

#[test]
fn every_command_ends_its_help_with_an_example() {
    fn walk(command: &clap::Command, path: &str) {
        let path = format!("{path} {}", command.get_name());
        if command.has_subcommands() {
            command.get_subcommands().for_each(|inner| walk(inner, &path));
        } else {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example") && help.contains("registry-guard "), "{path}");
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{path} {}", argument.get_id());
            }
        }
    }
    walk(&Arguments::command(), "");
}

#[test]
fn the_socket_is_accepted_before_and_after_the_verb() {
    for line in ["--socket /x list", "list --socket /x", "network vnet list --socket /x"] {
        let arguments = Arguments::try_parse_from(["registry-guard"].into_iter().chain(line.split(' '))).unwrap();
        assert_eq!(arguments.socket.to_str(), Some("/x"), "{line}");
    }
}

#[test]
fn formats_are_those_of_az_in_any_case() {
    for (word, format) in [
        ("json", Format::Json),
        ("JSONC", Format::Jsonc),
        ("Table", Format::Table),
        ("tsv", Format::Tsv),
        ("yaml", Format::Yaml),
        ("yamlc", Format::Yamlc),
        ("none", Format::None),
    ] {
        let Command::List(list) = parse(&format!("list -o {word}")) else { unreachable!() };
        assert_eq!(list.output.output, format);
    }
    assert!(usage_error("list -o xml").contains("[possible values: json, jsonc, table, tsv, yaml, yamlc, none]"));
}

#[test]
fn a_malformed_query_is_refused_before_anything_is_sent() {
    assert!(usage_error("update -n contoso --default-action Deny --query a[").contains("--query"));
}

#[test]
fn update_needs_something_to_change() {
    assert!(usage_error("update --name contoso").contains("--default-action"));
}

#[test]
fn a_switch_alone_means_true_and_its_value_has_any_case() {
    for (line, expected) in [
        ("update -n contoso --data-endpoint-enabled", true),
        ("update -n contoso --data-endpoint-enabled True", true),
        ("update -n contoso --data-endpoint-enabled FALSE", false),
    ] {
        let Command::Update(update) = parse(line) else { unreachable!() };
        assert_eq!(update.settings.data_endpoint_enabled, Some(expected), "{line}");
    }
    assert!(usage_error("update -n contoso --data-endpoint-enabled maybe").contains("[possible values: true, false]"));
}

#[test]
fn an_action_has_any_case() {
    let Command::Update(update) = parse("update -n contoso --default-action deny") else { unreachable!() };
    assert_eq!(update.settings.default_action, Some(Action::Deny));
    assert!(usage_error("update -n contoso --default-action block").contains("[possible values: Allow, Deny]"));
}

#[test]
fn an_empty_name_is_refused_and_does_not_become_the_list() {
    for line in [
        "show --name ''",
        "network-rule add --name '' --ip-address 203.0.113.9",
        "network-rule remove --name contoso --ip-address ''",
        "network vnet delete --name ''",
        "private-endpoint-connection delete -r contoso -n ''",
        "private-endpoint-connection delete -r '' -n desk",
        "network vnet subnet delete --vnet-name office --name ''",
        "network vnet subnet delete --vnet-name '' --name ci",
    ] {
        usage_error(line);
    }
}

fn source(flags: &str) -> Result<RuleSource, Failure> {
    let Command::NetworkRule(NetworkRuleCommand::Add(add)) = parse(&format!("network-rule add -n contoso {flags}"))
    else {
        unreachable!()
    };
    add.target.source()
}

#[test]
fn a_rule_names_an_address_or_a_subnet_and_not_both() {
    usage_error("network-rule add -n contoso");
    usage_error("network-rule add -n contoso --ip-address 203.0.113.9 --subnet /x");
    usage_error("network-rule add -n contoso --ip-address 203.0.113.9 --vnet-name office");
    usage_error("network-rule add -n contoso --vnet-name office");
    assert_eq!(source("--ip-address 2001:db8::/32").unwrap(), RuleSource::Ip("2001:db8::/32".into()));
}

#[test]
fn a_rule_may_name_a_service_tag_and_nothing_beside_it() {
    assert_eq!(
        source("--service-tag Storage.WestEurope").unwrap(),
        RuleSource::ServiceTag("Storage.WestEurope".into())
    );
    for other in ["--ip-address 203.0.113.9", "--subnet /x", "--subnet ci --vnet-name office"] {
        usage_error(&format!("network-rule add -n contoso --service-tag Storage {other}"));
    }
    usage_error("network-rule add -n contoso --service-tag ''");
    usage_error("service-tag import");
    usage_error("service-tag show");
}

#[test]
fn a_subnet_is_an_id_or_a_name_with_its_network() {
    assert_eq!(source("--subnet /subscriptions/0/x").unwrap(), RuleSource::Subnet("/subscriptions/0/x".into()));
    let RuleSource::Subnet(id) = source("--subnet ci --vnet-name office").unwrap() else { unreachable!() };
    assert!(id.ends_with("/virtualNetworks/office/subnets/ci"), "{id}");
    for flags in ["--subnet ci", "--subnet /subscriptions/0/x --vnet-name office"] {
        let failure = source(flags).unwrap_err();
        assert_eq!(failure.exit_code(), 2);
        assert!(failure.to_string().contains("--vnet-name"), "{failure}");
    }
}

#[test]
fn a_rule_without_an_action_leaves_it_to_the_agent() {
    let Command::NetworkRule(NetworkRuleCommand::Add(add)) =
        parse("network-rule add -n contoso --ip-address 203.0.113.9")
    else {
        unreachable!()
    };
    assert_eq!(add.action, None);
}

#[test]
fn prefixes_are_separated_by_spaces_or_commas() {
    for line in [
        "network vnet create -n office --vni 1 --address-prefixes 10.0.0.0/8 fd00::/8",
        "network vnet create --address-prefixes 10.0.0.0/8,fd00::/8 -n office --vni 1",
        "network vnet create --address-prefixes 10.0.0.0/8 --address-prefixes fd00::/8 -n office --vni 1",
    ] {
        let Command::Network(NetworkCommand::Vnet(VirtualNetworkCommand::Create(create))) = parse(line) else {
            unreachable!()
        };
        assert_eq!(create.address_prefixes, ["10.0.0.0/8", "fd00::/8"], "{line}");
    }
}

#[test]
fn an_empty_service_endpoint_is_not_the_same_as_no_flag() {
    let Command::Network(NetworkCommand::Vnet(VirtualNetworkCommand::Subnet(SubnetCommand::Update(update)))) =
        parse("network vnet subnet update --vnet-name office --name ci --service-endpoints ''")
    else {
        unreachable!()
    };
    assert_eq!(update.settings.service_endpoints, Some(vec![String::new()]));
    assert_eq!(update.settings.address_prefixes, None);
}

#[test]
fn subnet_update_needs_something_to_change() {
    usage_error("network vnet subnet update --vnet-name office --name ci");
}

#[test]
fn a_vni_has_24_bits() {
    for vni in ["0", "16777216", "-1", "x"] {
        let text = usage_error(&format!("network vnet create -n office --address-prefixes 10.0.0.0/8 --vni={vni}"));
        assert!(text.contains("--vni"), "{text}");
    }
    assert!(usage_error("check -n contoso --source 10.0.0.1 --vni 16777216").contains("1..=16777215"));
}

#[test]
fn a_source_is_one_address() {
    for source in ["10.0.0.0/8", "10.0.0.256", "010.0.0.1", "host", "''"] {
        assert!(usage_error(&format!("check -n contoso --source {source}")).contains("--source"));
    }
}

#[test]
fn a_private_endpoint_has_one_address() {
    for address in ["10.1.0.0/24", "host", "''"] {
        let line =
            format!("private-endpoint-connection create -r contoso -n desk --vnet-name hub --ip-address {address}");
        assert!(usage_error(&line).contains("--ip-address"));
    }
    usage_error("private-endpoint-connection create -r contoso -n desk --vnet-name hub");
    usage_error("private-endpoint-connection approve -r contoso");
}

#[test]
fn version_and_help_are_not_errors() {
    for flag in ["--version", "--help", "network-rule add --help"] {
        assert_eq!(try_parse(flag).unwrap_err().exit_code(), 0, "{flag}");
    }
    usage_error("network-rule");
    usage_error("frobnicate");
}
