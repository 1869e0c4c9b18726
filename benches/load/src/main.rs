//! Native mock upstream and load client for the benches: as little CPU per request as raw sockets
//! allow, so that what is measured beside them is the gateway.

mod answers;
mod args;
mod clock;
mod expect;
mod load;
mod mock;
mod report;
mod wire;

use std::io::Write as _;
use std::process::ExitCode;

const USAGE: &str = "\
codegate-load mock [--port 0] [--deltas 300] [--pace-us 0] [--delay-ms 0]
    Prints `listening HOST:PORT`, then answers until it is killed.
    POST …/messages and …/chat/completions; a body with \"stream\":true gets a stream.
codegate-load load --port N --path P --format F --body FILE [--header 'K: V']...
                   [--connections 8] [--duration-ms 1000 | --total N]
                   [--stream --deltas 300 | --expect FILE [--stream]]
                   [--stagger-ms 0] [--grace-ms 30000]
    Closed loop; checks every byte of every answer; prints one JSON report.
    F is anthropic_messages or openai_chat. FILE is the answer that is due; in it a byte 1 stands
    for any byte.";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let outcome = match words.next().as_deref() {
        Some("mock") => args::Args::parse(words, &[]).and_then(|args| mock::run(&args)),
        Some("load") => args::Args::parse(words, &["stream"]).and_then(|args| load::run(&args)),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            // A closed stderr leaves nobody to tell.
            let _ = writeln!(std::io::stderr(), "{reason}");
            ExitCode::from(2)
        }
    }
}
