// Programs under test: started, listened to, and ended by their own process id.
import {spawn} from 'node:child_process';
import {existsSync, rmSync} from 'node:fs';
import {kPatienceMs, within} from './peer.mjs';

const running = new Set();
process.on('exit', () => running.forEach((child) => {
  child.kill('SIGKILL');
  removeLockFile(child.pid);
}));

// Whether there was one: a node that is killed leaves it, any other removes it.
function removeLockFile(pid) {
  const path = `/tmp/distflow-node-${pid}.lock`;
  const wasThere = existsSync(path);
  rmSync(path, {force: true});
  return wasThere;
}

export class Program {
  stdout = '';
  stderr = '';
  #child;
  #command;
  #onOutput = new Set();

  // extraPipe: also reads descriptor 3 of the program, into .ready.
  static start(binary, args, {extraPipe = false} = {}) {
    const program = new Program();
    program.#command = [binary, ...args].join(' ');
    const child = spawn(binary, args, {stdio: ['ignore', 'pipe', 'pipe', ...(extraPipe ? ['pipe'] : [])]});
    program.#child = child;
    program.ready = '';
    program.#collect(child.stdout, 'stdout');
    program.#collect(child.stderr, 'stderr');
    if (extraPipe) program.#collect(child.stdio[3], 'ready');
    running.add(child);
    program.ended = new Promise((resolve) => {
      child.once('error', (error) => resolve({code: null, signal: null, error: error.message}));
      child.once('close', (code, signal) => {
        const isLockLeft = removeLockFile(child.pid);
        resolve(isLockLeft && signal === null ? {code, signal, error: 'it left its lock file'} : {code, signal});
      });
    }).finally(() => running.delete(child));
    return program;
  }

  get pid() {
    return this.#child.pid;
  }

  untilEnded(what = `the end of ${this.#command}`) {
    return within(this.ended, what);
  }

  // Resolves with the match once `stream` ('stdout', 'stderr', 'ready') holds it; rejects if the program ends before.
  async output(stream, pattern) {
    const what = `${pattern} on ${stream} of ${this.#command}`;
    let look;
    const seen = new Promise((resolve, reject) => {
      look = () => {
        const match = this[stream].match(pattern);
        if (match) resolve(match);
      };
      this.#onOutput.add(look);
      this.ended.then((end) => reject(new Error(`ended (${JSON.stringify(end)}) before ${what}; ${this.report()}`)));
      look();
    });
    return within(seen, what).finally(() => this.#onOutput.delete(look));
  }

  signal(name) {
    this.#child.kill(name);
  }

  async stop() {
    this.signal('SIGTERM');
    const killer = setTimeout(() => this.signal('SIGKILL'), kPatienceMs / 2);
    await this.ended;
    clearTimeout(killer);
  }

  report() {
    return `${this.#command}\n--- stdout\n${this.stdout}\n--- stderr\n${this.stderr}`;
  }

  #collect(stream, name) {
    stream.setEncoding('utf8');
    stream.on('data', (text) => {
      this[name] += text;
      this.#onOutput.forEach((look) => look());
    });
  }
}

export function startDaemon(args) {
  return Program.start(process.env.DISTFLOW_PMD_BIN, [...args, '--ready-fd', '3'], {extraPipe: true});
}

// Runs a program to its end.
export async function run(stage, binary, ...args) {
  const program = stage.program(binary, ...args);
  const {code, signal} = await program.untilEnded();
  return {code, signal, stdout: program.stdout, stderr: program.stderr, said: program.stdout + program.stderr};
}
