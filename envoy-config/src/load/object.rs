//! Objects: what a document says, and the document itself for messages.

use super::document::Document;
use super::problem::Problem;
use super::typed;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// A part of a document, read.
#[derive(Debug, Clone)]
pub(crate) struct Object<T> {
    pub(crate) document: Arc<Document>,
    pub(crate) value: T,
}

impl<T: DeserializeOwned> Object<T> {
    /// Reads the member `field` of the document; the empty field is all of it.
    pub(in crate::load) fn read(
        document: &Arc<Document>,
        field: &str,
    ) -> Result<Self, Box<Problem>> {
        Ok(Self {
            document: Arc::clone(document),
            value: typed::read(document, field)?,
        })
    }
}

impl<T> Object<T> {
    pub(crate) fn is(&self, namespace: &str, name: &str) -> bool {
        self.document.namespace() == namespace && self.document.name() == name
    }
}

/// Finds the object of that name.
pub(crate) fn find<'a, T>(objects: &'a [Object<T>], ns: &str, name: &str) -> Option<&'a Object<T>> {
    objects.iter().find(|object| object.is(ns, name))
}
