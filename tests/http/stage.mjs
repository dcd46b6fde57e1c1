// The stage of the tests of a PMD's page: a daemon of its own, nodes that speak its protocol, and a headless Chromium.
//
// Each file of tests has its own. What it has begun ends behind the last test.
// Use: scenario('a sentence', async (page) => { const node = join({nodeId: 'id1'}); ... });
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import net from 'node:net';
import {after, test} from 'node:test';
import {Browser} from '../bench/page/browser.mjs';

export const kTestLimitMs = Number(process.env.DISTFLOW_TEST_LIMIT_MS ?? 120000);
export const kStrange = '<img src=x onerror="document.title=1"> \u202e\n\nevent: leave';

export const browser = Browser.start(process.env.CHROMIUM || 'chromium');
export const daemon = spawn(process.env.DISTFLOW_PMD, ['--port', '0', '--web-port', '0'], {stdio: ['ignore', 'pipe', 'inherit']});
process.on('exit', () => daemon.kill('SIGKILL'));
export const {port, webPort} = await new Promise((resolve, reject) => {
  let said = '';
  daemon.on('exit', () => reject(new Error(`the daemon has ended: ${said}`)));
  daemon.stdout.setEncoding('utf8').on('data', (text) => {
    said += text;
    const found = said.match(/port (\d+)\nHTTP at http:\/\/127\.0\.0\.1:(\d+)\/\n/);
    if (found) resolve({port: Number(found[1]), webPort: Number(found[2])});
  });
});
export const url = `http://localhost:${webPort}/`;

after(async () => {
  await browser.close();
  daemon.removeAllListeners('exit');
  const ended = new Promise((resolve) => daemon.once('exit', resolve));
  daemon.kill('SIGTERM');
  assert.equal(await ended, 0);
});

const joined = [];  // what a test that has failed leaves to be ended
// All nodes.
export function leave() {
  for (const socket of joined.splice(0)) socket.destroy();
}

// Nodes of one connection, which leave with it.
export function join(...registrations) {
  const socket = net.connect(port, '127.0.0.1');
  joined.push(socket);
  for (const payload of registrations) write(socket, {type: 'register', payload: {host: '127.0.0.1', port: 9, ...payload}, requestId: 'r'});
  return socket;
}

function write(socket, message) {
  const body = Buffer.from(JSON.stringify(message));
  const size = Buffer.alloc(4);
  size.writeUInt32BE(body.length);
  socket.write(Buffer.concat([size, body]));
}

// A node that answers each question for its figures with what `stats` gives, and counts them.
export function joinTelling(registration, stats) {
  const socket = join({...registration, caps: ['stats']});
  socket.asked = 0;
  let unread = Buffer.alloc(0);
  socket.on('data', (bytes) => {
    unread = Buffer.concat([unread, bytes]);
    while (unread.length >= 4 && unread.length >= 4 + unread.readUInt32BE()) {
      const end = 4 + unread.readUInt32BE();
      const {payload} = JSON.parse(unread.subarray(4, end));
      unread = unread.subarray(end);
      if (payload.event !== 'stats:ask') continue;
      socket.asked += 1;
      write(socket, {type: 'stats:answer', payload: {id: payload.id, stats: stats(socket.asked, payload)}});
    }
  });
  return socket;
}

// A second between two answers, by the clock of the node.
export const figuresOf = (asked, {received = 0, written = 0, dropped = {}} = {}) => ({
  at: asked * 1000000, queued: 7, peers: [],
  node: {sent: {accepted: written, written, ...dropped}, received: {received}, mailbox_size: 3,
         latency: {queue_wait: {buckets: [[2048, asked]]}, handler: {buckets: []}}},
});

// A node that tells what `counters` gives of each of its peers and of itself, by its clock. `told` counts how often.
export function joinWithPeers(registration, counters) {
  const told = {ofPeers: 0, ofItself: 0};
  const socket = joinTelling(registration, (asked, {after}) => {
    const {node, peers, latency = {}} = counters(Date.now() / 1000);
    told[after === 0 ? 'ofPeers' : 'ofItself'] += 1;
    return {at: Date.now() * 1000, queued: node.queued ?? 0,
            node: {sent: node.sent, received: node.received, mailbox_size: 0, latency}, peers: after === 0 ? peers : []};
  });
  return Object.assign(socket, {told});
}

// Until a function without anything from outside gives something true in the page; that.
export function until(page, look, ...args) {
  return page.evaluate(`(...args) => new Promise((resolve) => {
    const again = () => {
      const found = (${look})(...args);
      if (found) resolve(found);
      else requestAnimationFrame(again);
    };
    again();
  })`, ...args);
}

// A page that runs `before` ahead of its own scripts.
export async function openWith(before) {
  const page = await browser.open('about:blank');
  await page.send('Page.addScriptToEvaluateOnNewDocument', {source: `(${before})()`});
  await page.load(url);
  return page;
}

export async function press(page, key, text = '') {
  for (const type of ['keyDown', 'keyUp']) await page.send('Input.dispatchKeyEvent', {type, key, text: type === 'keyDown' ? text : ''});
  await page.settle();
}

// Clicks on the middle of what a selector finds first.
export async function click(page, selector) {
  const {x, y} = await page.evaluate((wanted) => {
    const found = document.querySelector(wanted);
    found.scrollIntoView({block: 'center'});
    const {x, y, width, height} = found.getBoundingClientRect();
    return {x: x + width / 2, y: y + height / 2};
  }, selector);
  for (const type of ['mousePressed', 'mouseReleased']) {
    await page.send('Input.dispatchMouseEvent', {type, x, y, button: 'left', clickCount: 1});
  }
  await page.settle();
}

// What the PMD counts under that name.
export async function metric(name) {
  const text = await (await fetch(`${url}metrics`.replace('localhost', '127.0.0.1'))).text();
  return Number(text.match(new RegExp(`^${name} (.*)$`, 'm'))[1]);
}

// Until a row of the table has all these texts, or, without any, until there is no row.
export function untilShown(page, ...texts) {
  return page.evaluate((wanted) => new Promise((resolve) => {
    const look = () => {
      const rows = [...document.querySelectorAll('#nodes tr')].map((row) => row.textContent);
      const isThere = wanted.length === 0 ? rows.length === 0 : rows.some((row) => wanted.every((text) => row.includes(text)));
      if (isThere && document.getElementById('state').textContent === 'live') resolve(true);
      else requestAnimationFrame(look);
    };
    look();
  }), texts);
}

export function scenario(sentence, play, options) {
  test(sentence, {timeout: kTestLimitMs}, async () => {
    const page = await browser.open(url, options);
    try {
      await play(page);
      assert.deepEqual(page.faults, []);
      for (const request of page.requests) assert.ok(request.startsWith(url), request);
    } finally {
      leave();
      await page.close();
    }
  });
}
