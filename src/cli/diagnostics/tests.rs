//! One snapshot per wrong recipe: they are read by people, so they are looked at by people.

use std::path::PathBuf;

use super::*;
use crate::distro::Catalogue;
use crate::matrix::Target;
use crate::project::{Access, Project, Selection};
use crate::recipe::RecipeFile;
use crate::types::{Arch, Format};

const PACKAGE: &str = r#"[package]
name = "jq"
version = "1.7.1"
summary = "command-line JSON processor"
license = "MIT"
maintainer = "Ada Lovelace <ada@example.org>"
"#;
const BUILD: &str = "[build]\ninstall = \"make install DESTDIR=$DESTDIR\"\n";

/// Name, and what is wrong: a whole recipe if it begins with `!`, or with a key in capitals the value of that key in a
/// good one; otherwise what follows a good beginning.
const WRONG: &[(&str, &str)] = &[
    ("unknown_key_near", "[build]\ninstal = 'make install'\ninstall = 'x'\n"),
    ("unknown_key_of_another_table", "build-requires = ['oniguruma']\n[build]\ninstall = 'x'\n"),
    ("unknown_key_of_other_tools", "[build]\nbuild-depends = ['libonig-dev']\ninstall = 'x'\n"),
    ("unknown_table", "[biuld]\ninstall = 'x'\n"),
    ("key_outside_of_its_table", "!name = 'jq'\nversion = '1.7'\n"),
    ("missing_keys", "![package]\nname = 'jq'\n[build]\ninstall = 'x'\n"),
    (
        "parameter_without_a_value",
        "[build]\ninstall = 'x'\n[parameters]\nchannel = { required = true }\nTier = ''\nlevel = 3\n",
    ),
    ("version_of_the_target", "!VERSION1.{{ format }}"),
    ("empty_file", "!"),
    ("only_a_comment", "!# to do\n"),
    (
        "version_with_revision",
        "![package]\nname = 'jq'\nversion = '1.7-2'\nsummary = 'x'\nlicense = 'MIT'\nmaintainer = 'A <a@b.c>'\n[build]\ninstall = 'x'\n",
    ),
    (
        "version_is_a_number",
        "![package]\nname = 'jq'\nversion = 1.7\nsummary = 'x'\nlicense = 'MIT'\nmaintainer = 'A <a@b.c>'\n[build]\ninstall = 'x'\n",
    ),
    (
        "upper_case_name",
        "![package]\nname = 'JQ'\nversion = 'v1.7'\nsummary = 'x'\nlicense = 'MIT'\nmaintainer = 'A <a@b.c>'\n[build]\ninstall = 'x'\n",
    ),
    (
        "licence_not_spdx",
        "![package]\nname = 'jq'\nversion = '1'\nsummary = 'x'\nlicense = 'MIT and GPLv2'\nmaintainer = 'Ada'\n[build]\ninstall = 'x'\n",
    ),
    (
        "header_injection",
        "![package]\nname = 'jq'\nversion = '1'\nsummary = \"\"\"x\nDepends: evil\"\"\"\nlicense = 'MIT'\nmaintainer = 'A <a@b.c>'\n[build]\ninstall = 'x'\n",
    ),
    ("nothing_to_install", ""),
    ("string_for_an_array", "[build]\nrequires = 'libonig-dev'\ninstall = 'x'\n"),
    ("number_in_an_array", "[build]\nrequires = ['bison', 3]\nnetwork = 'no'\ninstall = 'x'\n"),
    ("two_relations_in_one", "requires = ['libonig5, libc6']\n[build]\ninstall = 'x'\n"),
    ("environment", "[build]\nenv = { 'A B' = 'x', FARM_X = 'y', N = 4 }\ninstall = 'x'\n"),
    (
        "taken_from_nowhere",
        "![package]\nname = 'jq'\nversion = { from = 'gti', tag = 'v*' }\nchangelog = 'NEWS'\ndate = { from = 'file' }\nsummary = 'x'\n\
         license = 'MIT'\nmaintainer = 'A <a@b.c>'\n[build]\ninstall = 'x'\n",
    ),
    (
        "taken_from_both",
        "![package]\nname = 'jq'\nversion = { from = 'file', tags = 'v*', suffix = '-1' }\nchangelog = { from = 'git', file = 'NEWS' }\n\
         date = {}\nsummary = 'x'\nlicense = 'MIT'\nmaintainer = 'A <a@b.c>'\n[build]\ninstall = 'x'\n",
    ),
    (
        "sources_of_another_kind",
        "[[sources]]\npath = '.'\nsubmodules = true\nfuzz = 1\n[[sources]]\npath = 'x.tar'\nunpack = false\nstrip = 1\n\
         series = '/series'\nfuzz = 3\n[build]\ninstall = 'x'\n",
    ),
    ("source_without_hash", "[[sources]]\nurl = 'https://example.org/jq.tar.gz'\n[build]\ninstall = 'x'\n"),
    (
        "source_with_short_hash",
        "[[sources]]\nurl = 'https://example.org/jq.tar.gz'\nsha256 = 'abc'\n[build]\ninstall = 'x'\n",
    ),
    (
        "source_of_two_kinds",
        "[[sources]]\nurl = 'https://example.org/jq.tar.gz'\ngit = 'https://example.org/jq'\n[build]\ninstall = 'x'\n",
    ),
    (
        "sources_in_the_recipe",
        "[[sources]]\nfile = 'jq.service'\n[[sources]]\nfile = 'units/jq.service'\ntext = ''\nmode = '0775'\npatches = ['x']\n\
         [[sources]]\npath = '.'\ntext = ''\n[build]\ninstall = 'x'\n",
    ),
    ("source_from_nowhere", "[[sources]]\nstrip = 1\n[build]\ninstall = 'x'\n"),
    ("source_single_brackets", "[sources]\npath = '.'\n[build]\ninstall = 'x'\n"),
    (
        "source_branch_for_a_commit",
        "[[sources]]\ngit = 'https://example.org/jq'\ncommit = 'main'\n[build]\ninstall = 'x'\n",
    ),
    (
        "source_that_runs_commands",
        "[[sources]]\ngit = 'ext::sh -c id'\ncommit = 'da39a3ee5e6b4b0d3255bfef95601890afd80709'\n[build]\ninstall = 'x'\n",
    ),
    ("source_leaves_the_tree", "[[sources]]\npath = '/etc'\ninto = '../..'\n[build]\ninstall = 'x'\n"),
    (
        "split_package",
        "[build]\ninstall = 'x'\n[packages.dev]\nname = 'jq'\nsummary = 'headers'\n[packages.doc]\nfiles = ['usr/share/doc']\narchitecture = 'noarch'\n",
    ),
    (
        "services",
        "services = ['jqd.service']\n[build]\ninstall = 'x'\n[packages.a]\nfiles = ['/usr/a']\n[packages.a.services.jqd]\nenabled = true\nrestart = 'after'\n[packages.a.services.'jqd.service']\n[packages.a.services.'jqd@tty1']\n",
    ),
    (
        "users",
        "tmpfiles = ['/run/jqd 0755 jqd jqd']\n[package.users.Jqd]\n[package.users.jqd]\ncomment = 'JSON: fast'\nhome = '~/jq'\ngroup = 'json'\n[build]\ninstall = 'x'\n",
    ),
    (
        "alternatives",
        "[package.alternatives.jq]\nlink = '/usr/bin/jq'\npath = '/usr/bin/jq'\n[package.alternatives.jq.slaves.'jq.1.gz']\nlink = '/usr/share/man/man1/jq.1.gz'\n[build]\ninstall = 'x'\n",
    ),
    ("limits", "[build]\ninstall = 'x'\n[limits]\nmemory = '4 gigs'\ntimeout = '0 s'\npids = 1\nstall = true\n"),
    ("environment_of_two_kinds", "[build]\ninstall = 'x'\n[environment]\nimage = 'debian:12'\ndistro = 'debian-12'\n"),
    ("environment_of_no_kind", "[build]\ninstall = 'x'\n[environment]\ntools = 'farm'\n"),
    (
        "environment_images",
        "[build]\ninstall = 'x'\n[environment]\nimage = 'Debian:12'\n[override.deb.environment]\nimage = 'debian@sha256:12'\ntools = 'dpkg'\n[override.rpm.environment]\nimage = 'https://example.org/x'\n",
    ),
    (
        "environment_of_a_dockerfile_elsewhere",
        "[build]\ninstall = 'x'\n[environment]\ndockerfile = '../Dockerfile'\n[override.deb.environment]\ndockerfile = 'Dockerfile'\ncontext = 'packaging'\n[override.rpm.environment]\ndockerfile = '/srv/Dockerfile'\n",
    ),
    (
        "environment_of_a_dockerfile_with_arguments",
        "[build]\ninstall = 'x'\n[environment]\ndockerfile = 'Dockerfile'\ntarget = 'build stage'\nargs = ['VERSION=1']\n[override.deb.environment]\ndockerfile = 'Dockerfile'\nargs = { 'A-B' = '1', C = 2 }\nbuild-args = { D = '1' }\n",
    ),
    (
        "environment_of_an_image_with_a_context",
        "[build]\ninstall = 'x'\n[environment]\nimage = 'debian:12'\ncontext = '.'\ntarget = 'build'\n[override.rpm.environment]\ndistro = 'debian-12'\nargs = { A = '1' }\n[override.deb.environment]\ncontext = '.'\n[override.ubuntu.environment]\nimage = 'debian:12'\ndockerfile = 'Dockerfile'\n",
    ),
    ("caches_that_are_not_kept", "[build]\ncache = ['cargo', 'sccache', 'ccahe']\ninstall = 'x'\n"),
    ("environment_misspelt", "[build]\ninstall = 'x'\n[environment]\nimages = 'debian:12'\n[enviroment]\nx = 1\n"),
    ("syntax", "[build]\ninstall = make install\n"),
    ("syntax_unclosed_string", "[build]\ninstall = 'make install\n[test]\nscript = 'x'\n"),
    ("duplicate_key", "[build]\ninstall = 'x'\ninstall = 'y'\n"),
    ("duplicate_table", "[build]\ninstall = 'x'\n[build]\ncheck = 'y'\n"),
    ("override_key_without_table", "[build]\ninstall = 'x'\n[override.rpm]\nrequires = ['oniguruma']\n"),
    ("override_without_selector", "[build]\ninstall = 'x'\n[override.build]\ncheck = 'x'\n"),
    (
        "override_of_an_unknown_variant",
        "[build]\ninstall = 'x'\n[matrix]\ndistros = ['*']\n[matrix.variants.minimal]\n[override.'variant:minimul'.build]\ncheck = ''\n[override.minimal.build]\ncheck = ''\n",
    ),
    ("override_that_never_matches", "[build]\ninstall = 'x'\n[override.'debian-12/ubuntu'.build]\ncheck = ''\n"),
    ("override_value", "[build]\ninstall = 'x'\n[override.rpm.build]\nrequires = 'oniguruma-devel'\n"),
    ("matrix_keys", "[build]\ninstall = 'x'\n[matrix]\ndistro = ['debian-12']\n[matrix.full]\narches = ['amd64']\n"),
    ("terminal_steering", "[build]\ninstall = 'x' # \u{1b}[31m\u{202e}\n\"\\u001b[2Jkey\" = 1\n"),
    // Written as other tools want it.
    ("yaml_for_toml", "!name: jq\nversion: 1.7.1\n"),
    ("json_for_toml", "!{ \"package\": { \"name\": \"jq\" } }\n"),
    ("pkgbuild_for_toml", "!pkgname=jq\npkgver=1.7.1\nbuild() {\n  make\n}\n"),
    ("spec_for_toml", "!Name:    jq\nVersion: 1.7.1\n%description\nA processor.\n"),
    ("cargo_authors", "authors = ['Ada Lovelace <ada@example.org>']\n[build]\ninstall = 'x'\n"),
    ("cargo_dependencies", "[build]\ninstall = 'x'\n[dependencies]\noniguruma = '6.9'\n"),
    ("dependencies_as_a_table", "[build]\nrequires = { oniguruma = '6.9' }\ninstall = 'x'\n"),
    ("control_fields", "Depends = ['libonig5']\nBuild-Depends = ['bison']\n[build]\ninstall = 'x'\n"),
    ("spec_tags", "BuildRequires = ['bison']\nObsoletes = ['jq-old']\n[build]\ninstall = 'x'\n"),
    ("conffiles", "conffiles = ['/etc/jq.conf']\n[build]\ninstall = 'x'\n"),
    ("configure_as_a_step", "[build]\nconfigure = './configure'\ncompile = 'make'\ninstall = 'x'\n"),
    ("commands_as_an_array", "[build]\nbuild = ['./configure', 'make']\ninstall = 'x'\n"),
    ("postinst_beside_the_build", "[build]\ninstall = 'x'\npostinst = 'ldconfig'\n"),
    ("scripts_at_the_top", "[build]\ninstall = 'x'\n[scripts]\npost-install = 'ldconfig'\n"),
    ("underscores_for_hyphens", "[package.scripts]\npost_install = 'ldconfig'\n[build]\ninstall = 'x'\n"),
    ("environment_as_an_array", "[build]\nenv = ['CFLAGS=-O3']\ninstall = 'x'\n"),
    ("targets_for_distros", "[build]\ninstall = 'x'\n[matrix]\ntargets = ['debian-12']\n"),
    ("distribution_for_a_table", "[build]\ninstall = 'x'\n[debian-12.build]\ncheck = ''\n"),
    // Slips in TOML.
    ("typographic_quotes", "homepage = “https://example.org”\n[build]\ninstall = 'x'\n"),
    ("backslash_in_quotes", "[build]\ninstall = \"sed -i s/\\d+// Makefile\"\n"),
    ("line_break_in_quotes", "[build]\ninstall = \"make\nmake install\"\n"),
    ("unclosed_long_string", "[build]\ninstall = \"\"\"\nmake install\n[test]\nscript = 'x'\n"),
    ("missing_equals_sign", "[build]\ninstall 'make install'\n"),
    ("unclosed_header", "[build\ninstall = 'make install'\n"),
    ("missing_comma", "[build]\nrequires = ['bison' 'flex']\ninstall = 'x'\n"),
    ("unclosed_array", "[build]\nrequires = ['bison', 'flex'\ninstall = 'x'\n"),
    ("capitalised_boolean", "[build]\nnetwork = True\ninstall = 'x'\n"),
    ("no_value", "[build]\ncheck =\ninstall = 'x'\n"),
    ("integer_too_large", "release = 99999999999999999999\n[build]\ninstall = 'x'\n"),
    ("double_brackets_for_package", "![[package]]\nname = 'jq'\n"),
    (
        "double_brackets_for_packages",
        "[build]\ninstall = 'x'\n[[packages]]\nname = 'jq-doc'\nfiles = ['/usr/share/doc/**']\n",
    ),
    ("package_for_packages", "[package.dev]\nfiles = ['/usr/include/**']\n[build]\ninstall = 'x'\n"),
    ("split_package_without_a_key", "[build]\ninstall = 'x'\n[packages]\nfiles = ['/usr/include/**']\n"),
    // Values.
    ("version_of_a_pre_release", "!VERSION1.8-rc1"),
    ("version_with_an_epoch", "!VERSION2:1.7.1"),
    ("version_is_a_word", "!VERSIONlatest"),
    ("version_is_empty", "!VERSION"),
    ("name_with_an_underscore", "!NAMEmy_tool"),
    ("name_of_a_scope", "!NAME@example/tool"),
    ("name_of_one_letter", "!NAMEr"),
    ("licence_of_other_spelling", "!LICENSEGPLv3"),
    ("licence_with_a_plus", "!LICENSEGPL-2.0+"),
    ("licence_of_ones_own", "!LICENSEProprietary"),
    ("licence_of_several", "!LICENSEMIT, Apache-2.0"),
    ("maintainer_without_a_name", "!MAINTAINER<ada@example.org>"),
    ("maintainer_without_brackets", "!MAINTAINERAda Lovelace ada@example.org"),
    ("maintainer_obfuscated", "!MAINTAINERAda <ada at example.org>"),
    ("homepage_without_a_scheme", "homepage = 'www.example.org/jq'\n[build]\ninstall = 'x'\n"),
    ("architecture_of_a_machine", "architecture = 'amd64'\n[build]\ninstall = 'x'\n"),
    ("architectures_as_an_array", "architecture = ['amd64', 'arm64']\n[build]\ninstall = 'x'\n"),
    ("release_in_quotes", "release = '1'\nepoch = -1\n[build]\ninstall = 'x'\n"),
    ("release_with_a_tag", "release = '1.el9'\n[build]\ninstall = 'x'\n"),
    ("date_in_quotes", "date = '2026-11-22'\n[build]\ninstall = 'x'\n"),
    ("date_without_a_day", "date = 08:30:00\n[build]\ninstall = 'x'\n"),
    ("date_before_1970", "date = 1969-07-20\n[build]\ninstall = 'x'\n"),
    ("description_with_colours", "description = \"\\u001b[1mbold\"\n[build]\ninstall = 'x'\n"),
    ("nul_in_a_script", "[build]\ninstall = \"printf 'a\\u0000b'\"\n"),
    ("section_of_words", "section = 'Development Tools'\n[build]\ninstall = 'x'\n"),
    ("relation_unclosed", "requires = ['libonig5 (>= 6.9']\n[build]\ninstall = 'x'\n"),
    ("relation_is_blank", "requires = ['', 'libonig5']\n[build]\ninstall = 'x'\n"),
    ("date_of_the_build", "[build]\nenv = { SOURCE_DATE_EPOCH = '0', DESTDIR = '/tmp' }\ninstall = 'x'\n"),
    // Sources.
    ("sources_as_addresses", "sources = ['https://example.org/jq.tar.gz']\n[build]\ninstall = 'x'\n"),
    (
        "source_with_several_addresses",
        "[[sources]]\nurl = ['https://a.example/jq.tar.gz', 'https://b.example/jq.tar.gz']\nsha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'\n[build]\ninstall = 'x'\n",
    ),
    (
        "source_with_a_labelled_hash",
        "[[sources]]\nurl = 'https://example.org/jq.tar.gz'\nsha256 = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'\n[build]\ninstall = 'x'\n",
    ),
    (
        "source_with_another_hash",
        "[[sources]]\nurl = 'https://example.org/jq.tar.gz'\nmd5 = 'd41d8cd98f00b204e9800998ecf8427e'\n[build]\ninstall = 'x'\n",
    ),
    (
        "source_without_a_scheme",
        "[[sources]]\nurl = 'example.org/jq.tar.gz'\nsha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'\n[build]\ninstall = 'x'\n",
    ),
    (
        "source_over_ftp",
        "[[sources]]\nurl = 'ftp://example.org/jq.tar.gz'\nsha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'\n[build]\ninstall = 'x'\n",
    ),
    (
        "source_of_an_unnamed_mirror",
        "[[sources]]\nurl = 'mirror:///pool/main/j/jq.tar.gz'\nsha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'\n[build]\ninstall = 'x'\n",
    ),
    (
        "source_of_no_place",
        "[[sources]]\nurls = []\nsha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'\n[build]\ninstall = 'x'\n",
    ),
    (
        "source_git_with_a_branch",
        "[[sources]]\ngit = 'https://example.org/jq'\nbranch = 'main'\n[build]\ninstall = 'x'\n",
    ),
    (
        "source_git_with_a_short_commit",
        "[[sources]]\ngit = 'https://example.org/jq'\ncommit = 'da39a3e'\n[build]\ninstall = 'x'\n",
    ),
    (
        "source_path_with_a_hash",
        "[[sources]]\npath = 'jq.tar.gz'\nsha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'\n[build]\ninstall = 'x'\n",
    ),
    ("source_with_one_patch", "[[sources]]\npath = '.'\npatches = 'fix.patch'\nstrip = '1'\n[build]\ninstall = 'x'\n"),
    ("source_with_a_windows_path", "[[sources]]\npath = '..\\src'\n[build]\ninstall = 'x'\n"),
    // Split packages, tests, limits.
    (
        "split_package_of_everything",
        "[build]\ninstall = 'x'\n[packages.all]\nfiles = ['/**']\n[packages.lib]\nfiles = ['/usr/../lib']\n",
    ),
    ("split_package_with_an_upper_case_key", "[build]\ninstall = 'x'\n[packages.Dev]\nfiles = ['/usr/include/**']\n"),
    ("own_packaging_on_the_host", "[packaging]\ndebian = '/home/ada/jq/debian'\nspec = '../jq.spec'\n"),
    (
        "macros_for_no_spec",
        "[packaging]\ndebian = 'debian'\ndefine = { word = '1', _topdir = '/', 'my-word' = '', ab = 'x' }\n",
    ),
    ("preparing_for_nothing", "[build]\ninstall = 'x'\n[packaging]\nprepare = './autogen.sh'\n"),
    ("test_without_a_script", "[build]\ninstall = 'x'\n[test]\nrun = 'jq --version'\n"),
    (
        "test_as_a_string",
        "!test = 'jq --version'\n[package]\nname = 'jq'\nversion = '1.7.1'\nsummary = 'x'\nlicense = 'MIT'\nmaintainer = 'A <a@b.c>'\n[build]\ninstall = 'x'\n",
    ),
    ("limits_of_other_tools", "[build]\ninstall = 'x'\n[limits]\nmemory = '8G'\ncpus = 4\ntimeout = '1.5 h'\n"),
    ("limit_without_a_unit", "[build]\ninstall = 'x'\n[limits]\nmemory = '4096'\nlog = 1\n"),
    // Matrices and overrides.
    ("matrix_of_a_string", "[build]\ninstall = 'x'\n[matrix]\ndistros = 'debian-12'\n"),
    ("matrix_named_default", "[build]\ninstall = 'x'\n[matrix.default]\ndistros = ['debian-12']\n"),
    ("matrix_with_an_upper_case_name", "[build]\ninstall = 'x'\n[matrix.Full]\ndistros = ['debian-12']\n"),
    (
        "variants_as_an_array",
        "[build]\ninstall = 'x'\n[matrix]\ndistros = ['debian-12']\nvariants = ['full', 'minimal']\n",
    ),
    (
        "variant_of_numbers",
        "[build]\ninstall = 'x'\n[matrix]\ndistros = ['debian-12']\n[matrix.variants.full]\nfeatures = 3\n",
    ),
    (
        "variant_of_two_meanings",
        "[build]\ninstall = 'x'\n[matrix]\ndistros = ['debian-12']\n[matrix.variants.full]\na = '1'\n[matrix.more]\ndistros = ['debian-13']\n[matrix.more.variants.full]\na = '2'\n",
    ),
    ("override_in_the_plural", "[build]\ninstall = 'x'\n[overrides.rpm.build]\ncheck = ''\n"),
    ("override_with_a_comma", "[build]\ninstall = 'x'\n[override.'debian,ubuntu'.build]\ncheck = ''\n"),
    ("override_with_capitals", "[build]\ninstall = 'x'\n[override.Debian-12.build]\ncheck = ''\n"),
    (
        "override_of_a_variant_with_an_equals_sign",
        "[build]\ninstall = 'x'\n[matrix]\ndistros = ['*']\n[matrix.variants.minimal]\n[override.'variant=minimal'.build]\ncheck = ''\n",
    ),
    ("override_of_a_matrix", "[build]\ninstall = 'x'\n[override.rpm.matrix]\ndistros = ['fedora-*']\n"),
    ("override_is_no_table", "[build]\ninstall = 'x'\n[override]\nrpm = 'oniguruma-devel'\n"),
    ("override_breaks_what_was_good", "[build]\ninstall = 'x'\n[override.debian-12.package]\nversion = 'bookworm'\n"),
    // What a package asks of the system.
    ("services_as_an_array", "services = ['greetd.service']\n[build]\ninstall = 'x'\n"),
    ("service_enabled_with_a_word", "[package.services.greetd]\nenable = 'yes'\n[build]\ninstall = 'x'\n"),
    ("service_of_an_instance", "[package.services.'greet@tty1']\n[build]\ninstall = 'x'\n"),
    ("systemd_for_services", "systemd = ['greetd.service']\n[build]\ninstall = 'x'\n"),
    ("users_as_an_array", "users = ['greetd']\n[build]\ninstall = 'x'\n"),
    ("user_with_an_id", "[package.users.greetd]\nuid = 999\n[build]\ninstall = 'x'\n"),
    ("user_with_a_colon", "[package.users.greetd]\ncomment = 'Greeting: daemon'\n[build]\ninstall = 'x'\n"),
    ("tmpfiles_without_a_type", "tmpfiles = ['/run/greetd 0755 greetd greetd']\n[build]\ninstall = 'x'\n"),
    (
        "alternative_without_a_priority",
        "[package.alternatives.greet]\nlink = '/usr/bin/greet'\npath = '/usr/bin/greet-plain'\n[build]\ninstall = 'x'\n",
    ),
    (
        "alternative_of_itself",
        "[package.alternatives.greet]\nlink = '/usr/bin/greet'\npath = '/usr/bin/greet'\npriority = 10\n[build]\ninstall = 'x'\n",
    ),
];

/// Wrong only in the light of the catalogue.
const WRONG_MATRIX: &[(&str, &str)] = &[
    ("matrix_unknown_distributions", "[matrix]\ndistros = ['debain-12', 'debian', 'debian-7']\n"),
    ("matrix_unknown_architecture", "[matrix]\ndistros = ['debian-12']\narches = ['amd65', 'riscv64']\n"),
    ("matrix_exclude", "[matrix]\ndistros = ['debian-*']\nexclude = ['fedoar-43', 'debian-12/vax']\n"),
    ("matrix_of_code_names", "[matrix]\ndistros = ['bookworm', 'jammy', 'debian:12', 'el9']\n"),
    ("matrix_of_other_spellings", "[matrix]\ndistros = ['Debian-12', 'debian12', 'ubuntu-2404', 'fedora']\n"),
    (
        "environment_of_an_unknown_distribution",
        "[matrix]\ndistros = ['debian-12']\n[environment]\ndistro = 'debian-77'\n",
    ),
    (
        "override_of_an_unknown_distribution",
        "[matrix]\ndistros = ['debian-*']\n[override.debain-12.build]\ncheck = ''\n",
    ),
];

fn whole(wrong: &str) -> String {
    let with = |good: &str, wrong: &str| {
        format!("{PACKAGE}{BUILD}").replacen(&format!("\"{good}\""), &format!("\"{wrong}\""), 1)
    };
    let of = |key: &str| wrong.strip_prefix('!')?.strip_prefix(key);
    let values =
        [("NAME", "jq"), ("VERSION", "1.7.1"), ("LICENSE", "MIT"), ("MAINTAINER", "Ada Lovelace <ada@example.org>")];
    if let Some((value, good)) = values.iter().find_map(|(key, good)| Some((of(key)?, *good))) {
        return with(good, value);
    }
    match wrong.strip_prefix('!') {
        Some(text) => text.to_owned(),
        None => format!("{PACKAGE}{wrong}"),
    }
}

fn rendered(text: &[u8], style: &Style) -> String {
    match RecipeFile::parse(Path::new("recipes/jq/farm.toml"), text) {
        Ok(_) => panic!("a good recipe:\n{}", String::from_utf8_lossy(text)),
        Err(error) => recipe(&error, style),
    }
}

#[test]
fn wrong_recipes() {
    for (name, wrong) in WRONG {
        insta::assert_snapshot!(*name, rendered(whole(wrong).as_bytes(), &Style::PLAIN));
    }
}

#[test]
fn wrong_matrices() {
    let catalogue = Catalogue::load(&[]).unwrap();
    for (name, wrong) in WRONG_MATRIX {
        let text = format!("{PACKAGE}{BUILD}{wrong}");
        let file = RecipeFile::parse(Path::new("recipes/jq/farm.toml"), text.as_bytes()).unwrap();
        let error = crate::matrix::expand(&file, "default", &catalogue, Arch::Amd64).unwrap_err();
        insta::assert_snapshot!(*name, matrix(&error, &Style::PLAIN));
    }
}

#[test]
fn files_that_are_no_text() {
    insta::assert_snapshot!("latin_1", rendered(b"[package]\nname = \"gr\xfc\xdfe\"\n", &Style::PLAIN));
    insta::assert_snapshot!("utf_16", rendered(b"\xff\xfe[\0p\0a\0", &Style::PLAIN));
    let long = format!("{PACKAGE}x = '{}'\n{BUILD}", "y".repeat(100_000));
    insta::assert_snapshot!("long_line", rendered(long.as_bytes(), &Style::PLAIN));
    let missing = RecipeError::Read { path: "farm.toml".into(), reason: "there is no such file".to_owned() };
    insta::assert_snapshot!("no_file", recipe(&missing, &Style::PLAIN));
}

#[test]
fn narrow_ascii_and_colour() {
    let wrong = whole("[build]\ninstal = 'make install'\ninstall = 'x'\n");
    let ascii = Style { unicode: false, width: 50, ..Style::PLAIN };
    insta::assert_snapshot!("ascii_narrow", rendered(wrong.as_bytes(), &ascii));
    let color = rendered(wrong.as_bytes(), &Style { color: true, ..Style::PLAIN });
    assert!(color.starts_with("\u{1b}["));
    assert_eq!(console::strip_ansi_codes(&color), rendered(wrong.as_bytes(), &Style::PLAIN));
}

#[test]
fn nothing_in_a_file_reaches_the_terminal_raw() {
    for (_, wrong) in WRONG {
        let text = rendered(whole(wrong).as_bytes(), &Style::PLAIN);
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
        assert!(!text.contains('\u{202e}'), "{text:?}");
    }
}

#[test]
fn unknown_matrices() {
    let error = |name: &str, known: &[&str]| {
        let known = known.iter().map(|name| (*name).to_owned()).collect();
        matrix(&MatrixError::UnknownMatrix { path: "jq/farm.toml".into(), name: name.to_owned(), known }, &Style::PLAIN)
    };
    insta::assert_snapshot!(error("fulll", &["default", "full"]), @r"
    error: jq/farm.toml has no matrix `fulll`
      help: did you mean `full`?
    ");
    insta::assert_snapshot!(error("nightly", &["default", "full"]), @r"
    error: jq/farm.toml has no matrix `nightly`
      help: its matrices are default, full
    ");
    insta::assert_snapshot!(error("default", &["full"]), @r"
    error: jq/farm.toml has no matrix `default`
      help: its matrices are full: choose one with --matrix, or write a
            [matrix]
    ");
    insta::assert_snapshot!(error("default", &[]), @r#"
    error: jq/farm.toml has no [matrix]
      help: say in [matrix] distros for which distributions it is built, for
            example distros = ["debian-*"]
    "#);
}

#[test]
fn problems_of_a_plan_are_said_once_for_all_their_targets() {
    let target = |distro: &str| Target {
        recipe: "jq".to_owned(),
        distro: distro.to_owned(),
        arch: Arch::Amd64,
        format: Format::Deb,
        variant: None,
        source: false,
    };
    let problems = ["debian-12", "debian-13", "debian-14", "debian-sid"]
        .iter()
        .map(|distro| (target(distro), "[package] section: `x y` is no section".to_owned()))
        .chain([(target("debian-12"), "the summary is too long".to_owned())])
        .collect();
    insta::assert_snapshot!(plan(&PlanError { problems }, &Style::PLAIN), @r"
    error: [package] section: `x y` is no section
      for jq@debian-12/amd64, jq@debian-13/amd64, jq@debian-14/amd64 and 1 more
    error: the summary is too long
      for jq@debian-12/amd64
    ");
}

#[test]
fn a_wrong_distribution() {
    let text = "name = \"Mine\"\nformt = \"deb\"\n";
    let error = DistroError::Invalid {
        path: PathBuf::from("distros/mine-1.toml"),
        text: text.into(),
        span: 14..19,
        message: "unknown key `formt`".to_owned(),
        help: Some("did you mean `format`?".to_owned()),
    };
    insta::assert_snapshot!("distribution", distro(&error, &Style::PLAIN));
}

#[tokio::test]
async fn a_circle_is_named_with_every_place_that_makes_it() {
    let folder = tempfile::tempdir().unwrap();
    for (name, rest) in [
        ("heron", "[build]\nrequires = [\"bison\", \"reed\"]"),
        ("pond", "[build]\n[packages.dev]\nfiles = [\"/usr/include/**\"]\nrequires = [\"heron\"]"),
        ("reed", "[build]\n[override.deb.build]\nrequires = [\"pond-dev\"]"),
    ] {
        let text = format!(
            "[package]\nname = \"{name}\"\nversion = \"1.0\"\nsummary = \"A pond\"\nlicense = \"MIT\"\n\
             maintainer = \"T <t@example.org>\"\n{rest}\n[matrix]\ndistros = [\"debian-12\"]\n"
        );
        let place = folder.path().join("recipes").join(name);
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("farm.toml"), text.replace("[build]\n", "[build]\ninstall = \"x\"\n")).unwrap();
    }
    let project = Project::load(folder.path(), &[], &Default::default()).unwrap();
    let access = Access::new(folder.path().join("cache")).unwrap();
    let selected = project.select(&Selection::default(), Arch::Amd64).unwrap();
    let error = selected.resolve(&access, false).await.unwrap_err();
    let style = Style { unicode: true, color: false, width: 80, cuts: false };
    let page = super::project(&error, &style).unwrap();
    insta::assert_snapshot!(page.replace(folder.path().to_str().unwrap(), "."));
}
