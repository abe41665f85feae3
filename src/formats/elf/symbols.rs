//! What a library offers to programs that are linked with it: the symbols that its dynamic table defines.

use object::elf;
use object::endian::Endianness;
use object::read::SymbolIndex;
use object::read::elf::{FileHeader, SectionHeader, SectionTable, Sym};

use super::Capped;

/// Those of the largest libraries (of LLVM, of Qt's web engine) are fewer.
const MOST_SYMBOLS: usize = 500_000;

/// Names of symbols that others can use, as `NAME` or `NAME@VERSION`, in order and each once. None where they cannot be
/// known: section headers may be stripped away, and a table may be damaged.
pub(super) fn exported<H: FileHeader<Endian = Endianness>>(
    header: &H,
    endian: Endianness,
    data: Capped<'_>,
) -> Option<Vec<String>> {
    let sections: SectionTable<'_, H, Capped<'_>> = header.sections(endian, data).ok()?;
    let dynamic = sections.iter().find(|section| section.sh_type(endian) == elf::SHT_DYNSYM)?;
    let symbols: &[H::Sym] = dynamic.data_as_array(endian, data).ok()?;
    if symbols.len() > MOST_SYMBOLS {
        return None;
    }
    // Read at once: by its own reader each name would be a read of the file.
    let names = sections.section(dynamic.link(endian)).ok()?.data(endian, data).ok()?;
    let versions = sections.versions(endian, data).ok()?;
    let mut found = Vec::new();
    for (at, symbol) in symbols.iter().enumerate().skip(1) {
        let is_seen = matches!(symbol.st_visibility(), elf::STV_DEFAULT | elf::STV_PROTECTED);
        let is_shared = matches!(symbol.st_bind(), elf::STB_GLOBAL | elf::STB_WEAK | elf::STB_GNU_UNIQUE);
        // An absolute one stands for a version, not for something to be called.
        let is_here = !symbol.is_undefined(endian) && !symbol.is_absolute(endian);
        if !(is_seen && is_shared && is_here) {
            continue;
        }
        let rest = names.get(symbol.st_name(endian) as usize..)?;
        let name = String::from_utf8_lossy(rest.split(|byte| *byte == 0).next()?);
        let version = match &versions {
            Some(table) => table.version(table.version_index(endian, SymbolIndex(at)).index()).ok()?,
            None => None,
        };
        found.push(match version {
            Some(version) => format!("{name}@{}", String::from_utf8_lossy(version.name())),
            None => name.into_owned(),
        });
    }
    found.sort_unstable();
    found.dedup();
    Some(found)
}
