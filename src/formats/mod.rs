//! The formats of packages and of what lies around them, each read in one place and written in one place. Readers stream
//! where a package may be large, take what is hostile for a diagnostic, and bound what they keep; what is done with what
//! they read is for the rooms above.
//!
//! | file | what | after |
//! |---|---|---|
//! | `ar` | the outer archive of a .deb, read and written | ar(5), deb(5) |
//! | `deb` | a .deb: its parts, its control files, `tarball` read as dpkg does, `write`, `shlibs` | deb(5), deb-conffiles(5), deb-md5sums(5), deb-shlibs(5) |
//! | `deb822` | paragraphs of control files, read and written | deb822(5), Policy 5.1 |
//! | `buildinfo` | what packages were built of, read and written | deb-buildinfo(5) |
//! | `dep8` | `debian/tests/control`: the tests of a source package | DEP-8, autopkgtest's README.package-tests |
//! | `relation` | relations of packages: of recipes, in either format's syntax; `relation::field`: of control files | deb-control(5), Policy 7, rpm's dependency syntax |
//! | `repodata` | `repomd.xml` and `primary.xml`, read | createrepo_c's format |
//! | `version` | the order of versions and what is one | deb-version(7), rpm-version(7) |
//! | `spec` | tags and build requirements of a .spec, as far as they follow from its text | rpm's spec file format |
//! | `rpm` | lead, signature and header of an .rpm | RPM's format, versions 3 and 4 |
//! | `cpio` | the payload of an .rpm, read and written | cpio's "newc", and rpm's form of it for large files |
//! | `compression` | how either is compressed, within bounds | deb(5), rpm's payloads |
//! | `elf` | what an ELF file needs and provides | gABI |
//! | `openpgp` | public keys, detached signatures, clear-signed texts | RFC 4880 |
//! | `rpm_signature` | signatures of an .rpm's header, verified and replaced | RPM's format, version 4 |
//! | `folders` | folders of the system, and where packages put nothing | FHS 3.0, Policy 9.1 |

pub(crate) mod ar;
pub(crate) mod buildinfo;
pub(crate) mod compression;
pub(crate) mod cpio;
pub(crate) mod deb;
pub(crate) mod deb822;
pub(crate) mod dep8;
pub(crate) mod elf;
pub(crate) mod folders;
pub(crate) mod openpgp;
pub(crate) mod relation;
pub(crate) mod repodata;
pub(crate) mod rpm;
pub(crate) mod rpm_signature;
pub(crate) mod spec;
pub(crate) mod version;
pub(crate) mod xml;
pub(crate) mod xz;
