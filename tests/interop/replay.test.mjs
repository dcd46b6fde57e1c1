// What TypeScript clients said to TypeScript PMDs, said again to ours. Every difference that is allowed stands here,
// by the recorded line that it belongs to, and each must show: a list that allows more than happens is wrong, too.
import assert from 'node:assert/strict';
import {readRecording, replay} from './recording.mjs';
import {scenario} from './stage.mjs';

const needs = ['DISTFLOW_PMD_BIN'];

// The bytes, but for the one value that is the time of the recording.
const timeless = (text) => text.replace(/"lastHeartbeat":\d+/g, '"lastHeartbeat":0');

for (const [file, release] of [['typescript-first-release.log', 'first release'], ['typescript-latest.log', 'latest']]) {
  scenario(`the peer's PMD answers the recording of the ${release} byte for byte`, {}, async (stage) => {
    const {port} = await stage.typeScriptPmd(release);
    const {heard, left} = await replay(readRecording(file), () => stage.connection(port));
    for (const {line, text, answer} of heard) assert.equal(timeless(answer), timeless(text), line);
    assert.deepEqual(left, []);
  });
}

// What ours says, with the values that are its own replaced, and the keys that TypeScript ignores taken out.
function comparable(text, {extraKeys = []}) {
  const message = JSON.parse(text);
  for (const key of extraKeys) {
    assert.ok(key in message.payload, `${key} in ${text}`);
    delete message.payload[key];
  }
  return JSON.parse(JSON.stringify(message, (key, value) => (key === 'lastHeartbeat' ? typeof value : value)));
}

// Each recorded line against ours. `differences`: of a line's number among the PMD's, how ours may differ.
function compare(heard, left, differences) {
  heard.forEach(({line, text, answer}, index) => {
    const difference = differences[index] ?? {};
    const expected = difference.instead ?? text;
    assert.ok(expected, `nothing is recorded for ${line}, and no difference allows it: ${answer}`);
    assert.deepEqual(comparable(answer, difference), comparable(expected, {}), line);
  });
  assert.deepEqual(left, [], 'frames that no recorded line and no allowed difference explains');
}

const watchReply = {extraKeys: ['rev', 'nodes']};  // The registry as it was when the watch began.
const event = {extraKeys: ['rev']};                // Its number.

scenario('our PMD gives the first release what it accepts', {needs}, async (stage) => {
  const {port} = await stage.pmd();
  const pong = '{"nodeId":"775bfab11e654f63","alias":"pong","host":"localhost","port":45401,"lastHeartbeat":0}';
  const ping = '{"nodeId":"a75556136956cff0","alias":"ping","host":"localhost","port":40557,"lastHeartbeat":0}';
  const onlyPong = {instead: `{"type":"response","requestId":"req_1","payload":{"nodes":[${pong}]}}`};
  const differences = {
    1: watchReply,
    3: event,
    4: watchReply,
    // A nodeId is resolved as an alias is; the first release knew aliases only.
    6: {instead: `{"type":"response","requestId":"req_3","payload":{"node":${ping}}}`},
    // The end of ping's connection removes it at once, tells the watcher, and leaves pong alone in both lists.
    7: {instead: `{"type":"event","payload":{"event":"peer:leave","peer":${ping}}}`, ...event},
    8: onlyPong,
    9: onlyPong,
    // What the latest release says for a name that nobody has.
    11: {instead: '{"type":"response","requestId":"req_1","payload":{"error":"Node not found"}}'},
  };
  const recording = readRecording('typescript-first-release.log');
  const {heard, left} = await replay(recording, () => stage.connection(port), {extraFramesAfterClose: {c4: ['c2']}});
  compare(heard, left, differences);
});

scenario('our PMD gives the latest release what it accepts, and ends when told to once no node is registered', {needs}, async (stage) => {
  const {program, port} = await stage.pmd();
  // A node is registered when the recording tells the PMD to end: ours refuses that without force.
  const refusal = {instead: '{"type":"response","requestId":"req_1","payload":{"error":"Shutdown refused: 1 node is registered"}}'};
  const differences = {1: watchReply, 3: event, 4: watchReply, 7: event, 12: refusal};
  const {heard, left} = await replay(readRecording('typescript-latest.log'), () => stage.connection(port));
  compare(heard, left, differences);
  await (await stage.client(port)).shutdown();
  assert.deepEqual(await program.untilEnded(), {code: 0, signal: null});
});
