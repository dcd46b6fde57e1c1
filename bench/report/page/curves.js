// Curves, by uPlot: latency by percentile, and growth.
//
// A canvas takes its colours and its width when it is drawn. So all charts are drawn anew when the colour scheme or the
// width of the window changes. The line nearest to the pointer is named in the box, with its value.
// Use: section.append(curves.latency(row, colours)); then, once the section is in the page, curves.draw().
'use strict';

const curves = (() => {
  const kHeight = 280;  // page.css has it, too
  const kSideWidth = 62;   // of the labels beside the y axis
  const kFootHeight = 30;  // of those below the x axis
  const kNear = 40;       // pixels from the pointer to the line that is named, at most
  const kDecades = 4;     // of the percentile axis: p90 is at one, p99.99 at four
  const kMaximumAt = 4.75;  // the maximum is no percentile: it stands behind them, with room for both labels
  const kPercentileTicks = [[50, '50'], [90, '90'], [99, '99'], [99.9, '99.9'], [99.99, '99.99'], [100, 'max']];

  const pending = [];  // charts whose place is made and which are not drawn yet
  const drawn = [];    // {place, plan, plot}

  function cssColour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function placeOf(percentile) {
    return percentile >= 100 ? kMaximumAt : Math.min(kDecades, -Math.log10(1 - percentile / 100));
  }

  // The value of the next point, as a percentile is the least value that so many do not exceed.
  function steppedAt(points, x) {
    return (points.find(([pointX]) => pointX >= x) ?? [x, null])[1];
  }

  function exactlyAt(points, x) {
    return (points.find(([pointX]) => pointX === x) ?? [x, null])[1];
  }

  // What a logarithmic axis can hold.
  function isPositive([x, y]) {
    return x > 0 && y > 0;
  }

  // Labels and lines of a logarithmic axis: whole decades, and between them 2 and 5 where there is room.
  function roundOnly(u, splits) {
    const digits = splits[splits.length - 1] / splits[0] > 100.1 ? ['1'] : ['1', '2', '5'];
    return splits.map((value) => digits.includes(Number(value).toExponential()[0]) ? value : null);
  }

  // Whole decades around the values, one at least, so that what hardly changes looks flat.
  function decadesAround(u, least, greatest) {
    if (!(least > 0)) return [1, 10];
    const from = 10 ** Math.floor(Math.log10(Math.min(least, greatest / 10) * 1.0001));
    return [from, 10 ** Math.ceil(Math.log10(greatest) - 1e-9)];
  }

  function axis(more) {
    return {
      stroke: () => cssColour('--soft'),
      grid: {stroke: () => cssColour('--line'), width: 1, filter: (u, splits) => splits},
      ticks: {show: false},
      font: '12px system-ui, sans-serif',
      filter: (u, splits) => splits,
      ...more,
    };
  }

  function logarithmicAxis(unit, size) {
    const made = axis({
      size,
      filter: roundOnly,
      values: (u, splits) => splits.map((value) => value === null ? '' : format.tick(value, unit)),
    });
    made.grid.filter = roundOnly;
    return made;
  }

  // Lines of a growth need not have a point at every x.
  function nearestWithValue(u, series, index) {
    const values = u.data[series];
    for (let away = 0; away < values.length; ++away) {
      for (const at of [index - away, index + away]) {
        if (values[at] !== null && values[at] !== undefined) return at;
      }
    }
    return index;
  }

  // The line nearest to the pointer at the column that it is over: {series, index}, or null.
  function nearest(u) {
    let best = null;
    for (let series = 1; series < u.series.length; ++series) {
      const index = u.cursor.idxs?.[series] ?? u.cursor.idx;
      const value = index === null ? null : u.data[series][index];
      if (value === null || value === undefined) continue;
      const distance = Math.abs(u.valToPos(value, 'y') - u.cursor.top);
      if (distance <= kNear && (best === null || distance < best.distance)) best = {series, index, distance};
    }
    return best;
  }

  function tell(u, plan) {
    const found = u.cursor.left < 0 ? null : nearest(u);
    if (!found) return tip.hide();
    const {series, index} = found;
    const box = u.over.getBoundingClientRect();
    const value = format.quantity(u.data[series][index], plan.unit);
    return tip.show([u.series[series].label, `${plan.nameX(u.data[0][index])}: ${value}`],
                    box.left + u.valToPos(u.data[0][index], 'x'), box.top + u.valToPos(u.data[series][index], 'y'));
  }

  function optionsOf(plan, width) {
    return {
      width,
      height: kHeight,
      legend: {show: false},
      cursor: {drag: {x: false, y: false}, y: false, points: {size: 8}, dataIdx: nearestWithValue},
      scales: {x: plan.scaleX, y: {distr: 3, range: decadesAround}},
      axes: [plan.axisX, logarithmicAxis(plan.unit, kSideWidth)],
      series: [{}, ...plan.lines.map(({name, look}) => ({
        label: name,
        stroke: () => cssColour(look.colour),
        width: look.width,
        dash: look.dash,
        spanGaps: true,
        points: {show: plan.hasDots, size: 6, fill: () => cssColour(look.colour)},
      }))],
      hooks: {setCursor: [(u) => tell(u, plan)]},
    };
  }

  // The place of a chart: its name, and the canvas below it when draw() has been called.
  function place(plan) {
    const canvas = dom.element('div', 'chart');
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', `${plan.nameY} by ${plan.nameOfX}`);
    pending.push({place: canvas, plan});
    return dom.element('figure', '', dom.element('figcaption', 'unit', `${plan.nameY} by ${plan.nameOfX}`), canvas);
  }

  function plot({place: canvas, plan}) {
    const xs = [...new Set(plan.lines.flatMap(({points}) => points.map(([x]) => x)))].sort((one, other) => one - other);
    const data = [xs, ...plan.lines.map(({points}) => xs.map((x) => plan.valueAt(points, x)))];
    return new uPlot(optionsOf(plan, canvas.clientWidth), data, canvas);
  }

  // Draws what is pending, and anew what is drawn.
  function draw() {
    for (const chart of drawn) chart.plot.destroy();
    for (const chart of [...drawn.splice(0), ...pending.splice(0)]) {
      if (chart.place.isConnected) drawn.push({...chart, plot: plot(chart)});
    }
  }

  // Null if no entry has a figure.
  function latency(row, colours) {
    const lines = row.entries.filter((entry) => entry.latency).map((entry) => ({
      name: likeness.shownName(row, entry.name),
      look: colours(row, entry.name),
      // Between p99.99 and the maximum there is no place to draw at. Nothing takes less than a nanosecond.
      points: entry.latency.curve.filter(([percentile]) => percentile <= 99.99 || percentile >= 100)
        .map(([percentile, ns]) => [placeOf(percentile), Math.max(ns, 1)]),
    }));
    if (lines.every(({points}) => points.length === 0)) return null;
    return place({
      lines,
      unit: 'ns',
      valueAt: steppedAt,
      hasDots: false,
      nameY: 'latency',
      nameOfX: 'percentile',
      nameX: (x) => x >= kMaximumAt ? 'maximum' : `p${Number((100 - 100 * 10 ** -x).toFixed(3))}`,
      scaleX: {time: false, range: [0, kMaximumAt]},
      axisX: axis({
        size: kFootHeight,
        splits: () => kPercentileTicks.map(([percentile]) => placeOf(percentile)),
        values: () => kPercentileTicks.map(([, name]) => name),
      }),
    });
  }

  // `of` is 'points' or 'memory'. Null if no entry has a value.
  function growth(row, colours, of) {
    const lines = row.entries.map((entry) => ({
      name: likeness.shownName(row, entry.name),
      look: colours(row, entry.name),
      points: entry[of].filter(isPositive),
    })).filter(({points}) => points.length > 0);
    if (lines.length === 0) return null;
    const unit = of === 'memory' ? 'bytes' : row.unit;
    return place({
      lines,
      unit,
      valueAt: exactlyAt,
      hasDots: true,
      nameY: of === 'memory' ? 'memory' : format.unitBeside(unit) || 'time',
      nameOfX: row.xName,
      nameX: (x) => `${format.tick(x, '')} ${row.xName}`,
      scaleX: {time: false, distr: 3, range: decadesAround},
      axisX: logarithmicAxis('', kFootHeight),
    });
  }

  window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  window.addEventListener('resize', draw);
  return {latency, growth, draw, drawn};
})();
