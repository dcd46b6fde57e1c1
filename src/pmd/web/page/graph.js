// The graph of the mesh: nodes on a circle, in the order of their hosts and names, and the links between them. The same
// links stand in a table below it. Nodes are asked for their links while it is shown, and not else.
import {hrefOf} from '/route.js';
import {Rows, arrange, set} from '/rows.js';
import {dropsText, nameOf, put, rateText, shown} from '/text.js';

const kNodesMax = 60;
const kLinksMax = 300;       // drawn, and rows of the table
const kReadMs = 2000;
const kAwaitedMs = 200;      // until it is looked again for the first answers
const kChooseMs = 10000;     // while there are more nodes than are shown, until others may be the busiest
const kPathSizeMax = 24000;  // of a request: the PMD reads heads of 32 KiB
const kHeight = 620;
const kTurnedBelow = 75;     // pixels between two nodes: their names are turned, as spokes are
const kLetter = 7;           // pixels
const kTellsNothing = 2;     // the rank of such a node in a request

const kColumns = [['From'], ['To'], ['Via'], ['Messages/s', true], ['Queued', true], ['Not sent'], ['Dropped there']]
  .map(([name, isNumber = false]) => ({name, isNumber}));
const kCollator = new Intl.Collator(undefined, {numeric: true});

const element = (id) => document.getElementById(id);
const sum = (drops) => Object.values(drops).reduce((all, count) => all + count, 0);
const part = (selector) => element('graph-parts').content.querySelector(selector).cloneNode(true);
const cut = (text, size) => (text.length > size ? `${[...text].slice(0, Math.max(size - 1, 1)).join('')}…` : text);
const tells = (node) => node.caps?.includes('stats') ?? false;
const round = (number) => Math.round(number * 10) / 10;

// Where `count` nodes stand: clockwise from the top, around {x, y}, as [{x, y, angle}].
function placesOf(count, center, radius) {
  return Array.from({length: count}, (_, i) => {
    const angle = 2 * Math.PI * i / count - Math.PI / 2;
    return {x: round(center.x + radius * Math.cos(angle)), y: round(center.y + radius * Math.sin(angle)), angle};
  });
}

export class Graph {
  #nodes;     // of the page, by nodeId
  #filtered;  // those that the filter lets through
  #again;     // looks at what is wanted before its time
  #chosen = [];
  #chosenAt = -Infinity;
  #notBefore = 0;
  #timer = 0;                 // until it is looked again for what is awaited
  #named = {all: new Set(), left: 0};  // by the last request; left: how many had no room in it
  #isAnswered = false;
  #notKept = 0;               // of the answer: nodes that the PMD has no place for
  #left = '';                 // of the answer: what it has left out, in words
  #told = new Map();          // by nodeId: {atUs, links by nodeId, others, rates} or {untold}
  #drawnNodes = new Map();    // by nodeId, what is drawn
  #drawnLinks = new Map();
  #table = new Rows(element('links'), kColumns);

  constructor(nodes, filtered, again) {
    this.#nodes = nodes;
    this.#filtered = filtered;
    this.#again = again;
    const picture = element('picture').parentElement;  // an <svg> that listens for focus would take it
    for (const kind of ['pointerover', 'focusin']) picture.addEventListener(kind, (event) => this.#light(event.target));
    for (const kind of ['pointerout', 'focusout']) picture.addEventListener(kind, () => this.#light(document.activeElement));
  }

  open() {
    this.#notBefore = 0;
    this.#told = new Map();
    this.#isAnswered = false;
  }

  // Others may be the busiest, or wanted.
  chooseAnew() {
    this.#chosenAt = -Infinity;
  }

  focus(nodeId) {
    this.#drawnNodes.get(nodeId)?.focus();
  }

  wanted() {
    if (performance.now() < this.#notBefore) return null;
    this.#choose();
    let path = '/api/links?';
    this.#named = {all: new Set(), left: 0};
    let isAsking = false;
    for (const {nodeId, id, rank} of this.#nameable()) {
      if (path.length + id.length > kPathSizeMax) {
        this.#named.left += 1;
        continue;
      }
      path += id;
      this.#named.all.add(nodeId);
      isAsking ||= rank < kTellsNothing;
    }
    return isAsking ? path.slice(0, -1) : null;
  }

  // First the nodes that show this viewer their figures, then those that show them to others, then those that show
  // none: other nodes report the links to these. Of each kind the shortest nodeId comes first. A long one fills a
  // request, so its node has to stand behind the others.
  #nameable() {
    const all = this.#chosen.map(({node, figures}) =>
      ({nodeId: node.nodeId, id: `id=${encodeURIComponent(node.nodeId)}&`, rank: figures ? 0 : tells(node) ? 1 : kTellsNothing}));
    return all.sort((a, b) => a.rank - b.rank || a.id.length - b.id.length);
  }

  taken({status, body}) {
    clearTimeout(this.#timer);
    this.#notBefore = performance.now() + kReadMs;
    if (!body) {
      this.#left = `The PMD answers ${status}.`;
      return;
    }
    const told = new Map();
    for (const one of body.nodes) told.set(one.nodeId, this.#read(one));
    this.#told = told;
    this.#isAnswered = true;
    this.#notKept = body.leftOut;
    this.#left = body.leftOut > 0 ? `${body.leftOut} nodes cannot be asked now.` : '';
    if (!body.nodes.some(({isAwaited}) => isAwaited)) return;
    // Not before the timer, and one timer: what follows the figures looks each second, too.
    this.#notBefore = performance.now() + kAwaitedMs;
    this.#timer = setTimeout(() => {
      this.#notBefore = 0;
      this.#again();
    }, kAwaitedMs);
  }

  // What one node reports, with the rates since its last reading.
  #read({nodeId, atUs, links, others, isCut, isAwaited, untold}) {
    if (!links) return {untold, isAwaited, links: new Map(), others: 0, rates: new Map()};
    const before = this.#told.get(nodeId);
    const now = new Map(links.map((link) => [link.to, link]));
    if (before?.atUs === atUs) return {...before, links: now, others};  // to other nodes, where others are named
    const us = before?.atUs ? atUs - before.atUs : 0;
    const rates = new Map();
    for (const [to, link] of now) {
      const earlier = before?.links.get(to);
      if (!earlier || us <= 0) continue;
      const perSecond = (count) => Math.round(Math.max(count, 0) * 1e7 / us) / 10;
      rates.set(to, {
        out: perSecond(link.written - earlier.written),
        in: perSecond(link.received - earlier.received),
        lostOut: sum(link.notSent) - sum(earlier.notSent),
        lostIn: sum(link.dropped) - sum(earlier.dropped),
      });
    }
    return {atUs, links: now, others, rates, isCut};
  }

  // All nodes that the filter lets through, or the busiest of them, which stay for a while: the picture does not jump.
  #choose() {
    const all = this.#filtered();
    const isThere = ({node}) => this.#nodes().has(node.nodeId);
    const isOld = performance.now() - this.#chosenAt >= kChooseMs;
    if (all.length > kNodesMax && !isOld && this.#chosen.length === kNodesMax && this.#chosen.every(isThere)) {
      this.#chosen = this.#chosen.map(({node}) => this.#nodes().get(node.nodeId));
      return;
    }
    this.#chosenAt = performance.now();
    const activity = ({figures}) => (figures && figures.untold === undefined ? figures.in + figures.out : -1);
    const busiest = all.length > kNodesMax
      ? all.sort((a, b) => activity(b) - activity(a) || kCollator.compare(nameOf(a.node), nameOf(b.node))).slice(0, kNodesMax)
      : all;
    this.#chosen = busiest.sort((a, b) => kCollator.compare(a.node.host, b.node.host) ||
      kCollator.compare(nameOf(a.node), nameOf(b.node)) || kCollator.compare(a.node.nodeId, b.node.nodeId));
  }

  // Each direction that messages have taken between two nodes that are shown, by what both ends report of it.
  #links() {
    const all = new Map();
    const isShown = new Set(this.#chosen.map(({node}) => node.nodeId));
    const of = (from, to) => {
      const key = JSON.stringify([from, to]);
      if (!all.has(key)) all.set(key, {key, from, to, via: '', rate: null, queued: null, notSent: {}, dropped: {}, isLosing: false});
      return all.get(key);
    };
    let others = 0;
    for (const from of isShown) {
      const {links, others: unnamed, rates} = this.#told.get(from) ?? {links: new Map(), others: 0};
      others += unnamed;
      for (const [to, link] of links) {
        if (!isShown.has(to)) {
          others += 1;
          continue;
        }
        const since = rates.get(to);
        if (link.written > 0 || link.queued > 0 || sum(link.notSent) > 0) {
          const there = of(from, to);
          Object.assign(there, {via: link.via, queued: link.queued, notSent: link.notSent});
          if (since) there.rate = since.out;
          there.isLosing ||= since?.lostOut > 0;
        }
        if (link.received > 0 || sum(link.dropped) > 0) {
          const back = of(to, from);
          back.dropped = link.dropped;
          if (since) back.rate ??= since.in;
          back.isLosing ||= since?.lostIn > 0;
        }
      }
    }
    const lost = (link) => sum(link.notSent) + sum(link.dropped);
    const name = (nodeId) => nameOf(this.#nodes().get(nodeId).node);
    const links = [...all.values()].map((link) => ({...link, lost: lost(link), fromName: name(link.from), toName: name(link.to)}));
    links.sort((a, b) => b.lost - a.lost || kCollator.compare(a.fromName, b.fromName) || kCollator.compare(a.toName, b.toName));
    return {links, others};
  }

  draw() {
    this.#choose();
    const {links, others} = this.#links();
    this.#drawPicture(links.slice(0, kLinksMax));
    this.#table.draw(links.slice(0, kLinksMax).map((link) => ({key: link.key, className: link.isLosing ? 'losing' : '', cells: [
      {text: shown(link.fromName), href: hrefOf(link.from)}, {text: shown(link.toName), href: hrefOf(link.to)},
      shown(link.via || '–'), link.rate === null ? '–' : rateText(link.rate), link.queued === null ? '–' : String(link.queued),
      dropsText(link.notSent) || '–', dropsText(link.dropped) || '–']})));
    put(element('graph-note'), this.#note(links.length, others));
  }

  // What is shown, and what is not.
  #note(linkCount, others) {
    const all = this.#filtered().length;
    const silent = this.#chosen.filter(({node}) => {
      const told = this.#told.get(node.nodeId);
      return !tells(node) || (told?.untold !== undefined && !told.isAwaited);
    }).length;
    // The PMD says nothing of the nodes of others.
    const absent = this.#isAnswered
      ? this.#chosen.filter(({node}) => tells(node) && this.#named.all.has(node.nodeId) && !this.#told.has(node.nodeId)).length : 0;
    const untold = silent + Math.max(absent - this.#notKept, 0);
    const isCut = this.#chosen.some(({node}) => this.#told.get(node.nodeId)?.isCut);
    const count = (number, what) => `${number} ${what}${number === 1 ? '' : 's'}`;
    return [
      all > this.#chosen.length
        ? `Shown: the ${this.#chosen.length} busiest of ${count(all, 'node')}, others by the filter.`
        : `Shown: ${count(all, 'node')}.`,
      linkCount > kLinksMax ? `${kLinksMax} of ${count(linkCount, 'link')}, those with losses first.`
        : `${count(linkCount, 'link')}.`,
      others > 0 ? `Not shown: ${count(others, 'link')} to other nodes.` : '',
      untold > 0 ? `${count(untold, 'node')} without figures of links.` : '',
      this.#named.left > 0 ? `${count(this.#named.left, 'node')} not asked: the nodeIds are too long.` : '',
      isCut ? 'Some nodes have more peers or links than are read here: links and losses are missing.' : '',
      this.#left,
    ].filter((sentence) => sentence !== '').join(' ');
  }

  #drawPicture(links) {
    const picture = element('picture');
    const width = picture.parentElement.clientWidth;
    const height = Math.min(kHeight, width + 40);
    const side = Math.min(Math.max(width * .2, 74), 150);
    const radiusWith = (above) => Math.max(Math.min(width / 2 - side, height / 2 - above), 20);
    const isTurned = 2 * Math.PI * radiusWith(30) / this.#chosen.length < kTurnedBelow;
    const radius = radiusWith(isTurned ? side : 30);
    set(picture, 'viewBox', `0 0 ${width} ${height}`);
    const center = {x: width / 2, y: height / 2};
    const places = placesOf(this.#chosen.length, center, radius);
    const placeOf = new Map(this.#chosen.map(({node}, i) => [node.nodeId, places[i]]));
    this.#drawLinks(links, placeOf, center);
    this.#drawNodes(places, isTurned, Math.floor((side - 14) / kLetter));
  }

  #drawNodes(places, isTurned, lettersMax) {
    const before = this.#drawnNodes;
    this.#drawnNodes = new Map();
    const drawn = this.#chosen.map((one, i) => {
      const {node, figures} = one;
      const {x, y, angle} = places[i];
      const anchor = before.get(node.nodeId) ?? part('a');
      anchor.nodeId = node.nodeId;
      this.#drawnNodes.set(node.nodeId, anchor);
      const [title, dot, label] = anchor.children;
      const name = shown(nameOf(node));
      const isTold = figures && figures.untold === undefined;
      const rates = isTold ? `, ${rateText(figures.in)} in and ${rateText(figures.out)} out a second` : ', which tells nothing';
      set(anchor, 'href', hrefOf(node.nodeId));
      set(anchor, 'class', one.isLosing ? 'losing' : isTold ? '' : 'silent');
      put(title, `${name} at ${shown(node.host)}${rates}`);
      set(anchor, 'aria-label', title.textContent);
      set(dot, 'cx', x);
      set(dot, 'cy', y);
      const isRight = Math.cos(angle) >= -1e-9;
      const isUpright = !isTurned && Math.abs(Math.cos(angle)) < .1;  // at the top and the bottom
      const degrees = round(angle * 180 / Math.PI + (isRight ? 0 : 180));
      const [dx, dy] = [Math.cos(angle) * 11, Math.sin(angle) * (isUpright ? 16 : 11)];
      set(label, 'transform', `translate(${round(x + dx)} ${round(y + dy)})${isTurned ? ` rotate(${degrees})` : ''}`);
      set(label, 'text-anchor', isUpright ? 'middle' : isRight ? 'start' : 'end');
      put(label, cut(name, lettersMax));
      return anchor;
    });
    arrange(element('picture-nodes'), drawn);
  }

  #drawLinks(links, placeOf, center) {
    const before = this.#drawnLinks;
    this.#drawnLinks = new Map();
    const pairs = new Map();
    for (const link of links) {
      if (link.from === link.to) continue;
      const key = JSON.stringify([link.from, link.to].sort());
      pairs.set(key, [...(pairs.get(key) ?? []), link]);
    }
    const drawn = [...pairs].map(([key, [one, other]]) => {
      const path = before.get(key) ?? part('path');
      this.#drawnLinks.set(key, path);
      path.ends = [one.from, one.to];
      const [from, to] = path.ends.map((nodeId) => placeOf.get(nodeId));
      const bend = {x: round(center.x + ((from.x + to.x) / 2 - center.x) * .4), y: round(center.y + ((from.y + to.y) / 2 - center.y) * .4)};
      const both = other ? [one, other] : [one];
      const rate = both.reduce((all, link) => all + (link.rate ?? 0), 0);
      const via = one.via || other?.via || 'none';
      const kind = ['memory', 'tcp'].includes(via) ? via : 'none';
      set(path, 'd', `M${from.x} ${from.y}Q${bend.x} ${bend.y} ${to.x} ${to.y}`);
      set(path, 'class', `${kind}${both.some(({isLosing}) => isLosing) ? ' losing' : ''}${path.isLit ? ' lit' : ''}`);
      set(path, 'stroke-width', round(1 + Math.min(Math.log10(1 + rate), 6) / 2));
      put(path.firstElementChild, both.map((link) => `${shown(link.fromName)} to ${shown(link.toName)}: ` +
        `${link.rate === null ? 'no rate yet' : `${rateText(link.rate)} messages a second`}, ${shown(link.via || 'via unknown')}` +
        `${link.lost > 0 ? `, lost ${dropsText(link.notSent, link.dropped)}` : ''}`).join('; '));
      return path;
    });
    arrange(element('picture-links'), drawn);
  }

  // The links of the node that the pointer or the keyboard is at.
  #light(target) {
    const nodeId = target?.closest?.('#picture a')?.nodeId;
    for (const path of this.#drawnLinks.values()) {
      path.isLit = path.ends.includes(nodeId);
      path.classList.toggle('lit', path.isLit);
    }
  }
}
