//! Every target holds for its seeds and for what was once found.

use std::path::Path;
use std::{fs, panic};

use codegate_fuzz::TARGETS;

#[test]
fn seeds_hold() {
    for target in &TARGETS {
        let seeds = (target.seeds)();
        assert!(seeds.len() > 10, "{} has next to no seeds", target.name);
        for (n, seed) in seeds.iter().enumerate() {
            hold(target.run, seed, &format!("{} seed-{n:04}", target.name));
        }
    }
}

#[test]
fn shortened_seeds_hold() {
    for target in &TARGETS {
        for (n, seed) in (target.seeds)().iter().enumerate().filter(|(_, seed)| seed.len() < 4096) {
            let step = seed.len() / 16 + 1;
            for len in (0..seed.len()).step_by(step) {
                hold(target.run, &seed[..len], &format!("{} seed-{n:04} to {len}", target.name));
            }
        }
    }
}

#[test]
fn what_was_found_stays_mended() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("found");
    let mut count = 0;
    for target in &TARGETS {
        let Ok(files) = fs::read_dir(folder.join(target.name)) else { continue };
        for path in files.filter_map(|entry| Some(entry.ok()?.path())) {
            let data = fs::read(&path).expect("a readable file");
            hold(target.run, &data, &path.display().to_string());
            count += 1;
        }
    }
    assert!(count > 0, "nothing in {}", folder.display());
}

fn hold(run: fn(&[u8]), data: &[u8], name: &str) {
    if let Err(what) = panic::catch_unwind(|| run(data)) {
        eprintln!("{name} does not hold");
        panic::resume_unwind(what);
    }
}
