//! Where something is fetched from. An address may hold a password or a token; what is printed of it never does.

use std::fmt;

use serde::{Serialize, Serializer};

/// An address that shows itself without its secrets, wherever it is printed, logged or written: user and password are left
/// out, and the values of a query are `…`. Whoever connects asks for [`Address::secret`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(String);

impl Address {
    /// The whole of it, for connecting and for comparing.
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// An address below this one, which is a folder.
    #[must_use]
    pub fn join(&self, path: &str) -> Address {
        Address(format!("{}/{}", self.0.trim_end_matches('/'), path.trim_start_matches('/')))
    }

    /// Without user, password and query: for those who must not know them.
    pub fn public(&self) -> String {
        let shown = without_user(&self.0);
        shown.split(['?', '#']).next().unwrap_or_default().to_owned()
    }

    /// Whether [`Address::public`] is less than all of it.
    pub fn has_secrets(&self) -> bool {
        self.public() != self.0
    }
}

impl From<String> for Address {
    fn from(text: String) -> Address {
        Address(text)
    }
}

impl From<&str> for Address {
    fn from(text: &str) -> Address {
        Address(text.to_owned())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&redacted(&self.0))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&redacted(&self.0), f)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&redacted(&self.0))
    }
}

/// Characters that end an address within a text.
const ENDS: [char; 9] = [' ', '\t', '\n', '\r', '"', '\'', '<', '>', '`'];

/// The part of an address before its path that says who asks: from behind `://` to the last `@` before the path.
fn user(address: &str) -> Option<std::ops::Range<usize>> {
    let start = address.find("://")? + 3;
    let rest = &address[start..];
    // A password may hold a slash that nobody has encoded: what stands before an `@` is shown to nobody.
    let host_ends = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..host_ends].rfind('@') {
        Some(at) => Some(start..start + at + 1),
        None => {
            let at = rest.split(['?', '#']).next().unwrap_or_default().rfind('@')?;
            let first = rest[..host_ends].contains(':')
                && !rest[..host_ends].rsplit(':').next()?.bytes().all(|b| b.is_ascii_digit());
            first.then_some(start..start + at + 1)
        }
    }
}

fn without_user(address: &str) -> String {
    match user(address) {
        Some(user) => format!("{}{}", &address[..user.start], &address[user.end..]),
        None => address.to_owned(),
    }
}

/// An address as it may be shown.
fn redacted(address: &str) -> String {
    let shown = without_user(address);
    let Some((before, query)) = shown.split_once('?') else { return shown };
    let values = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) => format!("{name}=…"),
        None => "…".to_owned(),
    });
    format!("{before}?{}", values.collect::<Vec<_>>().join("&"))
}

/// A text of somebody else, say a tool's message, with every address in it as it may be shown.
pub(crate) fn redacted_text(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let start = rest[..at]
            .rfind(|c: char| !c.is_ascii_alphanumeric() && !"+.-".contains(c))
            .map_or(0, |before| before + rest[before..].chars().next().map_or(1, char::len_utf8));
        let end = rest[at + 3..].find(ENDS).map_or(rest.len(), |end| at + 3 + end);
        shown.push_str(&rest[..start]);
        shown.push_str(&redacted(&rest[start..end]));
        rest = &rest[end..];
    }
    shown.push_str(rest);
    shown
}

/// A text in which users, passwords and queries of addresses are stars, so that all else keeps its place.
pub(crate) fn starred_text(text: &str) -> String {
    let mut starred = text.as_bytes().to_vec();
    let mut from = 0;
    while let Some(at) = text[from..].find("://").map(|at| from + at) {
        let end = text[at + 3..].find(ENDS).map_or(text.len(), |end| at + 3 + end);
        let address = &text[at..end];
        let query = address.find('?').map(|query| query + 1..address.len());
        for hidden in user(address).into_iter().map(|user| user.start..user.end - 1).chain(query) {
            starred[at + hidden.start..at + hidden.end].fill(b'*');
        }
        from = end;
    }
    String::from_utf8(starred).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASES: [(&str, &str); 9] = [
        ("https://example.org/x.tar.gz", "https://example.org/x.tar.gz"),
        ("https://user:geheim@example.org/x", "https://example.org/x"),
        ("https://geheim@example.org:8080/x?y", "https://example.org:8080/x?…"),
        ("https://user:ge/heim@example.org/x", "https://example.org/x"),
        ("https://user:a@geheim@example.org", "https://example.org"),
        ("https://example.org/x?token=geheim&b=geheim#c", "https://example.org/x?token=…&b=…"),
        ("ssh://git@example.org/x@y", "ssh://example.org/x@y"),
        ("git@example.org:x/y.git", "git@example.org:x/y.git"),
        ("http://example.org:80/a@b", "http://example.org:80/a@b"),
    ];

    #[test]
    fn nothing_that_is_printed_has_a_secret() {
        for (whole, shown) in CASES {
            let address = Address::from(whole);
            assert_eq!(address.to_string(), shown);
            assert_eq!(format!("{address:?}"), format!("{shown:?}"));
            assert_eq!(serde_json::to_string(&address).unwrap(), format!("{shown:?}"));
            assert_eq!(address.secret(), whole);
            assert!(!address.public().contains("geheim") && !address.public().contains('…'), "{}", address.public());
            let text = format!("fatal: cannot read '{whole}': no; see <{whole}> ü {whole}");
            assert_eq!(redacted_text(&text), format!("fatal: cannot read '{shown}': no; see <{shown}> ü {shown}"));
            let starred = starred_text(&text);
            assert!(!starred.contains("geheim") && starred.len() == text.len(), "{starred}");
        }
        assert_eq!(redacted_text("no address :// here, ü://x"), "no address :// here, ü://x");
    }

    #[test]
    fn what_lies_below_an_address_keeps_its_secret() {
        let below = Address::from("https://u:p@example.org/debian/").join("/dists/sid");
        assert_eq!(below.secret(), "https://u:p@example.org/debian/dists/sid");
        assert!(below.has_secrets() && !Address::from("https://example.org/a").has_secrets());
    }
}
