// The views of the page of a PMD beside its table, in a headless Chromium: one node with its peers, and the graph.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {browser, click, figuresOf, join, joinTelling, joinWithPeers, kStrange, kTestLimitMs, leave, metric, openWith, press,
        scenario, until, untilShown, url} from './stage.mjs';

const kHostile = '"><img src=x onerror="document.title=1">&<b>';

const peerOf = (nodeId, {via = 'memory', queued = 0, sent = {}, received = {}} = {}) => ({
  node_id: nodeId, via, queued, sent: {accepted: 0, written: 0, ...sent}, received: {received: 0, handled: 0, ...received}});
const kQuiet = {sent: {accepted: 0, written: 0}, received: {received: 0, handled: 0}};
const text = (page, selector) => page.evaluate((wanted) => document.querySelector(wanted)?.textContent ?? null, selector);
const texts = (page, selector) =>
  page.evaluate((wanted) => [...document.querySelectorAll(wanted)].map((found) => found.textContent), selector);

async function show(page, fragment) {
  await page.evaluate((wanted) => { location.hash = wanted; }, fragment);
  await page.settle();
}

// A node that sends 100 messages a second to 'other', and loses some.
const busy = (seconds) => {
  const count = Math.round(seconds * 100) % 1e7;
  return {
    node: {queued: 2, sent: {accepted: count + 5, written: count, dropped_unreachable: 3},
           received: {received: 10, handled: 6, conflated: 1, dropped_mailbox_newest: 2}},
    latency: {queue_wait: {buckets: [[2048, 5]]}, handler: {buckets: [[1000000, 5]]}},
    peers: [peerOf('other', {queued: 2, sent: {accepted: count + 5, written: count, dropped_unreachable: 3},
                             received: {received: 10, handled: 6, conflated: 1, dropped_mailbox_newest: 2}}),
            peerOf('calm', {via: 'tcp'}), peerOf('(others)', {via: 'none'})]};
};

scenario('the keyboard opens a node and goes back to where it was', async (page) => {
  joinWithPeers({nodeId: 'id1', alias: 'busy'}, busy);
  join({nodeId: 'other', alias: 'the other'});
  await untilShown(page, 'busy');
  await page.evaluate(() => document.querySelector('#nodes a').focus());
  await press(page, 'Enter', '\r');
  assert.equal(await page.evaluate(() => location.hash), '#node=id1');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'node-title');
  assert.equal(await text(page, '#node-title'), 'Node busy');
  assert.equal(await page.evaluate(() => document.getElementById('mesh-view').checkVisibility()), false);
  await until(page, () => document.querySelectorAll('#peers tbody tr').length === 3);
  await page.evaluate(() => document.querySelector('#peers a').focus());
  await press(page, 'Enter', '\r');
  assert.equal(await text(page, '#node-title'), 'Node the other');
  await show(page, '#node=id1');
  await press(page, 'Escape');
  assert.equal(await page.evaluate(() => location.hash), '#mesh');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'busy');
  assert.equal(await page.evaluate(() => document.title), 'distflow');
});

scenario('the pointer opens a node by its name and beside it, and a link goes back', async (page) => {
  join({nodeId: 'id1', alias: 'one'});
  await untilShown(page, 'one');
  for (const place of ['#nodes a', '#nodes td:nth-child(4)']) {
    await click(page, place);
    assert.equal(await page.evaluate(() => location.hash), '#node=id1', place);
    assert.equal(await text(page, '#node-title'), 'Node one');
    assert.ok(await page.evaluate(() => document.getElementById('node-view').checkVisibility()));
    await click(page, '#back');
    assert.ok(await page.evaluate(() => document.getElementById('mesh-view').checkVisibility()));
  }
});

scenario('a node is shown with its peers, its times, its drops by reason, and its law ticked', async (page) => {
  joinWithPeers({nodeId: 'id1', alias: 'busy'}, busy);
  join({nodeId: 'other', alias: 'the other'});
  await untilShown(page, 'busy');
  await show(page, '#node=id1');
  await until(page, () => document.querySelectorAll('#peers tbody tr').length === 3);
  assert.match(await text(page, '#law-sent'), /^Sent: \d+ accepted = \d+ written \+ 2 queued \+ 3 dropped \(3 unreachable\): ✓ holds$/);
  assert.equal(await text(page, '#law-received'),
               'Received: 10 = 6 handled + 0 waiting + 1 unfinished + 1 conflated + 2 dropped (2 mailbox_newest): ✓ holds');
  assert.deepEqual(await texts(page, '#times tbody td'),
                   ['Wait for the handler', '2.3 us', '2.3 us', '2.3 us', '2.3 us', 'Handler', '1.0 ms', '1.0 ms', '1.0 ms', '1.0 ms']);
  const [first, ...rest] = await page.evaluate(() =>
    [...document.querySelectorAll('#peers tbody tr')].map((row) => [...row.children].map((cell) => cell.textContent)));
  assert.deepEqual([first[0], first[1], ...first.slice(4, 8)],
                   ['the other', 'memory', '2', '3 unreachable', '2 mailbox_newest', '✓ holds']);
  assert.deepEqual(rest.map(([name, via]) => [name, via]), [['(others)', 'none'], ['calm', 'tcp']]);
  assert.equal(await text(page, '#peers-more'), '3 of 3 peers shown, those with losses first');
});

scenario('the figures of a node that is shown move', async (page) => {
  joinWithPeers({nodeId: 'id1', alias: 'busy'}, busy);
  await untilShown(page, 'busy');
  await show(page, '#node=id1');
  const out = () => {
    const rate = document.querySelector('#peers tbody td:nth-child(4)')?.textContent;
    return rate > 50 && rate < 200 && document.querySelector('#peers tbody td:nth-child(10)').textContent;
  };
  const written = await until(page, out);
  await until(page, (before) => Number(document.querySelector('#peers tbody td:nth-child(10)').textContent) > before, Number(written));
  await until(page, () => Number(document.querySelector('#node-figures div:nth-child(2) dd').textContent) > 50);
  await until(page, () => /^[1-9].* messages a second now/.test(document.querySelector('#node-minute svg').getAttribute('aria-label')));
});

scenario('a law that does not hold is called broken once it stays so', async (page) => {
  joinWithPeers({nodeId: 'odd', alias: 'odd'}, () => ({
    node: {sent: {accepted: 9, written: 7}, received: {received: 1, handled: 4}},
    peers: [peerOf('p1', {sent: {accepted: 5, written: 4}}), peerOf('p2', {received: {received: 0, handled: 2}}),
            peerOf('(others)', {sent: {accepted: 9, written: 1}})]}));
  await untilShown(page, 'odd');
  await show(page, '#node=odd');
  const law = await until(page, () => document.getElementById('law-sent').textContent);
  assert.match(law, /: … being counted$/);
  await until(page, () => document.getElementById('law-sent').textContent.endsWith(': ✗ BROKEN by 2'));
  assert.ok((await text(page, '#law-received')).endsWith(': ✗ BROKEN by -3'));
  assert.deepEqual(await texts(page, '#peers td:nth-child(8)'), ['–', 'sent ✗ BROKEN by 1', 'received ✗ BROKEN by -2']);
});

scenario('whatever strangers call themselves is text in each view', async (page) => {
  joinWithPeers({nodeId: kHostile, alias: kStrange}, () => ({
    node: kQuiet, peers: [peerOf(`${kHostile}2`, {via: '<b>by</b>', sent: {accepted: 1, written: 1, 'dropped_<b>': 1}}),
                          peerOf('<i>nobody</i>', {sent: {accepted: 1, written: 1}})]}));
  join({nodeId: `${kHostile}2`, alias: '<script>document.title=2</script>'});
  await untilShown(page, 'script');
  await page.evaluate(() => document.querySelector('#nodes a').click());
  await until(page, () => document.querySelectorAll('#peers tbody tr').length === 2 ||
                          document.getElementById('node-untold').textContent.includes('nothing'));
  if (await page.evaluate(() => document.getElementById('node-told').hidden)) await show(page, `#node=${encodeURIComponent(kHostile)}`);
  await until(page, () => document.querySelectorAll('#peers tbody tr').length === 2);
  const strange = kStrange.replace('\u202e\n\n', '\\u{202e}\\u{a}\\u{a}');
  assert.equal(await text(page, '#node-title'), `Node ${strange}`);
  const cells = await texts(page, '#peers td:nth-child(-n+2)');
  assert.deepEqual(cells.sort(), ['<b>by</b>', '<i>nobody</i>', '<script>document.title=2</script>', 'memory'].sort());
  await show(page, '#graph');
  await until(page, () => document.querySelectorAll('#links tbody tr').length === 1);
  const titles = await texts(page, '#picture title');
  assert.ok(titles.some((title) => title.includes(strange)) && titles.some((title) => title.includes('<script>')), titles.join('\n'));
  assert.equal(await page.evaluate(() => document.querySelectorAll('img, main script, main b, main i').length), 0);
  assert.equal(await page.evaluate(() => document.title), 'distflow');
});

scenario('a node that tells nothing says so in words', async (page) => {
  const told = () => until(page, () => {
    const said = document.getElementById('node-untold').textContent;
    return !said.includes('being asked') && said;
  });
  const mute = join({nodeId: 'mute', alias: 'mute'});
  joinTelling({nodeId: 'shy', alias: 'shy'}, () => undefined);
  await untilShown(page, 'shy');
  await untilShown(page, 'mute');
  await show(page, '#node=mute');
  assert.match(await told(), /^Nothing is told of this node: It tells nothing of itself: its option introspection is off, or/);
  await show(page, '#node=shy');
  assert.equal(await told(), 'Nothing is told of this node: Too many questions for stats.');
  await show(page, '#node=never');
  assert.equal(await told(), 'Nothing is told of this node: there is no node of this nodeId.');
  await show(page, '#node=mute');
  await told();
  mute.destroy();
  await until(page, () => document.getElementById('node-untold').textContent.endsWith('it has left.'));
  // Between the node's end and the event that tells of it, the page may have asked for it.
  page.faults.splice(0, Infinity, ...page.faults.filter((fault) => !fault.endsWith('404 (Not Found)')));
  await show(page, '#node=%');
  assert.ok(await page.evaluate(() => document.getElementById('mesh-view').checkVisibility()), 'no view has this address');
});

test('a node of another user says so, and is not asked for again and again', {timeout: kTestLimitMs}, async () => {
  const page = await openWith(() => {
    window.refused = 0;
    window.figures = 0;
    const ask = fetch;
    window.fetch = (path, options) => {
      if (path.startsWith('/api/figures')) window.figures += 1;
      if (!path.startsWith('/api/node?')) return ask(path, options);
      window.refused += 1;
      return Promise.resolve(new Response('', {status: 404}));
    };
  });
  const node = join({nodeId: 'id1', alias: 'theirs'});
  await untilShown(page, 'theirs');
  await show(page, '#node=id1');
  await until(page, () => document.getElementById('node-untold').textContent.includes('only the user of a node and root'));
  await until(page, (before) => window.figures > before + 2, await page.evaluate(() => window.figures));
  assert.equal(await page.evaluate(() => window.refused), 1);
  node.destroy();
  await page.close();
});

for (const [view, path] of [['#node=id1', '/api/node?'], ['#graph', '/api/links?']]) {
  test(`what stays awaited is looked for at one pace: ${view}`, {timeout: kTestLimitMs}, async () => {
    const page = await openWith(`() => {
      window.rounds = [];
      const ask = fetch;
      window.fetch = (path, options) => {
        if (path.startsWith('/api/figures')) window.rounds.push(0);
        if (!path.startsWith('${path}')) return ask(path, options);
        window.rounds[window.rounds.length - 1] += 1;
        const told = {nodeId: 'id1', isAwaited: true, untold: 'not yet'};
        return Promise.resolve(new Response(JSON.stringify({leftOut: 0, nodes: [told], ...told})));
      };
    }`);
    const node = join({nodeId: 'id1', alias: 'slow', caps: ['stats']});
    await untilShown(page, 'slow');
    await show(page, view);
    const rounds = await until(page, () => window.rounds.filter((count) => count > 0).length > 6 && window.rounds);
    assert.ok(rounds.at(-2) >= 2 && rounds.at(-2) <= 9, `requests in each second: ${rounds}`);
    node.destroy();
    await page.close();
  });
}

scenario('nodes tell of their peers only while one looks at them', async (page) => {
  const node = joinWithPeers({nodeId: 'id1', alias: 'busy'}, busy);
  await untilShown(page, 'busy');
  const rounds = async (count) => {
    for (const before = node.told.ofItself; node.told.ofItself < before + count;) await page.settle();
  };
  await rounds(2);
  assert.equal(node.told.ofPeers, 0);
  for (const view of ['#node=id1', '#graph']) {
    const before = node.told.ofPeers;
    await show(page, view);
    while (node.told.ofPeers < before + 2) await page.settle();
    await show(page, '#mesh');
    await rounds(1);
    const after = node.told.ofPeers;
    await rounds(4);
    assert.equal(node.told.ofPeers, after, view);
  }
  assert.ok(await metric('distflow_pmd_mesh_links_told_total') >= 2);
});

// Nodes that each send `rate(i)` messages a second to the next one.
function ring(count, {rate = (i) => 10 * (i + 1), host = () => '127.0.0.1', name = (i) => `n${i}`, drops = () => 0} = {}) {
  return Array.from({length: count}, (_, i) => joinWithPeers({nodeId: `r${i}`, alias: name(i), host: host(i)}, (seconds) => {
    const written = Math.round(seconds % 1e6 * rate(i));
    const received = Math.round(seconds % 1e6 * rate((i + count - 1) % count));
    const lost = Math.round(seconds % 1e6 * drops(i));
    return {node: {sent: {accepted: written + lost, written, dropped_peer_left: lost}, received: {received, handled: received}},
            latency: {queue_wait: {buckets: [[140000, 5]]}, handler: {buckets: [[140000000, 5]]}},
            peers: [peerOf(`r${(i + 1) % count}`, {via: i % 2 ? 'tcp' : 'memory', sent: {accepted: written + lost, written, dropped_peer_left: lost}}),
                    peerOf(`r${(i + count - 1) % count}`, {received: {received, handled: received}})]};
  }));
}

scenario('the graph names its nodes and links, and a table has the same', async (page) => {
  ring(4, {drops: (i) => (i === 2 ? 1 : 0)});
  await untilShown(page, 'n3');
  await click(page, '#views a:last-child');
  assert.equal(await text(page, '#views [aria-current=page]'), 'Graph');
  await until(page, () => document.querySelectorAll('#picture path').length === 4);
  assert.deepEqual(await texts(page, '#picture text'), ['n0', 'n1', 'n2', 'n3']);
  await until(page, () => /^n0 to n1: 1\d(\.\d)? messages a second, memory$/.test(document.querySelector('#picture path.memory:not(.losing) title').textContent));
  await until(page, () => /^n2 to n3: .*, memory, lost \d+ peer_left$/.test(document.querySelector('#picture path.losing title')?.textContent));
  const rows = await page.evaluate(() =>
    [...document.querySelectorAll('#links tbody tr')].map((row) => [...row.children].slice(0, 3).map((cell) => cell.textContent)));
  assert.deepEqual(rows, [['n2', 'n3', 'memory'], ['n0', 'n1', 'memory'], ['n1', 'n2', 'tcp'], ['n3', 'n0', 'tcp']], 'losses first');
  assert.match(await text(page, '#links td:nth-child(6)'), /^\d+ peer_left$/);
  assert.equal(await text(page, '#graph-note'), 'Shown: 4 nodes. 4 links.');
});

scenario('the graph has the links of all parts of what a node tells, and counts those to nodes that it does not show', async (page) => {
  const kParts = new Map([
    [0, {peers: [peerOf('gone', {sent: {written: 9}})], next: 2}],
    [2, {peers: [peerOf('leaf', {via: 'tcp', sent: {accepted: 8, written: 5, dropped_peer_left: 3}})], next: 3}],
    [3, {peers: [peerOf('(others)', {sent: {written: 9}})]}]]);
  joinTelling({nodeId: 'hub', alias: 'hub'}, (asked, {after}) => ({...figuresOf(asked), ...kParts.get(after) ?? {peers: []}}));
  join({nodeId: 'leaf', alias: 'leaf'});  // it tells nothing
  await untilShown(page, 'leaf');
  await untilShown(page, 'hub');
  await show(page, '#graph');
  await until(page, () => document.querySelectorAll('#picture path').length === 1);
  assert.match(await text(page, '#picture path title'), /^hub to leaf: .*, tcp, lost 3 peer_left$/);
  assert.equal(await text(page, '#graph-note'),
               'Shown: 2 nodes. 1 link. Not shown: 2 links to other nodes. 1 node without figures of links.');
});

scenario('the keyboard reaches each node of the graph and comes back to it', async (page) => {
  ring(3);
  await untilShown(page, 'n2');
  await show(page, '#graph');
  await until(page, () => document.querySelectorAll('#picture path').length === 3);
  await page.evaluate(() => document.querySelector('#views a:last-child').focus());
  for (let i = 0; i < 3; ++i) {
    await page.send('Input.dispatchKeyEvent', {type: 'keyDown', key: 'Tab', code: 'Tab', windowsVirtualKeyCode: 9});
    await page.settle();
  }
  assert.match(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), /^n1 at 127\.0\.0\.1, /);
  assert.equal(await page.evaluate(() => document.querySelectorAll('#picture path.lit').length), 2, 'its links stand out');
  assert.notEqual(await page.evaluate(() => getComputedStyle(document.activeElement.querySelector('circle')).strokeWidth), '1.5px');
  await press(page, 'Enter', '\r');
  assert.equal(await text(page, '#node-title'), 'Node n1');
  await press(page, 'Escape');
  assert.equal(await page.evaluate(() => location.hash), '#graph');
  assert.match(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), /^n1 /);
});

scenario('nodes stand in the order of their hosts and names, and nothing moves them', async (page) => {
  ring(6, {host: (i) => `10.0.0.${i % 2 + 9}`, rate: () => 1});
  await untilShown(page, 'n5');
  await show(page, '#graph');
  await until(page, () => document.querySelectorAll('#picture path').length === 6);
  assert.deepEqual(await texts(page, '#picture text'), ['n0', 'n2', 'n4', 'n1', 'n3', 'n5']);
  const places = () => page.evaluate(() => [...document.querySelectorAll('#picture circle')].map((dot) => dot.getAttribute('cx') + ' ' + dot.getAttribute('cy')));
  const before = await places();
  await until(page, () => /: 1 messages/.test(document.querySelector('#picture path title').textContent));
  assert.deepEqual(await places(), before);
});

scenario('of many nodes the graph shows the busiest and says so, and the filter shows others', async (page) => {
  ring(70);
  await untilShown(page, 'n69');
  await until(page, () => [...document.querySelectorAll('#nodes td:nth-child(3)')].every((cell) => Number(cell.textContent.replace(',', '')) > 0));
  await show(page, '#graph');
  await until(page, () => document.querySelectorAll('#picture path').length === 59);
  assert.match(await text(page, '#graph-note'),
               /^Shown: the 60 busiest of 70 nodes, others by the filter\. 59 links\. Not shown: \d links? to other nodes\.$/);
  assert.equal(await page.evaluate(() => [...document.querySelectorAll('#picture text')].some((one) => one.textContent === 'n3')), false);
  await page.evaluate(() => document.getElementById('filter').focus());
  await page.send('Input.insertText', {text: 'n3'});
  await until(page, () => document.querySelectorAll('#picture a').length === 11 && document.querySelectorAll('#picture path').length === 9);
  assert.match(await text(page, '#graph-note'), /^Shown: 11 nodes\./);
});

scenario('nodes with long nodeIds do not hide the links of others, and the note counts who is not asked', async (page) => {
  join(...Array.from({length: 40}, (_, i) => ({nodeId: 'é'.repeat(110) + String(i).padStart(3, '0'), alias: `a${i}`, caps: ['stats']})));
  ring(2, {name: (i) => `z${i}`});
  await untilShown(page, 'z1');
  await untilShown(page, 'a39');
  await show(page, '#graph');
  await until(page, () => document.querySelectorAll('#picture path').length === 1 || document.querySelectorAll('#picture path').length === 2);
  await until(page, () => /\b[1-9]\d* nodes? not asked: the nodeIds are too long\./.test(document.getElementById('graph-note').textContent));
});

test('the graph counts the nodes that a viewer is not told of', {timeout: kTestLimitMs}, async () => {
  const page = await openWith(() => {
    const ask = fetch;
    window.fetch = (path, options) =>
      (path.startsWith('/api/links?') ? Promise.resolve(new Response('{"leftOut":0,"nodes":[]}')) : ask(path, options));
  });
  const nodes = join({nodeId: 'id1', alias: 'one', caps: ['stats']}, {nodeId: 'id2', alias: 'two', caps: ['stats']});
  await untilShown(page, 'two');
  await show(page, '#graph');
  await until(page, () => document.getElementById('graph-note').textContent === 'Shown: 2 nodes. 0 links. 2 nodes without figures of links.');
  nodes.destroy();
  await page.close();
});

// Texts that are too faint before their ground, by the rules of WCAG 2 (4.5 to 1).
const faint = () => {
  const light = (color) => {
    const [r, g, b] = color.match(/[\d.]+/g).slice(0, 3).map((part) => part / 255)
      .map((part) => (part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4));
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const ground = light(getComputedStyle(document.body).backgroundColor);
  const found = [];
  for (const one of document.querySelectorAll('body *')) {
    const hasText = [...one.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.textContent.trim() !== '');
    if (!hasText || !one.checkVisibility() || one.localName === 'title') continue;
    const style = getComputedStyle(one);
    const ink = light(one.localName === 'text' ? style.fill : style.color);
    const contrast = (Math.max(ink, ground) + .05) / (Math.min(ink, ground) + .05);
    if (contrast < 4.5) found.push(`${one.textContent}: ${contrast.toFixed(1)}`);
  }
  return found;
};

for (const isDark of [false, true]) {
  scenario(`each view fits 400 pixels and can be read on a ${isDark ? 'dark' : 'light'} page`, async (page) => {
    ring(3, {name: (i) => 'x'.repeat(150) + i, drops: () => 5});
    join({nodeId: 'y'.repeat(200)});
    await untilShown(page, 'xxx');
    for (const view of ['#mesh', '#node=r1', '#graph', `#node=${'y'.repeat(200)}`]) {
      await show(page, view);
      await until(page, () => location.hash === '#mesh' || document.querySelector(`#${location.hash === '#graph' ? 'links' : 'peers'} tbody tr`) ||
                              document.getElementById('node-untold').textContent.includes('introspection'));
      await page.settle();
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 400), `${view} is wider`);
      assert.deepEqual(await page.evaluate(faint), [], view);
      assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), isDark ? 'rgb(13, 17, 23)' : 'rgb(255, 255, 255)');
    }
    const out = await page.evaluate(() => {
      location.hash = '#graph';
      return new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => {
        const frame = document.getElementById('picture').getBoundingClientRect();
        resolve([...document.querySelectorAll('#picture text')].map((one) => one.getBoundingClientRect())
          .filter(({left, right, top, bottom}) => left < frame.left || right > frame.right || top < frame.top || bottom > frame.bottom).length);
      })));
    });
    assert.equal(out, 0, 'labels beyond the picture');
  }, {width: 400, isDark});
}

scenario('whatever can be used has a name for who cannot see it, in each view', async (page) => {
  ring(3);
  await untilShown(page, 'n2');
  for (const [view, wanted] of [['#node=r0', '#peers tbody tr'], ['#graph', '#picture path']]) {
    await show(page, view);
    await until(page, (selector) => document.querySelector(selector), wanted);
    const {nodes} = await page.send('Accessibility.getFullAXTree');
    const used = nodes.filter(({role, ignored}) => !ignored &&
      ['searchbox', 'table', 'columnheader', 'button', 'region', 'link', 'navigation', 'heading', 'group', 'img', 'image', 'graphics-document'].includes(role?.value));
    for (const {role, name} of used) assert.notEqual(name?.value ?? '', '', `${view}: ${role.value}`);
    const regions = used.filter(({role}) => role.value === 'region').map(({name}) => name.value);
    const scrolled = await page.evaluate(() => [...document.querySelectorAll('.wide')].filter((one) => one.checkVisibility()).length);
    assert.equal(regions.filter((name) => ['Peers', 'Times since the node began', 'Links'].includes(name)).length, scrolled, regions.join());
    const links = used.filter(({role}) => role.value === 'link').map(({name}) => name.value);
    if (view === '#graph') for (const name of ['n0', 'n1', 'n2']) assert.ok(links.some((link) => link.startsWith(`${name} at `)), links.join());
  }
});

scenario('nothing moves by itself for who wants no motion', async (page) => {
  ring(3);
  await page.send('Emulation.setEmulatedMedia', {features: [{name: 'prefers-reduced-motion', value: 'reduce'}]});
  await untilShown(page, 'n2');
  await show(page, '#graph');
  await until(page, () => document.querySelector('#picture path'));
  await page.evaluate(() => document.querySelector('#picture a').focus());
  assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
  assert.equal(await page.evaluate(() => getComputedStyle(document.querySelector('#picture path')).transitionDuration), '0s');
});

scenario('rows keep their places while a pointer is down, and only what is out of place is moved', async (page) => {
  join({nodeId: 'id1', alias: 'one'});
  await untilShown(page, 'one');
  const [held, drawn, after, moved] = await page.evaluate(async () => {
    const {arrange, whenReleased} = await import('/rows.js');
    const parent = document.createElement('div');
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => Object.assign(document.createElement('i'), {textContent: name}));
    arrange(parent, [a, b, c]);
    let count = 0;
    whenReleased(() => { count += 1; });
    dispatchEvent(new PointerEvent('pointerdown'));
    arrange(parent, [c, a, b]);
    const during = parent.textContent;
    dispatchEvent(new PointerEvent('pointerup'));
    const places = [];
    const watch = new MutationObserver(() => {});
    watch.observe(parent, {childList: true});
    const touched = [];
    for (const order of [[c, a, b], [a, b, c], [a, d, c], [d, c], [c, d, b, a]]) {
      arrange(parent, order);
      places.push(parent.textContent);
      touched.push(new Set(watch.takeRecords().flatMap(({addedNodes}) => [...addedNodes])).size);
    }
    return [during, count, places, touched];
  });
  assert.equal(held, 'abc');
  assert.equal(drawn, 1);
  assert.deepEqual(after, ['cab', 'abc', 'adc', 'dc', 'cdba']);
  assert.deepEqual(moved, [1, 1, 1, 0, 3]);
  await page.evaluate(() => document.getElementById('nodes').click());  // of two rows: its target is what both are in
  assert.equal(await page.evaluate(() => location.hash), '');
});

scenario('who has chosen a node by the keyboard keeps it when rows change places', async (page) => {
  let first = 1;
  for (const i of [0, 1]) {
    joinTelling({nodeId: `f${i}`, alias: `f${i}`}, (asked) => ({...figuresOf(asked, {received: 10 * asked}), queued: i === first ? 9 : 1}));
  }
  await untilShown(page, 'f1', '9');
  await page.evaluate(() => document.querySelector('th:nth-child(4) button').click());
  await until(page, () => document.querySelector('#nodes a').textContent === 'f1');
  await page.evaluate(() => document.querySelector('#nodes a').focus());
  first = 0;
  await until(page, () => document.querySelector('#nodes a').textContent === 'f0');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'f1');
});

test('of 1,000 nodes only what has changed is drawn anew', {timeout: kTestLimitMs}, async () => {
  const page = await browser.open(url);
  const many = join(...Array.from({length: 959}, (_, i) => ({nodeId: `m${i}`, alias: `m${i}`})));
  many.resume();
  for (let i = 0; i < 40; ++i) joinTelling({nodeId: `idle${i}`, alias: `idle${i}`}, (asked) => figuresOf(asked));
  let received = 0;
  joinTelling({nodeId: 'a', alias: 'a'}, (asked) => figuresOf(asked, {received: received += asked % 7 + 1}));
  await until(page, () => /200 of 1000 nodes shown/.test(document.getElementById('more').textContent));
  await until(page, () => Number(document.querySelector('#nodes td:nth-child(2)').textContent) > 0);
  await until(page, () => document.querySelectorAll('#nodes svg').length === 41);
  const changed = await page.evaluate(() => new Promise((resolve) => {
    const cells = new Set();
    let rounds = 0;
    new MutationObserver((changes) => {
      for (const {target, addedNodes} of changes) for (const one of [target, ...addedNodes]) cells.add(one);
      if (++rounds === 5) resolve(cells.size);
    }).observe(document.getElementById('nodes'), {subtree: true, childList: true, characterData: true, attributes: true});
  }));
  assert.ok(changed < 30, `${changed} elements`);
  leave();
  await page.close();
});
