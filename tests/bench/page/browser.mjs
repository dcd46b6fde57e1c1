// A headless Chromium of a test's own, driven through two pipes (DevTools protocol). Its profile is a temporary folder.
//
// Nothing of it stays: close() ends its process group and removes the folder. Should this process be killed, the
// browser reads the end of its pipe and ends by itself.
// Use: const browser = Browser.start(program); const page = await browser.open(url); ... await browser.close();
import {spawn} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';

const kPatienceMs = 100000;  // for a fault of the browser only: nothing waits for so long when all is well

// What Chromium would fetch, report or ask for by itself is turned off. Its sandbox does not work for root.
const kArguments = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
                    '--disable-background-networking', '--disable-component-update', '--disable-sync',
                    '--disable-breakpad', '--disable-crash-reporter', '--hide-scrollbars', '--remote-debugging-pipe'];

const running = new Set();
process.on('exit', () => running.forEach((browser) => browser.endNow()));

export class Browser {
  profile = mkdtempSync(path.join(tmpdir(), 'distflow-page-'));
  #child;
  #said = '';
  #unread = '';
  #answers = new Map();
  #pages = new Map();
  #nextId = 1;
  #ended;
  #hasEnded = false;

  static start(program) {
    const browser = new Browser();
    running.add(browser);
    browser.#child = spawn(program, [...kArguments, `--user-data-dir=${browser.profile}`, 'about:blank'],
                           {stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'], detached: true});
    browser.#ended = new Promise((resolve) => browser.#child.once('close', resolve).once('error', resolve));
    browser.#ended.then(() => browser.#failAll());
    browser.#child.stderr.on('data', (bytes) => { browser.#said += bytes; });
    browser.#child.stdio[3].on('error', () => {});  // the browser has ended; #failAll says so
    browser.#child.stdio[4].setEncoding('utf8').on('data', (text) => browser.#take(text));
    return browser;
  }

  get pid() {
    return this.#child.pid;
  }

  // A page of `width` pixels; with isDark, of somebody who prefers dark pages.
  async open(url, {width = 1120, height = 900, isDark = false} = {}) {
    const {targetId} = await this.send('Target.createTarget', {url: 'about:blank'});
    const {sessionId} = await this.send('Target.attachToTarget', {targetId, flatten: true});
    const page = new Page(this, targetId, sessionId);
    this.#pages.set(sessionId, page);
    for (const domain of ['Page', 'Runtime', 'Network', 'Log']) await page.send(`${domain}.enable`);
    await page.resize(width, height);
    await page.prefer(isDark);
    await page.load(url);
    return page;
  }

  // The result of a method of the protocol.
  send(method, params = {}, sessionId = undefined) {
    const id = this.#nextId++;
    if (this.#hasEnded) return Promise.reject(this.#endError());
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(id, {error: {message: `no answer to ${method}`}}), kPatienceMs);
      this.#answers.set(id, {resolve, reject, timer});
      this.#child.stdio[3].write(`${JSON.stringify({id, method, params, sessionId})}\0`);
    });
  }

  #take(text) {
    const messages = (this.#unread + text).split('\0');
    this.#unread = messages.pop();
    for (const message of messages.map((each) => JSON.parse(each))) {
      if (message.id) this.#settle(message.id, message);
      else this.#pages.get(message.sessionId)?.take(message);
    }
  }

  #settle(id, {result, error}) {
    const answer = this.#answers.get(id);
    if (!answer) return;
    this.#answers.delete(id);
    clearTimeout(answer.timer);
    if (error) answer.reject(new Error(error.message));
    else answer.resolve(result);
  }

  #endError() {
    return new Error(`the browser has ended: ${this.#said}`);
  }

  #failAll() {
    this.#hasEnded = true;
    for (const id of [...this.#answers.keys()]) this.#settle(id, {error: this.#endError()});
  }

  async close() {
    await this.send('Browser.close').catch(() => {});
    await this.#ended;
    this.endNow();
  }

  endNow() {
    running.delete(this);
    try {
      process.kill(-this.#child.pid, 'SIGKILL');  // whatever is left of its group
    } catch {
      // nothing is
    }
    rmSync(this.profile, {recursive: true, force: true, maxRetries: 5});
  }
}

class Page {
  faults = [];    // exceptions, and what the console calls an error
  requests = [];  // addresses, but that of the page itself
  #browser;
  #targetId;
  #sessionId;
  #onLoad = () => {};

  constructor(browser, targetId, sessionId) {
    this.#browser = browser;
    this.#targetId = targetId;
    this.#sessionId = sessionId;
  }

  send(method, params) {
    return this.#browser.send(method, params, this.#sessionId);
  }

  take({method, params}) {
    if (method === 'Page.loadEventFired') this.#onLoad();
    if (method === 'Network.requestWillBeSent' && params.type !== 'Document') this.requests.push(params.request.url);
    if (method === 'Runtime.exceptionThrown') {
      this.faults.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
    }
    if (method === 'Runtime.consoleAPICalled' && params.type === 'error') {
      this.faults.push(params.args.map(({value, description}) => value ?? description).join(' '));
    }
    if (method === 'Log.entryAdded' && params.entry.level === 'error') this.faults.push(params.entry.text);
  }

  async load(url) {
    const loaded = new Promise((resolve) => { this.#onLoad = resolve; });
    const {errorText} = await this.send('Page.navigate', {url});
    if (errorText) throw new Error(`${url}: ${errorText}`);
    await loaded;
    await this.settle();
  }

  // Until all that was due has been drawn: two frames.
  settle() {
    return this.evaluate(() => new Promise((resolve) => {
      requestAnimationFrame(() => requestAnimationFrame(() => resolve(true)));
    }));
  }

  close() {
    return this.#browser.send('Target.closeTarget', {targetId: this.#targetId});
  }

  async resize(width, height = 900) {
    await this.send('Emulation.setDeviceMetricsOverride', {width, height, deviceScaleFactor: 1, mobile: false});
  }

  async prefer(isDark) {
    const features = [{name: 'prefers-color-scheme', value: isDark ? 'dark' : 'light'}];
    await this.send('Emulation.setEmulatedMedia', {features});
  }

  // What `ask`, a function without anything from outside, gives in the page.
  async evaluate(ask, ...args) {
    const expression = `(${ask})(...${JSON.stringify(args)})`;
    const {result, exceptionDetails} =
      await this.send('Runtime.evaluate', {expression, awaitPromise: true, returnByValue: true});
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  // The pointer to a place of the window.
  async pointAt(x, y) {
    await this.send('Input.dispatchMouseEvent', {type: 'mouseMoved', x, y});
    await this.settle();
  }

  // A picture of all of the page.
  async picture() {
    const {data} = await this.send('Page.captureScreenshot', {captureBeyondViewport: true});
    return Buffer.from(data, 'base64');
  }
}
