//! One target under libFuzzer, chosen by `FUZZ_TARGET`; without it the names of all are printed.
//! Seeds are written to the folder `FUZZ_SEEDS` first.

#![no_main]

use std::sync::OnceLock;
use std::{env, fs, process};

use codegate_fuzz::{TARGETS, target};

static RUN: OnceLock<fn(&[u8])> = OnceLock::new();

fn choose() {
    let Some(target) = env::var("FUZZ_TARGET").ok().and_then(|name| target(&name)) else {
        for target in &TARGETS {
            println!("{}", target.name);
        }
        process::exit(0);
    };
    if let Some(folder) = env::var_os("FUZZ_SEEDS") {
        for (n, seed) in (target.seeds)().iter().enumerate() {
            let path = std::path::Path::new(&folder).join(format!("seed-{n:04}"));
            if let Err(error) = fs::write(&path, seed) {
                eprintln!("{}: {error}", path.display());
                process::exit(2);
            }
        }
    }
    RUN.get_or_init(|| target.run);
}

libfuzzer_sys::fuzz_target!(init: choose(), |data: &[u8]| {
    if let Some(run) = RUN.get() {
        run(data);
    }
});
