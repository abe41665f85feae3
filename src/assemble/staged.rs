//! What packages are written of: the tree, and all that was decided on it.

use std::collections::BTreeMap;

use super::layout::Layout;
use super::private::Private;
use super::tree::Tree;
use crate::artifact::manifest::Manifest;
use crate::recipe::Attributes;

/// A staged tree that is ready to become packages.
#[derive(Debug)]
pub(crate) struct Staged {
    pub(super) tree: Tree,
    pub(super) layout: Layout,
    pub(super) manifest: Manifest,
    pub(super) private: Private,
    /// What the recipe says of files, by path, in the order of the packages.
    pub(super) attributes: Vec<BTreeMap<String, Attributes>>,
}
