//! A queue that closes while items come: each is drained, handed to who closes, or given back, and nobody hangs.

use std::sync::Arc;

use loom::thread;

use crate::descriptor::{explore, producer, queue};

#[test]
fn an_item_in_flight_has_exactly_one_fate() {
    explore(Some(4), || {
        let queue = queue();
        let producers = [producer(&queue, [1, 2]), producer(&queue, [3])];
        let mut fates = queue.close();
        assert_eq!(queue.push(4), Err(4));
        for producer in producers {
            fates.extend(producer.join().unwrap());
        }
        fates.sort_unstable();
        assert_eq!(fates, [1, 2, 3]);
        assert!(!queue.is_ready());
        assert_eq!(queue.push(4), Err(4));
        assert_eq!(queue.try_next(), None);
    });
}

#[test]
fn a_loop_that_drains_and_then_closes_leaves_nothing() {
    explore(Some(3), || {
        let queue = queue();
        let producers = [producer(&queue, [1]), producer(&queue, [2])];
        let mut fates = Vec::new();
        queue.drain(1, &mut fates);
        fates.extend(queue.close());
        for producer in producers {
            fates.extend(producer.join().unwrap());
        }
        fates.sort_unstable();
        assert_eq!(fates, [1, 2]);
    });
}

#[test]
fn closing_on_another_thread_takes_nothing_twice() {
    explore(Some(3), || {
        let queue = queue();
        let one = producer(&queue, [1, 2]);
        let closing = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.close())
        };
        let mut fates = Vec::new();
        fates.extend(queue.try_next());
        queue.drain(8, &mut fates);
        fates.extend(closing.join().unwrap());
        fates.extend(one.join().unwrap());
        fates.sort_unstable();
        assert_eq!(fates, [1, 2]);
    });
}
