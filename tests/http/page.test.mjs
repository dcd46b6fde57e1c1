// The page of a PMD in a headless Chromium, over a daemon of the test's own and nodes that speak its protocol.
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import net from 'node:net';
import {after, test} from 'node:test';
import {Browser} from '../bench/page/browser.mjs';

const kTestLimitMs = 120000;
const kStrange = '<img src=x onerror="document.title=1"> \u202e\n\nevent: leave';

const browser = Browser.start(process.env.CHROMIUM || 'chromium');
const daemon = spawn(process.env.DISTFLOW_PMD, ['--port', '0', '--web-port', '0'], {stdio: ['ignore', 'pipe', 'inherit']});
process.on('exit', () => daemon.kill('SIGKILL'));
const {port, webPort} = await new Promise((resolve, reject) => {
  let said = '';
  daemon.on('exit', () => reject(new Error(`the daemon has ended: ${said}`)));
  daemon.stdout.setEncoding('utf8').on('data', (text) => {
    said += text;
    const found = said.match(/port (\d+)\nHTTP at http:\/\/127\.0\.0\.1:(\d+)\/\n/);
    if (found) resolve({port: Number(found[1]), webPort: Number(found[2])});
  });
});
const url = `http://localhost:${webPort}/`;

after(async () => {
  await browser.close();
  daemon.removeAllListeners('exit');
  const ended = new Promise((resolve) => daemon.once('exit', resolve));
  daemon.kill('SIGTERM');
  assert.equal(await ended, 0);
});

// Nodes of one connection, which leave with it.
function join(...registrations) {
  const socket = net.connect(port, '127.0.0.1');
  for (const payload of registrations) {
    const body = Buffer.from(JSON.stringify({type: 'register', payload: {host: '127.0.0.1', port: 9, ...payload}, requestId: 'r'}));
    const size = Buffer.alloc(4);
    size.writeUInt32BE(body.length);
    socket.write(Buffer.concat([size, body]));
  }
  return socket;
}

// Until a row of the table has all these texts, or, without any, until there is no row.
function untilShown(page, ...texts) {
  return page.evaluate((wanted) => new Promise((resolve) => {
    const look = () => {
      const rows = [...document.querySelectorAll('#nodes tr')].map((row) => row.textContent);
      const isThere = wanted.length === 0 ? rows.length === 0 : rows.some((row) => wanted.every((text) => row.includes(text)));
      if (isThere && document.getElementById('state').textContent === 'live') resolve(true);
      else requestAnimationFrame(look);
    };
    look();
  }), texts);
}

function scenario(sentence, play, options) {
  test(sentence, {timeout: kTestLimitMs}, async () => {
    const page = await browser.open(url, options);
    try {
      await play(page);
      assert.deepEqual(page.faults, []);
      for (const request of page.requests) assert.ok(request.startsWith(url), request);
    } finally {
      await page.close();
    }
  });
}

scenario('a node that joins is shown, and is gone from the page when it has left', async (page) => {
  await untilShown(page);  // a join is an event from then on
  const node = join({nodeId: 'id1', alias: 'pong'});
  await untilShown(page, 'pong', 'id1', '127.0.0.1:9');
  node.destroy();
  await untilShown(page);
  const events = await page.evaluate(() => [...document.querySelectorAll('#events li')].map((one) => one.className));
  assert.deepEqual(events, ['leave', 'join']);
});

scenario('a node that was there before the page is shown, and figures are', async (page) => {
  const node = join({nodeId: 'id2', alias: 'first'});
  await untilShown(page, 'first');
  const later = await browser.open(url);
  await untilShown(later, 'first');
  await later.evaluate(() => new Promise((resolve) => {
    const look = () => {
      if (/nodes\s+1\s/.test(document.getElementById('figures').innerText)) resolve(true);
      else requestAnimationFrame(look);
    };
    look();
  }));
  await later.close();
  node.destroy();
  await untilShown(page);
});

scenario('the names of strangers are text', async (page) => {
  const node = join({nodeId: 'id3', alias: kStrange, groups: ['<script>document.title=2</script>']});
  await untilShown(page, kStrange.replace('\u202e\n\n', '\\u{202e}\\u{a}\\u{a}'), '<script>document.title=2</script>');
  assert.equal(await page.evaluate(() => document.querySelectorAll('img, #nodes script').length), 0);
  assert.equal(await page.evaluate(() => document.title), 'distflow');
  node.destroy();
  await untilShown(page);
});

scenario('the keyboard filters and sorts', async (page) => {
  const node = join({nodeId: 'id4', alias: 'a1'}, {nodeId: 'id5', alias: 'a10'}, {nodeId: 'id6', alias: 'a2'});
  await untilShown(page, 'a2');
  const names = () => page.evaluate(() => [...document.querySelectorAll('#nodes td:first-child')].map((one) => one.textContent));
  assert.deepEqual(await names(), ['a1', 'a2', 'a10']);
  const press = async (key, text) => {
    for (const type of ['keyDown', 'keyUp']) await page.send('Input.dispatchKeyEvent', {type, key, text: type === 'keyDown' ? text : ''});
    await page.settle();
  };
  await page.evaluate(() => document.querySelector('th button').focus());
  await press('Enter', '\r');
  assert.deepEqual(await names(), ['a10', 'a2', 'a1']);
  assert.equal(await page.evaluate(() => document.querySelector('th').getAttribute('aria-sort')), 'descending');
  await press('/', '/');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'filter');
  await page.send('Input.insertText', {text: 'A10'});
  await page.settle();
  assert.deepEqual(await names(), ['a10']);
  assert.equal(await page.evaluate(() => document.getElementById('more').textContent), '1 of 3 nodes shown');
  node.destroy();
  await untilShown(page);
});

scenario('400 pixels are wide enough, and a dark page is dark', async (page) => {
  const node = join({nodeId: 'id7', alias: 'x'.repeat(200)});
  await untilShown(page, 'xxx');
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 400));
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), 'rgb(13, 17, 23)');
  node.destroy();
  await untilShown(page);
}, {width: 400, isDark: true});

scenario('every field and region has a name for who cannot see it', async (page) => {
  const {nodes} = await page.send('Accessibility.getFullAXTree');
  const named = nodes.filter(({role}) => ['searchbox', 'table', 'columnheader', 'button', 'region'].includes(role?.value));
  for (const {role, name} of named) if (role.value !== 'table') assert.notEqual(name?.value ?? '', '', role.value);
  assert.ok(named.some(({role, name}) => role.value === 'searchbox' && name.value.startsWith('Filter')));
});
