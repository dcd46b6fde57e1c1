// The peer against itself: what the other tests lean on.
import assert from 'node:assert/strict';
import net from 'node:net';
import {test} from 'node:test';
import {FrameReader, Inbox, PmdClient, encodeFrame} from './peer.mjs';
import {scenario} from './stage.mjs';

test('a stream gives the same frames wherever it is cut', () => {
  const texts = ['{}', '{"payload":"é ☃"}', '[1,2,3]'];
  const stream = Buffer.concat(texts.map(encodeFrame));
  for (let cut = 0; cut <= stream.length; cut++) {
    const reader = new FrameReader();
    const read = [...reader.push(stream.subarray(0, cut)), ...reader.push(stream.subarray(cut))];
    assert.deepEqual(read, texts, `cut at ${cut}`);
  }
});

test('the length prefix counts bytes, big-endian', () => {
  assert.deepEqual([...encodeFrame('"é"')], [0, 0, 0, 4, 0x22, 0xc3, 0xa9, 0x22]);
});

test('an inbox that waits in vain names what it waited for', async () => {
  await assert.rejects(new Inbox().next({what: 'a miracle', timeoutMs: 5}), /timed out after 5 ms waiting for a miracle/);
});

test('an inbox that ends says why to whoever waits, and to whoever comes later', async () => {
  const inbox = new Inbox();
  const waiting = inbox.next({what: 'a frame'});
  inbox.end('the connection was closed');
  await assert.rejects(waiting, /the connection was closed while waiting for a frame/);
  await assert.rejects(inbox.next({what: 'another'}), /the connection was closed while waiting for another/);
});

scenario('a request that is not answered names itself', {}, async () => {
  const mute = net.createServer((socket) => socket.on('error', () => {}));
  await new Promise((resolve) => mute.listen(0, '127.0.0.1', resolve));
  const client = await PmdClient.connect(mute.address().port);
  try {
    const unanswered = client.request('list', {}, {timeoutMs: 10});
    await assert.rejects(unanswered, /timed out after 10 ms waiting for the PMD's answer to list/);
  } finally {
    client.destroy();
    mute.close();
  }
});

const answersPings = (message, node) => {
  if (message.payload.type === 'PING') node.send(message.from, {...message.payload, type: 'PONG'}).catch(() => {});
};

scenario('two nodes find each other through the latest PMD and talk both ways', {}, async (stage) => {
  const pmd = await stage.typeScriptPmd('latest');
  const pong = await stage.node({pmdPort: pmd.port, alias: 'pong', onMessage: answersPings});
  const ping = await stage.node({pmdPort: pmd.port, alias: 'ping'});
  await pong.pmd.nextEvent('peer:join', ping.nodeId);
  await ping.send('pong', {type: 'PING', n: 1});
  const answer = await ping.nextMessage('PONG');
  assert.deepEqual(answer.payload, {type: 'PONG', n: 1});
  assert.equal(answer.from, pong.nodeId);
  assert.equal(answer.to, ping.nodeId);
  assert.match(ping.texts[0], /^\{"from":"[0-9a-f]{16}","to":"[0-9a-f]{16}","payload":\{.*\},"timestamp":\d{13}\}$/);
  assert.equal(ping.strayBytes, 0);
});

scenario('the latest PMD removes a node with its connection and tells the watchers', {}, async (stage) => {
  const pmd = await stage.typeScriptPmd('latest');
  const stays = await stage.node({pmdPort: pmd.port, alias: 'stays'});
  const goes = await stage.node({pmdPort: pmd.port, alias: 'goes'});
  goes.destroy();
  await stays.pmd.nextEvent('peer:leave', goes.nodeId);
  assert.deepEqual((await stays.pmd.list()).map((node) => node.alias), ['stays']);
});

scenario('the first release resolves no nodeId and keeps a node whose connection ended', {}, async (stage) => {
  const pmd = await stage.typeScriptPmd('first release');
  const stays = await stage.node({pmdPort: pmd.port, alias: 'stays'});
  const goes = await stage.client(pmd.port);
  await goes.register({nodeId: 'abcd', alias: 'goes', host: 'localhost', port: 1});
  await assert.rejects(stays.pmd.resolve('abcd'), {message: 'Alias not found'});
  await goes.close();
  assert.equal((await stays.pmd.resolve('goes')).nodeId, 'abcd');
});

scenario('the TypeScript-like PMD drops what it does not know and refuses hello', {}, async (stage) => {
  const pmd = await stage.typeScriptPmd('latest');
  const client = await stage.client(pmd.port);
  await assert.rejects(client.hello(), {message: 'Unknown message type'});
  await client.register({nodeId: 'abcd', host: 'localhost', port: 1, ttl: 100, caps: ['x'], meta: {a: 'b'}});
  assert.deepEqual(Object.keys(await client.resolve('abcd')), ['nodeId', 'host', 'port', 'lastHeartbeat']);
  assert.deepEqual(await client.watch(), {success: true});
});

scenario('the TypeScript-like PMD refuses an alias that another node holds', {}, async (stage) => {
  const pmd = await stage.typeScriptPmd('latest');
  const client = await stage.client(pmd.port);
  await client.register({nodeId: 'a', alias: 'x', host: 'localhost', port: 1});
  const second = client.register({nodeId: 'b', alias: 'x', host: 'localhost', port: 2});
  await assert.rejects(second, {message: "Alias 'x' already in use"});
});
