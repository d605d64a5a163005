//! The routes of one listener as an index.
//!
//! Hosts are hashed, and wildcards found by walking the suffixes of the host. The paths of a host
//! stand in a trie of segments; what can only match one path is hashed. Each place lists its
//! candidates in rank order, so the work depends on the length of the request's host and path and
//! on how many routes share one path, not on how many routes there are.

use super::condition::Conditions;
use super::host_index::{HostIndex, hash};
use super::hostname::Hostname;
use super::path::{PathMatch, PathScope};
use super::rank::{Rank, Timestamp};
use crate::request::RequestHead;
use hashbrown::HashTable;
use std::cmp::Reverse;
use std::rc::Rc;

/// One match of one rule for one hostname, and the policy that is attached to it.
#[derive(Debug, Clone)]
pub struct Entry<P> {
    /// The hostname, the intersection of listener and route.
    pub hostname: Hostname,
    /// What the path must be.
    pub path: PathMatch,
    /// What else must hold.
    pub conditions: Conditions,
    /// What decides between equals.
    pub tie: Tie,
    /// What is done with the request; the table does not look at it.
    pub policy: P,
}

/// What decides between matches of equal rank.
#[derive(Debug, Clone)]
pub struct Tie {
    /// When the route was created.
    pub age: Timestamp,
    /// `{namespace}/{name}` of the route.
    pub name: Rc<str>,
    /// Number of the rule in its route, and of the match in its rule.
    pub order: (usize, usize),
}

impl<P> Entry<P> {
    /// The precedence of this entry.
    pub fn rank(&self) -> Rank {
        Rank {
            exact_hostname: self.hostname.exact_characters(),
            hostname: self.hostname.characters(),
            path: self.path.rank(),
            method: self.conditions.has_method(),
            headers: self.conditions.header_count(),
            query_params: self.conditions.query_param_count(),
            extensions: self.conditions.extension_count(),
            age: Reverse(self.tie.age),
            name: Reverse(self.tie.name.clone()),
            order: Reverse(self.tie.order),
        }
    }

    /// Whether path and conditions match; the hostname is not looked at.
    pub fn matches(&self, head: &RequestHead) -> bool {
        self.path.matches(head.path()) && self.conditions.hold(head)
    }
}

/// The routes of one listener. `P` is the policy attached to a match.
#[derive(Debug)]
pub struct RouteTable<P> {
    /// In rank order, the highest first: the smaller index wins.
    entries: Vec<Entry<P>>,
    hosts: HostIndex,
    paths: HashTable<ExactPath>,
    edges: HashTable<Edge>,
    nodes: Vec<Node>,
}

/// The entries for one path of one host.
///
/// Keys are hashes of 64 bits, and the path is not kept beside them: two paths of one hash share a
/// place, and each entry checks the path itself. So a look-up touches no memory but the place's.
#[derive(Debug)]
struct ExactPath {
    root: u32,
    key: u64,
    candidates: Candidates,
}

/// A step of the trie, keyed by the parent and the segment.
#[derive(Debug)]
struct Edge {
    parent: u32,
    key: u64,
    child: u32,
}

/// A place in the trie: the entries for the paths beneath it.
#[derive(Debug)]
struct Node {
    parent: u32,
    candidates: Candidates,
}

/// Indices of entries, in rank order. Mostly there is one, which then lies in place.
#[derive(Debug)]
struct Candidates {
    first: u32,
    rest: Vec<u32>,
}

impl Candidates {
    const NONE: Candidates = Candidates {
        first: NO_NODE,
        rest: Vec::new(),
    };

    fn push(&mut self, index: u32) {
        if self.first == NO_NODE {
            self.first = index;
        } else {
            self.rest.push(index);
        }
    }

    fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        std::iter::once(self.first).chain(self.rest.iter().copied())
    }
}

const NO_NODE: u32 = u32::MAX;

impl<P> RouteTable<P> {
    /// Builds the index.
    pub fn new(mut entries: Vec<Entry<P>>) -> Self {
        entries.sort_by_cached_key(|entry| Reverse(entry.rank()));
        let mut table = RouteTable {
            entries: Vec::new(),
            hosts: HostIndex::default(),
            paths: HashTable::new(),
            edges: HashTable::new(),
            nodes: Vec::new(),
        };
        for (index, entry) in (0u32..).zip(&entries) {
            table.insert(index, entry);
        }
        table.entries = entries;
        table
    }

    /// The entries, the highest rank first.
    pub fn entries(&self) -> &[Entry<P>] {
        &self.entries
    }

    /// The matching entry of the highest rank.
    pub fn find(&self, head: &RequestHead) -> Option<&Entry<P>> {
        // A more specific hostname ranks before all that is less specific, so the first root that
        // has a match has the best one.
        let host = head.host();
        self.hosts
            .covering(&host)
            .find_map(|root| self.find_beneath(root, head))
    }

    fn find_beneath(&self, root: u32, head: &RequestHead) -> Option<&Entry<P>> {
        let mut best = NO_NODE;
        let path = head.path();
        let key = hash(root, path);
        let exact = self
            .paths
            .find(key, |exact| exact.key == key && exact.root == root);
        if let Some(exact) = exact {
            best = self.better(&exact.candidates, best, head);
        }
        let mut node = self.deepest(root, path);
        while let Some(place) = self.nodes.get(node as usize) {
            best = self.better(&place.candidates, best, head);
            node = place.parent;
        }
        self.entries.get(best as usize)
    }

    /// The first candidate that matches, if it ranks before `best`.
    fn better(&self, candidates: &Candidates, best: u32, head: &RequestHead) -> u32 {
        let matches = |index: &u32| {
            self.entries
                .get(*index as usize)
                .is_some_and(|entry| entry.matches(head))
        };
        candidates
            .iter()
            .take_while(|&index| index < best)
            .find(matches)
            .unwrap_or(best)
    }

    /// The last node on the way that the path takes through the trie.
    fn deepest(&self, root: u32, path: &[u8]) -> u32 {
        let Some(path) = path.strip_prefix(b"/") else {
            return root;
        };
        let mut node = root;
        for segment in path.split(|&byte| byte == b'/') {
            match self.child(node, segment) {
                Some(child) => node = child,
                None => break,
            }
        }
        node
    }

    fn child(&self, parent: u32, segment: &[u8]) -> Option<u32> {
        let key = hash(parent, segment);
        let edge = self
            .edges
            .find(key, |edge| edge.key == key && edge.parent == parent);
        edge.map(|edge| edge.child)
    }

    fn insert(&mut self, index: u32, entry: &Entry<P>) {
        let root = self.root_of(&entry.hostname);
        match entry.path.scope() {
            PathScope::Exact(path) => {
                let key = hash(root, path);
                let same = |exact: &ExactPath| exact.key == key && exact.root == root;
                let found = self.paths.entry(key, same, |exact| exact.key);
                let exact = found.or_insert_with(|| ExactPath {
                    root,
                    key,
                    candidates: Candidates::NONE,
                });
                exact.into_mut().candidates.push(index);
            }
            PathScope::Beneath(path) => {
                let segments = path.strip_prefix('/').map(|path| path.split('/'));
                let node = segments.into_iter().flatten().fold(root, |node, segment| {
                    self.child_or_new(node, segment.as_bytes())
                });
                self.add_candidate(node, index);
            }
            PathScope::Segment(segment) => {
                let node = self.child_or_new(root, segment.as_bytes());
                self.add_candidate(node, index);
            }
        }
    }

    fn root_of(&mut self, hostname: &Hostname) -> u32 {
        if let Some(root) = self.hosts.get(hostname) {
            return root;
        }
        let root = self.new_node(NO_NODE);
        self.hosts.insert(hostname, root);
        root
    }

    fn child_or_new(&mut self, parent: u32, segment: &[u8]) -> u32 {
        if let Some(child) = self.child(parent, segment) {
            return child;
        }
        let child = self.new_node(parent);
        let key = hash(parent, segment);
        let edge = Edge { parent, key, child };
        self.edges.insert_unique(key, edge, |edge| edge.key);
        child
    }

    fn new_node(&mut self, parent: u32) -> u32 {
        let node = u32::try_from(self.nodes.len()).unwrap_or(NO_NODE);
        self.nodes.push(Node {
            parent,
            candidates: Candidates::NONE,
        });
        node
    }

    fn add_candidate(&mut self, node: u32, index: u32) {
        if let Some(node) = self.nodes.get_mut(node as usize) {
            node.candidates.push(index);
        }
    }
}

#[cfg(test)]
mod tests;
