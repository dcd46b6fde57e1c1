// The page of a PMD in a headless Chromium: its table of nodes, what it loses, who joins and leaves, and how it follows.
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {test} from 'node:test';
import {browser, figuresOf, join, joinTelling, joinWithPeers, kStrange, kTestLimitMs, metric, openWith, port, press, scenario, until,
        untilShown, url} from './stage.mjs';

scenario('a node that joins is shown, and is gone from the page when it has left', async (page) => {
  await untilShown(page);  // a join is an event from then on
  const node = join({nodeId: 'id1', alias: 'pong'});
  await untilShown(page, 'pong', 'id1', '127.0.0.1:9');
  node.destroy();
  await untilShown(page);
  const events = await page.evaluate(() => [...document.querySelectorAll('#events li')].map((one) => one.className));
  assert.deepEqual(events, ['leave', 'join']);
});

scenario('a node that was there before the page is shown, and figures are', async (page) => {
  const node = join({nodeId: 'id2', alias: 'first'});
  await untilShown(page, 'first');
  const later = await browser.open(url);
  await untilShown(later, 'first');
  await later.evaluate(() => new Promise((resolve) => {
    const look = () => {
      if (/nodes\s+1\s/.test(document.getElementById('figures').innerText)) resolve(true);
      else requestAnimationFrame(look);
    };
    look();
  }));
  await later.close();
  node.destroy();
  await untilShown(page);
});

test('a page that has not read the nodes yet says so, in each view, and not that there are none', {timeout: kTestLimitMs}, async () => {
  const page = await openWith(() => {
    const ask = fetch;
    window.fetch = (path, options) => (path === '/api/nodes'
      ? new Promise((resolve) => { window.answer = () => resolve(ask(path, options)); }) : ask(path, options));
  });
  await until(page, () => window.answer !== undefined);
  for (const view of ['#graph', '#node=id1', '#mesh']) {
    await page.evaluate((wanted) => { location.hash = wanted; }, view);
    await page.settle();
    const said = await page.evaluate(() => document.querySelector('main').textContent);
    assert.doesNotMatch(said, /\d of \d nodes|there is no node/, view);
  }
  assert.equal(await page.evaluate(() => document.getElementById('more').textContent), 'The nodes have not been read yet');
  await page.evaluate(() => window.answer());
  await untilShown(page);
  await until(page, () => document.getElementById('more').textContent === '0 of 0 nodes shown');
  await page.close();
});

scenario('the names of strangers are text', async (page) => {
  const node = join({nodeId: 'id3', alias: kStrange, groups: ['<script>document.title=2</script>']});
  await untilShown(page, kStrange.replace('\u202e\n\n', '\\u{202e}\\u{a}\\u{a}'), '<script>document.title=2</script>');
  assert.equal(await page.evaluate(() => document.querySelectorAll('img, #nodes script').length), 0);
  assert.equal(await page.evaluate(() => document.title), 'distflow');
  node.destroy();
  await untilShown(page);
});

scenario('the keyboard filters and sorts', async (page) => {
  const node = join({nodeId: 'id4', alias: 'a1'}, {nodeId: 'id5', alias: 'a10'}, {nodeId: 'id6', alias: 'a2'});
  await untilShown(page, 'a2');
  const names = () => page.evaluate(() => [...document.querySelectorAll('#nodes td:first-child')].map((one) => one.textContent));
  assert.deepEqual(await names(), ['a1', 'a2', 'a10']);
  await page.evaluate(() => document.querySelector('th button').focus());
  await press(page, 'Enter', '\r');
  assert.deepEqual(await names(), ['a10', 'a2', 'a1']);
  assert.equal(await page.evaluate(() => document.querySelector('th').getAttribute('aria-sort')), 'descending');
  await press(page, '/', '/');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'filter');
  await page.send('Input.insertText', {text: 'A10'});
  await page.settle();
  assert.deepEqual(await names(), ['a10']);
  assert.equal(await page.evaluate(() => document.getElementById('more').textContent), '1 of 3 nodes shown');
  node.destroy();
  await untilShown(page);
});

scenario('400 pixels are wide enough, and a dark page is dark', async (page) => {
  const node = join({nodeId: 'id7', alias: 'x'.repeat(200)});
  await untilShown(page, 'xxx');
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 400));
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), 'rgb(13, 17, 23)');
  node.destroy();
  await untilShown(page);
}, {width: 400, isDark: true});

scenario('every field and region has a name for who cannot see it', async (page) => {
  const {nodes} = await page.send('Accessibility.getFullAXTree');
  const named = nodes.filter(({role}) => ['searchbox', 'table', 'columnheader', 'button', 'region'].includes(role?.value));
  for (const {role, name} of named) if (role.value !== 'table') assert.notEqual(name?.value ?? '', '', role.value);
  assert.ok(named.some(({role, name}) => role.value === 'searchbox' && name.value.startsWith('Filter')));
});

scenario('the figures of a node move', async (page) => {
  const node = joinTelling({nodeId: 'id8', alias: 'busy'}, (asked) => figuresOf(asked, {received: asked * asked * 100, written: asked}));
  await untilShown(page, 'busy');
  const first = await until(page, () => {
    const texts = [...document.querySelectorAll('#nodes td')].map((cell) => cell.textContent);
    return Number(texts[1]) > 0 && texts;
  });
  assert.deepEqual(first.slice(3, 6), ['7', '3', '2.3 us'], 'queued, mailbox, and how long messages wait');
  await until(page, (before) => document.querySelectorAll('#nodes td')[1].textContent !== before, first[1]);
  await until(page, () => document.querySelector('#nodes svg')?.getAttribute('aria-label')?.includes('at most in the last minute'));
  node.destroy();
  await untilShown(page);
});

scenario('a node that loses messages is named with its reason', async (page) => {
  const drops = (asked) => ({dropped_unreachable: 2, dropped_peer_left: asked * 3, dropped_shut_down: 0});
  const node = joinTelling({nodeId: 'id9', alias: 'leaky'}, (asked) => figuresOf(asked, {dropped: drops(asked)}));
  const sound = joinTelling({nodeId: 'id10', alias: 'sound'}, (asked) => figuresOf(asked));
  const text = await until(page, () => document.getElementById('losing').textContent);
  assert.match(text, /^Losing messages: leaky \(\d+ peer_left, 2 unreachable\)$/);
  await untilShown(page, 'leaky', 'peer_left, 2 unreachable');
  assert.equal(await page.evaluate(() => document.getElementById('losing').getAttribute('role')), 'status');
  node.destroy();
  sound.destroy();
  await untilShown(page);
});

scenario('a node that tells nothing is shown with the reason', async (page) => {
  const node = joinTelling({nodeId: 'id11', alias: 'shy'}, () => undefined);
  await untilShown(page, 'shy', 'not told: Too many questions for stats');
  node.destroy();
  await untilShown(page);
});

test('a node whose figures are gone shows none, and loses nothing', {timeout: kTestLimitMs}, async () => {
  const page = await openWith(() => {
    window.said = {};  // what answers say in place of what is so
    const ask = fetch;
    window.fetch = async (path, options) => {
      const response = await ask(path, options);
      return path.startsWith('/api/figures') ? new Response(JSON.stringify({...await response.json(), ...window.said})) : response;
    };
  });
  const node = joinTelling({nodeId: 'id20', alias: 'shown'},
                           (asked) => figuresOf(asked, {received: asked * asked * 100, dropped: {dropped_unreachable: asked}}));
  for (const said of [{gone: ['id20'], nodes: []}, {isAnew: true, gone: [], nodes: []}]) {
    await until(page, () => document.querySelector('#nodes svg') && document.getElementById('losing').textContent);
    await page.evaluate((what) => { window.said = what; }, said);
    await until(page, () => document.querySelectorAll('#nodes td')[3]?.textContent === '–');
    await page.settle();
    assert.equal(await page.evaluate(() => document.querySelector('#nodes svg')), null);
    assert.equal(await page.evaluate(() => document.getElementById('losing').textContent), '');
    await page.evaluate(() => { window.said = {}; });
  }
  assert.deepEqual(page.faults, []);
  node.destroy();
  await page.close();
});

test('figures that come in parts without an end are shown as they come, and the view has its turns', {timeout: kTestLimitMs}, async () => {
  const page = await openWith(() => {
    window.views = 0;
    const ask = fetch;
    window.fetch = async (path, options) => {
      const response = await ask(path, options);
      if (path.startsWith('/api/node?') && !(await response.clone().json()).isAwaited) window.views += 1;
      return path.startsWith('/api/figures') ? new Response(JSON.stringify({...await response.json(), isWhole: false})) : response;
    };
  });
  const node = joinWithPeers({nodeId: 'id21', alias: 'partly'}, () => ({node: {sent: {}, received: {}, queued: 41}, peers: []}));
  await untilShown(page, 'partly', '41');
  await until(page, () => document.getElementById('more').textContent.endsWith('; their figures are still being read'));
  await page.evaluate(() => { location.hash = '#node=id21'; });
  const before = performance.now();
  await until(page, () => window.views > 3);
  const views = await page.evaluate(() => window.views);
  assert.ok(views <= 3 + (performance.now() - before) / 1000, `the view has one turn a second, not one after each part: ${views}`);
  assert.deepEqual(page.faults, []);
  node.destroy();
  await page.close();
});

scenario('a node that is killed is seen to go', async (page) => {
  const script = `const socket = require('node:net').connect(${port}, '127.0.0.1');
    const body = '{"type":"register","payload":{"nodeId":"id12","alias":"victim","host":"127.0.0.1","port":9},"requestId":"r"}';
    const size = Buffer.alloc(4);
    size.writeUInt32BE(body.length);
    socket.write(Buffer.concat([size, Buffer.from(body)]));`;
  const victim = spawn(process.execPath, ['-e', script], {stdio: 'ignore'});
  try {
    await untilShown(page, 'victim');
  } finally {
    victim.kill('SIGKILL');
  }
  const killed = performance.now();
  await untilShown(page);
  console.log(`# seen ${Math.round(performance.now() - killed)} ms after the kill`);
});

scenario('a page that is hidden is not followed, and its nodes are not asked', async (page) => {
  let lost = 0;
  const node = joinTelling({nodeId: 'id13', alias: 'quiet'}, (asked) => figuresOf(asked, {dropped: {dropped_unreachable: lost}}));
  await untilShown(page, 'quiet', '7');
  const hide = (hidden) => {
    Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
    document.dispatchEvent(new Event('visibilitychange'));
  };
  await page.evaluate(hide, true);
  await until(page, () => document.getElementById('state').textContent.includes('hidden'));
  while (await metric('distflow_pmd_http_streams') > 0) await page.settle();
  for (let asked = -1; asked !== node.asked;) {  // until a while longer than anybody is taken to look brings no question
    asked = node.asked;
    await new Promise((resolve) => setTimeout(resolve, 4500));
  }
  lost = 5;
  const before = node.asked;
  await page.evaluate(hide, false);
  await untilShown(page, 'quiet', '7', '5 unreachable');
  while (node.asked < before + 2) await page.settle();
  assert.equal(await page.evaluate(() => document.getElementById('losing').textContent), '', 'what was lost meanwhile is no news');
  node.destroy();
  await untilShown(page);
});

test('tabs that are hidden leave their connections to the others', {timeout: kTestLimitMs}, async () => {
  const pages = [];
  for (let i = 0; i < 8; ++i) {
    pages.push(await browser.open(url));
    await untilShown(pages[i]);
    await pages[i].evaluate(() => {
      Object.defineProperty(document, 'hidden', {value: true});
      document.dispatchEvent(new Event('visibilitychange'));
    });
  }
  for (const page of pages) await page.close();
});

test('a list that changes while it is read is read again after a longer pause each time', {timeout: kTestLimitMs}, async () => {
  const page = await openWith(() => {
    window.pauses = [];
    const wait = setTimeout;
    window.setTimeout = (call, ms) => {
      if (ms < 10000 || window.refused > 4) window.pauses.push(ms);  // no patience for one answer
      return wait(call, ms >= 10000 ? ms : 0);
    };
    window.refused = 0;
    const ask = fetch;
    window.fetch = (path, options) => (path === '/api/nodes' && window.refused++ < 4
      ? Promise.resolve(new Response('', {status: 410})) : ask(path, options));
  });
  await untilShown(page);
  assert.deepEqual(await page.evaluate(() => window.pauses.filter((ms) => ms >= 1000).slice(0, 4)), [1000, 2000, 4000, 8000]);
  await page.close();
});

test('whatever fails while nodes are read, one stream is open and each event is shown once', {timeout: kTestLimitMs}, async () => {
  const page = await openWith(() => {
    const wait = setTimeout;
    window.setTimeout = (call, ms) => wait(call, ms === 10000 ? ms : 0);  // patience for an answer lasts, no pause does
    window.open = 0;
    window.openMost = 0;
    const Real = EventSource;
    window.EventSource = class extends Real {
      constructor(path) {
        super(path);
        window.openMost = Math.max(window.openMost, ++window.open);
        window.last = this;
      }
      close() {
        if (!this.hasClosed) --window.open;
        this.hasClosed = true;
        super.close();
      }
    };
    window.failures = 0;
    const ask = fetch;
    window.fetch = (path, options) => {
      if (path !== '/api/nodes' || window.failures++ > 5) return ask(path, options);
      window.last.dispatchEvent(new Event('error'));  // the stream breaks while the nodes are read
      return new Promise((_, reject) => wait(() => reject(new TypeError('no connection')), 20));
    };
  });
  await untilShown(page);
  await until(page, () => window.failures > 6);
  const node = join({nodeId: 'id14', alias: 'once'});
  await untilShown(page, 'once');
  assert.equal(await page.evaluate(() => document.querySelectorAll('#events .join').length), 1);
  assert.equal(await page.evaluate(() => window.openMost), 1);
  node.destroy();
  await untilShown(page);
  await page.close();
});

test('of 10,000 nodes only those that are shown are sorted', {timeout: kTestLimitMs}, async () => {
  const kNodes = 10000;
  const page = await openWith(() => {
    window.compared = 0;  // by the drawing under way
    window.comparedMost = 0;
    const count = () => {
      if (window.compared++ > 0) return;
      queueMicrotask(() => {  // when that drawing is over: a busy machine may draw more than once before the test looks
        window.comparedMost = Math.max(window.comparedMost, window.compared);
        window.compared = 0;
      });
    };
    const {get} = Object.getOwnPropertyDescriptor(Intl.Collator.prototype, 'compare');
    Object.defineProperty(Intl.Collator.prototype, 'compare', {get() {
      const compare = get.call(this);
      return (a, b) => {
        count();
        return compare(a, b);
      };
    }});
    const compare = String.prototype.localeCompare;
    String.prototype.localeCompare = function (...args) {
      count();
      return compare.apply(this, args);
    };
  });
  const node = join(...Array.from({length: kNodes}, (_, i) => ({nodeId: `n${i}`, alias: `a${i * 7919 % kNodes}`})));
  node.resume();
  await until(page, () => /200 of 10000 nodes shown/.test(document.getElementById('more').textContent));
  assert.deepEqual(await page.evaluate(() => [...document.querySelectorAll('#nodes td:first-child')].slice(0, 3).map((one) => one.textContent)),
                   ['a0', 'a1', 'a2']);
  await page.evaluate(() => { window.comparedMost = 0; });
  const more = join({nodeId: 'more', alias: 'a00'});
  await until(page, () => /200 of 10001 nodes shown/.test(document.getElementById('more').textContent));
  const compared = await page.evaluate(() => window.comparedMost);
  assert.ok(compared > 0 && compared < 4 * kNodes, `${compared} comparisons in one drawing`);
  more.destroy();
  node.destroy();
  await untilShown(page);
  await page.close();
});
