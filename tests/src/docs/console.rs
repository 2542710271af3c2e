//! Blocks of commands and of what they print.

use anyhow::{Result, ensure};

/// A command and what the page shows of its output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The line of the page.
    pub line: usize,
    /// The machine at which it is typed; `None` is the registry's host.
    pub machine: Option<String>,
    /// What is typed.
    pub command: String,
    /// What the page says that it prints; empty if the page does not say.
    pub shown: String,
}

/// The commands of a block: each begins behind a prompt, `$ ` or `NAME$ `. A line that ends with a backslash goes on in the
/// next one, and so does a command before lines that begin with `> `, as bash prompts for them.
pub(super) fn steps(text: &str, first_line: usize) -> Result<Vec<Step>> {
    let mut steps: Vec<Step> = Vec::new();
    let mut is_open = false;
    for (line, number) in text.lines().zip(first_line..) {
        match (steps.last_mut(), prompt(line), continuation(line)) {
            (Some(step), _, more) if is_open => step.command.extend(["\n", more.unwrap_or(line)]),
            (_, Some((machine, command)), _) => {
                let machine = (!machine.is_empty()).then(|| machine.to_owned());
                steps.push(Step { line: number, machine, command: command.to_owned(), shown: String::new() });
            }
            (Some(step), None, Some(more)) if step.shown.is_empty() => step.command.extend(["\n", more]),
            (Some(step), None, _) => step.shown.extend([line, "\n"]),
            (None, None, _) => ensure!(line.is_empty(), "line {number}: `{line}` stands before any prompt"),
        }
        is_open = line.ends_with('\\') && steps.last().is_some_and(|step| step.shown.is_empty());
    }
    Ok(steps)
}

/// What bash prompts for when a command goes on.
fn continuation(line: &str) -> Option<&str> {
    line.strip_prefix("> ").or((line == ">").then_some(""))
}

/// The name before a `$ ` and what follows it, if the line is a prompt.
fn prompt(line: &str) -> Option<(&str, &str)> {
    let (machine, command) = line.split_once("$ ")?;
    machine.chars().all(|letter| letter.is_ascii_lowercase()).then_some((machine, command))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(line: usize, machine: Option<&str>, command: &str, shown: &str) -> Step {
        Step { line, machine: machine.map(str::to_owned), command: command.to_owned(), shown: shown.to_owned() }
    }

    #[test]
    fn prompts_begin_commands_and_the_rest_is_output() {
        let text = "$ one\noffice$ two \\\n  --more\nprinted $ here\n\n$ three <<'EOF'\n> text\n> EOF\n";
        let expected = [
            step(7, None, "one", ""),
            step(8, Some("office"), "two \\\n  --more", "printed $ here\n\n"),
            step(12, None, "three <<'EOF'\ntext\nEOF", ""),
        ];
        assert_eq!(steps(text, 7).unwrap(), expected);
    }

    #[test]
    fn output_before_any_prompt_is_a_mistake() {
        assert!(steps("printed\n$ one\n", 1).is_err());
    }
}
