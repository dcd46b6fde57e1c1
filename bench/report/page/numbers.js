// The four figures that say most, with no comparison to anything: what a node does.
//
// A figure over TCP stands for a node wherever a row has one, since that is what compares with others. What the same
// node does through shared memory is said below it.
// Use: main.append(numbers.of(results))
'use strict';

const numbers = (() => {
  const kCount = 4;
  // Names of rows, the most telling first. A run that lacks some of them shows other rows in their place.
  const kRows = [
    'one way, 128 B',
    'round trip, closed loop, 128 B',
    'echo, 1000 connections',
    'a node\'s start with no PMD running, to registered',
    'PMD, look-ups',
  ];

  // The first entry of distflow that has a figure, over TCP if the row has it so; null if there is none.
  function entryOf(row) {
    const first = row.entries.find((entry) => likeness.isOurs(entry.name) && entry.figure);
    if (!first) return null;
    const sibling = likeness.siblingOverTcp(row, first.name);
    return sibling?.figure ? sibling : first;
  }

  // At most four {row, entry}.
  function chosen(results) {
    const place = ({row}) => kRows.includes(row.name) ? kRows.indexOf(row.name) : kRows.length;
    return results.rows.filter((row) => row.kind !== 'growth')
      .map((row) => ({row, entry: entryOf(row)}))
      .filter(({entry}) => entry)
      .sort((one, other) => place(one) - place(other))
      .slice(0, kCount);
  }

  function throughMemory(row, entry) {
    const through = row.entries.find((other) => likeness.siblingOverTcp(row, other.name) === entry);
    return through?.figure ? `${format.quantity(through.figure.median, row.unit)} through shared memory` : '';
  }

  function card({row, entry}) {
    const unit = format.unitBeside(row.unit);
    const value = dom.element('p', 'number-value', format.value(entry.figure.median, row.unit),
                              unit && dom.element('span', 'unit', ` ${unit}`));
    const made = dom.element('li', 'number', dom.element('p', 'number-what', row.name), value,
                             dom.element('p', 'how', likeness.shownName(row, entry.name)),
                             dom.element('p', 'how', throughMemory(row, entry)));
    tip.attach(made, () => bars.linesOf(row, entry));
    return made;
  }

  // Null if the run has no figure of distflow.
  function of(results) {
    const cards = chosen(results).map(card);
    return cards.length > 0 ? dom.element('ul', 'numbers', ...cards) : null;
  }

  return {of};
})();
