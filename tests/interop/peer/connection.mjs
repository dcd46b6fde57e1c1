// Frames over one socket. Each text goes to onText, or, without one, to the inbox.
import net from 'node:net';
import {FrameReader, encodeFrame} from './framing.mjs';
import {Inbox, within} from './waiting.mjs';

export class Connection {
  inbox = new Inbox();
  bytesReceived = 0;
  #socket;
  #reader = new FrameReader();

  static async connect(port, {host = '127.0.0.1', onText} = {}) {
    const socket = net.connect({port, host, noDelay: true});
    const connected = new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    try {
      await within(connected, `a connection to ${host}:${port}`);
    } catch (error) {
      socket.destroy();
      throw error;
    }
    return new Connection(socket, {onText});
  }

  constructor(socket, {onText} = {}) {
    const deliver = onText ?? ((text) => this.inbox.push(text));
    this.#socket = socket;
    this.closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => {});  // A reset is an end like any other; 'close' follows.
    socket.on('data', (segment) => {
      this.bytesReceived += segment.length;
      this.#reader.push(segment).forEach(deliver);
    });
    socket.once('close', () => this.inbox.end('the connection was closed'));
  }

  get open() {
    return !this.#socket.destroyed && this.#socket.writable;
  }

  sendBytes(bytes) {
    this.#socket.write(bytes);
  }

  sendText(text) {
    this.sendBytes(encodeFrame(text));
  }

  send(value) {
    this.sendText(JSON.stringify(value));
  }

  nextText(what = 'a frame') {
    return this.inbox.next({what});
  }

  async next(what) {
    return JSON.parse(await this.nextText(what));
  }

  async ask(value) {
    this.send(value);
    return this.next(`the answer to ${JSON.stringify(value)}`);
  }

  // Resolves when the other end has closed, too: from then on it has seen that we are gone.
  async close() {
    this.#socket.end();
    try {
      await within(this.closed, 'the other end to close');
    } finally {
      this.#socket.destroy();
    }
  }

  untilClosed() {
    return within(this.closed, 'the other end to close the connection');
  }

  destroy() {
    this.#socket.destroy();
  }
}
