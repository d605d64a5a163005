//! Shared queues (proxy-wasm-cpp-host `src/shared_queue.cc`).

use std::collections::{HashMap, VecDeque};

use super::status::Status;

/// Where `on_queue_ready` is called: the last registrant of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Registrant {
    /// The VM, by its number in the process.
    pub(crate) vm: u64,
    /// Its root context.
    pub(crate) root: u32,
}

#[derive(Debug)]
struct Queue {
    registrant: Registrant,
    items: VecDeque<Vec<u8>>,
}

/// All queues of the process. Token `n` is the `n`th queue, from 1.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    tokens: HashMap<(String, Vec<u8>), u32>,
    queues: HashMap<u32, Queue>,
    ready: Vec<(Registrant, u32)>,
}

impl Queues {
    /// The queue's token. An existing queue keeps its items and gets a new registrant.
    pub(crate) fn register(&mut self, vm_id: &str, name: &[u8], registrant: Registrant) -> u32 {
        let next = u32::try_from(self.queues.len() + 1).unwrap_or(u32::MAX);
        let key = (vm_id.to_owned(), name.to_vec());
        let token = *self.tokens.entry(key).or_insert(next);
        let fresh = || Queue {
            registrant,
            items: VecDeque::new(),
        };
        self.queues.entry(token).or_insert_with(fresh).registrant = registrant;
        token
    }

    pub(crate) fn resolve(&self, vm_id: &str, name: &[u8]) -> Result<u32, Status> {
        let key = (vm_id.to_owned(), name.to_vec());
        self.tokens.get(&key).copied().ok_or(Status::NotFound)
    }

    pub(crate) fn enqueue(&mut self, token: u32, item: &[u8]) -> Result<(), Status> {
        let queue = self.queues.get_mut(&token).ok_or(Status::NotFound)?;
        queue.items.push_back(item.to_vec());
        self.ready.push((queue.registrant, token));
        Ok(())
    }

    pub(crate) fn dequeue(&mut self, token: u32) -> Result<Vec<u8>, Status> {
        let queue = self.queues.get_mut(&token).ok_or(Status::NotFound)?;
        queue.items.pop_front().ok_or(Status::Empty)
    }

    /// The oldest `on_queue_ready` that this VM has yet to be called with: root context and token.
    pub(crate) fn take_ready(&mut self, vm: u64) -> Option<(u32, u32)> {
        let place = self.ready.iter().position(|(r, _)| r.vm == vm)?;
        let (registrant, token) = self.ready.remove(place);
        Some((registrant.root, token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_registrant_is_told_and_items_stay() {
        let mut queues = Queues::default();
        let token = queues.register("vm", b"q", Registrant { vm: 1, root: 1 });
        queues.enqueue(token, b"a").unwrap();
        assert_eq!(
            queues.register("vm", b"q", Registrant { vm: 2, root: 5 }),
            token
        );
        queues.enqueue(token, b"b").unwrap();
        assert_eq!(queues.take_ready(2), Some((5, token)));
        assert_eq!(queues.take_ready(1), Some((1, token)));
        assert_eq!(queues.take_ready(1), None);
        assert_eq!(queues.dequeue(token).unwrap(), b"a");
        assert_eq!(queues.dequeue(token).unwrap(), b"b");
        assert_eq!(queues.dequeue(token), Err(Status::Empty));
        assert_eq!(queues.dequeue(9), Err(Status::NotFound));
        assert_eq!(queues.resolve("other", b"q"), Err(Status::NotFound));
    }
}
