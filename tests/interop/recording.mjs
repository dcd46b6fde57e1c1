// The recordings in tests/data: one line for each thing that one connection saw, in the order in which it happened.
//
//   c2> 49 {"type":"watch",...}     client to PMD: the length in bytes, the JSON
//   c2< 66 {"type":"response",...}  PMD to client
//   c1> CLOSE                       that side has ended the connection
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';

export function readRecording(name) {
  const text = readFileSync(new URL(`../data/${name}`, import.meta.url), 'utf8');
  return text.trimEnd().split('\n').map(parseLine);
}

function parseLine(line) {
  const [, connection, direction, rest] = line.match(/^(c\d+)([<>]) (.*)$/);
  const step = {line, connection, fromClient: direction === '>'};
  if (rest === 'CLOSE') return {...step, close: true};
  const [, length, text] = rest.match(/^(\d+) (.*)$/);
  assert.equal(Buffer.byteLength(text), Number(length), `the length of ${line}`);
  return {...step, text};
}

// Does what the client did, step by step, and gives what the PMD said to each of its recorded lines.
// extraFramesAfterClose: by connection, the ones that hear of its end though the recorded PMD said nothing.
export async function replay(recording, connect, {extraFramesAfterClose = {}} = {}) {
  const connections = new Map();
  const heard = [];
  for (const step of recording) {
    if (!connections.has(step.connection)) connections.set(step.connection, await connect());
    const connection = connections.get(step.connection);
    if (step.text && step.fromClient) connection.sendText(step.text);
    else if (step.text) heard.push({...step, answer: await connection.nextText(step.line)});
    else if (step.fromClient) await connection.close();
    else await connection.untilClosed();
    if (!step.close || step.fromClient) continue;
    for (const listener of extraFramesAfterClose[step.connection] ?? []) {
      const line = `what ${listener} hears of the end of ${step.connection}`;
      heard.push({line, connection: listener, answer: await connections.get(listener).nextText(line)});
    }
  }
  return {heard, left: [...connections].flatMap(([name, {inbox}]) => inbox.items.map((text) => `${name}< ${text}`))};
}
