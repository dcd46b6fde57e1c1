// The page of a PMD: its nodes and figures, as they change. Whatever a stranger has named is shown as text only.
'use strict';

const kRowsMax = 500;
const kEventsMax = 100;
const kColumns = [
  ['Name', (node) => node.alias ?? ''],
  ['NodeId', (node) => node.nodeId],
  ['Address', (node) => `${node.host}:${node.port}`],
  ['User', (node) => String(node.uid ?? '')],
  ['Groups', (node) => (node.groups ?? []).join(', ')],
];

let nodes = new Map();
let early = null;  // changes that come while the nodes are read
let reading = 0;   // which reading is the last: one that was begun before it ends without effect
let sortedBy = 0;
let isDescending = false;
let isDrawDue = false;

const element = (id) => document.getElementById(id);

function made(tag, text, className = '') {
  const one = document.createElement(tag);
  one.textContent = text;
  one.className = className;
  return one;
}

function drawSoon() {
  if (isDrawDue) return;
  isDrawDue = true;
  requestAnimationFrame(() => {
    isDrawDue = false;
    draw();
  });
}

function draw() {
  const asked = element('filter').value.toLowerCase();
  const read = kColumns[sortedBy][1];
  const wanted = [...nodes.values()].filter(
    (node) => asked === '' || kColumns.some(([, of]) => of(node).toLowerCase().includes(asked)));
  wanted.sort((a, b) => read(a).localeCompare(read(b), undefined, {numeric: true}) * (isDescending ? -1 : 1));
  element('nodes').replaceChildren(...wanted.slice(0, kRowsMax).map((node) => {
    const row = document.createElement('tr');
    row.append(...kColumns.map(([, of]) => made('td', of(node))));
    return row;
  }));
  const shown = Math.min(wanted.length, kRowsMax);
  element('more').textContent = `${shown} of ${nodes.size} nodes shown`;
  for (const [index, head] of [...element('heads').children].entries()) {
    if (index === sortedBy) head.setAttribute('aria-sort', isDescending ? 'descending' : 'ascending');
    else head.removeAttribute('aria-sort');
  }
}

function apply({kind, node}) {
  if (kind === 'leave') nodes.delete(node.nodeId);
  else nodes.set(node.nodeId, node);
}

function onChange(event) {
  const change = {kind: event.type, node: JSON.parse(event.data), revision: Number(event.lastEventId)};
  const time = new Date().toLocaleTimeString();
  element('events').prepend(made('li', `${time} ${change.node.alias ?? change.node.nodeId}`, change.kind));
  while (element('events').children.length > kEventsMax) element('events').lastChild.remove();
  if (early) early.push(change);
  else apply(change);
  drawSoon();
}

function onFigures(event) {
  const parts = Object.entries(JSON.parse(event.data)).map(([name, value]) => {
    const part = document.createElement('div');
    part.append(made('dt', name), made('dd', String(value)));
    return part;
  });
  element('figures').replaceChildren(...parts);
}

// All nodes, in parts. What changes meanwhile comes as events, which are applied behind them.
async function readNodes() {
  const mine = ++reading;
  early = [];
  const found = new Map();
  let first = null;
  for (let next = '', isBegun = false; !isBegun || next !== null;) {
    const response = await fetch(isBegun ? `/api/nodes?after=${encodeURIComponent(next)}` : '/api/nodes');
    if (mine !== reading) return;
    if (response.status === 410) return readNodes();
    if (!response.ok) throw new Error(`/api/nodes: ${response.status}`);
    const part = await response.json();
    if (mine !== reading) return;
    first ??= part.revision;
    for (const node of part.nodes) found.set(node.nodeId, node);
    next = part.next;
    isBegun = true;
  }
  nodes = found;
  for (const change of early) if (change.revision > first) apply(change);
  early = null;
  element('state').textContent = 'live';
  drawSoon();
}

function follow() {
  const events = new EventSource('/events');
  events.addEventListener('open', () => readNodes().catch((fault) => {
    element('state').textContent = `the nodes cannot be read: ${fault.message}`;
    events.close();
    setTimeout(follow, 3000);
  }));
  events.addEventListener('error', () => {
    element('state').textContent = 'the PMD cannot be reached; trying again';
    if (events.readyState === EventSource.CLOSED) setTimeout(follow, 3000);
  });
  for (const kind of ['join', 'update', 'leave']) events.addEventListener(kind, onChange);
  events.addEventListener('figures', onFigures);
}

for (const [index, [name]] of kColumns.entries()) {
  const head = document.createElement('th');
  head.scope = 'col';
  const button = made('button', name);
  button.type = 'button';
  button.addEventListener('click', () => {
    isDescending = sortedBy === index && !isDescending;
    sortedBy = index;
    drawSoon();
  });
  head.append(button);
  element('heads').append(head);
}
element('filter').addEventListener('input', drawSoon);
document.addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.target === element('filter')) return;
  event.preventDefault();
  element('filter').focus();
});
follow();
