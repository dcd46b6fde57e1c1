// What the commands around the page make, and what they leave behind.
import assert from 'node:assert/strict';
import {execFileSync, spawnSync} from 'node:child_process';
import {existsSync, mkdirSync, readdirSync, readFileSync, statSync} from 'node:fs';
import path from 'node:path';
import {Browser} from './browser.mjs';
import {example, kChromium, kExample, kRoot, scenario} from './stage.mjs';

// With a folder of its own for what is temporary.
function run(stage, program, ...args) {
  const temporary = path.join(stage.folder, 'tmp');
  mkdirSync(temporary, {recursive: true});
  const {status, stdout, stderr} = spawnSync(path.join(kRoot, program), args, {
    encoding: 'utf8', cwd: stage.folder, env: {...process.env, TMPDIR: temporary, CHROMIUM: kChromium},
  });
  return {status, stdout, stderr, left: readdirSync(temporary)};
}

function scoreOf({rows}) {
  const targets = rows.flatMap(({ratios = []}) => ratios)
    .filter(({target, median}) => target !== undefined && median !== null);
  return `${targets.filter(({met}) => met).length} of ${targets.length} targets`;
}

// Programs that run with a word in their command line.
function runningWith(word) {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(word);
    } catch {
      return false;  // it has ended meanwhile
    }
  });
}

scenario('the page is one file that has all it needs', async (stage) => {
  const made = path.join(stage.folder, 'page.html');
  const {status, stderr} = run(stage, 'tools/report', kExample, made);
  assert.equal(status, 0, stderr);
  const page = readFileSync(made, 'utf8');
  assert.doesNotMatch(page, / (src|href)="/);
  assert.ok(page.includes('uPlot') && page.includes('Invented CPU 3000'));
});

scenario('a file that cannot be read or written ends the command with a message and code 2', async (stage) => {
  for (const [args, expected] of [
    [[], /usage/],
    [['nowhere.json', 'page.html'], /nowhere\.json: cannot be read/],
    [[stage.folder, 'page.html'], /cannot be read/],
    [[kExample, 'nowhere/page.html'], /nowhere\/page\.html: cannot be written/],
  ]) {
    const {status, stderr} = run(stage, 'tools/report', ...args);
    assert.equal(status, 2);
    assert.match(stderr, expected);
  }
});

scenario('the picture is as high as what it shows, its number is printed, and nothing is left', async (stage) => {
  const results = {...example(), load_before: 2.5};
  const picture = path.join(stage.folder, 'picture.png');
  const {status, stdout, stderr, left} =
    run(stage, 'tools/report_picture', stage.file('run.json', JSON.stringify(results)), picture);
  assert.equal(status, 0, stderr);
  assert.equal(stdout, 'The machine was busy before the run began: its load was 2.50 on 2 cores.\n' +
                       `${scoreOf(results)} met\n`);
  const png = readFileSync(picture);
  assert.equal(png.toString('latin1', 1, 4), 'PNG');
  assert.equal(png.readUInt32BE(16), 1120);
  const page = await stage.open(results, {width: 1120});
  await page.load(`${stage.pageOf(results)}?picture`);
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  assert.ok(Math.abs(png.readUInt32BE(20) - height) <= 1, `${png.readUInt32BE(20)} and ${height}`);
  assert.deepEqual(left, []);
});

scenario('no picture is made of results that are broken', async (stage) => {
  const picture = path.join(stage.folder, 'picture.png');
  const {status, stderr, left} = run(stage, 'tools/report_picture', stage.file('run.json', '{"format": "x"}'), picture);
  assert.equal(status, 1);
  assert.match(stderr, /is not of the format 'distflow-bench 1': it says 'x'/);
  assert.ok(!existsSync(picture));
  assert.deepEqual(left, []);
});

scenario('a browser that is closed leaves no process and no profile', async () => {
  const browser = Browser.start(kChromium);
  const page = await browser.open('about:blank');
  assert.equal(await page.evaluate(() => 1 + 1), 2);
  assert.ok(statSync(browser.profile).isDirectory());
  assert.notDeepEqual(runningWith(browser.profile), []);
  await browser.close();
  assert.deepEqual(runningWith(browser.profile), []);
  assert.ok(!existsSync(browser.profile));
});

scenario('a browser that cannot be started fails the test that wants it', async () => {
  const browser = Browser.start('/nowhere/chromium');
  await assert.rejects(browser.open('about:blank'), /the browser has ended/);
  await browser.close();
  assert.ok(!existsSync(browser.profile));
});

scenario('the copy of uPlot is that of the package', async () => {
  const cwd = path.join(kRoot, 'third_party/uplot');
  execFileSync('sha256sum', ['--check', '--strict', '--quiet', 'SHA256SUMS'], {cwd});
});

scenario('the README says as many targets are met as the run does that its picture is of', async (stage, t) => {
  const kept = path.join(kRoot, 'docs/performance.json');
  if (!existsSync(kept)) return t.skip('docs/performance.json is not kept yet');
  const said = `${scoreOf(JSON.parse(readFileSync(kept, 'utf8')))} are met`;
  for (const document of ['README.md', 'docs/performance.md']) {
    assert.ok(readFileSync(path.join(kRoot, document), 'utf8').includes(said), `${document} does not say: ${said}`);
  }
  return undefined;
});
