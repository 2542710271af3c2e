//! Each command has its page, and the page has its parts.

use clap::CommandFactory as _;

use super::sections::Sections;
use super::*;

fn page(name: &str) -> String {
    let found = pages().into_iter().find(|page| page.name() == name);
    found.unwrap_or_else(|| panic!("no page {name}")).roff()
}

#[test]
fn every_command_has_a_page() {
    fn count(command: &Command) -> usize {
        1 + command.get_subcommands().map(count).sum::<usize>()
    }
    let names: Vec<String> = pages().iter().map(|page| page.name().to_owned()).collect();
    assert_eq!(names.len(), count(&Arguments::command()));
    for name in ["registry-guard", "registry-guard-network-rule-add", "registry-guard-network-vnet-subnet-update"] {
        assert!(names.iter().any(|one| one == name), "{names:?}");
    }
}

#[test]
fn a_page_says_what_help_says() {
    let page = page("registry-guard-run");
    for part in [
        ".SH NAME\nregistry\\-guard\\-run \\- Run the daemon in the foreground\n",
        "Stops on SIGTERM or SIGINT",
        ".SH \"EXIT STATUS\"\n.TP\n\\fB0\\fR\ndone\n",
        ".TP\n\\fBREGISTRY_GUARD_CONFIG\\fR\nStands for \\-\\-config where that is not given.\n",
        ".TP\n\\fBREGISTRY_GUARD_LOG\\fR\n",
        ".TP\n\\fI/etc/registry\\-guard/config.toml\\fR\nThe host\\*(Aqs facts",
        ".nf\nregistry\\-guard run \\-\\-config /etc/registry\\-guard/config.toml\n.fi\n",
        ".SH \"SEE ALSO\"\n\\fBregistry\\-guard\\fR(1)\n",
    ] {
        assert!(page.contains(part), "{part}\nis missing in\n{page}");
    }
}

#[test]
fn a_page_leads_to_the_group_and_a_group_to_its_commands() {
    assert!(
        page("registry-guard-network-rule-add")
            .ends_with(".SH \"SEE ALSO\"\n\\fBregistry\\-guard\\fR(1), \\fBregistry\\-guard\\-network\\-rule\\fR(1)\n")
    );
    assert!(page("registry-guard-network-rule").contains("\\fBregistry\\-guard\\-network\\-rule\\-remove\\fR(1)"));
}

#[test]
fn blocks_have_a_headline_and_sentences_have_none() {
    let sections = Sections::of("First: this.\nSecond:\n\nExamples:\n  one \\\n      two\n  three\n");
    assert_eq!(sections.paragraphs, ["First: this.", "Second:"]);
    assert_eq!(sections.block(&["Example", "Examples"]), Some(["one \\", "    two", "three"].as_slice()));
    assert_eq!(sections.block(&["Environment"]), None);
}
