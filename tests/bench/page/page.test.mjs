// What the page of results shows, seen in a headless Chromium.
import assert from 'node:assert/strict';
import {pathToFileURL} from 'node:url';
import path from 'node:path';
import {example, kExample, kRoot, scenario} from './stage.mjs';

// The shown texts of what a selector finds.
function texts(page, selector) {
  return page.evaluate((wanted) => [...document.querySelectorAll(wanted)].map((found) => found.innerText), selector);
}

async function text(page, selector) {
  return (await texts(page, selector)).join('\n');
}

scenario('every row and every contestant of the results is on the page', async (stage) => {
  const page = await stage.open();
  const {rows} = example();
  assert.deepEqual(await texts(page, 'section.row h2'), rows.map(({name}) => name));
  for (const [index, {name, kind, entries}] of rows.entries()) {
    const shown = await text(page, `#row-${index + 1}`);
    for (const entry of entries) assert.ok(shown.includes(entry.name), `${name}: ${entry.name}`);
    const charts = await page.evaluate((row) => document.querySelectorAll(`#${row} canvas`).length, `row-${index + 1}`);
    assert.equal(charts, {throughput: 0, latency: 1, growth: 2}[kind], name);
  }
});

scenario('where, when and how the run was made stands at the top', async (stage) => {
  const results = example();
  const header = await text(await stage.open(results), 'header');
  const {commit, cpu, kernel, command} = results;
  for (const fact of [commit, cpu, kernel, command, 'pairs 30', 'pin yes', '2026-11-25 15:20 UTC']) {
    assert.ok(header.includes(fact), fact);
  }
});

scenario('four absolute numbers come first and the targets last', async (stage) => {
  const page = await stage.open();
  const order = await page.evaluate(() => [...document.querySelector('main').children].map(
    (child) => child.id || child.className || child.localName));
  const rows = example().rows.map((row, index) => `row-${index + 1}`);
  assert.deepEqual(order, ['header', 'numbers', ...rows, 'targets', 'footer']);
  const numbers = (await texts(page, '.number')).map((number) => number.split(/\s*\n\s*/).join(' | '));
  assert.deepEqual(numbers, [
    'one way, 128 B | 24.2 M | messages/s | distflow, inlined, TCP | 31.1 M messages/s through shared memory',
    'round trip, closed loop, 128 B | 6.39 µs | distflow, inlined, TCP | 1.39 µs through shared memory',
    'echo, 1000 connections | 385 k | messages/s | distflow, inlined',
    'a node\'s start with no PMD running, to registered | 2.63 ms | distflow',
  ]);
});

scenario('a run without some of the usual rows has other numbers in their place', async (stage) => {
  const results = example();
  results.rows = results.rows.filter(({name}) => !name.startsWith('echo') && !name.startsWith('round trip, closed'));
  const page = await stage.open(results);
  assert.deepEqual(await texts(page, '.number-what'), [
    'one way, 128 B', 'a node\'s start with no PMD running, to registered', 'PMD, look-ups', 'one way, 16 KiB']);
});

scenario('what compares like with like stands before memory against TCP, which is named so', async (stage) => {
  const results = example();
  results.rows[0].ratios.reverse();  // else the file has them in the wanted order already
  const page = await stage.open(results);
  assert.deepEqual((await texts(page, '#row-1 .name')).slice(0, 4), [
    'distflow, inlined, TCP', 'distflow, inlined, memory',
    'distflow, dispatcher, TCP', 'distflow, dispatcher, memory']);
  assert.deepEqual(await texts(page, '#row-1 .ratios td:first-child'), [
    'distflow, dispatcher, TCP ÷ libzmq',
    'distflow, inlined, TCP ÷ libzmq',
    'distflow, inlined, TCP ÷ ready-made frames',
    'distflow, dispatcher, memory ÷ libzmq over TCP',
    'distflow, inlined, memory ÷ Erlang over TCP',
    'distflow, inlined, memory ÷ NATS over TCP',
    'distflow, inlined, memory ÷ nng over TCP',
    'distflow, inlined, memory ÷ libzmq over TCP',
    'distflow, inlined, memory against itself',
  ]);
  const targets = await texts(page, '#targets .name');
  const memory = targets.indexOf('distflow, inlined, memory ÷ libzmq over TCP');
  assert.equal(targets[memory - 1], 'distflow, inlined, TCP ÷ libzmq');
});

scenario('a row without a contestant over TCP says nothing of memory', async (stage) => {
  const results = example();
  results.rows = results.rows.filter(({name}) => name.startsWith('echo'));
  const page = await stage.open(results);
  assert.deepEqual(await texts(page, '.row .name'), ['distflow, inlined', 'raw epoll echo']);
  assert.deepEqual(await texts(page, '.ratios td:first-child'), [
    'distflow, inlined ÷ raw epoll echo', 'distflow, inlined against itself']);
});

scenario('targets met are counted, and each says whether it is', async (stage) => {
  const results = example();
  const all = results.rows.flatMap(({ratios}) => ratios).filter(({target}) => target !== undefined);
  const met = all.filter((ratio) => ratio.met).length;
  assert.ok(met > 0 && met < all.length);
  const page = await stage.open(results);
  assert.equal(await text(page, '.score'), `${met} of ${all.length} targets met`);
  assert.equal((await texts(page, '.verdict.met')).length, met);
  assert.equal((await texts(page, '.verdict.missed')).length, all.length - met);
  const shown = await text(page, '#targets');
  assert.ok(shown.includes('✗ not met, ≥ 5×') && shown.includes('✓ met, ≤ 1.05×'), shown);
});

scenario('a busy machine, a stolen one and few rounds are marked at the top', async (stage) => {
  const quiet = await stage.open();
  assert.deepEqual(await texts(quiet, '.doubt'), []);
  const page = await stage.open({...example(), load_before: 3.1, steal: 0.04, settings: {pairs: 6}});
  assert.deepEqual(await texts(page, 'header .doubt'), [
    'The machine was busy before the run began: its load was 3.10 on 2 cores.',
    'Others had 4.00 % of the processors’ time during the run: it was stolen from this virtual machine.',
    'Few rounds: 6, where a figure to quote needs 30.',
  ]);
});

scenario('what the host costs and what else it did are told as far as the file says', async (stage) => {
  const host = {system_call_ns: 118.002, wake_up_ns: 15159.2, cache_line_ns: 368.1};
  const told = await stage.open({...example(), host, load_before: 0.25, load_while: 1.5, steal: 0.00026});
  assert.ok((await text(told, '.facts')).includes('a system call 118 ns, a wake-up 15.2 µs, ' +
    'a cache line there and back 368 ns, load before 0.250, load at the end 1.50, stolen 0.0260 %'),
            await text(told, '.facts'));
  const older = {...example(), host: {...host, cache_line_ns: 0}};
  for (const name of ['load_before', 'load_while', 'steal']) delete older[name];
  const shown = await text(await stage.open(older), '.facts');
  assert.ok(shown.includes('a system call 118 ns, a wake-up 15.2 µs') && !shown.includes('cache line'), shown);
  delete older.host;
  assert.ok(!(await text(await stage.open(older), '.facts')).includes('system call'));
});

scenario('a file that says nothing of its machine is not doubted for it', async (stage) => {
  const results = {...example(), settings: {}};
  delete results.load_before;
  delete results.steal;
  assert.deepEqual(await texts(await stage.open(results), '.doubt'), []);
});

scenario('a contestant that lost all rounds is shown as lost, and those that lost some are named', async (stage) => {
  const results = example();
  const [row] = results.rows;
  const {values, ...gone} = row.entries.find(({name}) => name === 'nng');
  delete gone.median;
  row.entries = row.entries.map((entry) => entry.name === 'nng' ? {...gone, values: values.map(() => null)} : entry);
  const page = await stage.open(results);
  const bars = await texts(page, '#row-1 .bar-line');
  assert.ok(bars.some((bar) => /^nng\s+lost$/.test(bar)), bars.join('\n'));
  assert.equal(await text(page, '#row-1 .note'),
               'Lost: nng 30 of 30 rounds, NATS 1 of 30 rounds and 1 message, Asio 3 of 3 rounds.');
});

scenario('results without rows, and rows without entries, make a page too', async (stage) => {
  const none = await stage.open({...example(), rows: []});
  assert.equal(await text(none, 'h1'), 'distflow, measured');
  const rows = example().rows.map((row) => ({...row, entries: [], ratios: []}));
  const empty = await stage.open({...example(), rows});
  assert.equal((await texts(empty, 'section.row')).length, rows.length);
});

scenario('open loops and closed loops are told apart', async (stage) => {
  const page = await stage.open();
  const how = await texts(page, '.latency .how');
  assert.match(how[0], /^Closed loop/);
  assert.match(how[1], /^Open loop/);
});

scenario('numbers have three digits and units that people read', async (stage) => {
  const page = await stage.open();
  const shown = await page.evaluate(() => ({
    digits: [5.4, 41.23, 327.4, 0.0312, 0, 9.999, 99.96, 1240, 0.9995, -2.5, 0.00001].map(format.digits),
    quantities: [[999960, 'messages/s'], [12, 'messages/s'], [0.5, 'ns'], [612, 'ns'], [57300, 'ns'], [8.4e6, 'ns'],
                 [2e9, 'ns'], [512, 'bytes'], [62e6, 'bytes']].map(([value, unit]) => format.quantity(value, unit)),
    ticks: [[0, 'ns'], [1e4, ''], [500, 'ns'], [0.2, ''], [0.93, ''], [100, ''], [1e6, 'ns']]
      .map(([value, unit]) => format.tick(value, unit)),
  }));
  assert.deepEqual(shown.digits, [
    '5.40', '41.2', '327', '0.0312', '0', '10.0', '100', '1,240', '1.00', '-2.50', '0.000010']);
  assert.deepEqual(shown.quantities, [
    '1.00 M messages/s', '12 messages/s', '0.500 ns', '612 ns', '57.3 µs', '8.40 ms', '2.00 s', '512 B', '62.0 MB']);
  assert.deepEqual(shown.ticks, ['0 ns', '10 k', '500 ns', '0.2', '0.93', '100', '1 ms']);
});

scenario('texts of the results are shown as text and never as markup', async (stage) => {
  const evil = '</script><img src="x" onerror="window.broken = 1">\'"&<!--';
  const results = {...example(), settings: {[evil]: evil}};
  for (const name of ['command', 'date', 'commit', 'kernel', 'cpu', 'cores']) results[name] = evil;
  for (const row of results.rows) {
    row.name = row.unit = evil;
    if (row.x_name) row.x_name = evil;
    for (const entry of row.entries) entry.name = evil;
    for (const ratio of row.ratios) ratio.of = ratio.to = evil;
  }
  const page = await stage.open(results);
  assert.equal(await page.evaluate(() => document.querySelectorAll('img').length + Number(window.broken ?? 0)), 0);
  assert.equal((await texts(page, 'section.row h2'))[0], evil);
  assert.ok((await text(page, '.facts')).includes(evil));
});

scenario('the page asks for nothing from elsewhere, and cannot', async (stage) => {
  const page = await stage.open();
  assert.deepEqual(page.requests, []);
  const refused = await page.evaluate(async () => {
    const violation = new Promise((resolve) => {
      document.addEventListener('securitypolicyviolation', ({effectiveDirective}) => resolve(effectiveDirective));
    });
    await fetch('http://127.0.0.1:9/').catch(() => {});
    return violation;
  });
  assert.equal(refused, 'connect-src');
  page.faults.length = 0;  // the console tells of the refusal
});

scenario('the page in the tree, opened by itself, shows a file that is chosen, and then another one', async (stage) => {
  const page = await stage.openUrl(pathToFileURL(path.join(kRoot, 'bench/report/page/index.html')).href);
  assert.match(await text(page, 'main'), /Show a results file/);
  const choose = async (file) => {
    const shown = page.evaluate(() => new Promise((resolve) => {
      new MutationObserver(() => resolve(true)).observe(document.querySelector('main'), {childList: true});
    }));
    const {root} = await page.send('DOM.getDocument');
    const {nodeId} = await page.send('DOM.querySelector', {nodeId: root.nodeId, selector: 'input[type=file]'});
    await page.send('DOM.setFileInputFiles', {nodeId, files: [file]});
    await shown;
  };
  await choose(stage.file('broken.json', '{"format"'));
  assert.match(await text(page, '[role=alert]'), /not JSON/);
  await choose(kExample);
  assert.match(await text(page, '.score'), /targets met/);
});
