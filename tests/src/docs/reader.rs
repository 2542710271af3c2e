//! Somebody who types every command of a page.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::Signal;

use super::block::{Block, Kind};
use super::console::Step;
use super::output;
use super::page::Page;
use crate::net::{Daemon, Site, run};

/// A reader at machines of their own, and what runs in the terminals that are open.
#[derive(Debug)]
pub struct Reader {
    running: Vec<(String, Daemon)>,
    started: usize,
    site: Site,
}

impl Reader {
    /// How long a command may take, and what stays may take to say that it is ready.
    const LIMIT: Duration = Duration::from_mins(2);
    /// How a command's complaint begins that the page shows, so that the command has to fail.
    const COMPLAINTS: [&str; 3] = ["ERROR: ", "error: ", "curl: ("];

    /// A reader who has done nothing yet.
    pub fn new() -> Result<Self> {
        Ok(Self { running: Vec::new(), started: 0, site: Site::build()? })
    }

    /// Does what these blocks of a page say, in order, and says how many commands that were.
    pub fn follow<'p>(&mut self, page: &str, blocks: impl IntoIterator<Item = &'p Block>) -> Result<usize> {
        let (mut tried, mut differences) = (0, Vec::new());
        for block in blocks {
            tried += match &block.kind {
                Kind::Commands(steps) => {
                    for step in steps {
                        let printed = self.type_in(step).with_context(|| at(page, step))?;
                        differences.extend(difference(page, step, &printed));
                    }
                    steps.len()
                }
                Kind::Stays(step) => {
                    self.start(step).with_context(|| at(page, step))?;
                    1
                }
                Kind::File { path, append, text } => {
                    self.write(path, *append, text).with_context(|| format!("{page}:{}: {path}", block.line))?;
                    0
                }
                Kind::NotTried { .. } | Kind::Shown => 0,
            };
        }
        self.check_running()?;
        ensure!(differences.is_empty(), "{}", differences.join("\n"));
        Ok(tried)
    }

    /// Does what every page but the first one takes for done: its `setup` blocks.
    pub fn set_up(&mut self, pages: &[Page]) -> Result<()> {
        let first = pages.iter().find(|page| page.name == Page::FIRST).context("there is no first page")?;
        self.follow(&first.name, first.blocks.iter().filter(|block| block.is_setup)).map(drop)
    }

    /// What it printed; a command that ends otherwise than the page shows ends the page.
    fn type_in(&self, step: &Step) -> Result<String> {
        let ran = run(&mut self.site.shell(step.machine.as_deref(), &step.command)?, Self::LIMIT)?;
        let status =
            ran.status.with_context(|| format!("it did not end; it printed:\n{}\n{}", ran.stdout, self.terminals()))?;
        let must_fail = step.shown.lines().any(|line| Self::COMPLAINTS.iter().any(|start| line.starts_with(start)));
        ensure!(status.success() != must_fail, "it ended with {status}; it printed:\n{}", ran.stdout);
        Ok(ran.stdout)
    }

    /// What runs already is ended before it is started again, as with Ctrl-C in its terminal.
    fn start(&mut self, step: &Step) -> Result<()> {
        let name: String = step.command.split(' ').take(2).collect::<Vec<_>>().join(" ");
        if let Some(index) = self.running.iter().position(|(running, _)| *running == name) {
            self.running.remove(index).1.end(Signal::SIGINT)?;
        }
        self.started += 1;
        let log = self.site.folder().join(format!("terminal-{}", self.started));
        let mut command = self.site.shell(step.machine.as_deref(), &format!("exec {}", step.command))?;
        let mut daemon = Daemon::start(&mut command, &log)?;
        let said = || fs::read_to_string(&log).unwrap_or_default();
        let ready = daemon.wait_until(Self::LIMIT, || output::holds(&step.shown, &said()).unwrap_or(false));
        ready.with_context(|| format!("it has to print:\n{}", step.shown))?;
        self.running.push((name, daemon));
        Ok(())
    }

    fn write(&self, path: &str, append: bool, text: &str) -> Result<()> {
        let redirect = if append { ">>" } else { ">" };
        let mut shell = self.site.shell(
            None,
            &format!("mkdir -p \"$(dirname '{path}')\" && cat {redirect} '{path}' <<'END OF FILE'\n{text}END OF FILE"),
        )?;
        run(&mut shell, Self::LIMIT)?.expect_success().map(drop)
    }

    /// The last lines of what stays.
    fn terminals(&self) -> String {
        let last = |log: String| {
            log.lines().rev().take(20).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
        };
        let said = |(name, daemon): &(String, Daemon)| format!("`{name}` said last:\n{}\n", last(daemon.log()));
        self.running.iter().map(said).collect::<Vec<_>>().join("\n")
    }

    fn check_running(&mut self) -> Result<()> {
        for (name, daemon) in &mut self.running {
            if let Some(status) = daemon.ended()? {
                bail!("`{name}` ended ({status}); it said:\n{}", daemon.log());
            }
        }
        Ok(())
    }
}

fn difference(page: &str, step: &Step, printed: &str) -> Option<String> {
    if step.shown.trim().is_empty() {
        return None;
    }
    output::compare(&step.shown, printed).err().map(|difference| format!("{}: {difference:#}", at(page, step)))
}

fn at(page: &str, step: &Step) -> String {
    format!("{page}:{}: {}", step.line, step.command)
}
