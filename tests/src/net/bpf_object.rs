use anyhow::Result;
use object::write::{Object, Symbol, SymbolSection};
use object::{Architecture, BinaryFormat, Endianness, SectionKind, SymbolFlags, SymbolKind, SymbolScope};

/// A program of this name in this section, as a compiler would have written it.
pub(super) fn object(section: &str, name: &str, instructions: &[u8]) -> Result<Vec<u8>> {
    let mut object = Object::new(BinaryFormat::Elf, Architecture::Bpf, endianness());
    let section = object.add_section(Vec::new(), section.as_bytes().to_vec(), SectionKind::Text);
    let offset = object.append_section_data(section, instructions, 8);
    object.add_symbol(Symbol {
        name: name.into(),
        value: offset,
        size: u64::try_from(instructions.len())?,
        kind: SymbolKind::Text,
        scope: SymbolScope::Dynamic,
        weak: false,
        section: SymbolSection::Section(section),
        flags: SymbolFlags::None,
    });
    Ok(object.write()?)
}

const fn endianness() -> Endianness {
    if cfg!(target_endian = "big") { Endianness::Big } else { Endianness::Little }
}
