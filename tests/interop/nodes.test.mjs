// Our nodes with the peer's, in both directions, through our PMD and through TypeScript-like ones.
import assert from 'node:assert/strict';
import net from 'node:net';
import {readFileSync} from 'node:fs';
import {encodeFrame} from './peer.mjs';
import {scenario} from './stage.mjs';
import {run} from './programs.mjs';

const pongBin = 'DISTFLOW_PONG_BIN';
const pingBin = 'DISTFLOW_PING_BIN';
const pmds = [
  {name: 'our PMD', pmdNeeds: ['DISTFLOW_PMD_BIN'], start: (stage) => stage.pmd()},
  {name: 'the latest TypeScript PMD', pmdNeeds: [], start: (stage) => stage.typeScriptPmd('latest')},
  {name: 'the first TypeScript PMD', pmdNeeds: [], resolvesAliasesOnly: true, start: (stage) => stage.typeScriptPmd('first release')},
];

// Our pong, once this watching client has seen it join.
async function startPong(stage, pmdPort, watcher) {
  const program = stage.program(process.env[pongBin], '--pmd-port', String(pmdPort));
  const joined = watcher.events.next({accepts: ({event, peer}) => event === 'peer:join' && peer.alias === 'pong', what: 'pong'});
  const early = program.ended.then((end) => Promise.reject(new Error(`pong ended before it joined: ${JSON.stringify(end)}`)));
  early.catch(() => {});
  const {peer} = await Promise.race([joined, early]);
  return {program, peer};
}

// A JavaScript node that has seen our pong join, and a bare connection to that pong.
async function nodeBesidePong(stage) {
  const pmd = await stage.typeScriptPmd('latest');
  const node = await stage.node({pmdPort: pmd.port, alias: 'ping'});
  const {program, peer} = await startPong(stage, pmd.port, node.pmd);
  const wire = await stage.connection(peer.port, {host: peer.host});
  const frame = (payload, to = peer.nodeId) => ({from: node.nodeId, to, payload, timestamp: Date.now()});
  return {pmd, node, program, peer, wire, frame};
}

async function assertAnswers({node, wire, frame}, n) {
  wire.send(frame({type: 'PING', n}));
  assert.deepEqual((await node.nextMessage(`PONG ${n}`)).payload, {type: 'PONG', n});
}

for (const {name, pmdNeeds, start} of pmds) {
  scenario(`our pong answers a JavaScript ping through ${name}`, {needs: [pongBin, ...pmdNeeds]}, async (stage) => {
    const {port} = await start(stage);
    const ping = await stage.node({pmdPort: port, alias: 'ping'});
    const {program, peer} = await startPong(stage, port, ping.pmd);
    for (let n = 0; n < 20; n++) {
      const extra = {n, text: 'é ☃ "q" \\ \n', deep: {list: [1, null, true, {}], big: 15000000000}};
      await ping.send('pong', {type: 'PING', ...extra});
      const answer = await ping.nextMessage(`PONG ${n}`);
      assert.deepEqual(answer.payload, {type: 'PONG', ...extra});
      assert.deepEqual([answer.from, answer.to], [peer.nodeId, ping.nodeId]);
      assert.ok(Number.isInteger(answer.timestamp));
    }
    assert.equal(ping.strayBytes, 0, 'pong answers on a connection of its own');
    program.signal('SIGTERM');
    await ping.pmd.nextEvent('peer:leave', peer.nodeId);
    assert.deepEqual(await program.untilEnded(), {code: 0, signal: null});
    assert.ok(program.stdout.includes(peer.nodeId), program.stdout);
  });

  scenario(`our ping and our pong meet through ${name}`, {needs: [pingBin, pongBin, ...pmdNeeds]}, async (stage) => {
    const {port} = await start(stage);
    const watcher = await stage.client(port);
    await watcher.watch();
    await startPong(stage, port, watcher);
    const {code, stdout} = await run(stage, process.env[pingBin], '--pmd-port', String(port), '--count', '50');
    assert.equal(code, 0);
    assert.match(stdout, /./);
  });
}

// The first release resolves no nodeId, so that a JavaScript pong there cannot answer anyone, TypeScript or not.
for (const {name, pmdNeeds, start} of pmds.filter((pmd) => !pmd.resolvesAliasesOnly)) {
  scenario(`our ping gets 50 PONGs from a JavaScript pong through ${name}`, {needs: [pingBin, ...pmdNeeds]}, async (stage) => {
    const {port} = await start(stage);
    const answer = (message, node) => node.send(message.from, {...message.payload, type: 'PONG'}).catch(() => {});
    const pong = await stage.node({pmdPort: port, alias: 'pong', onMessage: answer});
    const {code, stdout} = await run(stage, process.env[pingBin], '--pmd-port', String(port), '--count', '50');
    assert.equal(code, 0);
    assert.match(stdout, /./);
    const pings = pong.messages.items;
    assert.equal(pings.length, 50);
    assert.ok(pings.every(({to, payload}) => to === pong.nodeId && payload.type === 'PING'));
    pong.texts.forEach((text) => assert.deepEqual(Object.keys(JSON.parse(text)).sort(), ['from', 'payload', 'timestamp', 'to']));
  });
}

scenario('our node registers a numeric address, a TTL and caps', {needs: [pongBin]}, async (stage) => {
  const {pmd} = await nodeBesidePong(stage);
  const {payload} = pmd.requests.find(({type, payload}) => type === 'register' && payload.alias === 'pong');
  assert.notEqual(net.isIP(payload.host), 0, payload.host);
  assert.ok(payload.ttl > 0 && Number.isInteger(payload.ttl), JSON.stringify(payload));
  assert.ok(Array.isArray(payload.caps), JSON.stringify(payload));
  assert.match(payload.nodeId, /^[0-9a-f]{16}$/);
});

scenario('our node takes every frame that a TypeScript node wrote, and goes on', {needs: [pongBin]}, async (stage) => {
  const pair = await nodeBesidePong(stage);
  const file = readFileSync(new URL('../data/typescript-node-frames.txt', import.meta.url), 'utf8');
  const texts = file.trimEnd().split('\n').map((line) => line.replace(/^\d+ /, ''));
  assert.ok(texts.length > 0);
  for (const [i, text] of texts.entries()) {
    pair.wire.sendText(text.replace(/"to":"[0-9a-f]{16}"/, `"to":"${pair.peer.nodeId}"`));
    await assertAnswers(pair, i);
  }
  assert.equal(pair.wire.open, true);
  assert.equal(pair.wire.bytesReceived, 0);
});

scenario('a message for another nodeId is not delivered', {needs: [pongBin]}, async (stage) => {
  const pair = await nodeBesidePong(stage);
  pair.wire.send(pair.frame({type: 'PING', n: 'misrouted'}, '0123456789abcdef'));
  await assertAnswers(pair, 1);
});

scenario('our node takes keys in any order, white space and unknown keys', {needs: [pongBin]}, async (stage) => {
  const {node, peer, wire} = await nodeBesidePong(stage);
  wire.sendText(` {"extra" : [1, {"to":"x"}], "timestamp" : 1 ,\n"payload":{ "n":1, "type" : "PING" },
    "to":"${peer.nodeId}", "from":"${node.nodeId}"}\t`);
  assert.deepEqual((await node.nextMessage('PONG')).payload, {n: 1, type: 'PONG'});
});

scenario('our node understands frames that come byte by byte, and many at once', {needs: [pongBin]}, async (stage) => {
  const {node, wire, frame} = await nodeBesidePong(stage);
  const bytes = encodeFrame(JSON.stringify(frame({type: 'PING', n: 0})));
  for (const byte of bytes) {
    wire.sendBytes(Buffer.from([byte]));
    await new Promise(setImmediate);  // A turn of the loop for each byte, so that each has a segment of its own.
  }
  await node.nextMessage('the PONG to the frame in pieces');
  const count = 200;
  const many = Array.from({length: count}, (_, n) => encodeFrame(JSON.stringify(frame({type: 'PING', n}))));
  wire.sendBytes(Buffer.concat(many));
  for (let n = 0; n < count; n++) assert.equal((await node.nextMessage(`PONG ${n}`)).payload.n, n, 'in the order of sending');
});

scenario('our node survives its sender, however it goes', {needs: [pongBin]}, async (stage) => {
  const pair = await nodeBesidePong(stage);
  const half = encodeFrame(JSON.stringify(pair.frame({type: 'PING', n: 'half'}))).subarray(0, 20);
  for (const leave of ['close', 'destroy']) {
    const sender = await stage.connection(pair.peer.port, {host: pair.peer.host});
    sender.sendBytes(half);
    await sender[leave]();
    await assertAnswers(pair, leave);
  }
});
