// The view of one node: what it reports on itself and its peers, and whether its counters agree. It is asked each
// second while it is shown, and not else.
import {hrefOf} from '/route.js';
import {Rows, drawSparkline} from '/rows.js';
import {dropsText, made, nameOf, put, rateText, shown, timeText} from '/text.js';

const kPeersMax = 500;     // rows
const kDoubtsMax = 2;      // readings in a row: a message may be between two counters when they are read
const kAwaitedMs = 150;    // until it is looked again for the first answer
const kOldMs = 5000;       // after which a reading is called old
const kBusyMs = 3000;      // until it is asked again where too many nodes are looked at

const kPeerColumns = [
  ['Peer'], ['Via'], ['In/s', true], ['Out/s', true], ['Queued', true], ['Not sent'], ['Dropped here'], ['Law'],
  ['Accepted', true], ['Written', true], ['Received', true], ['Handled', true], ['Waiting', true], ['Conflated', true],
].map(([name, isNumber = false]) => ({name, isNumber}));
const kItself = '';          // no peer's nodeId
const kOthers = '(others)';  // peers beyond those that are counted one by one: what is queued to them is not reported
const kTimes = [['wait', 'Wait for the handler'], ['handler', 'Handler']];
const kQuantiles = [['p50Ns', 'p50'], ['p90Ns', 'p90'], ['p99Ns', 'p99'], ['p999Ns', 'p999']];
const kCollator = new Intl.Collator(undefined, {numeric: true});

const element = (id) => document.getElementById(id);
const sum = (drops) => Object.values(drops).reduce((all, count) => all + count, 0);
// All drops count, also those whose reason is not named.
const notSent = ({sent}) => sent.accepted - sent.written - sent.queued - sent.missing;
const droppedHere = ({received}) =>
  received.received - received.handled - received.conflated - received.waiting - (received.unfinished ?? 0) - received.missing;

// Messages a second by what one counter was and is, or nothing while there is one reading.
function rate(before, now, us) {
  if (before === undefined || us <= 0) return '–';
  return rateText(Math.round(Math.max(now - before, 0) * 1e7 / us) / 10);
}

export class NodeView {
  #nodes;        // of the page, by nodeId
  #again;        // looks at what is wanted before its time
  #nodeId = '';
  #name = '';
  #told = null;     // what the last reading has reported
  #rates = new Map();  // by the nodeId of a peer: {in, out}
  #doubts = new Map();  // by nodeId: readings in a row after which its law did not hold
  #why = '';        // nothing is reported
  #refused = null;  // the entry of a node that is not reported on
  #notBefore = 0;
  #timer = 0;       // until it is looked again for the first answer
  #toldAt = 0;
  #peers = new Rows(element('peers'), kPeerColumns);
  #times = new Rows(element('times'), [{name: 'Time'}, ...kQuantiles.map(([, name]) => ({name, isNumber: true}))]);

  constructor(nodes, again) {
    this.#nodes = nodes;
    this.#again = again;
  }

  open(nodeId) {
    this.#nodeId = nodeId;
    this.#name = '';
    this.#told = null;
    this.#rates = new Map();
    this.#doubts = new Map();
    this.#why = 'it is being asked';
    this.#refused = null;
    this.#notBefore = 0;
  }

  // What is to be read now, or nothing.
  wanted() {
    const one = this.#nodes().get(this.#nodeId);
    if (!one || one === this.#refused || performance.now() < this.#notBefore) return null;
    return this.#path();
  }

  #path() {
    return `/api/node?id=${encodeURIComponent(this.#nodeId)}`;
  }

  taken(path, {status, body}) {
    if (path !== this.#path()) return;  // another one was chosen meanwhile
    clearTimeout(this.#timer);
    if (status === 404) {
      this.#refused = this.#nodes().get(this.#nodeId) ?? null;
      return this.#untold('it is another user\'s: only the user of a node and root are told what it does');
    }
    if (!body) {
      this.#notBefore = performance.now() + kBusyMs;
      return this.#untold(status === 503 ? 'too many nodes are looked at; trying again' : `the PMD answers ${status}`);
    }
    if (body.isAwaited) {
      // Not before the timer, and one timer: what follows the figures looks each second, too.
      this.#notBefore = performance.now() + kAwaitedMs;
      this.#timer = setTimeout(() => {
        this.#notBefore = 0;
        this.#again();
      }, kAwaitedMs);
      return;
    }
    if (body.untold !== undefined) return this.#untold(body.untold);
    if (body.atUs === this.#told?.atUs) return;  // the same reading
    this.#takeReading(body);
  }

  #untold(why) {
    this.#told = null;
    this.#why = why;
  }

  #takeReading(now) {
    const us = this.#told ? now.atUs - this.#told.atUs : 0;
    const before = new Map((this.#told?.peers ?? []).map((peer) => [peer.nodeId, peer]));
    this.#rates = new Map();
    for (const peer of now.peers) {
      const earlier = before.get(peer.nodeId);
      this.#rates.set(peer.nodeId, {
        in: rate(earlier?.received.received, peer.received.received, us),
        out: rate(earlier?.sent.written, peer.sent.written, us),
      });
    }
    const doubts = this.#doubts;
    this.#doubts = new Map();
    for (const one of [{...now, nodeId: kItself}, ...now.peers]) {
      const isMissing = (one.nodeId !== kOthers && one.sent.missing !== 0) || one.received.missing !== 0;
      if (isMissing) this.#doubts.set(one.nodeId, (doubts.get(one.nodeId) ?? 0) + 1);
    }
    this.#told = now;
    this.#toldAt = performance.now();
    this.#why = '';
  }

  #verdict(nodeId, {missing}) {
    if (missing === 0) return '✓ holds';
    return this.#doubts.get(nodeId) > kDoubtsMax ? `✗ BROKEN by ${missing}` : '… being counted';
  }

  #verdictOfPeer({nodeId, sent, received}) {
    if (nodeId === kOthers) return received.missing === 0 ? '–' : `received ${this.#verdict(nodeId, received)}`;
    if (sent.missing !== 0) return `sent ${this.#verdict(nodeId, sent)}`;
    if (received.missing !== 0) return `received ${this.#verdict(nodeId, received)}`;
    return '✓ holds';
  }

  draw() {
    const one = this.#nodes().get(this.#nodeId);
    if (one) this.#name = nameOf(one.node);
    put(element('node-title'), `Node ${shown(this.#name || this.#nodeId)}`);
    document.title = `${shown(this.#name || this.#nodeId)} – distflow`;
    put(element('node-place'), one ? `${shown(this.#nodeId)} at ${shown(`${one.node.host}:${one.node.port}`)}` : '');
    if (!one) this.#untold(this.#name ? 'it has left' : 'there is no node of this nodeId');
    const age = performance.now() - this.#toldAt;
    const why = !this.#told ? `Nothing is told of this node: ${shown(this.#why)}.`
      : age < kOldMs ? '' : `What follows is old: the node has told nothing new for ${Math.floor(age / 1000)} s.`;
    put(element('node-untold'), why);
    element('node-told').hidden = !this.#told;
    if (this.#told) this.#drawTold(one);
  }

  #drawTold(one) {
    const {sent, received, latency, peers, isCut} = this.#told;
    const figures = one.figures && one.figures.untold === undefined ? one.figures : null;
    this.#drawFigures([
      ['In/s', figures ? rateText(figures.in) : '–'], ['Out/s', figures ? rateText(figures.out) : '–'],
      ['Queued', String(sent.queued)], ['Mailbox', figures ? String(figures.mailbox) : '–'],
      ['Dropped', String(notSent(this.#told) + droppedHere(this.#told))]]);
    drawSparkline(element('node-minute'), one.samples ?? [0], (now, most) =>
      `${rateText(now)} messages a second now, ${rateText(most)} at most in the last minute`);
    const reasons = (drops) => (sum(drops) > 0 ? ` (${dropsText(drops)})` : '');
    put(element('law-sent'), `Sent: ${sent.accepted} accepted = ${sent.written} written + ${sent.queued} queued + ` +
      `${notSent(this.#told)} dropped${reasons(sent.dropped)}: ${this.#verdict(kItself, sent)}`);
    put(element('law-received'), `Received: ${received.received} = ${received.handled} handled + ` +
      `${received.waiting} waiting + ${received.unfinished} unfinished + ${received.conflated} conflated + ` +
      `${droppedHere(this.#told)} dropped${reasons(received.dropped)}: ${this.#verdict(kItself, received)}`);
    this.#times.draw(kTimes.filter(([key]) => latency?.[key]).map(([key, name]) =>
      ({key, cells: [name, ...kQuantiles.map(([quantile]) => timeText(latency[key][quantile]))]})));
    element('times').hidden = !latency?.wait && !latency?.handler;
    const rows = peers.map((peer) => ({peer, lost: notSent(peer) + droppedHere(peer), name: this.#nameOf(peer)}));
    rows.sort((a, b) => b.lost - a.lost || kCollator.compare(a.name, b.name));
    this.#peers.draw(rows.slice(0, kPeersMax).map((row) => this.#rowOf(row)));
    put(element('peers-more'), peers.length === 0 ? 'No messages to or from others yet' :
      `${Math.min(rows.length, kPeersMax)} of ${rows.length} peers shown, those with losses first` +
      `${isCut ? '; there are more, which are not asked for' : ''}`);
  }

  #nameOf(peer) {
    const one = this.#nodes().get(peer.nodeId);
    return one ? nameOf(one.node) : peer.nodeId;
  }

  #rowOf({peer, lost, name}) {
    const {sent, received} = peer;
    const rates = this.#rates.get(peer.nodeId);
    const isNode = this.#nodes().has(peer.nodeId);
    return {key: peer.nodeId, className: lost > 0 ? 'losing' : '', cells: [
      isNode ? {text: shown(name), href: hrefOf(peer.nodeId)} : shown(name), shown(peer.via), rates.in, rates.out,
      String(sent.queued), dropsText(sent.dropped) || '–', dropsText(received.dropped) || '–', this.#verdictOfPeer(peer),
      String(sent.accepted), String(sent.written), String(received.received), String(received.handled),
      String(received.waiting), String(received.conflated)]};
  }

  #drawFigures(figures) {
    const list = element('node-figures');
    for (const [index, [name, value]] of figures.entries()) {
      const part = list.children[index] ?? list.appendChild(made('div', ''));
      if (!part.firstChild) part.append(made('dt', name), made('dd', ''));
      put(part.lastChild, value);
    }
  }
}
