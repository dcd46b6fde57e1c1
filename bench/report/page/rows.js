// The section of one row: how to read it, its figures, what was lost, and its ratios.
//
// Use: main.append(rows.of(row, 'row-1', colours)), then curves.draw().
'use strict';

const rows = (() => {
  function howToRead(row) {
    if (row.kind === 'latency') {
      const loop = row.name.includes('open loop')
        ? 'Open loop: messages leave on a fixed plan, and the latency of each counts from its planned time. ' +
          'A stall is charged to all messages that it held up. '
        : 'Closed loop: the next message leaves when the answer to the last one is there. ' +
          'A stall holds up one message only; under load the tail is longer. ';
      return `${loop}Lower is better. Each nine of the percentile axis is as wide as the one before it.`;
    }
    if (row.kind === 'growth') {
      return `${row.isHigherBetter ? 'Higher' : 'Lower'} is better. Both axes are logarithmic. ` +
             `A level line means that more ${row.xName} cost nothing.`;
    }
    const rounds = row.entries.reduce((most, {values}) => Math.max(most, values.length), 0);
    return `${row.isHigherBetter ? 'Longer' : 'Shorter'} is better. A bar ends at the median of ${rounds} ` +
           `interleaved ${rounds === 1 ? 'round' : 'rounds'}; its whisker is the 95 % interval of the median.`;
  }

  function named(row, name, colours) {
    return dom.element('span', '', dom.swatch(colours(row, name)), likeness.shownName(row, name));
  }

  function percentileLine(row, entry, colours) {
    const className = likeness.isOurs(entry.name) ? 'ours' : '';
    const name = dom.element('td', '', named(row, entry.name, colours));
    if (!entry.latency) return dom.element('tr', className, name, dom.element('td', '', 'lost'));
    const times = [...entry.latency.named, entry.latency.max];
    const cells = times.map((ns) => dom.element('td', '', format.digits(ns / 1000)));
    const cpu = entry.cpuNs === null ? '' : format.value(entry.cpuNs, 'ns');
    const made = dom.element('tr', className, name, ...cells, dom.element('td', 'cpu', cpu));
    tip.attach(made, () => bars.linesOf(row, entry));
    return made;
  }

  function percentileTable(row, colours) {
    const heads = ['in µs', ...resultsFile.kPercentiles, 'max'].map((head) => dom.element('th', '', head));
    return dom.element('table', 'percentiles',
                       dom.element('tr', 'heads', ...heads, dom.element('th', 'cpu', 'CPU time each')),
                       ...likeness.tcpFirst(row).map((entry) => percentileLine(row, entry, colours)));
  }

  function keys(row, colours) {
    return dom.element('ul', 'keys', ...row.entries.map(({name}) => dom.element('li', '', named(row, name, colours))));
  }

  function unitLine(row) {
    const unit = format.unitBeside(row.unit);
    return unit ? dom.element('p', 'unit', unit) : null;
  }

  function figures(row, colours) {
    switch (row.kind) {
      case 'latency': return [curves.latency(row, colours), percentileTable(row, colours)];
      case 'growth':
        return [keys(row, colours), curves.growth(row, colours, 'points'), curves.growth(row, colours, 'memory')];
      default: return [unitLine(row), bars.of(row)];
    }
  }

  function losses(row) {
    const told = row.entries.filter((entry) => entry.lostRounds || entry.lostMessages).map((entry) => {
      const rounds = entry.lostRounds && `${entry.lostRounds} of ${entry.lostRounds + entry.values.length} rounds`;
      const noun = entry.lostMessages === 1 ? 'message' : 'messages';
      const messages = entry.lostMessages && `${format.fixed(entry.lostMessages, 0)} ${noun}`;
      return `${entry.name} ${[rounds, messages].filter(Boolean).join(' and ')}`;
    });
    return told.length === 0 ? null : dom.element('p', 'note', `Lost: ${told.join(', ')}.`);
  }

  function ratioLine(row, ratio) {
    const {figure} = ratio;
    const cells = [likeness.ratioName(row, ratio), figure ? format.ratio(figure.median) : 'lost',
                   figure ? `${format.digits(figure.low)} to ${format.digits(figure.high)}` : ''];
    const className = likeness.isNoise(ratio) ? 'noise' : '';
    return dom.element('tr', className, ...cells.map((cell) => dom.element('td', '', cell)));
  }

  function ratios(row) {
    if (row.ratios.length === 0) return [];
    const heads = ['ratio', 'median of the rounds', '95 % interval'].map((head) => dom.element('th', '', head));
    const isMixed = row.ratios.some((ratio) => likeness.isMemoryAgainstTcp(row, ratio));
    return [dom.element('h3', '', isMixed ? 'Ratios, like for like first' : 'Ratios'),
            dom.element('table', 'ratios', dom.element('tr', 'heads', ...heads),
                        ...likeness.likeForLikeFirst(row).map((ratio) => ratioLine(row, ratio)))];
  }

  function of(row, id, colours) {
    const made = dom.element('section', `row ${row.kind}`, dom.element('h2', '', row.name),
                             dom.element('p', 'how', howToRead(row)), ...figures(row, colours), losses(row),
                             ...ratios(row));
    made.id = id;
    return made;
  }

  return {of};
})();
