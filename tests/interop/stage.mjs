// What a test acts on: programs, PMDs, nodes and connections, all gone when the test ends, whatever became of it.
import {test} from 'node:test';
import {Program, startDaemon} from './programs.mjs';
import {Connection, Node, PmdClient, TypeScriptPmd} from './peer.mjs';

const kTestLimitMs = 30000;

// A test whose name is a sentence. It is skipped, and says so, when an environment variable of `needs` is not set.
export function scenario(sentence, {needs = []}, play) {
  const missing = needs.filter((name) => !process.env[name]);
  const skip = missing.length > 0 && `${missing.join(' and ')} not set`;
  test(sentence, {timeout: kTestLimitMs, skip}, async (t) => {
    const stage = new Stage();
    t.after(() => stage.strike());
    try {
      await play(stage);
    } catch (error) {
      stage.reports().forEach((report) => t.diagnostic(report));
      throw error;
    }
  });
}

class Stage {
  #strikes = [];  // undone from the last to the first: nodes before the PMD that they would miss
  #programs = [];

  // A distflow-pmd on a free port, once it says that it listens.
  async pmd(...args) {
    const program = this.daemon('--port', '0', ...args);
    const [, port] = await program.output('ready', /^ready (\d+)\n/);
    return {program, port: Number(port)};
  }

  // A distflow-pmd as these arguments make it, ready or not.
  daemon(...args) {
    return this.#own(startDaemon(args));
  }

  program(binary, ...args) {
    return this.#own(Program.start(binary, args));
  }

  async typeScriptPmd(release) {
    return this.#later(await TypeScriptPmd.listen({release}));
  }

  async client(port) {
    return this.#later(await PmdClient.connect(port));
  }

  async connection(port, options) {
    return this.#later(await Connection.connect(port, options));
  }

  async node(options) {
    return this.#later(await Node.start(options));
  }

  reports() {
    return this.#programs.map((program) => program.report());
  }

  async strike() {
    for (const strike of this.#strikes.reverse()) await strike();
  }

  #own(program) {
    this.#programs.push(program);
    this.#strikes.push(() => program.stop());
    return program;
  }

  #later(thing) {
    this.#strikes.push(() => thing.destroy());
    return thing;
  }
}
