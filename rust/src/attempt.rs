//! One try at one upstream: from a parsed request to a whole answer or a stream's first event.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::Method;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use tokio::time::{Instant, timeout_at};

use crate::canonical::{Abilities, Losses};
use crate::delay::retry_after_ms;
use crate::formats::{BodyVerdict, ErrorFacts, Format, Header, Rescue, Usage, Verdict};
use crate::guardrails::{StreamRestorer, frames};
use crate::headers::{goes_down, goes_up, media_type};
use crate::json::Body;
use crate::relay::Stream;
use crate::request::{Encoded, Goal, ParsedRequest};
use crate::sse::Framer;
use crate::translate::{self, Plan, Seals};
use crate::transport::{
    ACCEPT_ENCODING, Answer, AnswerBody, Failure, FailureKind, Outgoing, Target, Transport,
};

/// An error's body is read up to here; longer ones are no errors an API sends.
const MAX_ERROR_BYTES: usize = 1024 * 1024;
/// How long the rest of an error's body may take once its head is there.
const ERROR_BODY_TIME: Duration = Duration::from_secs(10);
/// Judging an answer larger than this would hold up the streams on this thread.
const JUDGE_ELSEWHERE_BYTES: usize = 1024 * 1024;
/// So would translating a body larger than this, which takes half a millisecond.
const TRANSLATE_ELSEWHERE_BYTES: usize = 64 * 1024;

/// Times and sizes of one attempt. A zero duration is no limit.
#[derive(Clone, Debug)]
pub struct Deadlines {
    pub connect: Duration,
    pub first_byte: Duration,
    pub idle: Duration,
    pub total: Duration,
    pub write: Duration,
    pub keep_alive: Duration,
    pub max_answer: usize,
}

/// What an attempt needs to know.
pub struct Order {
    pub target: Arc<Target>,
    pub path: String,
    pub request: Arc<ParsedRequest>,
    /// All headers of the client; those that may go up are picked here.
    pub client_headers: Arc<[(HeaderName, HeaderValue)]>,
    pub model: String,
    /// The output limit of that model, in tokens.
    pub max_output: Option<u64>,
    pub deadlines: Arc<Deadlines>,
    /// The first byte must be here within this time, whatever the deadlines say.
    pub within: Duration,
    /// What is known of the model at that service.
    pub abilities: Abilities,
    /// Refuse a translation that would lose meaning.
    pub is_strict: bool,
    pub seals: Arc<Seals>,
}

/// What came of it.
pub struct Attempted {
    pub result: Outcome,
    /// The upstream's status; 0 where none came.
    pub status: u16,
    /// Headers that may go to the client.
    pub headers: HeaderMap,
    pub retry_after_ms: Option<u64>,
    /// Whether the upstream may have seen the request.
    pub was_sent: bool,
    /// What was lost on the way into the upstream's format.
    pub losses: Losses,
}

pub enum Outcome {
    /// A whole good answer.
    Plain { body: Vec<Bytes>, usage: Usage },
    /// A stream whose first event is there and is no error.
    Stream(Box<Stream>),
    /// The upstream said no: by status, by an error in a 200, or by a first event.
    /// `body` is empty where the error did not come as a whole body.
    /// `status` is the client's, where the error was put into its dialect.
    Refused { facts: Box<ErrorFacts>, body: Vec<Bytes>, is_passable: bool, status: Option<u16> },
    /// No usable answer.
    Failed(Failure),
}

impl Attempted {
    fn failed(failure: Failure, status: u16, was_sent: bool) -> Self {
        Self {
            result: Outcome::Failed(failure),
            status,
            headers: HeaderMap::new(),
            retry_after_ms: None,
            was_sent,
            losses: Losses::default(),
        }
    }
}

/// Runs one attempt. Never fails: what went wrong is the result.
pub async fn run(transport: &Transport, order: &Arc<Order>) -> Attempted {
    let mut rescue = None;
    loop {
        let attempted = once(transport, order, rescue).await;
        let Outcome::Refused { facts, .. } = &attempted.result else { return attempted };
        let next = order.target.format.wire().rescue(facts, rescue);
        match next.filter(|_| attempted.status == 400) {
            Some(next) => rescue = Some(next),
            None => return attempted,
        }
    }
}

async fn once(transport: &Transport, order: &Arc<Order>, rescue: Option<Rescue>) -> Attempted {
    let started = Instant::now();
    let deadlines = &order.deadlines;
    let first_byte = shortest(started, &[deadlines.first_byte, order.within]);
    let encoded = match encode(order, rescue).await {
        Ok(encoded) => encoded,
        Err(message) => {
            let failure = Failure::new(FailureKind::Conversion, message);
            return Attempted::failed(failure, 0, false);
        }
    };
    let Encoded { body, usage_added, plan, losses, header } = encoded;
    let way = Way { usage_added, plan };
    let outgoing = Outgoing {
        method: Method::POST,
        path: order.path.clone(),
        headers: request_headers(order, header),
        body,
    };
    let sending = transport.send(&order.target, &outgoing, deadlines.connect);
    let answer = match timeout_at(first_byte, sending).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(failed)) => return Attempted::failed(failed.failure, 0, failed.was_sent),
        Err(_) => return Attempted::failed(no_first_byte(), 0, true),
    };
    let status = answer.status.as_u16();
    let mut attempted = Attempted {
        status,
        retry_after_ms: retry_after_ms(&answer.headers, status, SystemTime::now()),
        headers: forwarded(&order.target, &answer.headers, way.plan.is_some()),
        was_sent: true,
        losses,
        result: Outcome::Failed(no_first_byte()),
    };
    attempted.result = match answer.status {
        s if s.is_redirection() => Outcome::Failed(Failure::new(
            FailureKind::Redirect,
            "the upstream answered with a redirect, which is refused: \
             set the account's base URL to where it points",
        )),
        s if !s.is_success() => refused(order, &way, status, answer.body).await,
        _ if order.request.facts.is_streaming => first_event(order, &way, answer, first_byte).await,
        _ => whole(order, &way, answer, shortest(started, &[deadlines.total])).await,
    };
    if way.plan.is_some() {
        let is_stream = matches!(attempted.result, Outcome::Stream(_));
        let kind = if is_stream { EVENT_STREAM } else { "application/json" };
        attempted.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    if let Outcome::Refused { facts, .. } = &attempted.result
        && answer_was_good(status)
    {
        attempted.status = status_of(facts);
    }
    attempted
}

/// How the answer is to be read.
struct Way {
    /// The stream holds usage that the client did not ask for.
    usage_added: bool,
    /// Set where the answer is not in the client's format.
    plan: Option<Arc<Plan>>,
}

const EVENT_STREAM: &str = "text/event-stream; charset=utf-8";

/// The request's body for the target; a large translation runs on another thread.
async fn encode(order: &Arc<Order>, rescue: Option<Rescue>) -> Result<Encoded, String> {
    let is_translated = order.request.format != order.target.format;
    let is_read = is_translated || order.abilities.vision == Some(false);
    if !is_read || order.request.body_bytes() <= TRANSLATE_ELSEWHERE_BYTES {
        return order.encode(rescue);
    }
    let order = Arc::clone(order);
    tokio::task::spawn_blocking(move || order.encode(rescue))
        .await
        .unwrap_or_else(|_| Err("the request could not be translated".into()))
}

impl Order {
    fn encode(&self, rescue: Option<Rescue>) -> Result<Encoded, String> {
        self.request.encode(&Goal {
            format: self.target.format,
            model: &self.model,
            max_output: self.max_output,
            profile: &self.target.profile,
            abilities: self.abilities,
            seals: &self.seals,
            is_strict: self.is_strict,
            rescue,
        })
    }

    fn client(&self) -> Format {
        self.request.format
    }
}

fn answer_was_good(status: u16) -> bool {
    (200..300).contains(&status)
}

/// GET at a target, for small documents such as model lists.
pub async fn fetch(
    transport: &Transport,
    target: &Target,
    path: String,
    time: Duration,
    max_bytes: usize,
) -> Result<(u16, Vec<Bytes>), Failure> {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(ACCEPT_ENCODING));
    add_wanted(&mut headers, target);
    add_account(&mut headers, target);
    let outgoing =
        Outgoing { method: Method::GET, path, headers, body: Arc::from(Vec::<Bytes>::new()) };
    let deadline = Instant::now() + time;
    let answer = timeout_at(deadline, transport.send(target, &outgoing, time))
        .await
        .map_err(|_| no_first_byte())?
        .map_err(|failed| failed.failure)?;
    let status = answer.status.as_u16();
    let body = collect(answer.body, deadline, time, max_bytes).await?;
    Ok((status, body))
}

const USER_AGENT: &str = concat!("codegate/", env!("CARGO_PKG_VERSION"));

fn request_headers(order: &Order, extra: Option<Header>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(24);
    for (name, value) in &*order.client_headers {
        if goes_up(order.target.format, name) {
            headers.append(name.clone(), value.clone());
        }
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // Compression would only add latency to a stream of small events.
    let encoding = if order.request.facts.is_streaming { "identity" } else { ACCEPT_ENCODING };
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(encoding));
    headers.entry(header::USER_AGENT).or_insert(HeaderValue::from_static(USER_AGENT));
    if let Some((name, value)) = extra {
        headers.append(name, HeaderValue::from_static(value));
    }
    add_wanted(&mut headers, &order.target);
    add_account(&mut headers, &order.target);
    headers
}

/// What the API refuses a request without; a client's own stays.
fn add_wanted(headers: &mut HeaderMap, target: &Target) {
    for (name, value) in target.format.wire().headers_wanted() {
        headers.entry(*name).or_insert(HeaderValue::from_static(value));
    }
}

/// The account's own headers, over whatever the client sent under these names.
fn add_account(headers: &mut HeaderMap, target: &Target) {
    for (name, value) in &target.headers {
        headers.insert(name.clone(), value.clone());
    }
    if let Some((name, value)) = &target.auth {
        headers.insert(name.clone(), value.clone());
    }
}

/// What another vendor's headers say means nothing to a client, but for the wait.
fn forwarded(target: &Target, headers: &HeaderMap, is_translated: bool) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for (name, value) in headers {
        if !goes_down(name) || target.is_leaked_in(value.as_bytes()) {
            continue;
        }
        match name.as_str() {
            _ if !is_translated => {
                kept.append(name.clone(), value.clone());
            }
            "retry-after" | "retry-after-ms" | "x-should-retry" => {
                kept.append(name.clone(), value.clone());
            }
            "request-id" | "x-request-id" => {
                kept.insert(UPSTREAM_REQUEST_ID, value.clone());
            }
            _ => {}
        }
    }
    kept
}

const UPSTREAM_REQUEST_ID: HeaderName = HeaderName::from_static("x-codegate-upstream-request-id");

/// The earliest end of those times that are limits, counted from `started`.
fn shortest(started: Instant, times: &[Duration]) -> Instant {
    const FOREVER: Duration = Duration::from_hours(365 * 24);
    let time = times.iter().copied().filter(|time| !time.is_zero()).min().unwrap_or(FOREVER);
    started + time.min(FOREVER)
}

fn no_first_byte() -> Failure {
    Failure::new(FailureKind::FirstByteTimeout, "the upstream did not begin to answer in time")
}

fn empty() -> Failure {
    Failure::new(FailureKind::EmptyBody, "the upstream answered without a body")
}

/// Reads a body to its end, within `max` bytes, `idle` between chunks and `until` in all.
async fn collect(
    mut body: AnswerBody,
    until: Instant,
    idle: Duration,
    max: usize,
) -> Result<Vec<Bytes>, Failure> {
    let (mut parts, mut size) = (Vec::new(), 0_usize);
    loop {
        let silent = shortest(Instant::now(), &[idle]);
        match timeout_at(silent.min(until), body.chunk()).await {
            Ok(None) => return Ok(parts),
            Ok(Some(Ok(part))) => {
                size += part.len();
                if size > max {
                    return Err(Failure::new(
                        FailureKind::TooLarge,
                        format!("the upstream's answer is larger than the limit of {max} bytes"),
                    ));
                }
                parts.push(part);
            }
            Ok(Some(Err(failure))) => return Err(failure),
            Err(_) if silent < until => {
                return Err(Failure::new(
                    FailureKind::IdleTimeout,
                    "the upstream stopped sending in the middle of its answer",
                ));
            }
            Err(_) => {
                return Err(Failure::new(
                    FailureKind::TotalTimeout,
                    "the upstream's answer took too long",
                ));
            }
        }
    }
}

/// An answer whose status says no.
async fn refused(order: &Order, way: &Way, status: u16, body: AnswerBody) -> Outcome {
    let until = Instant::now() + ERROR_BODY_TIME;
    let body = collect(body, until, ERROR_BODY_TIME, MAX_ERROR_BYTES).await.unwrap_or_default();
    let text = Body::from_parts(body.iter().cloned());
    let text = text.slice(0..text.len());
    let facts = order.target.format.wire().read_error(status, &text);
    refusal(order, way, status, facts, body, &text)
}

/// `status` is the upstream's; a good one stands for an error inside the answer.
fn refusal(
    order: &Order,
    way: &Way,
    status: u16,
    mut facts: ErrorFacts,
    body: Vec<Bytes>,
    text: &[u8],
) -> Outcome {
    let has_secret = order.target.is_leaked_in(text);
    if has_secret || !facts.is_json_error {
        // HTML pages and echoed credentials are for nobody's eyes.
        facts.message = "the upstream refused the request without a usable reason".into();
    }
    if way.plan.is_some() {
        let status = if answer_was_good(status) { status_of(&facts) } else { status };
        let own = translate::recast(order.client(), status, &facts);
        let body = vec![own.body(order.client(), None).into()];
        let status = Some(own.status);
        return Outcome::Refused { facts: Box::new(facts), body, is_passable: true, status };
    }
    let is_passable = facts.is_json_error && !has_secret && !body.is_empty();
    Outcome::Refused { facts: Box::new(facts), body, is_passable, status: None }
}

/// A plain answer with a good status: all of it, judged.
async fn whole(order: &Order, way: &Way, answer: Answer, until: Instant) -> Outcome {
    let deadlines = &order.deadlines;
    let is_sse = media_type(&answer.headers) == "text/event-stream";
    let parts = match collect(answer.body, until, deadlines.idle, deadlines.max_answer).await {
        Ok(parts) => parts,
        Err(failure) => return Outcome::Failed(failure),
    };
    if is_sse {
        return match &way.plan {
            Some(plan) => match gathered(order, way, plan, parts) {
                Outcome::Plain { body, usage } => {
                    Outcome::Plain { body: restored(order, body).await, usage }
                }
                other => other,
            },
            None => Outcome::Failed(Failure::new(
                FailureKind::BadBody,
                "the upstream answered a plain request with a stream",
            )),
        };
    }
    match judge(order, &parts).await {
        BodyVerdict::Ok { usage, .. } => {
            let parts = match &way.plan {
                Some(plan) => translated(plan, parts).await,
                None => parts,
            };
            Outcome::Plain { body: restored(order, parts).await, usage }
        }
        BodyVerdict::Error(facts) => {
            let text = Body::from_parts(parts.iter().cloned());
            let text = text.slice(0..text.len());
            refusal(order, way, 200, facts, parts, &text)
        }
        BodyVerdict::NotJson => Outcome::Failed(Failure::new(
            FailureKind::BadBody,
            "the upstream's answer is not the JSON that its API promises",
        )),
        BodyVerdict::Empty => Outcome::Failed(empty()),
    }
}

/// A whole answer with what was masked in its request put back.
async fn restored(order: &Order, parts: Vec<Bytes>) -> Vec<Bytes> {
    let Some(issued) = order.request.issued.clone() else { return parts };
    let format = order.request.format;
    let body = Body::from_parts(parts.iter().cloned());
    let size = body.len();
    let work = move || {
        let text = body.slice(0..body.len());
        frames::whole(format, &issued, &text)
    };
    let text = if size <= JUDGE_ELSEWHERE_BYTES { work() } else { elsewhere(work).await };
    text.map_or(parts, |text| vec![text.into()])
}

/// A whole answer in the client's format; a large one is written on another thread.
async fn translated(plan: &Arc<Plan>, parts: Vec<Bytes>) -> Vec<Bytes> {
    let body = Body::from_parts(parts);
    let plan = Arc::clone(plan);
    let is_small = body.len() <= TRANSLATE_ELSEWHERE_BYTES;
    let write = move || {
        let joined = body.joined();
        drop(body);
        translate::whole(&plan, joined)
    };
    if is_small {
        return write();
    }
    elsewhere(write).await
}

/// What `work` makes on another thread. Its panic is one here: a defect is no empty answer.
async fn elsewhere<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(made) => made,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// A stream that came where a whole answer was asked for, put together.
fn gathered(order: &Order, way: &Way, plan: &Arc<Plan>, parts: Vec<Bytes>) -> Outcome {
    let broken = |message| Outcome::Failed(Failure::new(FailureKind::BadBody, message));
    let mut framer = Framer::new(order.deadlines.max_answer);
    let mut tap = order.target.format.wire().stream_tap(false);
    let mut fold = translate::AnswerFold::new(Arc::clone(plan));
    for part in parts {
        framer.push(part);
        loop {
            let frame = match framer.next() {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(_) => return broken("one event of the upstream is too large"),
            };
            match tap.frame(&frame) {
                Verdict::Error(facts) => {
                    return refusal(order, way, 200, *facts, Vec::new(), frame.data());
                }
                Verdict::Forward | Verdict::Terminal => fold.frame(frame.event(), frame.data()),
                Verdict::Drop | Verdict::Truncated => {}
            }
        }
    }
    if !tap.state().finish_seen && !tap.state().terminal_seen {
        return broken("the upstream's stream ended before its end marker");
    }
    Outcome::Plain { body: fold.finish(), usage: tap.usage() }
}

async fn judge(order: &Order, parts: &[Bytes]) -> BodyVerdict {
    let wire = order.target.format.wire();
    let body = Body::from_parts(parts.iter().cloned());
    if body.len() <= JUDGE_ELSEWHERE_BYTES {
        return wire.check_body(&body);
    }
    tokio::task::spawn_blocking(move || wire.check_body(&body))
        .await
        .unwrap_or(BodyVerdict::NotJson)
}

/// A stream, up to its first event that is no comment or ping.
async fn first_event(order: &Order, way: &Way, answer: Answer, until: Instant) -> Outcome {
    let kind = media_type(&answer.headers);
    let mut stream = Stream::new(
        Arc::clone(&order.target),
        answer.body,
        way.usage_added,
        order.client(),
        way.plan.clone(),
        Arc::clone(&order.deadlines),
    );
    if let Some(issued) = &order.request.issued {
        stream.restore(StreamRestorer::new(order.request.format, Arc::clone(issued)));
    }
    if kind != "text/event-stream" {
        // Some gateways stream without saying so; what they send decides.
        let is_stream = match timeout_at(until, stream.peek()).await {
            Ok(Ok(head)) => kind.is_empty() && looks_like_events(&head),
            Ok(Err(failure)) => return Outcome::Failed(failure),
            Err(_) => return Outcome::Failed(no_first_byte()),
        };
        if !is_stream {
            return not_a_stream(order, way, stream, until).await;
        }
    }
    match timeout_at(until, stream.first_event()).await {
        Ok(Ok(None)) => Outcome::Stream(Box::new(stream)),
        Ok(Ok(Some(error))) => refusal(order, way, 200, error.facts, Vec::new(), &error.data),
        Ok(Err(failure)) => Outcome::Failed(failure),
        Err(_) => Outcome::Failed(no_first_byte()),
    }
}

fn looks_like_events(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
    [b"event:".as_slice(), b"data:", b":", b"id:", b"retry:"].iter().any(|p| head.starts_with(p))
}

/// A body of another type where a stream was asked for: an error in a 200, an answer that a
/// translation can still make a stream of, or unusable.
async fn not_a_stream(order: &Order, way: &Way, mut stream: Stream, until: Instant) -> Outcome {
    let (seen, body) = stream.take_body();
    let idle = order.deadlines.idle;
    let most = if way.plan.is_some() { order.deadlines.max_answer } else { MAX_ERROR_BYTES };
    let rest = collect(body, until, idle, most).await;
    let mut parts = seen;
    match rest {
        Ok(rest) => parts.extend(rest),
        Err(failure) => return Outcome::Failed(failure),
    }
    match judge(order, &parts).await {
        BodyVerdict::Ok { usage, .. } if way.plan.is_some() => {
            stream.replay(&Body::from_parts(parts).joined(), usage);
            Outcome::Stream(Box::new(stream))
        }
        BodyVerdict::Error(facts) => {
            let text = Body::from_parts(parts.iter().cloned());
            let text = text.slice(0..text.len());
            refusal(order, way, 200, facts, parts, &text)
        }
        BodyVerdict::Empty => Outcome::Failed(empty()),
        BodyVerdict::Ok { .. } | BodyVerdict::NotJson => Outcome::Failed(Failure::new(
            FailureKind::BadBody,
            "the upstream answered a stream request with something that is no stream",
        )),
    }
}

/// The status that an error inside a 200 stands for.
pub(crate) fn status_of(facts: &ErrorFacts) -> u16 {
    let numeric = facts.code.as_deref().and_then(|code| code.parse::<u16>().ok());
    if let Some(status) = numeric.filter(|status| (400..600).contains(status)) {
        return status;
    }
    let names = [facts.code.as_deref(), facts.kind.as_deref()];
    names
        .into_iter()
        .flatten()
        .find_map(|name| {
            Some(match name {
                "overloaded_error" | "overloaded" => 529,
                "rate_limit_error" | "rate_limit_exceeded" | "insufficient_quota" => 429,
                "authentication_error" | "invalid_api_key" => 401,
                "permission_error" => 403,
                "billing_error" => 402,
                "not_found_error" | "model_not_found" => 404,
                "request_too_large" => 413,
                "timeout_error" => 504,
                "invalid_request_error" => 400,
                _ => return None,
            })
        })
        .unwrap_or(500)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    #[should_panic(expected = "a defect")]
    async fn a_panic_on_another_thread_is_no_empty_answer() {
        let _: Vec<Bytes> = elsewhere(|| panic!("a defect")).await;
    }
}
