//! A page as its reader finds it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

use super::block::Block;

/// A page and its blocks, in order.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its path in the project.
    pub name: String,
    /// What stands between fences in it.
    pub blocks: Vec<Block>,
    /// The commands of ours that stand in running text.
    pub mentioned: Vec<String>,
    /// Where its links lead.
    pub links: Vec<String>,
}

impl Page {
    /// The first page, whose `setup` blocks are done before every other one.
    pub const FIRST: &str = "README.md";

    /// The first page and all below `docs`.
    pub fn all() -> Result<Vec<Self>> {
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the project's folder")?;
        let mut paths = vec![project.join(Self::FIRST)];
        collect(&project.join("docs"), &mut paths)?;
        let (mut pages, mut problems) = (Vec::new(), Vec::new());
        for path in paths {
            let name = path.strip_prefix(project)?.display().to_string();
            let text = fs::read_to_string(&path).with_context(|| format!("reading {name}"))?;
            pages.push(Self::parse(&name, &text, &mut problems));
        }
        ensure!(problems.is_empty(), "blocks that nobody can try:\n{}", problems.join("\n"));
        Ok(pages)
    }

    /// Reads a page; `problems` gets a line for each block that is not marked as it has to be.
    fn parse(name: &str, text: &str, problems: &mut Vec<String>) -> Self {
        let mut page = Self { name: name.to_owned(), blocks: Vec::new(), mentioned: Vec::new(), links: Vec::new() };
        let mut open: Option<(String, usize, String)> = None;
        for (event, range) in Parser::new(text).into_offset_iter() {
            match event {
                Event::Start(Tag::CodeBlock(kind)) => {
                    let info = if let CodeBlockKind::Fenced(info) = kind { info.to_string() } else { String::new() };
                    let line = text.get(..range.start).unwrap_or_default().matches('\n').count() + 1;
                    open = Some((info, line, String::new()));
                }
                Event::Text(piece) => {
                    if let Some((_, _, text)) = &mut open {
                        text.push_str(&piece);
                    }
                }
                Event::End(TagEnd::CodeBlock) => {
                    if let Some((info, line, text)) = open.take() {
                        match Block::parse(&info, &text, line) {
                            Ok(block) => page.blocks.push(block),
                            Err(problem) => problems.push(format!("{name}: {problem:#}")),
                        }
                    }
                }
                Event::Code(code) if code.starts_with("registry-guard ") => page.mentioned.push(code.to_string()),
                Event::Start(Tag::Link { dest_url, .. }) => page.links.push(dest_url.to_string()),
                _ => {}
            }
        }
        page
    }
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut entries: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, paths)?;
        } else if path.extension().is_some_and(|extension| extension == "md") {
            paths.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docs::Kind;

    #[test]
    fn blocks_are_found_in_lists_too_and_mentioned_commands_in_text() {
        let text = "Say `registry-guard list` or `ls`.\n\n1. First\n\n   ```console\n   $ one\n   two\n   ```\n";
        let mut problems = Vec::new();
        let page = Page::parse("x.md", text, &mut problems);
        assert_eq!(problems, [""; 0]);
        assert_eq!(page.mentioned, ["registry-guard list"]);
        let Kind::Commands(steps) = &page.blocks[0].kind else { panic!("{page:?}") };
        assert_eq!((steps[0].line, steps[0].command.as_str(), steps[0].shown.as_str()), (6, "one", "two\n"));
    }
}
