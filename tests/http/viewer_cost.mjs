// What a thousand viewers that never read cost those who look names up.
//
//   DISTFLOW_PMD=build/release/bin/distflow-pmd node tests/http/viewer_cost.mjs [VIEWERS [ROUNDS]]      1000 and 20 if not given
//
// A measurement, which ctest does not run. Nodes join and leave all the time, so that every viewer has events to read.
// Rounds with the viewers and rounds without them take turns. In each, one client looks names up, one after the other.
// It prints the ratio of the rounds' 50th and 99th percentiles, the memory of the PMD, how many viewers it has closed, and
// how many sends of events it has made for how many changes.
import {readFileSync} from 'node:fs';
import net from 'node:net';
import {after, test} from 'node:test';
import {browser, daemon, join, metric, port, webPort} from './stage.mjs';

const kViewers = Number(process.argv[2] ?? 1000);
const kRounds = Number(process.argv[3] ?? 20);
const kLookUps = 30000;
const kChurn = 20;  // nodes that come and go, each 20 ms

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const residentMiB = () => Number(readFileSync(`/proc/${daemon.pid}/status`, 'utf8').match(/VmRSS:\s*(\d+)/)[1]) / 1024;

// One look-up after the other; the sorted times in microseconds.
function lookUp(socket, request, count) {
  return new Promise((resolve) => {
    const times = [];
    let began = process.hrtime.bigint();
    socket.removeAllListeners('data');
    socket.on('data', () => {
      times.push(Number(process.hrtime.bigint() - began) / 1000);
      if (times.length === count) return resolve(times.sort((a, b) => a - b));
      began = process.hrtime.bigint();
      socket.write(request);
    });
    socket.write(request);
  });
}

// Viewers whose sockets nobody reads, with small buffers behind them.
async function openViewers() {
  const sockets = [];
  for (let i = 0; i < kViewers; ++i) {
    const socket = net.connect(webPort, '127.0.0.1');
    socket.pause();
    socket.on('error', () => {});
    socket.write(`GET /events HTTP/1.1\r\nHost: localhost:${webPort}\r\nAccept: text/event-stream\r\n\r\n`);
    sockets.push(socket);
    if (i % 50 === 49) await sleep(20);
  }
  await sleep(1500);  // longer than a refused one is kept
  return sockets;
}

test('viewers that never read', {timeout: 600000}, async () => {
  const body = Buffer.from(JSON.stringify({type: 'resolve', payload: {alias: 'looked-up'}, requestId: 'r'}));
  const request = Buffer.concat([Buffer.from([0, 0, 0, body.length]), body]);
  join({nodeId: 'looked-up', alias: 'looked-up'});
  const client = net.connect(port, '127.0.0.1').setNoDelay(true);
  let churned = [];
  const churn = setInterval(() => {
    for (const socket of churned) socket.destroy();
    churned = [join(...Array.from({length: kChurn}, (_, i) => ({nodeId: `churn-${i}`, meta: {text: 'x'.repeat(200)}})))];
  }, 20);
  await lookUp(client, request, kLookUps);
  const before = residentMiB();
  const found = {p50: [], p99: []};
  let most = 0;
  let served = 0;
  for (let round = 0; round < kRounds; ++round) {
    const percentiles = {};
    for (const isWith of round % 2 === 0 ? [true, false] : [false, true]) {
      const viewers = isWith ? await openViewers() : [];
      if (isWith) served = Math.max(served, await metric('distflow_pmd_http_streams'));
      const times = await lookUp(client, request, kLookUps);
      percentiles[isWith] = {p50: times[Math.floor(times.length / 2)], p99: times[Math.floor(times.length * 0.99)]};
      most = Math.max(most, residentMiB());
      for (const socket of viewers) socket.destroy();
      await sleep(200);
    }
    for (const name of ['p50', 'p99']) found[name].push([percentiles[true][name], percentiles[false][name]]);
  }
  clearInterval(churn);
  for (const socket of churned) socket.destroy();
  for (const name of ['p50', 'p99']) {
    const ratio = median(found[name].map(([loaded, alone]) => loaded / alone));
    console.log(`# ${name} of a look-up: ${median(found[name].map(([loaded]) => loaded)).toFixed(0)} us beside ${kViewers} viewers, ` +
                `${median(found[name].map(([, alone]) => alone)).toFixed(0)} us alone, ratio ${ratio.toFixed(3)}`);
  }
  console.log(`# streams open at once: ${served}; PMD ${before.toFixed(0)} MiB before, ${most.toFixed(0)} MiB at most; ` +
              `streams closed as too slow: ${await metric('distflow_pmd_http_slow_readers_total')}`);
  const changes = await metric('distflow_pmd_joins_total') + await metric('distflow_pmd_leaves_total');
  console.log(`# sends of events: ${await metric('distflow_pmd_http_gifts_total')} in ${await metric('distflow_pmd_http_rounds_total')} ` +
              `rounds, for ${changes} changes`);
  client.destroy();
});

after(() => browser.close());
