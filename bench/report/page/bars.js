// The figures of a row as horizontal bars: from zero, so that twice the length is twice the figure.
//
// The bars are elements of the page, since their names and figures are text that is read, searched and copied.
// Use: section.append(bars.of(row))
'use strict';

const bars = (() => {
  function share(value, greatest) {
    return `${100 * value / greatest}%`;
  }

  // All that the file says of an entry with a figure, for the box beside the pointer.
  function linesOf(row, entry) {
    const {median, low, high} = entry.figure;
    const lines = [
      likeness.shownName(row, entry.name),
      `median ${format.quantity(median, row.unit)}`,
      `95 % interval ${format.value(low, row.unit)} to ${format.quantity(high, row.unit)}`,
    ];
    if (entry.values.length > 0) {
      const least = entry.values.reduce((one, other) => Math.min(one, other));
      const greatest = entry.values.reduce((one, other) => Math.max(one, other));
      const range = `${format.value(least, row.unit)} to ${format.quantity(greatest, row.unit)}`;
      lines.push(`${entry.values.length} ${entry.values.length === 1 ? 'round' : 'rounds'}, ${range}`);
    }
    if (entry.cpuNs !== null) lines.push(`CPU time ${format.value(entry.cpuNs, 'ns')} each`);
    return lines;
  }

  function drawing({median, low, high}, greatest) {
    const fill = dom.element('span', 'fill');
    fill.style.width = share(median, greatest);
    const whisker = dom.element('span', 'whisker');
    whisker.style.left = share(low, greatest);
    whisker.style.width = share(high - low, greatest);
    return dom.element('span', 'bar', fill, whisker);
  }

  function line(row, entry, greatest) {
    const className = likeness.isOurs(entry.name) ? 'bar-line ours' : 'bar-line';
    const name = dom.element('span', 'name', likeness.shownName(row, entry.name));
    if (!entry.figure) {
      return dom.element('li', className, name, dom.element('span', 'bar'), dom.element('span', 'value', 'lost'));
    }
    const cpu = entry.cpuNs === null ? '' : `CPU ${format.value(entry.cpuNs, 'ns')}`;
    const made = dom.element('li', className, name, drawing(entry.figure, greatest),
                             dom.element('span', 'value', format.value(entry.figure.median, row.unit)),
                             dom.element('span', 'cpu', cpu));
    tip.attach(made, () => linesOf(row, entry));
    return made;
  }

  function of(row) {
    const greatest = row.entries.reduce((most, {figure}) => figure ? Math.max(most, figure.high) : most, 0) || 1;
    return dom.element('ul', 'bars', ...likeness.tcpFirst(row).map((entry) => line(row, entry, greatest)));
  }

  return {of, linesOf};
})();
