//! Says what op-revm makes of the vectors of the spec-test kit.
//!
//! A line of standard input is a JSON object with an `id` and a `vector`; a line of standard output is
//! what comes of its blocks when alloy-op-evm and op-revm execute them. There is no Engine API around
//! them, so what execution does not tell is `notAsked`.
//!
//! With `--corrected` the differences that DISPUTED.md lists for Karst are corrected, so that a search
//! for others is not disturbed by them.

mod block;
mod chain;
mod vector;
mod verdict;
mod world;

use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    io::{self, BufRead, Write},
    panic::{AssertUnwindSafe, catch_unwind, set_hook},
};

#[derive(Deserialize)]
struct Request {
    id: Value,
    vector: vector::Vector,
}

/// Runs `action`. A panic inside becomes a text.
pub fn guard<T>(action: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(action)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("without a text").to_owned()
    })
}

fn answer(line: &str, corrected: bool) -> Value {
    let request = match serde_json::from_str::<Request>(line) {
        Ok(request) => request,
        Err(error) => {
            let id = serde_json::from_str::<Value>(line).map(|value| value["id"].clone());
            return json!({"id": id.unwrap_or_default(), "error": format!("request: {error}")});
        }
    };
    let result = guard(|| verdict::run(&request.vector, corrected));
    let mut answer = result.unwrap_or_else(|panic| json!({"error": format!("panic: {panic}")}));
    answer["id"] = request.id;
    answer
}

fn main() -> io::Result<()> {
    // Panics are told where they arise, in the answer.
    set_hook(Box::new(|_| {}));
    let corrected = std::env::args().any(|argument| argument == "--corrected");
    let mut out = io::BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let line = line?;
        if !line.is_empty() {
            writeln!(out, "{}", answer(&line, corrected))?;
            out.flush()?;
        }
    }
    Ok(())
}
