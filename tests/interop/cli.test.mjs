// The command line against both PMDs: the texts that TypeScript's prints, and the exit codes of ours.
import assert from 'node:assert/strict';
import net from 'node:net';
import {readFileSync} from 'node:fs';
import {scenario} from './stage.mjs';
import {run} from './programs.mjs';

const cliBin = 'DISTFLOW_BIN';
const kNo = 1;
const kUsage = 2;
const kUnreachable = 3;
const pmds = [
  {name: 'our PMD', needs: [cliBin, 'DISTFLOW_PMD_BIN'], start: (stage) => stage.pmd()},
  {name: 'the TypeScript PMD', needs: [cliBin], start: (stage) => stage.typeScriptPmd('latest')},
];

const pmd = (stage, port, ...args) => run(stage, process.env[cliBin], 'pmd', ...args, '--port', String(port));

// What the recording shows for a command, with the values of this run in place of its own.
function recorded(command, {pmdPort, node}) {
  const file = readFileSync(new URL('../data/typescript-latest-cli.txt', import.meta.url), 'utf8');
  const sections = file.split(/^\$ /m).slice(1);
  const [, text, code] = sections.find((section) => section.startsWith(`${command}\n`)).match(/^.*\n([^]*)rc (\d+)\n$/);
  const filled = text.replace('4369', pmdPort)
                   .replace('75ca164282015c8c', node?.nodeId)
                   .replace('localhost:36755', `${node?.host}:${node?.port}`)
                   .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/, () => new Date(node.lastHeartbeat).toISOString());
  return {text: filled, code: Number(code)};
}

async function pmdWithPong(stage, start) {
  const {port, program} = await start(stage);
  const client = await stage.client(port);
  await client.register({nodeId: 'feedc0de00000001', alias: 'pong', host: 'localhost', port: 36000});
  const node = await client.resolve('pong');
  return {port, program, client, values: {pmdPort: port, node}};
}

// A port on which nobody listens: one that was just given back.
async function deadPort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const {port} = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

for (const {name, needs, start} of pmds) {
  for (const command of ['status', 'list', 'resolve pong']) {
    scenario(`pmd ${command} prints what the recording shows, with ${name}`, {needs}, async (stage) => {
      const {port, values} = await pmdWithPong(stage, start);
      const {code, said} = await pmd(stage, port, ...command.split(' '));
      const expected = recorded(`pmd ${command}`, values);
      assert.equal(said, expected.text);
      assert.equal(code, expected.code);
    });
  }

  scenario(`pmd resolve of a name that nobody has says what the recording shows, then what to do, with ${name}`, {needs},
    async (stage) => {
      const {port, values} = await pmdWithPong(stage, start);
      const {code, said} = await pmd(stage, port, 'resolve', 'nope');
      const expected = recorded('pmd resolve nope', values);
      assert.equal(said.slice(0, expected.text.length), expected.text);
      assert.match(said.slice(expected.text.length), /distflow nodes/);
      assert.equal(code, expected.code);
    });

  scenario(`pmd kill of a PMD without nodes prints what the recording shows, with ${name}`, {needs}, async (stage) => {
    const {port, program} = await start(stage);
    const {code, said} = await pmd(stage, port, 'kill');
    const expected = recorded('pmd kill', {pmdPort: port});
    assert.equal(said, expected.text);
    assert.equal(code, expected.code);
    assert.deepEqual(await program?.untilEnded(), program && {code: 0, signal: null});
  });

  scenario(`pmd kill refuses while nodes are registered, and names them, with ${name}`, {needs}, async (stage) => {
    const {port, client} = await pmdWithPong(stage, start);
    const refused = await pmd(stage, port, 'kill');
    assert.equal(refused.code, kNo);
    assert.match(refused.said, /pong/);
    assert.match(refused.said, /--force/);
    assert.equal((await client.list()).length, 1);
    assert.equal((await pmd(stage, port, 'kill', '--force')).code, 0);
  });

  scenario(`--json prints one JSON value that holds what the text holds, with ${name}`, {needs}, async (stage) => {
    const {port, values: {node}} = await pmdWithPong(stage, start);
    for (const command of [['list'], ['resolve', 'pong']]) {
      const {code, stdout} = await pmd(stage, port, ...command, '--json');
      assert.equal(code, 0);
      const seen = JSON.stringify(JSON.parse(stdout));
      for (const value of [node.nodeId, node.alias, node.host, node.port]) assert.ok(seen.includes(JSON.stringify(value)), seen);
    }
    const status = await pmd(stage, port, 'status', '--json');
    assert.equal(status.code, 0);
    assert.ok(Object.values(JSON.parse(status.stdout)).includes(port), status.stdout);
    const nope = await pmd(stage, port, 'resolve', 'nope', '--json');
    assert.equal(nope.code, kNo);
    if (nope.stdout) JSON.parse(nope.stdout);
  });

  scenario(`pmd resolve takes a nodeId, and pmd list a node without alias, with ${name}`, {needs}, async (stage) => {
    const {port, client, values: {node}} = await pmdWithPong(stage, start);
    const resolved = await pmd(stage, port, 'resolve', node.nodeId);
    assert.equal(resolved.code, 0);
    assert.match(resolved.said, /localhost:36000/);
    await client.register({nodeId: 'feedc0de00000002', host: 'localhost', port: 36001});
    const {code, stdout} = await pmd(stage, port, 'list');
    assert.equal(code, 0);
    assert.match(stdout, /Node ID: feedc0de00000002\n {4}Address: localhost:36001\n/);
    assert.doesNotMatch(stdout, /undefined|null/);
  });
}

scenario('every command ends with 3 and says what to do when no PMD answers', {needs: [cliBin]}, async (stage) => {
  const port = await deadPort();
  for (const command of [['status'], ['list'], ['resolve', 'pong'], ['kill']]) {
    const {code, stderr} = await pmd(stage, port, ...command);
    assert.equal(code, kUnreachable, command.join(' '));
    assert.match(stderr, new RegExp(`${port}`), 'it says where it looked');
    assert.match(stderr, /start/, 'it says what to do');
  }
});

scenario('wrong usage ends with 2 and a message', {needs: [cliBin]}, async (stage) => {
  const wrong = [['pmd', 'resolve'], ['pmd', 'frobnicate'], ['frobnicate'], ['pmd', 'status', '--port', 'banana'],
                 ['pmd', 'status', '--port', '70000'], ['pmd', 'list', '--frobnicate'], ['pmd']];
  for (const args of wrong) {
    const {code, said} = await run(stage, process.env[cliBin], ...args);
    assert.equal(code, kUsage, args.join(' '));
    assert.match(said, /./);
  }
});

scenario('--help ends with 0 and names the commands', {needs: [cliBin]}, async (stage) => {
  const {code, stdout} = await run(stage, process.env[cliBin], 'pmd', '--help');
  assert.equal(code, 0);
  for (const command of ['start', 'status', 'list', 'resolve', 'kill']) assert.match(stdout, new RegExp(`\\b${command}\\b`));
});

// Erlang's epmd answers its own requests only: [2 bytes: length][1 byte: kind]; 'n' (names) gets its port and a text.
function erlangEpmd() {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (request) => {
      if (!request.equals(Buffer.from('00016e', 'hex'))) return;
      const port = Buffer.alloc(4);
      port.writeUInt32BE(server.address().port);
      socket.end(Buffer.concat([port, Buffer.from('name rabbit at port 25672\n')]));
    });
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

scenario("Erlang's epmd on the port is recognised and named", {needs: [cliBin]}, async (stage) => {
  const epmd = await erlangEpmd();
  try {
    const {code, stderr} = await pmd(stage, epmd.address().port, 'status');
    assert.equal(code, kUnreachable);
    assert.match(stderr, /epmd/);
    assert.match(stderr, /--port/);
  } finally {
    epmd.close();
  }
});
