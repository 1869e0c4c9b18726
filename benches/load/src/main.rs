//! Native mock upstream and load client for the benches.
fn main() {}
