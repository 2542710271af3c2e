//! The pages say what is so: each command in them is typed at machines of the test's own, and prints what the page shows.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result, ensure};
use tests::docs::{Kind, Page, Reader};

/// How many pages are read at a time.
const READERS: usize = 2;

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
