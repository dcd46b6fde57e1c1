// How long a look-up takes beside connections that watch and never read, while nodes register and leave.
//
//   DISTFLOW_PMD=build/release/bin/distflow-pmd node tests/pmd/watcher_cost.mjs [WATCHERS [ROUNDS [BACKEND]]]
//
// A measurement, which ctest does not run. 5000 watchers, 100 rounds and auto if not given. In each round 300 nodes
// register over one connection, in one write, and leave with it. A process of its own looks a name up over its connection
// and over one that it makes for that, in turn. It prints percentiles of what each took, while the rounds are under way
// and without them, and the load of the machine.
import {fork, spawn} from 'node:child_process';
import net from 'node:net';
import os from 'node:os';

import {encodeFrame} from '../interop/peer/framing.mjs';

const kIsLooking = process.argv[2] === 'look-up';  // the process that looks up
const kWatchers = Number(process.argv[2] ?? 5000);
const kRounds = Number(process.argv[3] ?? 100);
const kBackend = process.argv[4] ?? 'auto';
const kNodes = 300;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const frame = (message) => encodeFrame(JSON.stringify(message));

async function startDaemon() {
  const args = ['--port', '0', '--backend', kBackend];
  const daemon = spawn(process.env.DISTFLOW_PMD, args, {stdio: ['ignore', 'pipe', 'inherit']});
  process.on('exit', () => daemon.kill('SIGTERM'));
  return new Promise((resolve) => {
    daemon.stdout.setEncoding('utf8').on('data', (text) => resolve(Number(text.match(/port (\d+)/)[1])));
  });
}
const port = kIsLooking ? Number(process.argv[3]) : await startDaemon();

const connect = () => new Promise((resolve) => {
  const socket = net.connect(port, '127.0.0.1', () => resolve(socket));
  socket.on('error', () => {});
});

// Until so many bytes have come.
const received = (socket, count) => new Promise((resolve) => {
  let bytes = 0;
  socket.on('data', (data) => (bytes += data.length) >= count && resolve());
});

const kRegister = Array.from({length: kNodes}, (_, i) => frame({
  type: 'register',
  payload: {nodeId: `churn-${i}`, host: '127.0.0.1', port: 9},
  requestId: 'r',
}));
const kSuccess = frame({type: 'response', payload: {success: true}, requestId: 'r'}).length;

async function round() {
  const registrar = await connect();
  const done = received(registrar, kNodes * kSuccess);
  registrar.write(Buffer.concat(kRegister));
  await done;
  registrar.destroy();
}

const kLookUp = frame({type: 'resolve', payload: {alias: 'looked-up'}, requestId: 'r'});
const microseconds = (began) => Number(process.hrtime.bigint() - began) / 1000;

async function lookUpOn(socket) {
  const began = process.hrtime.bigint();
  const answered = new Promise((resolve) => socket.once('data', resolve));
  socket.write(kLookUp);
  await answered;
  return microseconds(began);
}

async function lookUpAnew() {
  const began = process.hrtime.bigint();
  const socket = await connect();
  const answered = new Promise((resolve) => socket.once('data', resolve));
  socket.write(kLookUp);
  await answered;
  socket.destroy();
  return microseconds(began);
}

// One after the other; prints what they took each time that it is told what that was beside.
async function lookUp() {
  const kept = await connect();
  let times = {kept: [], anew: []};
  process.on('message', (what) => {
    print(`${what}, on one connection`, times.kept);
    print(`${what}, connecting`, times.anew);
    times = {kept: [], anew: []};
    process.send('printed');
  });
  process.on('disconnect', () => process.exit(0));
  process.send('begun');
  for (;;) {
    times.kept.push(await lookUpOn(kept));
    times.anew.push(await lookUpAnew());
    await new Promise(setImmediate);  // to messages
  }
}

function print(what, times) {
  times.sort((a, b) => a - b);
  const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))].toFixed(0);
  console.log(`${what}: p50 ${at(0.5)} us, p99 ${at(0.99)} us, p99.9 ${at(0.999)} us, longest ${at(1)} us, of ${times.length}`);
}

if (kIsLooking) await lookUp();

const holder = await connect();
holder.write(frame({type: 'register', payload: {nodeId: 'looked-up', alias: 'looked-up', host: '127.0.0.1', port: 9}, requestId: 'r'}));
await received(holder, kSuccess);
const watchers = [];
for (let i = 0; i < kWatchers; ++i) {
  const socket = await connect();
  socket.pause();
  socket.write(frame({type: 'watch', payload: {}, requestId: 'r'}));
  watchers.push(socket);
}
await sleep(500);

const looking = fork(import.meta.filename ?? new URL(import.meta.url).pathname, ['look-up', String(port)]);
const answer = () => new Promise((resolve) => looking.once('message', resolve));
await answer();
const load = os.loadavg()[0];
console.log(`${kWatchers} watchers that do not read, backend ${kBackend}, load ${load.toFixed(2)}`);
await sleep(3000);
looking.send('alone');
await answer();
const began = Date.now();
for (let i = 0; i < kRounds; ++i) await round();
const took = (Date.now() - began) / kRounds;
looking.send('beside them');
await answer();
console.log(`a round of ${kNodes} registrations took ${took.toFixed(1)} ms`);
process.exit(0);
