//! Whoever asks for help gets it: each command says what it is for, each flag what it means, and each example works.

use clap::builder::StyledStr;
use clap::{CommandFactory as _, Parser as _};

use super::Arguments;

/// Every command with its words, groups included.
fn commands() -> Vec<(String, clap::Command)> {
    fn collect(command: clap::Command, above: &str, all: &mut Vec<(String, clap::Command)>) {
        let name = format!("{above}{}", command.get_name());
        for inner in command.get_subcommands() {
            collect(inner.clone(), &format!("{name} "), all);
        }
        all.push((name, command));
    }
    let mut root = Arguments::command().disable_help_subcommand(true);
    root.build();
    let mut all = Vec::new();
    collect(root, "", &mut all);
    all
}

fn text(styled: Option<&StyledStr>) -> String {
    styled.map(StyledStr::to_string).unwrap_or_default()
}

/// The words of the command of ours in a line, up to where the shell would take its output elsewhere.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (index, part) in line.split('"').enumerate() {
        let is_quoted = index % 2 == 1;
        for (position, piece) in part.split(|letter| letter == ' ' && !is_quoted).enumerate() {
            if position > 0 {
                words.push(String::new());
            }
            words.last_mut().unwrap().push_str(piece);
        }
    }
    let start = words.iter().position(|word| word == "registry-guard").unwrap_or(0);
    words.drain(..start);
    let end = words.iter().position(|word| word == "|" || word == ">").unwrap_or(words.len());
    words.truncate(end);
    // Only a pair of quotes can make an empty word.
    words.retain(|word| !word.is_empty() || line.contains("\"\""));
    words
}

/// The command lines of a help text, whose long ones are broken with a backslash.
fn examples(help: &str) -> Vec<String> {
    let help = help.replace("\\\n", " ");
    let is_headline = |line: &&str| matches!(*line, "Example:" | "Examples:");
    let lines = help.lines().skip_while(|line| !is_headline(line)).skip(1);
    lines.take_while(|line| line.starts_with(' ')).map(|line| line.trim().to_owned()).collect()
}

#[test]
fn every_command_says_in_one_line_what_it_is_for() {
    for (name, command) in commands() {
        let about = text(command.get_about());
        assert!((10..100).contains(&about.len()), "{name}: {about:?}");
        assert!(!about.ends_with('.') || name == "registry-guard", "{name}: {about:?}");
    }
}

#[test]
fn every_flag_says_what_it_means_and_what_it_takes() {
    for (name, command) in commands() {
        for argument in command.get_arguments() {
            let flag = argument.get_id();
            let help = text(argument.get_help());
            assert!((10..200).contains(&help.len()), "{name} {flag}: {help:?}");
            let takes_value = argument.get_action().takes_values();
            assert!(!takes_value || argument.get_value_names().is_some(), "{name} {flag}: a value without a name");
        }
    }
}

#[test]
fn every_command_that_does_something_has_an_example_of_itself_that_parses() {
    for (name, command) in commands().into_iter().filter(|(_, command)| !command.has_subcommands()) {
        let examples = examples(&text(command.get_after_help()));
        assert!(examples.iter().any(|example| example.starts_with(&name)), "{name} has no example of itself");
        for example in examples {
            let parsed = Arguments::try_parse_from(words(&example));
            assert!(parsed.is_ok(), "{example}: {}", parsed.unwrap_err());
        }
    }
}

#[test]
fn the_examples_of_the_whole_program_parse() {
    let (_, root) = commands().pop().unwrap();
    let examples = examples(&text(root.get_after_help()));
    assert_eq!(examples.len(), 3);
    for example in examples {
        assert!(Arguments::try_parse_from(words(&example)).is_ok(), "{example}");
    }
}
