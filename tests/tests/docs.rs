//! The pages say what is so: each command in them is typed at machines of the test's own, and prints what the page shows.

use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tests::docs::{Kind, Page, Reader};
use tests::net::{program, run};

/// How many pages are read at a time.
const READERS: usize = 3;

fn read(page: &Page, pages: &[Page]) -> Result<usize> {
    let mut reader = Reader::new()?;
    if page.name != Page::FIRST {
        reader.set_up(pages).context("what the first page says")?;
    }
    reader.follow(&page.name, &page.blocks)
}

fn not_tried(page: &Page) -> Vec<(usize, usize, &str)> {
    let blocks = page.blocks.iter();
    let not_tried = blocks.filter_map(|block| match &block.kind {
        Kind::NotTried { commands, why } => Some((block.line, *commands, why.as_str())),
        _ => None,
    });
    not_tried.collect()
}

fn has_commands(page: &Page) -> bool {
    page.blocks.iter().any(|block| matches!(block.kind, Kind::Commands(_) | Kind::Stays(_)))
}

#[test]
fn every_command_of_every_page_does_what_the_page_shows() -> Result<()> {
    let pages = Page::all()?;
    let only = std::env::var("DOCS_PAGE").ok();
    let chosen: Vec<&Page> = pages
        .iter()
        .filter(|page| has_commands(page) && only.as_ref().is_none_or(|only| page.name.contains(only)))
        .collect();
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| {
                while let Some(page) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match read(page, &pages) {
                        Ok(tried) => println!("{}: {tried} commands tried", page.name),
                        Err(error) => failed.lock().unwrap().push(format!("{error:#}")),
                    }
                }
            });
        }
    });
    for page in &pages {
        for (line, commands, why) in not_tried(page) {
            println!("NOT TRIED: {}:{line}: {commands} commands: {why}", page.name);
        }
    }
    let failed = failed.into_inner()?;
    ensure!(failed.is_empty(), "{} of {} pages are wrong:\n\n{}", failed.len(), chosen.len(), failed.join("\n\n"));
    Ok(())
}

/// What is wrong with a command that running text mentions; a word that begins with a hyphen is a flag of it.
fn unknown(mentioned: &str) -> Result<Option<String>> {
    let words: Vec<&str> = mentioned.split(' ').skip(1).collect();
    let is_name = |word: &&&str| {
        word.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-') && !word.starts_with('-')
    };
    let names: Vec<&str> = words.iter().take_while(is_name).copied().collect();
    let help = run(Command::new(program()?).args(&names).arg("--help"), Duration::from_mins(1))?;
    if !help.success() {
        return Ok(Some(help.stderr));
    }
    let flags = words.iter().filter(|word| word.starts_with("--"));
    let missing: Vec<&str> = flags.copied().filter(|flag| !help.stdout.contains(flag)).collect();
    Ok((!missing.is_empty()).then(|| format!("there is no {}", missing.join(", "))))
}

#[test]
fn every_command_that_running_text_mentions_exists_with_its_flags() -> Result<()> {
    let mut wrong = Vec::new();
    for page in Page::all()? {
        for mentioned in &page.mentioned {
            if let Some(problem) = unknown(mentioned)? {
                wrong.push(format!("{}: `{mentioned}`: {problem}", page.name));
            }
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn no_page_goes_without_a_way_to_it() -> Result<()> {
    let index = Page::all()?.into_iter().find(|page| page.name == "docs/README.md").context("docs/README.md")?;
    for page in Page::all()? {
        let name = page.name.strip_prefix("docs/").filter(|name| *name != "README.md");
        ensure!(
            name.is_none_or(|name| index.links.iter().any(|link| link == name)),
            "docs/README.md leads nowhere to {}",
            page.name
        );
    }
    Ok(())
}
