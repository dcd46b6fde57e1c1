// Watchers: what they are told, and in which order.
import assert from 'node:assert/strict';
import {scenario} from './stage.mjs';

const needs = ['DISTFLOW_PMD_BIN'];
const nodeOf = (nodeId, alias) => ({nodeId, alias, host: 'localhost', port: 45401});

scenario('an event has the form of the protocol page', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const watcher = await stage.connection(port);
  await watcher.ask({type: 'watch', payload: {}, requestId: 'req_1'});
  const client = await stage.client(port);
  await client.register(nodeOf('a', 'alpha'));
  const {rev, ...event} = (await watcher.next('the join')).payload;
  const lastHeartbeat = event.peer.lastHeartbeat;
  assert.deepEqual(event, {event: 'peer:join', peer: {...nodeOf('a', 'alpha'), lastHeartbeat}});
  assert.equal(typeof lastHeartbeat, 'number');
  assert.equal(typeof rev, 'number');
});

scenario('a node that registers on a connection that already watches is told of its own join', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const client = await stage.client(port);
  await client.watch();
  await client.register(nodeOf('a', 'alpha'));
  await client.nextEvent('peer:join', 'a');
});

scenario('a connection that does not watch is told nothing', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const silent = await stage.connection(port);
  const watcher = await stage.client(port);
  await watcher.watch();
  await watcher.register(nodeOf('a', 'alpha'));
  await watcher.nextEvent('peer:join', 'a');
  assert.deepEqual((await silent.ask({type: 'list', payload: {}, requestId: 1})).requestId, 1, 'the answer comes first');
  assert.deepEqual(silent.inbox.items, []);
});

scenario('the watch reply carries the registry and its revision, and events go on from there without a gap', {needs},
  async (stage) => {
    const {port} = await stage.pmd();
    const client = await stage.client(port);
    await client.register(nodeOf('a', 'alpha'));
    await client.register(nodeOf('b', 'beta'));
    const watcher = await stage.client(port);
    const {success, rev, nodes} = await watcher.watch();
    assert.equal(success, true);
    assert.deepEqual(nodes, await client.list());
    await client.register(nodeOf('c', 'gamma'));
    await client.unregister('a');
    const join = await watcher.nextEvent('peer:join', 'c');
    const leave = await watcher.nextEvent('peer:leave', 'a');
    assert.deepEqual([join.rev, leave.rev], [rev + 1, rev + 2]);
  });

scenario('every watcher sees the same events in the same order', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const watchers = [];
  for (let i = 0; i < 5; i++) watchers.push(await stage.client(port));
  for (const watcher of watchers) await watcher.watch();
  const client = await stage.client(port);
  for (let i = 0; i < 50; i++) {
    await client.register(nodeOf(`n${i}`, `alias${i}`));
    if (i % 2) await client.unregister(`n${i}`);
  }
  for (const watcher of watchers) await watcher.events.next({accepts: ({peer}) => peer.nodeId === 'n49', what: 'the last join'});
  for (const watcher of watchers) await watcher.nextEvent('peer:leave', 'n49');
  const [first, ...others] = watchers.map((watcher) => watcher.events.items);
  assert.equal(first.length, 73);
  others.forEach((seen) => assert.deepEqual(seen, first));
});

scenario('a watcher that is gone costs the others nothing', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const gone = await stage.client(port);
  await gone.watch();
  const stays = await stage.client(port);
  await stays.watch();
  gone.destroy();
  const client = await stage.client(port);
  await client.register(nodeOf('a', 'alpha'));
  await stays.nextEvent('peer:join', 'a');
});
