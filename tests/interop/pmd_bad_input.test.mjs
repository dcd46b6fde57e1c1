// What no honest client sends. Each time an honest client beside it notices nothing.
import assert from 'node:assert/strict';
import {encodeFrame} from './peer.mjs';
import {scenario} from './stage.mjs';

const needs = ['DISTFLOW_PMD_BIN'];
const kBadFramesMax = 16;
const list = {type: 'list', payload: {}, requestId: 'req_1'};

function announcing(length) {
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32BE(length);
  return prefix;
}

// The list request, blown up with white space to this many bytes.
const listOfSize = (size) => JSON.stringify(list).padEnd(size);

async function assertServes(stage, port) {
  const honest = await stage.client(port);
  assert.deepEqual(await honest.list(), []);
  await honest.close();
}

scenario('a request is understood wherever its bytes are cut, and many in one segment', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const connection = await stage.connection(port);
  const frame = encodeFrame(JSON.stringify(list));
  for (const byte of frame) {
    connection.sendBytes(Buffer.from([byte]));
    await new Promise(setImmediate);  // A turn of the loop for each byte, so that each has a segment of its own.
  }
  assert.deepEqual((await connection.next('the list')).payload, {nodes: []});
  for (let cut = 1; cut < frame.length; cut++) {
    connection.sendBytes(frame.subarray(0, cut));
    await new Promise(setImmediate);
    connection.sendBytes(Buffer.concat([frame.subarray(cut), frame, frame]));
    for (let i = 0; i < 3; i++) assert.deepEqual((await connection.next(`list ${i} of cut ${cut}`)).payload, {nodes: []});
  }
});

scenario('bad JSON gets an error response and the connection goes on', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const connection = await stage.connection(port);
  for (const text of ['{', 'nonsense', '{"type":"list",}', '', '{"type":"list"} {}', '\0']) {
    connection.sendText(text);
    const response = await connection.next(`the answer to ${JSON.stringify(text)}`);
    assert.equal(response.type, 'response');
    assert.match(response.payload.error, /./);
    assert.equal('requestId' in response, false);
  }
  assert.deepEqual((await connection.ask(list)).payload, {nodes: []});
});

scenario('good JSON that is no request gets an error response, too', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const connection = await stage.connection(port);
  for (const value of [[], 42, null, 'list', {}, {type: 7, payload: {}}, {type: 'resolve'}, {type: 'resolve', payload: []}]) {
    const response = await connection.ask(value);
    assert.equal(response.type, 'response', JSON.stringify(value));
    assert.match(response.payload.error, /./, JSON.stringify(value));
  }
  assert.deepEqual((await connection.ask(list)).payload, {nodes: []});
});

scenario(`a connection is closed after ${kBadFramesMax} frames of bad JSON, and not before`, {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const connection = await stage.connection(port);
  for (let i = 1; i < kBadFramesMax; i++) {
    connection.sendText('{');
    assert.match((await connection.next(`error ${i}`)).payload.error, /./);
  }
  assert.deepEqual((await connection.ask(list)).payload, {nodes: []});
  connection.sendText('{');
  await connection.untilClosed();
  await assertServes(stage, port);
});

scenario('a frame of the limit is answered, one byte more closes the connection', {needs}, async (stage) => {
  const {port} = await stage.pmd('--frame-max', '1024');
  const connection = await stage.connection(port);
  connection.sendText(listOfSize(1024));
  assert.deepEqual((await connection.next('the list')).payload, {nodes: []});
  connection.sendBytes(announcing(1025));
  await connection.untilClosed();
  await assertServes(stage, port);
});

scenario('the limit of a frame is 64 KiB unless told otherwise', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const connection = await stage.connection(port);
  connection.sendText(listOfSize(65536));
  assert.deepEqual((await connection.next('the list')).payload, {nodes: []});
  connection.sendBytes(announcing(65537));
  await connection.untilClosed();
});

scenario('announcements beyond belief close the connection', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  for (const length of [0x7fffffff, 0x80000000, 0xffffffff]) {
    const connection = await stage.connection(port);
    connection.sendBytes(announcing(length));
    await connection.untilClosed();
  }
  await assertServes(stage, port);
});

const kEpmdRequests = {
  'names': Buffer.from('00016e', 'hex'),
  'port please': Buffer.from('00057a706f6e67', 'hex'),
  'alive': Buffer.from('001178b0c14d000006000500046e6f64650000', 'hex'),
};
for (const [name, bytes] of Object.entries(kEpmdRequests)) {
  scenario(`epmd's request '${name}' is closed, and the log says why`, {needs}, async (stage) => {
    const {program, port} = await stage.pmd();
    const erlang = await stage.connection(port);
    erlang.sendBytes(bytes);
    await erlang.untilClosed();
    assert.equal(erlang.bytesReceived, 0);
    await program.output('stderr', /epmd/i);
    await assertServes(stage, port);
  });
}

scenario('other protocols on our port are closed', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const greetings = {
    http: Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
    tls: Buffer.from('16030100c8010000c40303', 'hex'),
    zmtp: Buffer.from('ff00000000000000017f03', 'hex'),
  };
  for (const greeting of Object.values(greetings)) {
    const stranger = await stage.connection(port);
    stranger.sendBytes(greeting);
    await stranger.untilClosed();
  }
  await assertServes(stage, port);
});

scenario('one connection more than allowed is not served until a place is free', {needs}, async (stage) => {
  const {port} = await stage.pmd('--connections-max', '2');
  const first = await stage.client(port);
  const second = await stage.client(port);
  await Promise.all([first.list(), second.list()]);
  const third = await stage.connection(port);
  third.send(list);
  for (let i = 0; i < 20; i++) await second.list();
  assert.equal(third.bytesReceived, 0, 'nobody answers it while both places are taken');
  await first.close();
  if (third.open) third.destroy();  // It may have been refused or left waiting.
  await assertServes(stage, port);
});
