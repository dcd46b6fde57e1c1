// A PMD as the TypeScript ones are, with their faults: our nodes must live with these.
//
// latest         a node lives as long as a connection that registered it; resolves by alias and by nodeId
// first release  a node outlives its connection; resolves by alias only, and says "Alias not found"
//
// Both drop what they do not know, answer `watch` with success alone, never number an event, and keep an old alias
// resolvable after its node has registered under another.
import net from 'node:net';
import {Connection} from './connection.mjs';
import {within} from './waiting.mjs';

const kReleases = {
  'latest': {removesOnClose: true, resolvesNodeIds: true, unresolved: 'Node not found'},
  'first release': {removesOnClose: false, resolvesNodeIds: false, unresolved: 'Alias not found'},
};

export class TypeScriptPmd {
  requests = [];  // what was asked of it, in order, for a test to look at
  #release;
  #server;
  #nodes = new Map();
  #nodeIdOfAlias = new Map();
  #connections = new Set();
  #watchers = new Set();
  #nodeIdsOf = new Map();

  static async listen({release = 'latest', port = 0} = {}) {
    const pmd = new TypeScriptPmd();
    pmd.#release = kReleases[release];
    pmd.#server = net.createServer((socket) => pmd.#accept(socket));
    const listening = new Promise((resolve, reject) => pmd.#server.once('listening', resolve).once('error', reject));
    pmd.#server.listen(port, '127.0.0.1');
    await within(listening, 'the TypeScript-like PMD to listen');
    pmd.port = pmd.#server.address().port;
    return pmd;
  }

  destroy() {
    this.#server.close();
    for (const connection of this.#connections) connection.destroy();
  }

  #accept(socket) {
    const connection = new Connection(socket, {onText: (text) => this.#receive(connection, text)});
    this.#connections.add(connection);
    this.#nodeIdsOf.set(connection, new Set());
    connection.closed.then(() => this.#forget(connection));
  }

  #forget(connection) {
    this.#connections.delete(connection);
    this.#watchers.delete(connection);
    const nodeIds = this.#nodeIdsOf.get(connection);
    this.#nodeIdsOf.delete(connection);
    if (this.#release.removesOnClose) this.#publish([...nodeIds].flatMap((nodeId) => this.#remove(nodeId)));
  }

  #receive(connection, text) {
    let request;
    try {
      request = JSON.parse(text);
    } catch {
      return;  // The TypeScript PMD logs it and goes on.
    }
    this.requests.push(request);
    const events = [];
    const payload = this.#answer(connection, request, events);
    connection.send({type: 'response', requestId: request.requestId, payload});
    this.#publish(events);
  }

  #answer(connection, {type, payload}, events) {
    switch (type) {
      case 'register':
        return this.#register(connection, payload, events);
      case 'unregister':
        return this.#unregister(payload.nodeId, events);
      case 'resolve':
        return this.#resolve(payload.alias);
      case 'list':
        return {nodes: [...this.#nodes.values()]};
      case 'heartbeat':
        return this.#heartbeat(payload.nodeId);
      case 'watch':
        this.#watchers.add(connection);
        return {success: true};
      case 'shutdown':
        this.#server.close();  // Its connections stay, and with them the process.
        return {success: true};
      default:
        return {error: 'Unknown message type'};
    }
  }

  #register(connection, {nodeId, alias, host, port}, events) {
    const holder = alias && this.#nodeIdOfAlias.get(alias);
    if (holder && holder !== nodeId && this.#nodes.has(holder)) return {error: `Alias '${alias}' already in use`};
    const peer = {nodeId, alias, host, port, lastHeartbeat: Date.now()};
    this.#nodes.set(nodeId, peer);
    if (alias) this.#nodeIdOfAlias.set(alias, nodeId);
    this.#nodeIdsOf.get(connection).add(nodeId);
    events.push({event: 'peer:join', peer});
    return {success: true};
  }

  #unregister(nodeId, events) {
    const removed = this.#remove(nodeId);
    events.push(...removed);
    return removed.length ? {success: true} : {error: 'Node not found'};
  }

  // The events that the removal is worth: one, or none for a node that is not there.
  #remove(nodeId) {
    const peer = this.#nodes.get(nodeId);
    if (!peer) return [];
    this.#nodes.delete(nodeId);
    if (this.#nodeIdOfAlias.get(peer.alias) === nodeId) this.#nodeIdOfAlias.delete(peer.alias);
    return [{event: 'peer:leave', peer}];
  }

  #resolve(name) {
    const byAlias = this.#nodes.get(this.#nodeIdOfAlias.get(name));
    const node = byAlias ?? (this.#release.resolvesNodeIds ? this.#nodes.get(name) : undefined);
    return node ? {node} : {error: this.#release.unresolved};
  }

  #heartbeat(nodeId) {
    const peer = this.#nodes.get(nodeId);
    if (!peer) return {error: 'Node not found'};
    peer.lastHeartbeat = Date.now();
    return {success: true};
  }

  #publish(events) {
    for (const payload of events) {
      for (const watcher of this.#watchers) watcher.send({type: 'event', payload});
    }
  }
}
