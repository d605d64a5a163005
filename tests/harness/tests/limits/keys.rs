//! More clients than there are places: nobody gains by it, and nothing grows.

use std::collections::HashMap;
use std::time::Duration;

use crate::filter_bench::FilterBench;
use gateway_harness::wasm_host::{Flow, Process};

use crate::bucket::{Bucket, Limit};
use crate::fixture::{ask, bench, by_client, metric};

/// Distinct keys unless `GWF_KEYS` says otherwise; a debug build takes a minute and a half for these.
const KEYS: u64 = 1_000_000;
const MAX_KEYS: usize = 10_000;
/// Sets of keys, for 8 of them on average, and what one takes at most: its tag, 32 keys and what it
/// holds for all others.
const SETS: usize = MAX_KEYS / 8;
const SET: usize = 8 + 33 * 16;
/// `rate_limit/n/p`, `clients`, `tier/free`, each with a NUL behind it, and the number of the set.
const NAME: usize = 33 + 4;
/// `limit/seed` and the seed.
const SEED: usize = 10 + 16;

const LIMIT: &str = r#"{"requests": 3, "unit": "Hour"}"#;
const MODEL: Limit = Limit {
    requests: 3,
    per: Duration::from_secs(3_600),
    burst: 3,
};

/// Clients that were there before the others.
const KNOWN: u64 = 200;

fn keys() -> u64 {
    let keys = std::env::var("GWF_KEYS").ok();
    let keys = keys.map_or(KEYS, |keys| keys.parse().unwrap());
    assert!(keys >= 100_000, "GWF_KEYS: {keys} keys leave places free");
    keys
}

/// What each client may have, had it a bucket for itself alone.
struct Clients {
    bench: FilterBench,
    process: std::sync::Arc<Process>,
    buckets: HashMap<u64, Bucket>,
    admitted: u64,
    asked: u64,
}

impl Clients {
    fn ask(&mut self, client: u64) -> bool {
        let now = self.process.clock().now();
        let fresh = || MODEL.bucket();
        let bucket = self.buckets.entry(client).or_insert_with(fresh);
        let has_room = bucket.has_room(&MODEL, now);
        let measured = ask(&mut self.bench, client.to_string().as_bytes());
        let admitted = measured.flow == Flow::Continue;
        assert!(
            has_room || !admitted,
            "client {client} has more than its own"
        );
        if admitted {
            bucket.take(&MODEL);
        }
        self.asked += 1;
        self.admitted += u64::from(admitted);
        admitted
    }
}

#[test]
fn a_flood_of_keys_gives_no_client_more_and_takes_no_more_memory() {
    let (bench, process) = bench(&by_client(LIMIT, r#", "maxKeys": 10000"#));
    let mut clients = Clients {
        bench,
        process: std::sync::Arc::clone(&process),
        buckets: HashMap::new(),
        admitted: 0,
        asked: 0,
    };
    for client in 0..KNOWN {
        let answers = [(); 4].map(|()| clients.ask(client));
        assert_eq!(answers, [true, true, true, false], "client {client}");
    }
    let memory = clients.bench.vm().memory_size();

    let mut random = fastrand::Rng::with_seed(1);
    let all = KNOWN..KNOWN + keys();
    for client in all.clone() {
        // The flood takes ten minutes: no bucket that was emptied is full again, so no place is free.
        process
            .clock()
            .advance(Duration::from_mins(10) / u32::try_from(keys()).unwrap());
        clients.ask(client);
        match client % 16 {
            0 => drop(clients.ask(random.u64(..KNOWN))),
            8 => drop(clients.ask(random.u64(KNOWN..=client))),
            _ => {}
        }
    }

    let (held, bytes) = process.shared_size();
    assert_eq!(held, SETS + 1, "every set is used, and there is the seed");
    let most = SETS * (SET + NAME) + SEED;
    assert!(bytes <= most, "{bytes} bytes, {most} at most");
    assert_eq!(clients.bench.vm().memory_size(), memory);

    // Those without a place share 3 requests for each set, and what ten minutes refill of them.
    let places = u64::try_from(SETS * 32).unwrap();
    let overflow = metric(&process, "overflow");
    assert!(overflow >= keys() + KNOWN - places, "{overflow}");
    assert_eq!(
        metric(&process, "limited"),
        clients.asked - clients.admitted
    );
    assert_eq!(metric(&process, "errors"), 0);

    // Two hours later all are full: a newcomer takes the place of one that is forgotten.
    process.clock().advance(Duration::from_hours(2));
    let before = metric(&process, "evictions");
    let newcomers = all.end..all.end + 1_000;
    for client in newcomers.chain(0..KNOWN) {
        let answers = [(); 4].map(|()| clients.ask(client));
        assert_eq!(answers, [true, true, true, false], "client {client}");
    }
    assert!(metric(&process, "evictions") > before);
    assert_eq!(metric(&process, "overflow"), overflow);
    assert_eq!(process.shared_size(), (held, bytes));
    println!(
        "{} keys, {} requests: {held} keys of shared data, {bytes} bytes, {overflow} overflowed",
        keys(),
        clients.asked
    );
}
