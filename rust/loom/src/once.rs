//! An operation that several want to end: the isolate, the watchdog, and whoever drops the last reference to its ticket.

use loom::sync::Arc;
use loom::thread;

use crate::completion::gate::Gate;
use crate::descriptor::{Queue, explore, queue};

const DROPPED: u32 = 99;

/// What `Ticket` in `rust/core/src/reply.rs` does with its gate and its queue.
struct Ticket {
    answered: Gate,
    queue: std::sync::Arc<Queue>,
}

impl Ticket {
    fn answer(&self, item: u32) -> bool {
        let first = self.answered.pass();
        if first {
            let _ = self.queue.push(item);
        }
        first
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.answer(DROPPED);
    }
}

#[test]
fn one_of_two_answers_arrives_and_the_drop_adds_none() {
    explore(Some(4), || {
        let queue = queue();
        let ticket = Arc::new(Ticket { answered: Gate::new(), queue: queue.clone() });
        let others = [1, 2].map(|item| {
            let ticket = Arc::clone(&ticket);
            thread::spawn(move || ticket.answer(item))
        });
        drop(ticket);
        queue.signal().wait();
        let won = others.map(|other| other.join().unwrap());
        assert_ne!(won[0], won[1]);
        let mut found = Vec::new();
        queue.drain(8, &mut found);
        assert_eq!(found, [if won[0] { 1 } else { 2 }]);
        assert!(!queue.is_ready());
    });
}

#[test]
fn a_ticket_that_everybody_drops_ends_once() {
    explore(None, || {
        let queue = queue();
        let ticket = Arc::new(Ticket { answered: Gate::new(), queue: queue.clone() });
        let other = {
            let ticket = Arc::clone(&ticket);
            thread::spawn(move || drop(ticket))
        };
        drop(ticket);
        queue.signal().wait();
        other.join().unwrap();
        let mut found = Vec::new();
        queue.drain(8, &mut found);
        assert_eq!(found, [DROPPED]);
    });
}

/// The caller gives up while the answer comes: it is there or not, never twice, and the caller can tell.
#[test]
fn giving_up_races_with_the_answer() {
    explore(None, || {
        let queue = queue();
        let ticket = Arc::new(Ticket { answered: Gate::new(), queue: queue.clone() });
        let other = {
            let ticket = Arc::clone(&ticket);
            thread::spawn(move || ticket.answer(1))
        };
        let gave_up = ticket.answered.pass();
        assert!(ticket.answered.is_shut());
        let answered = other.join().unwrap();
        drop(ticket);
        assert_ne!(gave_up, answered);
        assert_eq!(queue.try_next(), answered.then_some(1));
        assert_eq!(queue.try_next(), None);
    });
}
