//! What an ELF file asks of the system it is installed on: architecture, libraries and their versions, search paths.
//! Symbols are looked at only for who asks ([`Depth::Symbols`]). Reads only headers and what the dynamic section names, and
//! never more than [`MOST_READ`] bytes of them, or [`MOST_SYMBOL_BYTES`] with symbols.

mod symbols;

use std::cell::Cell;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;

use object::elf::{self, FileHeader32, FileHeader64};
use object::endian::Endianness;
use object::read::elf::{Dyn, FileHeader, ProgramHeader, SectionHeader};
use object::read::{ReadCache, ReadRef};
use tempfile::SpooledTempFile;

use crate::types::Arch;

/// Small files are looked at in memory, large ones in an unnamed temporary file.
const IN_MEMORY: usize = 512 * 1024;
/// Headers and dynamic sections of the largest programs take a tenth of it; a damaged header may ask for anything.
const MOST_READ: u64 = 4 << 20;
/// With symbols: the tables of the largest libraries take half of it.
const MOST_SYMBOL_BYTES: u64 = 64 << 20;
/// The largest libraries define and need some hundred versions.
const MOST_VERSIONS: usize = 8192;

/// An ELF file of a package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Elf {
    /// e_machine
    pub(crate) machine: u16,
    pub(crate) is_64: bool,
    pub(crate) is_little: bool,
    /// An executable or a shared object: something that is loaded. Others are objects to be linked, or debug data.
    pub(crate) is_loaded: bool,
    /// DT_NEEDED, in order.
    pub(crate) needed: Vec<String>,
    pub(crate) soname: Option<String>,
    /// Versions of needed libraries: `libc.so.6`, `GLIBC_2.34` (DT_VERNEED).
    pub(crate) needed_versions: Vec<(String, String)>,
    /// Versions that it defines, without that of its own name (DT_VERDEF).
    pub(crate) versions: Vec<String>,
    /// Symbols are found by DT_GNU_HASH alone, which the oldest loaders do not know.
    pub(crate) has_only_gnu_hash: bool,
    /// DT_RPATH and DT_RUNPATH, cut at colons.
    pub(crate) search: Vec<String>,
    /// Whether the symbol table for the linker and debugger is still there.
    pub(crate) has_symbols: bool,
    /// Bytes behind all that the headers name: a script, an archive, a signature.
    pub(crate) behind: u64,
    /// What a library with a soname offers, see [`symbols::exported`]; none of others, and where nobody asked.
    pub(crate) exported: Option<Vec<String>>,
}

/// How closely a file is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// What it needs of the system.
    Needs,
    /// That, and the symbols of libraries.
    Symbols,
}

impl Elf {
    /// Whether it runs on `arch`. BPF programs run on all.
    pub(crate) fn is_for(&self, arch: Arch) -> bool {
        let (machine, is_64, is_little) = match arch {
            Arch::Amd64 => (elf::EM_X86_64, true, true),
            Arch::Arm64 => (elf::EM_AARCH64, true, true),
            Arch::Armhf | Arch::Armel => (elf::EM_ARM, false, true),
            Arch::Loong64 => (elf::EM_LOONGARCH, true, true),
            Arch::Mips64el => (elf::EM_MIPS, true, true),
            Arch::Mipsel => (elf::EM_MIPS, false, true),
            Arch::I386 => (elf::EM_386, false, true),
            Arch::Ppc64el => (elf::EM_PPC64, true, true),
            Arch::Riscv64 => (elf::EM_RISCV, true, true),
            Arch::S390x => (elf::EM_S390, true, false),
        };
        self.machine == elf::EM_BPF.0 || (self.machine, self.is_64, self.is_little) == (machine.0, is_64, is_little)
    }
}

/// What a file turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Looked {
    NoElf,
    Elf(Box<Elf>),
    /// Begins as an ELF file does, and is none.
    Damaged,
}

/// Reads one file to its end. `folder` takes the temporary file of a large one.
pub(crate) fn look(content: &mut dyn Read, folder: &Path, depth: Depth) -> io::Result<Looked> {
    let mut magic = Vec::new();
    content.take(4).read_to_end(&mut magic)?;
    if magic != elf::ELFMAG {
        io::copy(content, &mut io::sink())?;
        return Ok(Looked::NoElf);
    }
    // The system's folder for temporary files is often memory; the package's own folder is on a disk.
    let folder = if fs::metadata(folder).is_ok_and(|found| found.is_dir()) { folder } else { Path::new(".") };
    let mut file = tempfile::spooled_tempfile_in(IN_MEMORY, folder);
    file.write_all(&magic)?;
    io::copy(content, &mut file)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(parse(file, depth).map_or(Looked::Damaged, |elf| Looked::Elf(Box::new(elf))))
}

fn parse(mut file: SpooledTempFile, depth: Depth) -> Option<Elf> {
    let mut ident = [0; 6];
    file.read_exact(&mut ident).ok()?;
    let cache = ReadCache::new(file);
    let left = Cell::new(MOST_READ);
    let data = Capped { cache: &cache, left: &left };
    match ident[4] {
        1 => parse_with::<FileHeader32<Endianness>>(data, depth),
        2 => parse_with::<FileHeader64<Endianness>>(data, depth),
        _ => None,
    }
}

fn parse_with<H: FileHeader<Endian = Endianness>>(data: Capped<'_>, depth: Depth) -> Option<Elf> {
    let mut found = parse_class::<H>(data)?;
    if depth == Depth::Symbols && found.soname.is_some() {
        data.left.set(MOST_SYMBOL_BYTES);
        let header = H::parse(data).ok()?;
        found.exported = symbols::exported(header, header.endian().ok()?, data);
    }
    Some(found)
}

fn parse_class<H: FileHeader<Endian = Endianness>>(data: Capped<'_>) -> Option<Elf> {
    let header = H::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let kind = header.e_type(endian);
    let mut found = Elf {
        machine: header.e_machine(endian).0,
        is_64: header.is_type_64(),
        is_little: header.is_little_endian(),
        is_loaded: kind == elf::ET_EXEC || kind == elf::ET_DYN,
        ..Elf::default()
    };
    if !found.is_loaded {
        return Some(found);
    }
    // Section headers may be stripped away, or name no table: then there are no symbols.
    let sections = header.section_headers(endian, data).ok()?;
    found.behind = behind(header, endian, data, sections);
    found.has_symbols = sections.iter().any(|section| section.sh_type(endian) == elf::SHT_SYMTAB);

    let segments = header.program_headers(endian, data).ok()?;
    let Some(segment) = segments.iter().find(|segment| segment.p_type(endian) == elf::PT_DYNAMIC) else {
        return Some(found);
    };
    let dynamic = segment.dynamic(endian, data).ok()??;
    let value = |tag| dynamic.iter().find(|entry| entry.tag(endian) == tag).map(|entry| entry.val(endian));
    let (Some(address), Some(size)) = (value(elf::DT_STRTAB), value(elf::DT_STRSZ)) else { return Some(found) };
    // Where in the file an address is.
    let place = |address: u64| {
        segments.iter().filter(|segment| segment.p_type(endian) == elf::PT_LOAD).find_map(|segment| {
            let start: u64 = segment.p_vaddr(endian).into();
            let length: u64 = segment.p_filesz(endian).into();
            let offset: u64 = segment.p_offset(endian).into();
            let inside = address.checked_sub(start).filter(|inside| *inside < length)?;
            offset.checked_add(inside)
        })
    };
    let strings = place(address)?;
    let text = |at: u64| {
        let from = strings.checked_add(at).filter(|_| at < size)?;
        let bytes = data.read_bytes_at_until(from..strings.checked_add(size)?, 0).ok()?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    };
    for entry in dynamic.iter().take_while(|entry| entry.tag(endian) != elf::DT_NULL) {
        let tag = entry.tag(endian);
        let at = entry.val(endian);
        if tag == elf::DT_NEEDED {
            found.needed.push(text(at)?);
        } else if tag == elf::DT_SONAME {
            found.soname = Some(text(at)?);
        } else if tag == elf::DT_RPATH || tag == elf::DT_RUNPATH {
            found.search.extend(text(at)?.split(':').map(str::to_owned));
        }
    }
    found.has_only_gnu_hash = value(elf::DT_GNU_HASH).is_some() && value(elf::DT_HASH).is_none();
    if let Some(address) = value(elf::DT_VERNEED) {
        found.needed_versions = needed_versions(data, endian, place(address)?, &text)?;
    }
    if let Some(address) = value(elf::DT_VERDEF) {
        found.versions = defined_versions(data, endian, place(address)?, &text)?;
    }
    Some(found)
}

/// How much of the file lies behind the tables, sections and segments that its headers name.
fn behind<H: FileHeader<Endian = Endianness>>(
    header: &H,
    endian: Endianness,
    data: Capped<'_>,
    sections: &[H::SectionHeader],
) -> u64 {
    let table = |at: u64, entries: u64, size: u16| at.saturating_add(entries.saturating_mul(u64::from(size)));
    let mut end = table(header.e_shoff(endian).into(), sections.len() as u64, header.e_shentsize(endian));
    let segments = header.program_headers(endian, data).unwrap_or_default();
    end = end.max(table(header.e_phoff(endian).into(), segments.len() as u64, header.e_phentsize(endian)));
    for section in sections.iter().filter(|section| section.sh_type(endian) != elf::SHT_NOBITS) {
        let (at, size): (u64, u64) = (section.sh_offset(endian).into(), section.sh_size(endian).into());
        end = end.max(at.saturating_add(size));
    }
    for segment in segments {
        let (at, size): (u64, u64) = (segment.p_offset(endian).into(), segment.p_filesz(endian).into());
        end = end.max(at.saturating_add(size));
    }
    data.len().unwrap_or(0).saturating_sub(end)
}

/// Follows the chain of DT_VERNEED (gabi, "Symbol versioning"); each step goes on, so a chain cannot be a ring.
fn needed_versions(
    data: Capped<'_>,
    endian: Endianness,
    mut at: u64,
    text: &dyn Fn(u64) -> Option<String>,
) -> Option<Vec<(String, String)>> {
    let mut versions = Vec::new();
    loop {
        let need: &elf::Verneed<Endianness> = data.read_at(at).ok()?;
        let library = text(need.vn_file.get(endian).into())?;
        let mut aux_at = at.checked_add(need.vn_aux.get(endian).into())?;
        for _ in 0..need.vn_cnt.get(endian) {
            let aux: &elf::Vernaux<Endianness> = data.read_at(aux_at).ok()?;
            versions.push((library.clone(), text(aux.vna_name.get(endian).into())?));
            if versions.len() > MOST_VERSIONS {
                return None;
            }
            aux_at = aux_at.checked_add(aux.vna_next.get(endian).into())?;
        }
        match need.vn_next.get(endian) {
            0 => return Some(versions),
            next => at = at.checked_add(next.into())?,
        }
    }
}

/// As [`needed_versions`], of DT_VERDEF.
fn defined_versions(
    data: Capped<'_>,
    endian: Endianness,
    mut at: u64,
    text: &dyn Fn(u64) -> Option<String>,
) -> Option<Vec<String>> {
    let mut versions = Vec::new();
    loop {
        let definition: &elf::Verdef<Endianness> = data.read_at(at).ok()?;
        let aux_at = at.checked_add(definition.vd_aux.get(endian).into())?;
        let aux: &elf::Verdaux<Endianness> = data.read_at(aux_at).ok()?;
        // The base definition is the library's own name.
        if (definition.vd_flags.get(endian) & elf::VER_FLG_BASE).0 == 0 {
            versions.push(text(aux.vda_name.get(endian).into())?);
        }
        match definition.vd_next.get(endian) {
            0 => return Some(versions),
            _ if versions.len() > MOST_VERSIONS => return None,
            next => at = at.checked_add(next.into())?,
        }
    }
}

/// Reads through a cache that would otherwise make room for whatever size a header claims.
#[derive(Clone, Copy)]
struct Capped<'a> {
    cache: &'a ReadCache<SpooledTempFile>,
    left: &'a Cell<u64>,
}

impl Capped<'_> {
    fn spend(&self, size: u64) -> Result<(), ()> {
        self.left.set(self.left.get().checked_sub(size).ok_or(())?);
        Ok(())
    }
}

impl<'a> ReadRef<'a> for Capped<'a> {
    fn len(self) -> Result<u64, ()> {
        self.cache.len()
    }

    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'a [u8], ()> {
        self.spend(size)?;
        self.cache.read_bytes_at(offset, size)
    }

    fn read_bytes_at_until(self, range: Range<u64>, delimiter: u8) -> Result<&'a [u8], ()> {
        // What it reads at most before it gives up.
        self.spend(4096)?;
        self.cache.read_bytes_at_until(range, delimiter)
    }
}
