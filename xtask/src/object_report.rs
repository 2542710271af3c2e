//! What a BPF object holds.

use anyhow::Result;
use object::{Object as _, ObjectSection as _, ObjectSymbol as _, SymbolKind};

/// The size of one BPF instruction in bytes; a 64-bit constant takes two.
const INSTRUCTION: u64 = 8;

/// A function of the object.
pub(crate) struct Function {
    /// The section, which for a program names its type (`xdp`); `.text` holds what programs call.
    pub(crate) section: String,
    /// The symbol.
    pub(crate) name: String,
    /// Its length in instructions.
    pub(crate) instructions: u64,
}

/// The functions of an object, by section and name.
pub(crate) struct ObjectReport {
    /// Programs and what they call.
    pub(crate) functions: Vec<Function>,
}

impl ObjectReport {
    /// Reads an ELF object.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self> {
        let file = object::File::parse(bytes)?;
        let mut functions = Vec::new();
        for symbol in file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0) {
            let Some(index) = symbol.section_index() else {
                continue;
            };
            functions.push(Function {
                section: file.section_by_index(index)?.name()?.to_owned(),
                name: symbol.name()?.to_owned(),
                instructions: symbol.size() / INSTRUCTION,
            });
        }
        functions.sort_by(|a, b| (&a.section, &a.name).cmp(&(&b.section, &b.name)));
        Ok(Self { functions })
    }

    /// Whether the kernel could load a program of this name.
    pub(crate) fn has_program(&self, name: &str) -> bool {
        self.functions.iter().any(|function| function.name == name && function.section != ".text")
    }
}
