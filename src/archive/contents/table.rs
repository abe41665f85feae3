//! A sorted table in bytes: keys front-coded in blocks of sixteen, each with a list of numbers. Written once, then
//! read in place by binary search over the blocks. It knows nothing of what its keys and numbers mean.
//!
//! Layout, integers little-endian: `count: u32`, the start of each block as `u32`s relative to the first block, the
//! blocks. An entry of a block: how many bytes it shares with the key before it, how many more it has, these bytes,
//! how many numbers it has, the numbers; integers in LEB128. Reading damaged bytes gives wrong answers, never a panic.

use bytes::Bytes;

const BLOCK: u32 = 16;

/// Makes a table's bytes.
#[derive(Default)]
pub(super) struct Writer {
    count: u32,
    last: Vec<u8>,
    starts: Vec<u8>,
    blocks: Vec<u8>,
}

impl Writer {
    /// To be called with ascending keys. The caller sees to it that no table reaches 4 GiB.
    pub(super) fn push(&mut self, key: &[u8], values: &[u32]) {
        debug_assert!(self.count == 0 || self.last.as_slice() < key, "keys come sorted, each once");
        let shared = if self.count.is_multiple_of(BLOCK) {
            self.starts.extend_from_slice(&(self.blocks.len() as u32).to_le_bytes());
            0
        } else {
            self.last.iter().zip(key).take_while(|(a, b)| a == b).count()
        };
        write_number(&mut self.blocks, shared as u32);
        write_number(&mut self.blocks, (key.len() - shared) as u32);
        self.blocks.extend_from_slice(&key[shared..]);
        write_number(&mut self.blocks, values.len() as u32);
        for value in values {
            write_number(&mut self.blocks, *value);
        }
        self.last.truncate(shared);
        self.last.extend_from_slice(&key[shared..]);
        self.count += 1;
    }

    /// How many entries there are: the number that the next one gets.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    pub(super) fn finish(self) -> Vec<u8> {
        let mut bytes = self.count.to_le_bytes().to_vec();
        bytes.extend_from_slice(&self.starts);
        bytes.extend_from_slice(&self.blocks);
        bytes
    }
}

/// A table as its writer has written it.
#[derive(Clone)]
pub(super) struct Table {
    count: u32,
    starts: Bytes,
    blocks: Bytes,
}

impl Table {
    /// `None` for what is too short to be a table.
    pub(super) fn new(bytes: Bytes) -> Option<Table> {
        let count = read_u32(&bytes, 0)?;
        let starts = 4 * count.div_ceil(BLOCK) as usize;
        if bytes.len() < 4 + starts {
            return None;
        }
        Some(Table { count, starts: bytes.slice(4..4 + starts), blocks: bytes.slice(4 + starts..) })
    }

    /// The number and the values of a key.
    pub(super) fn find(&self, key: &[u8]) -> Option<(u32, Vec<u32>)> {
        let block = self.last_block_at_or_before(key)?;
        let mut entries = self.block(block)?;
        for number in block * BLOCK.. {
            entries.step()?;
            match entries.key.as_slice().cmp(key) {
                std::cmp::Ordering::Less => {}
                std::cmp::Ordering::Equal => return Some((number, entries.values)),
                std::cmp::Ordering::Greater => return None,
            }
        }
        None
    }

    /// The key and the values of a number.
    pub(super) fn at(&self, number: u32) -> Option<(Vec<u8>, Vec<u32>)> {
        let mut entries = self.block(number / BLOCK)?;
        for _ in 0..=number % BLOCK {
            entries.step()?;
        }
        Some((entries.key, entries.values))
    }

    /// Shows `visit` every key that starts with `prefix`, in order.
    pub(super) fn each(&self, prefix: &[u8], mut visit: impl FnMut(&[u8])) {
        for block in self.last_block_at_or_before(prefix).unwrap_or(0)..self.count.div_ceil(BLOCK) {
            let Some(mut entries) = self.block(block) else { return };
            while entries.step().is_some() {
                if entries.key.starts_with(prefix) {
                    visit(&entries.key);
                } else if entries.key.as_slice() > prefix {
                    return;
                }
            }
        }
    }

    fn last_block_at_or_before(&self, key: &[u8]) -> Option<u32> {
        let (mut low, mut high) = (0, self.count.div_ceil(BLOCK));
        while low < high {
            let middle = low + (high - low) / 2;
            if self.first_key(middle)? <= key {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low.checked_sub(1)
    }

    fn first_key(&self, block: u32) -> Option<&[u8]> {
        let mut rest = self.block(block)?.rest;
        read_number(&mut rest)?;
        let length = read_number(&mut rest)?;
        rest.get(..length as usize)
    }

    fn block(&self, block: u32) -> Option<Entries<'_>> {
        let start = read_u32(&self.starts, block as usize)? as usize;
        let end = read_u32(&self.starts, block as usize + 1).map_or(self.blocks.len(), |end| end as usize);
        Some(Entries { rest: self.blocks.get(start..end)?, key: Vec::new(), values: Vec::new() })
    }
}

/// The entries of one block, one after the other.
struct Entries<'a> {
    rest: &'a [u8],
    key: Vec<u8>,
    values: Vec<u32>,
}

impl Entries<'_> {
    /// `None` at the block's end.
    fn step(&mut self) -> Option<()> {
        let shared = read_number(&mut self.rest)?;
        let length = read_number(&mut self.rest)?;
        let (more, rest) = self.rest.split_at_checked(length as usize)?;
        self.rest = rest;
        self.key.truncate(shared as usize);
        self.key.extend_from_slice(more);
        self.values.clear();
        for _ in 0..read_number(&mut self.rest)? {
            self.values.push(read_number(&mut self.rest)?);
        }
        Some(())
    }
}

fn read_u32(bytes: &[u8], index: usize) -> Option<u32> {
    let bytes = bytes.get(4 * index..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

fn write_number(bytes: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn read_number(bytes: &mut &[u8]) -> Option<u32> {
    let mut number = 0;
    for shift in (0..32).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn write(entries: &BTreeMap<Vec<u8>, Vec<u32>>) -> Vec<u8> {
        let mut writer = Writer::default();
        for (key, values) in entries {
            writer.push(key, values);
        }
        assert_eq!(writer.count() as usize, entries.len());
        writer.finish()
    }

    fn keys(table: &Table, prefix: &[u8]) -> Vec<Vec<u8>> {
        let mut keys = Vec::new();
        table.each(prefix, |key| keys.push(key.to_vec()));
        keys
    }

    /// Few letters and short keys: many share a beginning.
    fn key() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(prop_oneof![Just(b'a'), Just(b'b'), Just(0xff), any::<u8>()], 0..6)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_goes_in_comes_out(
            entries in proptest::collection::btree_map(key(), proptest::collection::vec(any::<u32>(), 0..4), 0..100),
            other in key(),
        ) {
            let table = Table::new(Bytes::from(write(&entries))).unwrap();
            for (number, (key, values)) in entries.iter().enumerate() {
                prop_assert_eq!(table.find(key), Some((number as u32, values.clone())));
                prop_assert_eq!(table.at(number as u32), Some((key.clone(), values.clone())));
            }
            prop_assert_eq!(table.at(entries.len() as u32), None);
            prop_assert_eq!(table.find(&other).is_some(), entries.contains_key(&other));
            let expected: Vec<_> = entries.keys().filter(|key| key.starts_with(&other)).cloned().collect();
            prop_assert_eq!(keys(&table, &other), expected);
        }

        #[test]
        fn damage_is_no_panic(
            entries in proptest::collection::btree_map(key(), proptest::collection::vec(any::<u32>(), 0..4), 0..100),
            flips in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..8),
            length in any::<usize>(),
        ) {
            let mut bytes = write(&entries);
            for (at, value) in flips {
                let at = at % bytes.len();
                bytes[at] = value;
            }
            bytes.truncate(length % (bytes.len() + 1));
            if let Some(table) = Table::new(Bytes::from(bytes)) {
                for key in entries.keys() {
                    table.find(key);
                    keys(&table, key);
                }
                for number in 0..100 {
                    table.at(number);
                }
            }
        }
    }
}
