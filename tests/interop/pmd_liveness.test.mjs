// Both kinds of liveness: the connection's for every node, the TTL's for those that send heartbeats or declared one.
// Time passes here as nodes with a short TTL expire one after the other: each leave is seen before the test goes on.
import assert from 'node:assert/strict';
import {scenario} from './stage.mjs';

const needs = ['DISTFLOW_PMD_BIN'];
const nodeOf = (nodeId, more = {}) => ({nodeId, alias: nodeId, host: 'localhost', port: 45401, ...more});

// Lets `count` times `ttlMs` pass, as the PMD sees it.
async function expireInTurn(client, watcher, count, ttlMs) {
  for (let i = 0; i < count; i++) {
    const nodeId = `short-lived-${i}`;
    await client.register(nodeOf(nodeId, {ttl: ttlMs}));
    await watcher.nextEvent('peer:join', nodeId);
    await watcher.nextEvent('peer:leave', nodeId);
  }
}

scenario('a node that never sent a heartbeat outlives the TTL as long as its connection is open', {needs}, async (stage) => {
  const {port} = await stage.pmd('--ttl', '0.2');
  const node = await stage.node({pmdPort: port, alias: 'typescript'});
  const client = await stage.client(port);
  await client.watch();
  await expireInTurn(client, client, 4, 300);
  assert.equal((await client.resolve('typescript')).nodeId, node.nodeId);
  node.destroy();
  await client.nextEvent('peer:leave', node.nodeId);
});

scenario('a node that sent one heartbeat and then none leaves after the TTL, with its connection open', {needs}, async (stage) => {
  const {port} = await stage.pmd('--ttl', '0.3');
  const watcher = await stage.client(port);
  await watcher.watch();
  const client = await stage.client(port);
  await client.register(nodeOf('once'));
  await client.heartbeat('once');
  await watcher.nextEvent('peer:leave', 'once');
  assert.equal(client.open, true);
  await assert.rejects(client.heartbeat('once'), {message: 'Node not found'});
  assert.deepEqual(await client.list(), []);
});

scenario('a node that declared a TTL leaves after it, though it never sent a heartbeat', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const client = await stage.client(port);
  await client.watch();
  await expireInTurn(client, client, 1, 300);
  assert.deepEqual(await client.list(), []);
});

scenario('heartbeats keep a node beyond its TTL', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const extensions = {ttl: 1500};
  const node = await stage.node({pmdPort: port, alias: 'beating', heartbeatMs: 50, extensions});
  const client = await stage.client(port);
  await client.watch();
  await expireInTurn(client, client, 4, 500);
  assert.equal((await client.resolve('beating')).nodeId, node.nodeId);
  assert.deepEqual(client.events.items.filter(({peer}) => peer.nodeId === node.nodeId), []);
});

scenario('a node that expired may register again on the same connection', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const client = await stage.client(port);
  await client.watch();
  await client.register(nodeOf('a', {ttl: 200}));
  await client.nextEvent('peer:leave', 'a');
  await client.register(nodeOf('a'));
  assert.equal((await client.resolve('a')).nodeId, 'a');
});

scenario('a PMD with --idle-exit ends by itself once it has no nodes, and not before', {needs}, async (stage) => {
  const {program, port} = await stage.pmd('--idle-exit', '1.5');
  const client = await stage.client(port);
  await client.watch();
  await client.register(nodeOf('stays'));
  await expireInTurn(client, client, 3, 600);
  assert.equal((await client.list()).length, 1);
  client.destroy();
  assert.deepEqual(await program.untilEnded(), {code: 0, signal: null});
});
