// Rows of tables, which are kept from one drawing to the next: who reads or has chosen one keeps the place.
import {made, put} from '/text.js';

export function set(element, name, value) {
  if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

// `children` alone, in this order. What has the keyboard's focus keeps it.
export function arrange(parent, children) {
  if (children.length === parent.children.length && children.every((child, i) => child === parent.children[i])) return;
  const focused = document.activeElement;
  parent.replaceChildren(...children);
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
