// A node as the latest TypeScript release is one: registers "localhost" and a dynamic port, resolves at each message,
// keeps one connection for each destination, answers on its own connections only, and sends no heartbeat.
import net from 'node:net';
import {randomBytes} from 'node:crypto';
import {Connection} from './connection.mjs';
import {PmdClient} from './pmd_client.mjs';
import {Inbox, within} from './waiting.mjs';

export class Node {
  nodeId = randomBytes(8).toString('hex');
  messages = new Inbox();  // {from, to, payload, timestamp}, in order of arrival
  texts = [];              // the same, as the bytes said it
  #server;
  #incoming = new Set();
  #outgoing = new Map();
  #heartbeats;
  #onMessage;

  // extensions: keys that only ours know ("ttl", "caps", "meta"). heartbeatMs: as the first release sends them.
  static async start({pmdPort, alias, host = 'localhost', listenHost = '127.0.0.1', heartbeatMs, extensions = {}, onMessage}) {
    const node = new Node();
    node.alias = alias;
    node.#onMessage = onMessage;
    try {
      await node.#listen(listenHost);
      await node.#join(pmdPort, {nodeId: node.nodeId, alias, host, port: node.port, ...extensions});
    } catch (error) {
      node.destroy();
      throw error;
    }
    if (heartbeatMs) node.#beatEvery(heartbeatMs);
    return node;
  }

  async send(target, payload) {
    const peer = await this.pmd.resolve(target);
    const connection = await this.#connectionTo(peer);
    connection.send({from: this.nodeId, to: peer.nodeId, payload, timestamp: Date.now()});
  }

  nextMessage(what = 'a message') {
    return this.messages.next({what});
  }

  // Bytes that came back on connections that this node opened: there is nothing to say there.
  get strayBytes() {
    return [...this.#outgoing.values()].reduce((sum, connection) => sum + connection.bytesReceived, 0);
  }

  // Ends without a word, as the TypeScript node does: its connection to the PMD says it.
  destroy() {
    clearInterval(this.#heartbeats);
    this.pmd?.destroy();
    for (const connection of [...this.#incoming, ...this.#outgoing.values()]) connection.destroy();
    this.#server?.close();
  }

  async #listen(listenHost) {
    this.#server = net.createServer((socket) => {
      const connection = new Connection(socket, {onText: (text) => this.#receive(text)});
      this.#incoming.add(connection);
      connection.closed.then(() => this.#incoming.delete(connection));
    });
    const listening = new Promise((resolve, reject) => this.#server.once('listening', resolve).once('error', reject));
    this.#server.listen(0, listenHost);
    await within(listening, `listening on ${listenHost}`);
    this.port = this.#server.address().port;
  }

  async #join(pmdPort, registration) {
    const probe = await Connection.connect(pmdPort);
    probe.destroy();
    this.pmd = await PmdClient.connect(pmdPort);
    await this.pmd.register(registration);
    await this.pmd.watch();
  }

  #beatEvery(intervalMs) {
    this.#heartbeats = setInterval(() => this.pmd.heartbeat(this.nodeId).catch(() => {}), intervalMs);
  }

  async #connectionTo({nodeId, host, port}) {
    const known = this.#outgoing.get(nodeId);
    if (known?.open) return known;
    const connection = await Connection.connect(port, {host});
    this.#outgoing.set(nodeId, connection);
    return connection;
  }

  #receive(text) {
    const message = JSON.parse(text);
    this.texts.push(text);
    this.messages.push(message);
    this.#onMessage?.(message, this);
  }
}
