// Results that are broken, old or of somebody else: the page says what is wrong with them.
import assert from 'node:assert/strict';
import {example, scenario} from './stage.mjs';

// A small file with every kind of member.
function small() {
  const {rows, ...results} = example();
  const kept = ['throughput', 'latency', 'growth'].map((kind) => rows.find((row) => row.kind === kind));
  for (const row of kept) {
    row.entries = row.entries.slice(0, 2);
    row.ratios = row.ratios.slice(0, 2);
    for (const entry of row.entries) if (entry.values) entry.values = entry.values.slice(0, 3);
    for (const {latency} of row.entries) if (latency) latency.curve = latency.curve.slice(0, 3);
  }
  return {...results, rows: kept};
}

// What the page says of a text; null if it shows results.
function problemOf(page, text) {
  return page.evaluate((given) => {
    page.show(given);
    return document.querySelector('[role=alert] .doubt')?.textContent ?? null;
  }, text);
}

function changed(change) {
  const results = small();
  change(results);
  return JSON.stringify(results);
}

scenario('results that are cut off give a message, the wanted format, and a way to choose others', async (stage) => {
  const page = await stage.open(JSON.stringify(example()).slice(0, 5000));
  const shown = await page.evaluate(() => document.querySelector('main').innerText);
  assert.match(shown, /^These results cannot be shown\s+the file is not JSON: /);
  assert.match(shown, /of the format “distflow-bench 1”/);
  assert.ok(await page.evaluate(() => document.querySelector('input[type=file]') !== null));
});

scenario('what is wrong is named by its path', async (stage) => {
  const page = await stage.open();
  for (const [change, expected] of [
    [(r) => { r.format = 'distflow-bench 0'; },
     "the file is not of the format 'distflow-bench 1': it says 'distflow-bench 0'"],
    [(r) => { delete r.format; }, "the file is not of the format 'distflow-bench 1': it says none"],
    [(r) => { delete r.kernel; }, 'kernel is missing'],
    [(r) => { delete r.rows; }, 'rows is missing'],
    [(r) => { r.rows = {}; }, 'rows is not a list'],
    [(r) => { r.rows[1] = 7; }, 'rows[1] is not an object'],
    [(r) => { r.settings = []; }, 'settings is not an object'],
    [(r) => { r.load_before = 'high'; }, 'load_before is not a number within range'],
    [(r) => { r.steal = 2; }, 'steal is not a share of 0 to 1'],
    [(r) => { r.rows[0].kind = 'pie'; }, "rows[0].kind is 'pie', and none of: throughput, latency, growth"],
    [(r) => { delete r.rows[0].entries[1].high; }, 'rows[0].entries[1].high is missing'],
    [(r) => { r.rows[0].entries[0].name = []; }, 'rows[0].entries[0].name is not a text'],
    [(r) => { r.rows[0].entries[0].values[2] = '3'; }, 'rows[0].entries[0].values[2] is neither a number nor null'],
    [(r) => { delete r.rows[1].entries[0].latency; }, 'rows[1].entries[0].latency is missing'],
    [(r) => { r.rows[1].entries[0].latency.curve[1] = [1]; },
     'rows[1].entries[0].latency.curve[1] is not a pair of numbers'],
    [(r) => { r.rows[0].ratios[0].sense = 'about'; },
     "rows[0].ratios[0].sense is 'about', and none of: at least, at most"],
    [(r) => { r.rows[0].ratios[0].met = 1; }, 'rows[0].ratios[0].met is neither true nor false'],
    [(r) => { r.rows[2].entries[0].points = null; }, 'rows[2].entries[0].points is not a list'],
    [(r) => { r.rows = Array(1001).fill(r.rows[0]); }, 'rows has 1001 elements, and the page shows 1000 at most'],
  ]) {
    assert.equal(await problemOf(page, changed(change)), expected);
  }
  for (const [text, expected] of [
    ['[]', 'the file is not an object'],
    ['null', 'the file is not an object'],
    [JSON.stringify(small()).replace('"cores":2', '"cores":1e999'), 'cores is not a number within range'],
  ]) {
    assert.equal(await problemOf(page, text), expected);
  }
});

scenario('every text that ends too early is a problem', async (stage) => {
  const page = await stage.open();
  const unnoticed = await page.evaluate((text) => {
    return [...text].map((character, size) => size).filter((size) => !resultsFile.read(text.slice(0, size)).problem);
  }, JSON.stringify(small()));
  assert.deepEqual(unnoticed, []);
});

scenario('whatever member is missing or of another type, there is a message or a page, and no fault', async (stage) => {
  const page = await stage.open();
  const {tried, blank} = await page.evaluate((text) => {
    const kRemoved = Symbol('removed');
    const blank = [];
    let tried = 0;
    const main = document.querySelector('main');
    const tryWith = (results, path) => {
      ++tried;
      page.show(JSON.stringify(results));
      if (main.innerText.trim() === '' || main.innerText.includes('The page has a fault')) blank.push(path);
    };
    const walk = (root, at, path) => {
      for (const key of Object.keys(at)) {
        const kept = at[key];
        for (const other of [kRemoved, null, -1, 1e308, 'x', [], {}]) {
          if (other === kRemoved) {
            if (Array.isArray(at)) continue;
            delete at[key];
          } else {
            at[key] = other;
          }
          tryWith(root, `${path}.${key}: ${other === kRemoved ? 'removed' : JSON.stringify(other)}`);
        }
        at[key] = kept;
        if (typeof kept === 'object' && kept !== null) walk(root, kept, `${path}.${key}`);
      }
    };
    const results = JSON.parse(text);
    walk(results, results, '');
    return {tried, blank};
  }, JSON.stringify(small()));
  assert.deepEqual(blank, []);
  assert.ok(tried > 1000, `${tried} were tried`);
});
