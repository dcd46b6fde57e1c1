// What the tests of the page share: the example of a results file, pages made of results, and one browser.
import {execFileSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {after, test} from 'node:test';
import {fileURLToPath, pathToFileURL} from 'node:url';
import {Browser} from './browser.mjs';

export const kRoot = fileURLToPath(new URL('../../..', import.meta.url));
export const kExample = path.join(kRoot, 'tests/bench/report/data/sample.json');
export const kChromium = process.env.CHROMIUM || 'chromium';
const kTestLimitMs = 120000;

// One for all tests of a file, started for the first that opens a page.
let browser = null;
after(() => browser?.close());

export function example() {
  return JSON.parse(readFileSync(kExample, 'utf8'));
}

// A test whose name is a sentence. The stage is gone when it ends, whatever became of it.
export function scenario(sentence, play) {
  test(sentence, {timeout: kTestLimitMs}, async (t) => {
    const stage = new Stage();
    t.after(() => stage.strike());
    await play(stage, t);
  });
}

class Stage {
  folder = mkdtempSync(path.join(tmpdir(), 'distflow-stage-'));
  #pages = [];

  file(name, text) {
    const file = path.join(this.folder, name);
    writeFileSync(file, text);
    return file;
  }

  // The page that tools/report makes of results, which are text or are written as JSON.
  pageOf(results) {
    const text = typeof results === 'string' ? results : JSON.stringify(results);
    const made = path.join(this.folder, 'page.html');
    execFileSync(path.join(kRoot, 'tools/report'), [this.file('results.json', text), made]);
    return pathToFileURL(made).href;
  }

  // It, opened. Options are those of Browser.open().
  async open(results = example(), options = {}) {
    return this.openUrl(this.pageOf(results), options);
  }

  async openUrl(url, options = {}) {
    browser ??= Browser.start(kChromium);
    const page = await browser.open(url, options);
    this.#pages.push(page);
    return page;
  }

  // A fault of a page fails the test.
  async strike() {
    for (const page of this.#pages) await page.close();
    rmSync(this.folder, {recursive: true, force: true});
    const faults = this.#pages.flatMap((page) => page.faults);
    if (faults.length > 0) throw new Error(`the page had faults: ${faults.join('\n')}`);
  }
}
