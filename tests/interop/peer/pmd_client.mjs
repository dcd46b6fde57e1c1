// The PMD's client. request() gives the response's payload, error or not; the named methods throw the error.
import {Connection} from './connection.mjs';
import {Inbox, within} from './waiting.mjs';

export class PmdClient {
  events = new Inbox();
  #connection;
  #pending = new Map();
  #lastId = 0;

  static async connect(port, {host} = {}) {
    const client = new PmdClient();
    client.#connection = await Connection.connect(port, {host, onText: (text) => client.#receive(JSON.parse(text))});
    client.closed = client.#connection.closed.then(() => client.#fail('the PMD closed the connection'));
    return client;
  }

  get open() {
    return this.#connection.open;
  }

  request(type, payload = {}, {timeoutMs} = {}) {
    const requestId = `req_${++this.#lastId}`;
    const answer = new Promise((resolve, reject) => this.#pending.set(requestId, {resolve, reject}));
    this.#connection.send({type, payload, requestId});
    return within(answer, `the PMD's answer to ${type}`, timeoutMs).finally(() => this.#pending.delete(requestId));
  }

  async register(node) {
    return this.#demand('register', node);
  }

  async unregister(nodeId) {
    return this.#demand('unregister', {nodeId});
  }

  async resolve(alias) {
    return (await this.#demand('resolve', {alias})).node;
  }

  async list() {
    return (await this.#demand('list')).nodes;
  }

  async heartbeat(nodeId) {
    return this.#demand('heartbeat', {nodeId});
  }

  async watch() {
    return this.#demand('watch');
  }

  async shutdown() {
    return this.#demand('shutdown');
  }

  async hello(caps = []) {
    return this.#demand('hello', {version: 1, caps});
  }

  // The next event of this kind about this node, over and above others that have come.
  async nextEvent(event, nodeId) {
    const what = `${event} of ${nodeId}`;
    return this.events.next({accepts: (seen) => seen.event === event && seen.peer.nodeId === nodeId, what});
  }

  untilClosed() {
    return this.#connection.untilClosed();
  }

  close() {
    return this.#connection.close();
  }

  destroy() {
    this.#connection.destroy();
  }

  async #demand(type, payload) {
    const answer = await this.request(type, payload);
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  }

  #receive(message) {
    if (message.type === 'event') return this.events.push(message.payload);
    this.#pending.get(message.requestId)?.resolve(message.payload);
  }

  #fail(reason) {
    this.events.end(reason);
    for (const {reject} of this.#pending.values()) reject(new Error(reason));
  }
}
