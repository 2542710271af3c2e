//! What stands after the flags in `--help`, taken apart.

/// The text after the flags: sentences first, then blocks with a headline of their own.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sections<'t> {
    /// The sentences, a paragraph each.
    pub(super) paragraphs: Vec<&'t str>,
    /// The headline of each block without its colon, and its lines without the indentation that they share.
    pub(super) blocks: Vec<(&'t str, Vec<&'t str>)>,
}

impl<'t> Sections<'t> {
    const INDENTATION: &'static str = "  ";

    /// A headline ends with a colon, and an indented line follows it.
    pub(super) fn of(text: &'t str) -> Self {
        let mut sections = Self::default();
        let mut lines = text.lines().filter(|line| !line.is_empty()).peekable();
        while let Some(line) = lines.next() {
            let is_block = lines.peek().is_some_and(|next| next.starts_with(Self::INDENTATION));
            match line.strip_suffix(':').filter(|_| is_block) {
                Some(headline) => {
                    let indented = std::iter::from_fn(|| lines.next_if(|line| line.starts_with(Self::INDENTATION)));
                    let block = indented.map(|line| line.strip_prefix(Self::INDENTATION).unwrap_or(line)).collect();
                    sections.blocks.push((headline, block));
                }
                None => sections.paragraphs.push(line),
            }
        }
        sections
    }

    /// The lines of the block with one of these headlines.
    pub(super) fn block(&self, headlines: &[&str]) -> Option<&[&'t str]> {
        let found = self.blocks.iter().find(|(headline, _)| headlines.contains(headline));
        found.map(|(_, lines)| lines.as_slice())
    }
}
