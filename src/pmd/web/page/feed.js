// Follows a PMD: its nodes as they join and leave, and their figures.
//
// One attempt at a time: whatever fails ends the attempt and all that it has begun, and the next one begins after a
// pause. Nothing is followed while the page cannot be seen: a browser opens six connections to one server at most, and
// the PMD asks its nodes for figures only while somebody looks.
// Use: follow(view), which calls view.say(text), .begin(nodes), .change(change), .figures(part), .totals(object), and
// reads what view.wanted() names, a path or null: .taken(path, {status, body}). nudge() looks at once what is wanted.

const kPatienceMs = 10000;  // for one answer
const kPauseMs = 1000;
const kPauseMaxMs = 30000;
const kFiguresMs = 1000;
const kEarlyMax = 20000;  // changes that may come while the nodes are read

let isNudged = false;
let wake = () => {};
export function nudge() {
  isNudged = true;
  wake();
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// The status and what was read; a fault when nothing comes in time or `ended` is aborted.
export async function read(path, ended) {
  const one = new AbortController();
  const end = () => one.abort(ended.reason);
  const timer = setTimeout(() => one.abort(new Error(`no answer to ${path} within ${kPatienceMs / 1000} s`)), kPatienceMs);
  ended.addEventListener('abort', end);
  try {
    ended.throwIfAborted();
    const response = await fetch(path, {signal: one.signal});
    return {status: response.status, body: response.ok ? await response.json() : null};
  } finally {
    clearTimeout(timer);
    ended.removeEventListener('abort', end);
  }
}

// All nodes, in parts, and the revision that they are at least the state of. It begins anew, after a longer pause each
// time, when the PMD has lost the place between two parts.
async function readNodes(ended) {
  for (let pauseMs = kPauseMs;; pauseMs = Math.min(2 * pauseMs, kPauseMaxMs)) {
    const found = new Map();
    let revision = null;
    let next = '';
    while (next !== null) {
      const path = next === '' ? '/api/nodes' : `/api/nodes?after=${encodeURIComponent(next)}`;
      const {status, body} = await read(path, ended);
      if (status === 410) break;
      if (!body) throw new Error(`the nodes cannot be read: ${status}`);
      revision ??= body.revision;
      for (const node of body.nodes) found.set(node.nodeId, node);
      next = body.next;
    }
    if (next === null) return {found, revision};
    await pause(pauseMs);
  }
}

function pauseUntil(due) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, Math.max(due - performance.now(), 0));
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
    if (isNudged) wake();
  });
}

// Each second what is new of the figures, and what the view that is shown wants: one request at a time. A reading of many
// parts keeps neither the view nor what has been read from being shown: each part is passed on as it comes, and the view
// has its turn between two parts. The PMD says which part is the last, and bounds each reading (src/pmd/web/figures.hpp).
async function followFigures(view, ended) {
  let isFailing = false;
  for (let since = '0', due = 0, viewDue = 0; !ended.aborted; await pauseUntil(due)) {
    const isViewsTurn = isNudged || performance.now() >= viewDue;
    if (isViewsTurn) viewDue = performance.now() + kFiguresMs;
    isNudged = false;
    try {
      if (performance.now() >= due) {
        const {status, body} = await read(`/api/figures?since=${since}`, ended);
        if (!body) throw new Error(`the figures cannot be read: ${status}`);
        since = body.next;
        due = body.isWhole ? performance.now() + kFiguresMs : 0;
        view.figures(body);
      }
      const path = isViewsTurn ? view.wanted() : null;
      if (path !== null) view.taken(path, await read(path, ended));
      if (isFailing && !ended.aborted) view.say('live');
      isFailing = false;
    } catch (fault) {
      isFailing = true;
      due = performance.now() + kFiguresMs;
      if (!ended.aborted) view.say(fault.message);
    }
  }
}

// Until something fails, or the page is hidden. What it says of that is the fault.
async function attempt(view) {
  const ended = new AbortController();
  const failed = new Promise((_, reject) => {
    ended.signal.addEventListener('abort', () => reject(ended.signal.reason));
  });
  const fail = (why) => ended.abort(new Error(why));
  const onHidden = () => document.hidden && fail('not followed while it is hidden');
  const patience = setTimeout(() => fail('the PMD does not answer; a browser follows it in five tabs at most'), kPatienceMs);
  let early = [];
  const onChange = (event) => {
    const change = {kind: event.type, node: JSON.parse(event.data), revision: Number(event.lastEventId)};
    if (!early) view.change(change);
    else if (early.push(change) > kEarlyMax) fail('too much changes while the nodes are read');
  };
  const events = new EventSource('/events');
  try {
    const opened = new Promise((resolve) => events.addEventListener('open', resolve));
    events.addEventListener('error', () => fail('the PMD cannot be reached; trying again'));
    for (const kind of ['join', 'update', 'leave']) events.addEventListener(kind, onChange);
    events.addEventListener('figures', (event) => view.totals(JSON.parse(event.data)));
    document.addEventListener('visibilitychange', onHidden);
    onHidden();
    await Promise.race([opened, failed]);
    clearTimeout(patience);
    const {found, revision} = await Promise.race([readNodes(ended.signal), failed]);
    view.begin(found);
    for (const change of early) if (change.revision > revision) view.change(change);
    early = null;
    view.say('live');
    followFigures(view, ended.signal);
    await failed;
  } finally {
    clearTimeout(patience);
    document.removeEventListener('visibilitychange', onHidden);
    events.close();
    fail('over');
    failed.catch(() => {});
  }
}

function untilSeen() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => document.addEventListener('visibilitychange', resolve, {once: true}));
}

export async function follow(view) {
  for (let pauseMs = kPauseMs;;) {
    await untilSeen();
    let isLive = false;
    const say = (text) => {
      isLive ||= text === 'live';
      view.say(text);
    };
    await attempt({...view, say}).catch((fault) => view.say(fault.message));
    if (document.hidden) continue;
    pauseMs = isLive ? kPauseMs : Math.min(2 * pauseMs, kPauseMaxMs);
    await pause(pauseMs * (.5 + Math.random()));  // all viewers of a PMD that ends would come back at once
  }
}
