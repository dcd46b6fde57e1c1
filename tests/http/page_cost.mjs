// What it costs to look at the page of a PMD with many nodes, and what is sent while nobody looks.
//
//   DISTFLOW_PMD=build/release/bin/distflow-pmd node tests/http/page_cost.mjs [NODES]      1000 if not given
//
// A measurement, which ctest does not run. A headless Chromium shows each view for ten seconds; the figures of all nodes
// change each second. Of each view it prints: the time of the page's main thread (DevTools: TaskDuration) for one update
// and of a second, processor time of the PMD, bytes between the PMD and all nodes, and bytes that the page has read.
// The nodes are sockets of this program. Ends with 1 where a byte is sent while nobody looks.
import {readFileSync} from 'node:fs';
import {test} from 'node:test';
import {browser, daemon, joinWithPeers, until, url} from './stage.mjs';

const kNodes = Number(process.argv[2] ?? 1000);
const kSeconds = 10;
const kPeers = 8;
const kTicks = 100;  // a second, in /proc

const buckets = Array.from({length: 24}, (_, i) => [1024 * (i + 1), 1000 - i]);
const id = (i) => `node-${(i + kNodes) % kNodes}`;
const nodes = [];
for (let i = 0; i < kNodes; ++i) {
  nodes.push(joinWithPeers({nodeId: id(i), alias: `service-${i}`}, (seconds) => {
    const count = Math.round(seconds % 1e6 * (1 + i % 97));
    const sent = {accepted: count, written: count, dropped_unreachable: 0, dropped_connection_lost: 0, dropped_peer_left: i % 50 ? 0 : count};
    const received = {received: count, handled: count, dropped_mailbox_newest: 0, dropped_mailbox_oldest: 0, conflated: 0};
    return {node: {sent, received}, latency: {queue_wait: {buckets}, handler: {buckets}},
            peers: Array.from({length: kPeers}, (_, k) => ({node_id: id(i + k - kPeers / 2), via: 'memory', queued: 0, sent, received}))};
  }));
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const nodeBytes = () => nodes.reduce((sum, socket) => sum + socket.bytesRead + socket.bytesWritten, 0);

function processorSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / kTicks;
}

async function state(page) {
  const {metrics} = await page.send('Performance.getMetrics');
  const {updates, bytes} = await page.evaluate(() => {
    const all = performance.getEntriesByType('resource').filter(({name}) => name.includes('/api/'));
    return {updates: all.filter(({name}) => name.includes('/api/figures')).length,
            bytes: all.reduce((sum, {transferSize}) => sum + transferSize, 0)};
  });
  return {task: metrics.find(({name}) => name === 'TaskDuration').value, updates, bytes,
          pmd: processorSeconds(daemon.pid), sent: nodeBytes(), at: performance.now()};
}

test('the cost of looking', {timeout: 300000}, async () => {
  const page = await browser.open(url);
  await page.send('Performance.enable');
  await page.evaluate(() => performance.setResourceTimingBufferSize(100000));
  await until(page, (count) => document.getElementById('more').textContent.includes(`of ${count} nodes`), kNodes);
  console.log(`# ${kNodes} nodes`);
  for (const view of ['#mesh', `#node=${id(7)}`, '#graph']) {
    await page.evaluate((fragment) => { location.hash = fragment; }, view);
    await sleep(5000);
    const before = await state(page);
    await sleep(1000 * kSeconds);
    const after = await state(page);
    const seconds = (after.at - before.at) / 1000;
    const of = (name) => (after[name] - before[name]) / seconds;
    const update = 1000 * (after.task - before.task) / (after.updates - before.updates);
    console.log(`# ${view}: ${update.toFixed(1)} ms of the page for one update, ${(100 * of('task')).toFixed(1)} % of a core; ` +
                `PMD ${(100 * of('pmd')).toFixed(1)} % of a core; PMD and nodes ${(of('sent') / 1024).toFixed(0)} KiB/s; ` +
                `page ${(of('bytes') / 1024).toFixed(0)} KiB/s`);
  }
  await page.close();
  await sleep(5000);  // longer than anybody is taken to look
  const before = nodeBytes();
  const pmd = processorSeconds(daemon.pid);
  await sleep(1000 * kSeconds);
  const quiet = nodeBytes() - before;
  console.log(`# nobody looks: ${quiet} bytes in ${kSeconds} s, PMD ${(processorSeconds(daemon.pid) - pmd).toFixed(2)} s of a core`);
  if (quiet > 0) throw new Error('something is sent although nobody looks');
});
