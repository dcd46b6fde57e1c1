// The page of a PMD: the table of its nodes with their figures, who joins and leaves, and which view is shown.
import {follow, nudge} from '/feed.js';
import {Graph} from '/graph.js';
import {NodeView} from '/node.js';
import {hrefOf, routeOf} from '/route.js';
import {arrange, drawSparkline, putCell, set, whenReleased} from '/rows.js';
import {dropsText, made, nameOf, put, rateText, shown, timeText} from '/text.js';

const kRowsMax = 200;
const kEventsMax = 100;
const kSamples = 60;        // of a sparkline, one a second
const kLosingMs = 10000;    // how long a loss is news
const kLosingNamed = 5;
const kReadingMs = 2000;    // figures that come in parts for longer are shown with a word on that
const kDrawPauseMs = 100;   // between what the PMD reports, and kDrawShare times what drawing took
const kDrawShare = 10;
const kCollator = new Intl.Collator(undefined, {numeric: true});

const told = (of) => ({figures}) => (figures && !figures.untold ? of(figures) : null);
// A column: its name, what a node is sorted by, and what is shown of it. Numbers are shown from the greatest on.
const text = (name, of) => ({name, isNumber: false, key: of, text: (one) => shown(of(one))});
const number = (name, of, as = String) => ({
  name,
  isNumber: true,
  key: (one) => told(of)(one) ?? -1,
  text: (one) => (told(of)(one) === null ? '–' : as(told(of)(one))),
});
const time = (name, of) => ({...number(name, (figures) => of(figures) ?? -1), text: (one) => timeText(told(of)(one) ?? undefined)});
const kColumns = [
  {...text('Name', ({node}) => nameOf(node)), isLink: true},
  number('In/s', (figures) => figures.in, rateText),
  number('Out/s', (figures) => figures.out, rateText),
  number('Queued', (figures) => figures.queued),
  number('Mailbox', (figures) => figures.mailbox),
  time('Wait p99', (figures) => figures.waitP99Ns),
  time('Handler p99', (figures) => figures.handlerP99Ns),
  {...number('Dropped', (figures) => figures.lost), text: droppedText},
  {...number('Last minute', (figures) => figures.in + figures.out), isDrawn: true},
  text('NodeId', ({node}) => node.nodeId),
  text('Address', ({node}) => `${node.host}:${node.port}`),
  text('User', ({node}) => String(node.uid ?? '')),
  text('Groups', ({node}) => (node.groups ?? []).join(', ')),
];
const kTexts = kColumns.filter(({isNumber}) => !isNumber);

let nodes = new Map();  // by nodeId: {node, asked, figures, samples, lostAt}
let areNodesRead = false;  // until then the page says nothing of them
let events = [];        // the newest first, not shown yet
let sortedBy = 0;
let isDescending = false;
let drawTimer = 0;
let drawnAt = 0;
let drawTook = 0;
let leftOut = 0;
let readingSince = null;  // while what is new of the figures comes in parts
let rows = new Map();   // by nodeId, of the nodes that are shown
let unconfirmed = new Set();  // nodeIds, while all figures come anew: of those that have not come yet

const element = (id) => document.getElementById(id);

function droppedText({figures}) {
  if (!figures) return '–';
  if (figures.untold) return `not told: ${shown(figures.untold)}`;
  return dropsText(figures.notSent, figures.dropped) || '–';
}

function entryOf(node, before) {
  const one = {...before, node};
  one.asked = kTexts.map(({key}) => key(one)).join('\n').toLowerCase();
  return one;
}

// What was shown of it says nothing of now.
function dropFigures(nodeId) {
  const one = nodes.get(nodeId);
  if (one?.figures) nodes.set(nodeId, {node: one.node, asked: one.asked});
}

// The first `count` of them in order. Of many nodes only those that are shown are sorted.
function firstOf(all, count, compare) {
  let best = [];
  let last = null;
  for (const one of all) {
    if (last && compare(one, last) >= 0) continue;
    best.push(one);
    if (best.length < 2 * count) continue;
    best.sort(compare);
    best.length = count;
    last = best[count - 1];
  }
  return best.sort(compare).slice(0, count);
}

function comparing({key, isNumber}) {
  const by = isNumber ? (a, b) => a.key - b.key : (a, b) => kCollator.compare(a.key, b.key);
  const turn = isDescending ? -1 : 1;
  return (a, b) => by(a, b) * turn;
}

const minuteText = (now, most) =>
  `${rateText(now)} messages a second now, ${rateText(most)} at most in the last minute`;

function rowOf(one) {
  const row = rows.get(one.node.nodeId) ?? made('tr', '');
  set(row, 'class', one.isLosing ? 'losing' : '');
  for (const [index, column] of kColumns.entries()) {
    const cell = row.children[index] ?? row.appendChild(made('td', '', column.isNumber ? 'number' : ''));
    if (column.isLink) putCell(cell, column.text(one), hrefOf(one.node.nodeId));
    else if (!column.isDrawn) put(cell, column.text(one));
    else if (one.samples) drawSparkline(cell, one.samples, minuteText);
    else cell.replaceChildren();
  }
  return row;
}

function filtered() {
  const filter = element('filter').value.toLowerCase();
  return [...nodes.values()].filter(({asked}) => filter === '' || asked.includes(filter));
}

function drawRows() {
  const column = kColumns[sortedBy];
  const wanted = filtered().map((one) => ({one, key: column.key(one)}));
  rows = new Map(firstOf(wanted, kRowsMax, comparing(column)).map(({one}) => [one.node.nodeId, rowOf(one)]));
  arrange(element('nodes'), [...rows.values()]);
  const isSlow = readingSince !== null && performance.now() - readingSince > kReadingMs;
  put(element('more'), `${rows.size} of ${nodes.size} nodes shown${leftOut ? `; ${leftOut} are not asked for figures` : ''}` +
    (isSlow ? '; their figures are still being read' : ''));
  for (const [index, head] of [...element('heads').children].entries()) {
    if (index === sortedBy) head.setAttribute('aria-sort', isDescending ? 'descending' : 'ascending');
    else head.removeAttribute('aria-sort');
  }
}

// Who loses messages now, and why: what one would look for first.
function drawLosing() {
  for (const one of nodes.values()) one.isLosing = Date.now() - (one.lostAt ?? -kLosingMs) < kLosingMs;
  const losing = [...nodes.values()].filter(({isLosing}) => isLosing);
  const named = losing.slice(0, kLosingNamed).map((one) => `${shown(nameOf(one.node))} (${droppedText(one)})`).join('; ');
  const others = losing.length > kLosingNamed ? `; and ${losing.length - kLosingNamed} others` : '';
  put(element('losing'), losing.length > 0 ? `Losing messages: ${named}${others}` : '');
}

function drawEvents() {
  const list = element('events');
  list.prepend(...events.map(({time: at, change}) => made('li', `${at} ${shown(nameOf(change.node))}`, change.kind)));
  events = [];
  while (list.children.length > kEventsMax) list.lastChild.remove();
}

function draw() {
  clearTimeout(drawTimer);
  drawTimer = 0;
  if (!areNodesRead) return put(element('more'), 'The nodes have not been read yet');
  const began = performance.now();
  drawLosing();
  kViews[route.name].draw();
  drawnAt = performance.now();
  drawTook = drawnAt - began;
}

const nodeView = new NodeView(() => nodes, nudge);
const graph = new Graph(() => nodes, filtered, nudge);
const kViews = {
  mesh: {
    draw: () => {
      drawRows();
      drawEvents();
    },
    focus: (nodeId) => rows.get(nodeId)?.querySelector('a').focus(),
  },
  graph: {
    draw: () => graph.draw(),
    wanted: () => graph.wanted(),
    taken: (path, answer) => path.startsWith('/api/links?') && graph.taken(answer),
    focus: (nodeId) => graph.focus(nodeId),
  },
  node: {
    draw: () => nodeView.draw(),
    wanted: () => nodeView.wanted(),
    taken: (path, answer) => nodeView.taken(path, answer),
  },
};
let route = routeOf(location.hash);
let cameFrom = '#mesh';  // what a node's view goes back to

// Shows the view that the address names. Who goes on by the keyboard does so at the node that was looked at.
function go({isFirst = false} = {}) {
  const before = route;
  route = routeOf(location.hash);
  if (route.name === 'node') {
    if (before.name !== 'node') cameFrom = `#${before.name}`;
    nodeView.open(route.nodeId);
    element('back').setAttribute('href', cameFrom);
  }
  if (route.name === 'graph') graph.open();
  document.title = 'distflow';
  for (const name of Object.keys(kViews)) element(`${name}-view`).hidden = name !== route.name;
  element('filtering').hidden = route.name === 'node';
  for (const link of element('views').children) {
    if (link.getAttribute('href') === `#${route.name}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  draw();
  nudge();
  if (isFirst) return;
  if (route.name === 'node') element('node-title').focus();
  else if (before.name === 'node') kViews[route.name].focus(before.nodeId);
}

// Soon for who uses the page; for what the PMD reports, with a pause that leaves the processor to others.
const drawNow = () => requestAnimationFrame(draw);
function drawSoon() {
  if (drawTimer !== 0) return;
  const due = drawnAt + Math.max(kDrawPauseMs, kDrawShare * drawTook) - performance.now();
  drawTimer = setTimeout(draw, Math.max(due, 0));
}

const view = {
  say: (what) => put(element('state'), what),
  begin: (found) => {
    // Figures of before say nothing of now: what was lost meanwhile is no news.
    nodes = new Map([...found].map(([id, node]) => [id, entryOf(node, {})]));
    readingSince = null;
    areNodesRead = true;
    nudge();
    drawSoon();
  },
  change: (change) => {
    const {kind, node} = change;
    if (kind === 'leave') nodes.delete(node.nodeId);
    else nodes.set(node.nodeId, entryOf(node, nodes.get(node.nodeId)));
    events.unshift({time: new Date().toLocaleTimeString(), change});
    events.length = Math.min(events.length, kEventsMax);
    drawSoon();
  },
  figures: (part) => {
    leftOut = part.leftOut;
    if (part.isAnew) unconfirmed = new Set(nodes.keys());
    part.gone.forEach(dropFigures);
    for (const figures of part.nodes) {
      unconfirmed.delete(figures.nodeId);
      const one = nodes.get(figures.nodeId);
      if (!one) continue;
      if (one.figures?.lost < figures.lost) one.lostAt = Date.now();
      one.figures = figures;
    }
    drawSoon();
    if (!part.isWhole) {
      readingSince ??= performance.now();
      return;
    }
    readingSince = null;
    unconfirmed.forEach(dropFigures);
    unconfirmed.clear();
    for (const one of nodes.values()) {
      if (!one.figures) continue;
      one.samples ??= [];
      one.samples.push(one.figures.untold ? 0 : one.figures.in + one.figures.out);
      if (one.samples.length > kSamples) one.samples.shift();
    }
  },
  wanted: () => kViews[route.name].wanted?.() ?? null,
  taken: (path, answer) => {
    kViews[route.name].taken?.(path, answer);
    drawSoon();
  },
  totals: (totals) => {
    element('figures').replaceChildren(...Object.entries(totals).map(([name, value]) => {
      const part = made('div', '');
      part.append(made('dt', name), made('dd', String(value)));
      return part;
    }));
  },
};

for (const [index, {name, isNumber}] of kColumns.entries()) {
  const head = made('th', '', isNumber ? 'number' : '');
  head.scope = 'col';
  const button = made('button', name);
  button.type = 'button';
  button.addEventListener('click', () => {
    isDescending = sortedBy === index ? !isDescending : isNumber;
    sortedBy = index;
    drawNow();
  });
  head.append(button);
  element('heads').append(head);
}
element('filter').addEventListener('input', () => {
  graph.chooseAnew();
  drawNow();
});
element('nodes').addEventListener('click', (event) => {
  const row = event.target.closest('tr');  // none where the pointer went down on one row and up on another
  if (!row || event.target.closest('a') || !getSelection().isCollapsed) return;
  location.hash = row.querySelector('a').getAttribute('href');
});
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && route.name === 'node') location.hash = cameFrom;
  if (event.key !== '/' || event.target === element('filter') || route.name === 'node') return;
  event.preventDefault();
  element('filter').focus();
});
whenReleased(drawSoon);
addEventListener('hashchange', () => go());
go({isFirst: true});
follow(view);
