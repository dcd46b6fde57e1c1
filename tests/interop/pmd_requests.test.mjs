// Each request of the protocol page, as any client may send it to our PMD.
import assert from 'node:assert/strict';
import {scenario} from './stage.mjs';

const needs = ['DISTFLOW_PMD_BIN'];
const pong = {nodeId: '775bfab11e654f63', alias: 'pong', host: 'localhost', port: 45401};
const kClockSlackMs = 60000;

// The NodeInfo of a node that a TypeScript client registered: these keys, and a time in ms.
function assertNodeInfo(info, registration) {
  const {lastHeartbeat, ...rest} = info;
  assert.deepEqual(rest, registration);
  assert.ok(Number.isInteger(lastHeartbeat), `lastHeartbeat ${lastHeartbeat}`);
  assert.ok(Math.abs(Date.now() - lastHeartbeat) < kClockSlackMs, `lastHeartbeat ${lastHeartbeat} is in ms since 1970`);
}

function assertSays(text, error) {
  assert.ok(text.includes(`"error":"${error}"`), `${text} says, byte for byte, ${error}`);
}

scenario('register, heartbeat, watch and unregister succeed with success and nothing that TypeScript needs to know', {needs},
  async (stage) => {
    const {port} = await stage.pmd();
    const client = await stage.client(port);
    assert.deepEqual(await client.request('register', pong), {success: true});
    assert.deepEqual(await client.request('heartbeat', {nodeId: pong.nodeId}), {success: true});
    assert.deepEqual(await client.request('unregister', {nodeId: pong.nodeId}), {success: true});
    assert.equal((await client.request('watch')).success, true);
  });

scenario('resolve knows a node by its alias and by its nodeId', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const client = await stage.client(port);
  await client.register(pong);
  for (const name of [pong.alias, pong.nodeId]) {
    const answer = await client.request('resolve', {alias: name});
    assert.deepEqual(Object.keys(answer), ['node']);
    assertNodeInfo(answer.node, pong);
  }
});

scenario('a node without an alias is listed without one', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const client = await stage.client(port);
  const {alias, ...nameless} = pong;
  await client.register(nameless);
  assertNodeInfo(await client.resolve(pong.nodeId), nameless);
  await assert.rejects(client.resolve(alias), {message: 'Node not found'});
});

scenario('list gives the nodes in the order of registration', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const client = await stage.client(port);
  assert.deepEqual(await client.request('list'), {nodes: []});
  const nodes = ['zoe', 'adam', 'mia', 'bob', 'yves'].map((alias, i) => ({nodeId: `f${i}`, alias, host: 'localhost', port: i + 1}));
  for (const node of nodes) await client.register(node);
  const listed = await client.list();
  listed.forEach((info, i) => assertNodeInfo(info, nodes[i]));
  await client.unregister(nodes[1].nodeId);
  await client.register(nodes[1]);
  const order = (await client.list()).map((info) => info.alias);
  assert.deepEqual(order, ['zoe', 'mia', 'bob', 'yves', 'adam']);
});

scenario('a heartbeat moves lastHeartbeat and never back', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const client = await stage.client(port);
  await client.register(pong);
  const atRegistration = (await client.resolve('pong')).lastHeartbeat;
  do {
    await client.heartbeat(pong.nodeId);
  } while (Date.now() <= atRegistration + 1);
  await client.heartbeat(pong.nodeId);
  assert.ok((await client.resolve('pong')).lastHeartbeat > atRegistration);
});

scenario('the errors that TypeScript clients compare are byte-identical', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const connection = await stage.connection(port);
  const asked = async (type, payload) => {
    connection.send({type, payload, requestId: 'req_1'});
    const text = await connection.nextText(`the answer to ${type}`);
    return text;
  };
  assertSays(await asked('resolve', {alias: 'nope'}), 'Node not found');
  assertSays(await asked('unregister', {nodeId: 'nope'}), 'Node not found');
  assertSays(await asked('heartbeat', {nodeId: 'nope'}), 'Node not found');
  assertSays(await asked('frobnicate', {}), 'Unknown message type');
  connection.send({type: 'register', payload: pong});
  await connection.nextText('success');
  assertSays(await asked('register', {...pong, nodeId: 'another'}), "Alias 'pong' already in use");
});

scenario('an error is the whole payload, but for a refused alias, whose holder is named beside it', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const client = await stage.client(port);
  await client.register(pong);
  for (const type of ['resolve', 'unregister', 'heartbeat']) {
    assert.deepEqual(await client.request(type, {alias: 'nope', nodeId: 'nope'}), {error: 'Node not found'});
  }
  assert.deepEqual(await client.request('frobnicate'), {error: 'Unknown message type'});
  const {error, holder} = await client.request('register', {...pong, nodeId: 'another'});
  assert.equal(error, "Alias 'pong' already in use");
  assertNodeInfo(holder, pong);
});

scenario('requestId comes back as it came: a string, a number, or not at all', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const connection = await stage.connection(port);
  for (const requestId of ['req_1', '', 'é ☃ "q" \\', 7, 0, -1, 1.5]) {
    const response = await connection.ask({type: 'list', payload: {}, requestId});
    assert.deepEqual(response, {type: 'response', requestId, payload: {nodes: []}});
  }
  assert.deepEqual(await connection.ask({type: 'list', payload: {}}), {type: 'response', payload: {nodes: []}});
  const refused = await connection.ask({type: 'resolve', payload: {alias: 'nope'}});
  assert.deepEqual(refused, {type: 'response', payload: {error: 'Node not found'}});
});

scenario('keys in any order, white space and unknown keys change nothing', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const connection = await stage.connection(port);
  connection.sendText(' {\n "requestId" : "req_1" , "extra":[{}], "payload" : {"a":1} ,\t"type":"list" } ');
  assert.deepEqual(await connection.next('the list'), {type: 'response', requestId: 'req_1', payload: {nodes: []}});
});

scenario('answers come in the order of the requests of a connection', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const connection = await stage.connection(port);
  for (let i = 0; i < 500; i++) connection.send({type: i % 2 ? 'list' : 'resolve', payload: {alias: 'nope'}, requestId: i});
  for (let i = 0; i < 500; i++) assert.equal((await connection.next(`answer ${i}`)).requestId, i);
});

scenario('hello is answered with version, caps, process id and start time', {needs}, async (stage) => {
  const {program, port} = await stage.pmd();
  const client = await stage.client(port);
  const answer = await client.hello(['x']);
  assert.equal(answer.error, undefined);
  assert.ok(Array.isArray(answer.caps), JSON.stringify(answer));
  assert.ok('version' in answer, JSON.stringify(answer));
  assert.ok(Object.values(answer).includes(program.pid), `${JSON.stringify(answer)} names process ${program.pid}`);
  const isRecent = (value) => Number.isInteger(value) && Math.abs(Date.now() - value) < kClockSlackMs;
  assert.ok(Object.values(answer).some(isRecent), `${JSON.stringify(answer)} says when it started, in ms`);
});

scenario('shutdown answers, closes every connection, and the process ends with 0', {needs}, async (stage) => {
  const {program, port} = await stage.pmd();
  const idle = await stage.connection(port);
  const watcher = await stage.client(port);
  await watcher.watch();
  const client = await stage.client(port);
  await client.register(pong);
  assert.deepEqual(await client.request('shutdown'), {error: 'Shutdown refused: 1 node is registered'});
  assert.deepEqual(await client.request('shutdown', {force: true}), {success: true});
  assert.deepEqual(await program.untilEnded(), {code: 0, signal: null});
  await Promise.all([idle.untilClosed(), watcher.untilClosed(), client.untilClosed()]);
});

for (const signal of ['SIGTERM', 'SIGINT']) {
  scenario(`${signal} closes the connections and the process ends with 0`, {needs}, async (stage) => {
    const {program, port} = await stage.pmd();
    const client = await stage.client(port);
    await client.register(pong);
    program.signal(signal);
    await client.untilClosed();
    assert.deepEqual(await program.untilEnded(), {code: 0, signal: null});
  });
}

scenario('a second PMD on a port that is taken says so and ends', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const second = stage.daemon('--port', String(port));
  await second.output('ready', new RegExp(`^in-use ${port}\n`));
  const {signal} = await second.untilEnded();
  assert.equal(signal, null);
  assert.deepEqual(await (await stage.client(port)).list(), [], 'the first is not disturbed');
});
