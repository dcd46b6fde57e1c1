// Who is registered, for how long, and who may say so.
import assert from 'node:assert/strict';
import {scenario} from './stage.mjs';

const needs = ['DISTFLOW_PMD_BIN'];
const nodeOf = (nodeId, alias, more = {}) => ({nodeId, alias, host: 'localhost', port: 45401, ...more});
const idsOf = (nodes) => nodes.map((node) => node.nodeId);

scenario('the end of the connection that registered a node removes it and tells the watchers', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const watcher = await stage.client(port);
  await watcher.watch();
  const owner = await stage.client(port);
  await owner.register(nodeOf('a', 'alpha'));
  const {peer: joined} = await watcher.nextEvent('peer:join', 'a');
  owner.destroy();
  const {peer: left} = await watcher.nextEvent('peer:leave', 'a');
  assert.deepEqual(left, joined);
  await assert.rejects(watcher.resolve('alpha'), {message: 'Node not found'});
});

scenario('registration under another alias replaces the entry as a whole', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const client = await stage.client(port);
  await client.register(nodeOf('a', 'old', {caps: ['x'], meta: {k: 'v'}}));
  await client.register(nodeOf('a', 'new', {port: 7}));
  await assert.rejects(client.resolve('old'), {message: 'Node not found'});
  const {lastHeartbeat, ...entry} = await client.resolve('new');
  assert.deepEqual(entry, nodeOf('a', 'new', {port: 7}));
  assert.equal((await client.list()).length, 1);
  await client.register(nodeOf('b', 'old'));
  assert.equal((await client.resolve('old')).nodeId, 'b');
});

scenario('an entry belongs to the connection that registered it last, by its secret', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const watcher = await stage.client(port);
  await watcher.watch();
  const first = await stage.client(port);
  await first.register(nodeOf('bystander', 'bystander'));
  await first.register(nodeOf('a', 'alpha', {secret: 'its own'}));
  const second = await stage.client(port);
  await second.register(nodeOf('a', 'alpha', {secret: 'its own'}));
  await first.close();
  await watcher.nextEvent('peer:leave', 'bystander');
  assert.deepEqual(idsOf(await watcher.list()), ['a']);
  const leaves = watcher.events.items.filter(({event}) => event === 'peer:leave');
  assert.deepEqual(leaves, [], 'a never left');
  await second.close();
  await watcher.nextEvent('peer:leave', 'a');
});

scenario('a nodeId that a living connection holds is refused to whoever does not know its secret', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const owner = await stage.client(port);
  await owner.register(nodeOf('a', 'alpha'));
  const stranger = await stage.client(port);
  await assert.rejects(stranger.register(nodeOf('a', 'alpha')), /already in use/);
  await owner.close();
  await stranger.register(nodeOf('a', 'alpha'));
});

scenario('only the owning connection may unregister a node', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const owner = await stage.client(port);
  await owner.register(nodeOf('a', 'alpha'));
  const stranger = await stage.client(port);
  await assert.rejects(stranger.unregister('a'));
  assert.deepEqual(idsOf(await stranger.list()), ['a']);
  await owner.unregister('a');
  assert.deepEqual(await stranger.list(), []);
});

scenario('an alias is free again once its holder is gone', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const first = await stage.client(port);
  await first.register(nodeOf('a', 'alpha'));
  const second = await stage.client(port);
  await assert.rejects(second.register(nodeOf('b', 'alpha')), {message: "Alias 'alpha' already in use"});
  assert.deepEqual(idsOf(await second.list()), ['a'], 'the refused registration left nothing');
  await first.unregister('a');
  await second.register(nodeOf('b', 'alpha'));
  assert.equal((await second.resolve('alpha')).nodeId, 'b');
});

scenario('caps and meta are kept and given out', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const watcher = await stage.client(port);
  await watcher.watch();
  const client = await stage.client(port);
  const extras = {caps: ['ctl', 'é'], meta: {zone: 'b', 'a key': '"quoted"'}};
  await client.register(nodeOf('a', 'alpha', extras));
  const {peer} = await watcher.nextEvent('peer:join', 'a');
  for (const info of [peer, await client.resolve('alpha'), (await client.list())[0]]) {
    assert.deepEqual({caps: info.caps, meta: info.meta}, extras);
  }
});

scenario('a node that declared no caps has none', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const client = await stage.client(port);
  await client.register(nodeOf('a', 'alpha'));
  assert.deepEqual(Object.keys(await client.resolve('alpha')).sort(), ['alias', 'host', 'lastHeartbeat', 'nodeId', 'port']);
});

scenario('a registration without a usable nodeId, host or port is refused and leaves nothing', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const client = await stage.client(port);
  const good = nodeOf('a', 'alpha');
  const bad = [
    {},
    {...good, nodeId: undefined}, {...good, nodeId: ''}, {...good, nodeId: 7}, {...good, nodeId: null},
    {...good, host: undefined}, {...good, host: ''}, {...good, host: 7},
    {...good, port: undefined}, {...good, port: 0}, {...good, port: -1}, {...good, port: 65536}, {...good, port: 1.5},
    {...good, port: '80'}, {...good, port: null},
  ];
  for (const registration of bad) {
    const {error} = await client.request('register', registration);
    assert.match(String(error), /^Invalid registration: .+/, JSON.stringify(registration));
  }
  assert.deepEqual(await client.list(), []);
  await client.register({...good, port: 65535});
});
