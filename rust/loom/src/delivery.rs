//! No item is lost, none comes twice, none overtakes another of its producer, and a crowd of them is one wake-up.

use crate::descriptor::{Queue, explore, producer, queue};

/// What an event loop does: it sleeps until the descriptor is readable, then drains a batch.
fn run_loop(queue: &Queue, limit: usize, count: usize) -> Vec<u32> {
    let mut found = Vec::new();
    while found.len() < count {
        queue.signal().wait();
        queue.drain(limit, &mut found);
    }
    found
}

/// What a blocked thread does: it takes what there is and waits for more.
fn block(queue: &Queue, count: usize, spins: bool) -> Vec<u32> {
    let mut found = Vec::new();
    while found.len() < count {
        match queue.try_next() {
            Some(item) => found.push(item),
            None => assert!(queue.wait(|items| spins && items.is_ready(), |descriptor| descriptor.wait())),
        }
    }
    found
}

fn sorted(mut items: Vec<u32>) -> Vec<u32> {
    items.sort_unstable();
    items
}

fn in_order(items: &[u32], of: &[u32]) -> bool {
    items.iter().filter(|item| of.contains(item)).eq(of)
}

#[test]
fn a_loop_gets_everything_of_two_producers() {
    explore(Some(3), || {
        let queue = queue();
        let producers = [producer(&queue, [1, 2]), producer(&queue, [3, 4])];
        let found = run_loop(&queue, 8, 4);
        assert!(in_order(&found, &[1, 2]) && in_order(&found, &[3, 4]), "{found:?}");
        assert_eq!(sorted(found), [1, 2, 3, 4]);
        for producer in producers {
            assert!(producer.join().unwrap().is_empty());
        }
        // Four items: one write for the consumer that slept at first, and one for each time that it went to sleep again.
        let counts = queue.signal().counts();
        assert!(counts.signals <= counts.clears + 1, "{counts:?}");
    });
}

/// A crowd of items that finds a sleeping consumer is one write.
#[test]
fn a_crowd_is_one_wake_up() {
    explore(None, || {
        let queue = queue();
        let producers = [producer(&queue, [1, 2]), producer(&queue, [3, 4])];
        for producer in producers {
            producer.join().unwrap();
        }
        assert_eq!(queue.signal().counts().signals, 1);
        assert_eq!(sorted(run_loop(&queue, 8, 4)), [1, 2, 3, 4]);
        assert!(!queue.signal().counts().readable);
    });
}

#[test]
fn a_loop_that_takes_one_at_a_time_is_woken_for_the_rest() {
    explore(Some(3), || {
        let queue = queue();
        let producers = [producer(&queue, [1, 2]), producer(&queue, [3])];
        assert_eq!(sorted(run_loop(&queue, 1, 3)), [1, 2, 3]);
        for producer in producers {
            producer.join().unwrap();
        }
    });
}

#[test]
fn a_blocked_thread_gets_everything_whether_it_spins_or_not() {
    for spins in [true, false] {
        explore(Some(3), move || {
            let queue = queue();
            let producers = [producer(&queue, [1, 2]), producer(&queue, [3])];
            let found = block(&queue, 3, spins);
            assert!(in_order(&found, &[1, 2]), "{found:?}");
            assert_eq!(sorted(found), [1, 2, 3]);
            for producer in producers {
                producer.join().unwrap();
            }
        });
    }
}

#[test]
fn one_producer_and_one_blocked_thread_in_every_order_there_is() {
    explore(None, || {
        let queue = queue();
        let one = producer(&queue, [1]);
        assert_eq!(block(&queue, 1, true), [1]);
        one.join().unwrap();
    });
}

/// A blocking call on the loop's own thread takes what it waits for; what it leaves is the loop's, which is woken for it.
#[test]
fn what_a_blocking_call_leaves_comes_to_the_loop() {
    explore(Some(3), || {
        let queue = queue();
        let producers = [producer(&queue, [1]), producer(&queue, [2])];
        let mut found = block(&queue, 1, true);
        if queue.disarm() {
            queue.wake_consumer();
        }
        found.extend(run_loop(&queue, 8, 1));
        assert_eq!(sorted(found), [1, 2]);
        for producer in producers {
            producer.join().unwrap();
        }
    });
}

/// A loop that looks for a moment before it sleeps, as an await of a quick answer does, and finds it or not.
#[test]
fn a_glance_loses_nothing() {
    explore(Some(4), || {
        let queue = queue();
        let producers = [producer(&queue, [1]), producer(&queue, [2])];
        queue.arm();
        let mut found = Vec::new();
        if queue.is_ready() {
            found.extend(queue.try_next());
        }
        if queue.disarm() {
            queue.drain(8, &mut found);
        }
        let missing = 2 - found.len();
        found.extend(run_loop(&queue, 8, missing));
        assert_eq!(sorted(found), [1, 2]);
        for producer in producers {
            producer.join().unwrap();
        }
    });
}

/// While the consumer is armed, nobody writes the descriptor, and what came is seen when it disarms.
#[test]
fn an_armed_consumer_costs_no_wake_up() {
    explore(None, || {
        let queue = queue();
        queue.arm();
        let one = producer(&queue, [1, 2]);
        one.join().unwrap();
        assert_eq!(queue.signal().counts().signals, 0);
        assert!(queue.disarm());
        assert_eq!((queue.try_next(), queue.try_next(), queue.try_next()), (Some(1), Some(2), None));
    });
}
