//! Headers that are no file of a package of the same name: which capability they stand for.

use crate::init::text::is_plain_path;

/// Headers with the pkg-config module that every distribution has for them.
const MODULES: [(&str, &str); 26] = [
    ("alsa/asoundlib.h", "alsa"),
    ("bzlib.h", ""),
    ("curl/curl.h", "libcurl"),
    ("curses.h", "ncurses"),
    ("ncurses.h", "ncurses"),
    ("expat.h", "expat"),
    ("fuse.h", "fuse"),
    ("gcrypt.h", "libgcrypt"),
    ("gdbm.h", ""),
    ("gmp.h", "gmp"),
    ("gnutls/gnutls.h", "gnutls"),
    ("jansson.h", "jansson"),
    ("jpeglib.h", "libjpeg"),
    ("libxml/parser.h", "libxml-2.0"),
    ("lz4.h", "liblz4"),
    ("lzma.h", "liblzma"),
    ("openssl/ssl.h", "openssl"),
    ("pcre.h", "libpcre"),
    ("pcre2.h", "libpcre2-8"),
    ("png.h", "libpng"),
    ("readline/readline.h", "readline"),
    ("sqlite3.h", "sqlite3"),
    ("tiffio.h", "libtiff-4"),
    ("uuid/uuid.h", "uuid"),
    ("zlib.h", "zlib"),
    ("zstd.h", "libzstd"),
];

/// Headers that the compiler and the C library bring.
const OF_LIBC: [&str; 66] = [
    "aio.h",
    "alloca.h",
    "argp.h",
    "argz.h",
    "assert.h",
    "byteswap.h",
    "complex.h",
    "cpuid.h",
    "ctype.h",
    "dirent.h",
    "dlfcn.h",
    "elf.h",
    "endian.h",
    "err.h",
    "error.h",
    "errno.h",
    "execinfo.h",
    "fcntl.h",
    "features.h",
    "fenv.h",
    "float.h",
    "fnmatch.h",
    "fts.h",
    "ftw.h",
    "getopt.h",
    "glob.h",
    "grp.h",
    "iconv.h",
    "ifaddrs.h",
    "inttypes.h",
    "langinfo.h",
    "libgen.h",
    "libintl.h",
    "limits.h",
    "link.h",
    "locale.h",
    "malloc.h",
    "math.h",
    "memory.h",
    "mntent.h",
    "netdb.h",
    "paths.h",
    "poll.h",
    "pthread.h",
    "pty.h",
    "pwd.h",
    "regex.h",
    "sched.h",
    "semaphore.h",
    "setjmp.h",
    "shadow.h",
    "signal.h",
    "spawn.h",
    "stdarg.h",
    "stdbool.h",
    "stddef.h",
    "stdint.h",
    "stdio.h",
    "stdlib.h",
    "string.h",
    "strings.h",
    "syslog.h",
    "termios.h",
    "time.h",
    "unistd.h",
    "wchar.h",
];
const FOLDERS_OF_LIBC: [&str; 7] = ["sys/", "net/", "netinet/", "arpa/", "linux/", "asm/", "bits/"];

/// The capability that a header is had by; none for those of the C library, and for what is no header.
pub(super) fn capability(header: &str) -> Option<String> {
    let plain = is_plain_path(header) && (header.ends_with(".h") || header.ends_with(".hpp"));
    let foreign = ["windows.h", "winsock2.h", "conio.h", "io.h", "direct.h"].contains(&header);
    let of_libc =
        foreign || OF_LIBC.contains(&header) || FOLDERS_OF_LIBC.iter().any(|folder| header.starts_with(folder));
    if !plain || of_libc {
        return None;
    }
    match MODULES.iter().find(|(known, _)| *known == header) {
        Some((_, module)) if !module.is_empty() => Some(format!("pkgconfig({module})")),
        _ => Some(format!("/usr/include/{header}")),
    }
}

#[cfg(test)]
mod tests {
    use super::capability;

    #[test]
    fn headers_are_had_by_modules_or_paths() {
        assert_eq!(capability("zlib.h").as_deref(), Some("pkgconfig(zlib)"));
        assert_eq!(capability("magic.h").as_deref(), Some("/usr/include/magic.h"));
        for none in ["stdio.h", "sys/types.h", "../x.h", "a b.h", "$X.h", "x"] {
            assert_eq!(capability(none), None, "{none}");
        }
    }
}
