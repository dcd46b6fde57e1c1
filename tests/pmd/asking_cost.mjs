// How long a look-up takes beside connections that ask on and on and read what they get: of the PMD, and in the same run
// of a server that does nothing but send each frame back (bench_raw_echo), which is the limit of this machine.
//
//   DISTFLOW_PMD=build/release/bin/distflow-pmd \
//     node tests/pmd/asking_cost.mjs [CONNECTIONS [WINDOW [SECONDS [BACKEND [PAUSE]]]]]
//
// A measurement, which ctest does not run. 1000 connections, a window of 64, 4 s, auto and 0 if not given. Each
// connection has WINDOW look-ups under way: for each answer it sends another one. A process of its own looks a name up
// over its own connection, one look-up after the other, for SECONDS, with pauses of PAUSE ms in the mean. Without
// pauses it may ask for more than its share of a PMD that has more to do than it can. The servers take turns, three
// times each; what is printed are percentiles, and how many look-ups of the others were answered meanwhile.
// bench_raw_echo is looked for beside distflow-pmd; without it the PMD is measured alone.
import {fork, spawn} from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

import {encodeFrame} from '../interop/peer/framing.mjs';

const kRole = process.argv[2];
const kIsLooking = kRole === 'look-up';
const kIsAsking = kRole === 'ask';
const kConnections = Number((kIsAsking ? process.argv[4] : process.argv[2]) ?? 1000);
const kWindow = Number((kIsAsking ? process.argv[5] : process.argv[3]) ?? 64);
const kSeconds = Number(process.argv[4] ?? 4);
const kBackend = process.argv[5] ?? 'auto';
const kPause = Number((kIsLooking ? process.argv[4] : process.argv[6]) ?? 0);  // ms

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const frame = (message) => encodeFrame(JSON.stringify(message));
const kLookUp = frame({type: 'resolve', payload: {alias: 'looked-up'}, requestId: 'r'});

const connect = (port) => new Promise((resolve) => {
  const socket = net.connect(port, '127.0.0.1', () => resolve(socket));
  socket.setNoDelay(true).on('error', () => {});
});

// Ends with the size of the answer.
const lookUpOn = (socket) => new Promise((resolve) => {
  socket.once('data', (data) => resolve(data.length));
  socket.write(kLookUp);
});

async function lookUp(port) {
  const socket = await connect(port);
  let times = [];
  process.on('message', () => {
    times.sort((a, b) => a - b);
    const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))] / 1000;
    process.send({count: times.length, p50: at(0.5), p99: at(0.99), longest: at(1)}, () => process.exit(0));
  });
  for (;;) {
    const began = process.hrtime.bigint();
    await lookUpOn(socket);
    times.push(Number(process.hrtime.bigint() - began) / 1000);
    await (kPause > 0 ? sleep(2 * kPause * Math.random()) : new Promise(setImmediate));  // to messages
  }
}

async function ask(port) {
  let answers = 0;
  for (let i = 0; i < kConnections; ++i) {
    const socket = await connect(port);
    const size = await lookUpOn(socket);
    let bytes = 0;
    socket.on('data', (data) => {
      bytes += data.length;
      const count = Math.floor(bytes / size);
      if (count === 0) return;
      bytes -= count * size;
      answers += count;
      socket.write(count === 1 ? kLookUp : Buffer.concat(Array(count).fill(kLookUp)));
    });
    socket.write(Buffer.concat(Array(kWindow).fill(kLookUp)));
  }
  process.on('message', () => process.send(answers));
  process.send('all ask');
}

if (kIsLooking) await lookUp(Number(process.argv[3]));
if (kIsAsking) {
  await ask(Number(process.argv[3]));
  await new Promise(() => setInterval(() => {}, 1000));  // until it is ended
}

const self = import.meta.filename ?? new URL(import.meta.url).pathname;
const told = (child) => new Promise((resolve) => child.once('message', resolve));

async function start(program, args) {
  const server = spawn(program, args, {stdio: ['ignore', 'pipe', 'inherit']});
  const port = await new Promise((resolve) => {
    server.stdout.setEncoding('utf8').on('data', (text) => resolve(Number(text.match(/(?:port |:)(\d+)/)[1])));
  });
  return {server, port};
}

async function measure(program, args, isPmd) {
  const {server, port} = await start(program, args);
  if (isPmd) {
    const holder = await connect(port);
    const payload = {nodeId: 'looked-up', alias: 'looked-up', host: '127.0.0.1', port: 9};
    holder.write(frame({type: 'register', payload, requestId: 'r'}));
    await new Promise((resolve) => holder.once('data', resolve));
  }
  const asking = fork(self, ['ask', String(port), String(kConnections), String(kWindow)]);
  await told(asking);
  await sleep(500);
  const looking = fork(self, ['look-up', String(port), String(kPause)]);
  asking.send('how many');
  const before = await told(asking);
  await sleep(kSeconds * 1000);
  looking.send('end');
  const times = await told(looking);
  asking.send('how many');
  const rate = (await told(asking) - before) / kSeconds;
  asking.kill();
  server.kill('SIGTERM');
  await new Promise((resolve) => server.once('exit', resolve));
  const ms = (value) => value.toFixed(2);
  console.log(`${isPmd ? 'PMD     ' : 'raw echo'}: p50 ${ms(times.p50)} ms, p99 ${ms(times.p99)} ms, longest ${ms(times.longest)} ms, ` +
    `of ${times.count}; the others ${Math.round(rate / 1000)} k/s`);
}

const echo = path.join(path.dirname(process.env.DISTFLOW_PMD), 'bench_raw_echo');
console.log(`${kConnections} connections, ${kWindow} look-ups under way on each, backend ${kBackend}, pauses of ${kPause} ms, load ${os.loadavg()[0].toFixed(2)}`);
for (let i = 0; i < 3; ++i) {
  await measure(process.env.DISTFLOW_PMD, ['--port', '0', '--backend', kBackend], true);
  if (fs.existsSync(echo)) await measure(echo, ['echo'], false);
}
process.exit(0);
