// Rows of tables, which are kept from one drawing to the next: who reads or has chosen one keeps the place.
import {made, put} from '/text.js';

export function set(element, name, value) {
  if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

const kPressMs = 3000;  // a release that nobody is notified of, such as a scroll bar's, holds the rows no longer
let pressedAt = -Infinity;
let isHeld = false;      // something was to be arranged meanwhile
let onRelease = () => {};
addEventListener('pointerdown', () => { pressedAt = performance.now(); }, true);
for (const kind of ['pointerup', 'pointercancel']) {
  addEventListener(kind, () => {
    pressedAt = -Infinity;
    if (isHeld) onRelease();
    isHeld = false;
  }, true);
}

// `draw` is called when the pointer is up again, if something was left as it was for its sake.
export function whenReleased(draw) {
  onRelease = draw;
}

// `children` alone, in this order; those that are in their places are not touched. What has the keyboard's focus keeps
// it. Nothing changes its place while a pointer is down: a click is for what it began on.
export function arrange(parent, children) {
  if (children.length === parent.children.length && children.every((child, i) => child === parent.children[i])) return;
  if (performance.now() - pressedAt < kPressMs) {
    isHeld = true;
    return;
  }
  const focused = document.activeElement;
  const wanted = new Set(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  let place = parent.firstElementChild;
  for (const child of children) {
    if (place !== null && child === place.nextElementSibling) {  // not it, but the one before it is out of place
      parent.append(place);
      place = child;
    }
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
  if (focused !== document.activeElement && focused.isConnected) focused.focus({preventScroll: true});
}

// The text of a cell; with `href`, of a link in it.
export function putCell(cell, text, href = null) {
  let link = cell.firstElementChild;
  if (href === null) {
    if (link) link.remove();
    return put(cell, text);
  }
  if (!link) cell.replaceChildren(link = made('a', ''));
  set(link, 'href', href);
  put(link, text);
}

// Messages a second, in and out, over the last minute.
export function drawSparkline(cell, samples, name) {
  const greatest = Math.max(...samples);
  const points = greatest > 0
    ? samples.map((rate, i) => `${60 - samples.length + i},${(15 - 14 * rate / greatest).toFixed(1)}`).join(' ')
    : '0,15 60,15';  // most nodes of a large mesh are idle: nothing of them changes
  const svg = cell.firstElementChild ??
    cell.appendChild(document.getElementById('sparkline').content.firstElementChild.cloneNode(true));
  if (svg.firstChild.getAttribute('points') === points) return;
  svg.firstChild.setAttribute('points', points);
  set(svg, 'aria-label', name(samples.at(-1), greatest));
}

// The rows of one table with these columns: {name, isNumber}.
// Use: const rows = new Rows(table, columns); rows.draw([{key, cells: [{text, href?}, 'text', ...], className?}, ...]);
export class Rows {
  #body;
  #columns;
  #rows = new Map();

  constructor(table, columns) {
    this.#columns = columns;
    const heads = made('tr', '');
    for (const {name, isNumber} of columns) {
      const head = made('th', name, isNumber ? 'number' : '');
      head.scope = 'col';
      heads.append(head);
    }
    table.createTHead().append(heads);
    this.#body = table.createTBody();
  }

  draw(entries) {
    const before = this.#rows;
    this.#rows = new Map();
    arrange(this.#body, entries.map(({key, cells, className = ''}) => {
      const row = before.get(key) ?? made('tr', '');
      this.#rows.set(key, row);
      set(row, 'class', className);
      for (const [index, cell] of cells.entries()) {
        const place = row.children[index] ??
          row.appendChild(made('td', '', this.#columns[index].isNumber ? 'number' : ''));
        if (typeof cell === 'string') putCell(place, cell);
        else putCell(place, cell.text, cell.href);
      }
      return row;
    }));
  }
}
