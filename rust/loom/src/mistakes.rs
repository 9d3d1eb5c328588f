//! Protocols that are wrong by one step. The checker must find each of them, or what it says of the right one is worth nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::completion::handover::Signal;
use crate::descriptor::{Queue, explore, producer, queue};

/// Whether exploring `consume` fails, be it by a deadlock or by an assertion.
fn is_found(consume: impl Fn(&Queue) + Send + Sync + 'static) -> bool {
    catch_unwind(AssertUnwindSafe(|| {
        explore(Some(3), move || {
            let queue = queue();
            let producers = [producer(&queue, [1]), producer(&queue, [2])];
            consume(&queue);
            for producer in producers {
                producer.join().unwrap();
            }
        });
    }))
    .is_err()
}

#[test]
fn clearing_the_descriptor_after_the_items_were_taken() {
    assert!(is_found(|queue| {
        let mut found = Vec::new();
        while found.len() < 2 {
            queue.signal().wait();
            queue.drain(8, &mut found);
            queue.signal().clear();
        }
    }));
}

#[test]
fn sleeping_while_still_armed() {
    assert!(is_found(|queue| {
        queue.arm();
        let mut found = Vec::new();
        while found.len() < 2 {
            found.extend(queue.try_next());
            if found.len() < 2 && !queue.is_ready() {
                queue.signal().wait();
            }
        }
    }));
}

#[test]
fn disarming_without_a_look_at_what_came_meanwhile() {
    assert!(is_found(|queue| {
        queue.arm();
        let mut found = Vec::new();
        found.extend(queue.try_next());
        let _ = queue.disarm();
        while found.len() < 2 {
            queue.signal().wait();
            queue.drain(8, &mut found);
        }
    }));
}

#[test]
fn looking_first_and_disarming_then() {
    assert!(is_found(|queue| {
        let mut found = Vec::new();
        while found.len() < 2 {
            while let Some(item) = queue.try_next() {
                found.push(item);
            }
            if found.len() < 2 {
                let _ = queue.disarm();
                queue.signal().wait();
            }
        }
    }));
}

/// The right one, by the same yardstick.
#[test]
fn no_mistake_is_none() {
    assert!(!is_found(|queue| {
        let mut found = Vec::new();
        while found.len() < 2 {
            queue.signal().wait();
            queue.drain(8, &mut found);
        }
    }));
}
