//! Long texts of which most is the same in thousands of others.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{PoisonError, RwLock};

use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// A text in parts: those that are in the program are neither copied nor hashed again. A plan of ten thousand jobs has a
/// script library of 15 kB in each of them, six times.
///
/// Two texts are equal when their parts are. As JSON a text is one string.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct SharedText(Vec<Cow<'static, str>>);

impl SharedText {
    /// Appends `part`, without copying what is there already.
    pub fn push(&mut self, part: impl Into<Cow<'static, str>>) {
        self.0.push(part.into());
    }

    /// This text with another part at its end.
    #[must_use]
    pub fn with(mut self, part: impl Into<Cow<'static, str>>) -> SharedText {
        self.push(part);
        self
    }

    /// The whole, borrowed where it is one part.
    pub fn whole(&self) -> Cow<'_, str> {
        match self.0.as_slice() {
            [one] => Cow::Borrowed(one),
            parts => Cow::Owned(parts.concat()),
        }
    }
}

impl From<&'static str> for SharedText {
    fn from(part: &'static str) -> SharedText {
        SharedText(vec![part.into()])
    }
}

impl From<String> for SharedText {
    fn from(part: String) -> SharedText {
        SharedText(vec![part.into()])
    }
}

impl fmt::Display for SharedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| f.write_str(part))
    }
}

impl fmt::Debug for SharedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.whole().fmt(f)
    }
}

impl Serialize for SharedText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Hash for SharedText {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_usize(self.0.len());
        for part in &self.0 {
            match part {
                Cow::Borrowed(part) => state.write(&digest(part)),
                Cow::Owned(part) => part.hash(state),
            }
        }
    }
}

/// The SHA-256 of a text of the program, computed once. What is in the program stays where it is, so its address tells
/// it from all others.
fn digest(text: &'static str) -> [u8; 32] {
    /// By address and length.
    type Known = Option<HashMap<(usize, usize), [u8; 32]>>;
    static KNOWN: RwLock<Known> = RwLock::new(None);
    let address = (text.as_ptr().addr(), text.len());
    let known =
        KNOWN.read().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(|known| known.get(&address).copied());
    known.unwrap_or_else(|| {
        let digest: [u8; 32] = Sha256::digest(text).into();
        KNOWN.write().unwrap_or_else(PoisonError::into_inner).get_or_insert_default().insert(address, digest);
        digest
    })
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hash, Hasher};

    use super::SharedText;

    #[test]
    fn parts_make_one_text() {
        let text = SharedText::from("set -eu\n").with(format!("cd {}\n", "/srv")).with("make\n");
        assert_eq!(text.to_string(), "set -eu\ncd /srv\nmake\n");
        assert_eq!(text.whole(), text.to_string());
        assert_eq!(serde_json::to_string(&text).unwrap(), r#""set -eu\ncd /srv\nmake\n""#);
        assert_eq!(format!("{text:?}"), r#""set -eu\ncd /srv\nmake\n""#);
    }

    #[test]
    fn every_part_is_in_the_hash() {
        let hash = |text: &SharedText| {
            let mut hasher = DefaultHasher::new();
            text.hash(&mut hasher);
            hasher.finish()
        };
        let texts = [
            SharedText::from("set -eu\n").with("make\n".to_owned()),
            SharedText::from("set -eu\n").with("make all\n".to_owned()),
            SharedText::from("set -e\n").with("make\n".to_owned()),
            SharedText::from("set -eu\n"),
            SharedText::from("set -eu\n").with("make\n"),
        ];
        for (number, one) in texts.iter().enumerate() {
            assert_eq!(hash(one), hash(&one.clone()));
            assert!(texts[number + 1..].iter().all(|other| hash(one) != hash(other)), "{one}");
        }
    }
}
