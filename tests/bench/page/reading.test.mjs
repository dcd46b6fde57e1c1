// How the page is read: with a pointer or the keyboard, on 400 pixels, in light and in dark.
import assert from 'node:assert/strict';
import {example, scenario} from './stage.mjs';

function tipOf(page) {
  return page.evaluate(() => {
    const box = document.getElementById('tip');
    return box === null || box.hidden ? null : box.innerText.split('\n');
  });
}

// The middle of what a selector finds first, once that has been scrolled into the window.
async function middleOf(page, selector) {
  await page.evaluate((wanted) => document.querySelector(wanted).scrollIntoView({block: 'center'}), selector);
  await page.settle();
  return page.evaluate((wanted) => {
    const {left, top, width, height} = document.querySelector(wanted).getBoundingClientRect();
    return {x: left + width / 2, y: top + height / 2};
  }, selector);
}

// Where the window has the value of line `series` (from 1) of a chart at an x of its axis, scrolled into the window.
async function placeInChart(page, chart, series, x) {
  await page.evaluate((at) => curves.drawn[at].plot.over.scrollIntoView({block: 'center'}), chart);
  await page.settle();
  return page.evaluate((at, line, xWanted) => {
    const {plot} = curves.drawn[at];
    const index = plot.data[0].findIndex((value) => Math.abs(value - xWanted) < 1e-9);
    const {left, top} = plot.over.getBoundingClientRect();
    return {x: left + plot.valToPos(plot.data[0][index], 'x'), y: top + plot.valToPos(plot.data[line][index], 'y')};
  }, chart, series, x);
}

scenario('a bar that is pointed at shows its median, interval, rounds and CPU time', async (stage) => {
  const page = await stage.open();
  const {x, y} = await middleOf(page, '#row-1 .bar-line');
  await page.pointAt(x, y);
  assert.deepEqual(await tipOf(page), [
    'distflow, inlined, TCP', 'median 24.2 M messages/s', '95 % interval 23.9 M to 24.4 M messages/s',
    '30 rounds, 23.2 M to 24.7 M messages/s', 'CPU time 80.0 ns each']);
  await page.pointAt(1, 1);
  assert.equal(await tipOf(page), null);
});

scenario('numbers, lines of tables and targets show their values, too', async (stage) => {
  const page = await stage.open();
  for (const [selector, expected] of [
    ['.number', /^95 % interval 23\.9 M to/],
    ['.percentiles tr:nth-child(2)', /^median 6\.39 µs/],
    ['#targets .bar-line', /^target at least 0\.5×/],
  ]) {
    const {x, y} = await middleOf(page, selector);
    await page.pointAt(x, y);
    const lines = await tipOf(page);
    assert.ok(lines?.some((line) => expected.test(line)), `${selector}: ${lines}`);
  }
});

scenario('a curve that is pointed at shows its name, the percentile and the latency there', async (stage) => {
  const page = await stage.open();
  const row = example().rows.find(({kind}) => kind === 'latency');
  const index = row.entries.findIndex(({name}) => name === 'libzmq');
  const [, ns] = row.entries[index].latency.curve.find(([percentile]) => percentile === 99);
  const {x, y} = await placeInChart(page, 0, index + 1, 2);
  await page.pointAt(x, y);
  assert.deepEqual(await tipOf(page), ['libzmq', `p99: ${Math.round(ns / 1000)} µs`]);
  await page.pointAt(1, 1);
  assert.equal(await tipOf(page), null);
});

scenario('a point of a growth that is pointed at shows its x and its value', async (stage) => {
  const page = await stage.open();
  const {x, y} = await placeInChart(page, 2, 1, 1000);
  await page.pointAt(x, y);
  assert.deepEqual(await tipOf(page), ['distflow, inlined', '1 k connections: 380 k messages/s']);
});

scenario('values are reached by keyboard, also beyond the window, and Escape puts them away', async (stage) => {
  const page = await stage.open(example(), {height: 500});
  const press = async (key) => {
    for (const type of ['keyDown', 'keyUp']) await page.send('Input.dispatchKeyEvent', {type, key, code: key});
    await page.settle();
  };
  await press('Tab');
  assert.match((await tipOf(page)).join(' '), /^distflow, inlined, TCP median 24\.2 M/);
  await press('Tab');
  assert.match((await tipOf(page)).join(' '), /^distflow, inlined, TCP median 6\.39 µs/);
  const bars = ['distflow, inlined, TCP', 'distflow, inlined, memory', 'distflow, dispatcher, TCP'];
  for (const name of ['distflow, inlined', 'distflow', ...bars]) {
    await press('Tab');
    assert.equal((await tipOf(page))?.[0], name);
  }
  assert.ok(await page.evaluate(() => window.scrollY > 0), 'all was within the window');
  await press('Escape');
  assert.equal(await tipOf(page), null);
});

scenario('a finger that taps a bar sees its values, and they go when it taps elsewhere', async (stage) => {
  const page = await stage.open(example(), {width: 400});
  const tap = async ({x, y}) => {
    await page.send('Input.dispatchTouchEvent', {type: 'touchStart', touchPoints: [{x, y}]});
    await page.send('Input.dispatchTouchEvent', {type: 'touchEnd', touchPoints: []});
    await page.settle();
  };
  await page.send('Emulation.setTouchEmulationEnabled', {enabled: true});
  const bar = await middleOf(page, '#row-1 .bar-line');
  await tap(bar);
  assert.equal((await tipOf(page))?.[0], 'distflow, inlined, TCP');
  const {left, top} = await page.evaluate(() => document.querySelector('#row-1 h2').getBoundingClientRect().toJSON());
  assert.ok(top > 0);
  await tap({x: left + 5, y: top + 5});
  assert.equal(await tipOf(page), null);
});

scenario('at 400 pixels nothing is wider than the window, and no text is cut off or covers another', async (stage) => {
  const results = example();
  results.load_before = 3;
  results.command = `distflow-bench targets --json ${'a-long-folder/'.repeat(12)}run.json`;
  const page = await stage.open(results, {width: 400});
  const found = await page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    const wrong = [];
    if (document.documentElement.scrollWidth > width) wrong.push('the page');
    const boxes = [];
    const walker = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const range = document.createRange();
      range.selectNodeContents(walker.currentNode);
      for (const {left, right, top, bottom} of range.getClientRects()) {
        const box = {left, right, top, bottom, text: walker.currentNode.data};
        if (left < 0 || right > width) wrong.push(`beyond the window: ${box.text}`);
        boxes.push(box);
      }
    }
    const covers = (one, other) => one.left < other.right - 1 && other.left < one.right - 1 &&
                                   one.top < other.bottom - 3 && other.top < one.bottom - 3;
    boxes.forEach((one, i) => boxes.slice(i + 1, i + 40).forEach((other) => {
      if (covers(one, other)) wrong.push(`'${one.text}' covers '${other.text}'`);
    }));
    for (const element of document.querySelectorAll('main *')) {
      const {left, right} = element.getBoundingClientRect();
      const name = element.className || element.localName;
      if (right > width + 0.5 || left < -0.5) wrong.push(`beyond the window: ${name}`);
    }
    return {width, wrong, charts: [...document.querySelectorAll('canvas')].map((canvas) => canvas.clientWidth)};
  });
  assert.deepEqual(found.wrong, []);
  assert.equal(found.width, 400);
  assert.ok(found.charts.length > 0 && found.charts.every((width) => width > 300), found.charts.join());
});

scenario('labels of an axis do not touch at 400 pixels', async (stage) => {
  const page = await stage.open(example(), {width: 400});
  const touching = await page.evaluate(() => curves.drawn.flatMap(({plot}) => {
    const [axis] = plot.axes;
    plot.ctx.font = axis.font[0];
    const labels = axis._splits.map((value, i) => ({text: axis._values[i], middle: plot.valToPos(value, 'x', true)}))
      .filter(({text}) => text).map((label) => ({...label, half: plot.ctx.measureText(label.text).width / 2}));
    return labels.slice(1).filter((label, i) => label.middle - label.half < labels[i].middle + labels[i].half + 4)
      .map(({text}) => text);
  }));
  assert.deepEqual(touching, []);
});

scenario('the box with values stays within 400 pixels', async (stage) => {
  const page = await stage.open(example(), {width: 400});
  const {y} = await middleOf(page, '#row-1 .bar-line');
  for (const x of [40, 200, 360]) {
    await page.pointAt(x, y);
    const {left, right} = await page.evaluate(() => document.getElementById('tip').getBoundingClientRect().toJSON());
    assert.ok(left >= 0 && right <= 400, `${left} to ${right}`);
  }
});

// Each text whose contrast with what is behind it is too low, and each line of a chart and bar that its card swallows.
function faintTexts(page) {
  return page.evaluate(() => {
    const kText = 4.5;  // WCAG 2, level AA
    const kLarge = 3;   // for large text and for drawings
    const rgba = (colour) => {
      const canvas = document.createElement('canvas');
      const context = canvas.getContext('2d');
      context.fillStyle = colour;
      context.fillRect(0, 0, 1, 1);
      return context.getImageData(0, 0, 1, 1).data;
    };
    const luminance = (colour) => {
      const [r, g, b] = [...rgba(colour)].slice(0, 3).map((part) => part / 255)
        .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const contrast = (one, other) => {
      const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
      return (light + 0.05) / (dark + 0.05);
    };
    const behind = (element) => {
      for (let at = element; at; at = at.parentElement) {
        const colour = getComputedStyle(at).backgroundColor;
        if (rgba(colour)[3] === 255) return colour;
      }
      return getComputedStyle(document.documentElement).backgroundColor;
    };
    const faint = [];
    let count = 0;
    const check = (name, colour, on, least) => {
      ++count;
      if (contrast(colour, on) < least) faint.push(`${name}: ${colour} on ${on} is ${contrast(colour, on).toFixed(2)}`);
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement;
      if (['SCRIPT', 'STYLE', 'NOSCRIPT'].includes(element.tagName) || walker.currentNode.data.trim() === '') continue;
      check(walker.currentNode.data.trim(), getComputedStyle(element).color, behind(element), kText);
    }
    const card = getComputedStyle(document.querySelector('section')).backgroundColor;
    for (const {plot} of curves.drawn) {
      check('labels of an axis', plot.axes[0].stroke(plot, 0), card, kText);
      plot.series.slice(1).forEach((series, i) => check(series.label, series.stroke(plot, i + 1), card, kLarge));
    }
    for (const fill of document.querySelectorAll('.ours .fill, .fill.met, .fill.missed')) {
      check('a bar', getComputedStyle(fill).backgroundColor, card, kLarge);
    }
    return {faint, count, background: luminance(getComputedStyle(document.body).backgroundColor)};
  });
}

for (const isDark of [false, true]) {
  scenario(`every text and line can be read in ${isDark ? 'dark' : 'light'}`, async (stage) => {
    const page = await stage.open({...example(), load_before: 3}, {isDark});
    const {x, y} = await middleOf(page, '#row-1 .bar-line');
    await page.pointAt(x, y);  // the box with values is looked at, too
    const {faint, count, background} = await faintTexts(page);
    assert.deepEqual(faint, []);
    assert.ok(count > 300, `${count} were looked at`);
    assert.equal(background < 0.2, isDark);
  });
}

scenario('a page that is open when the colour scheme or the width changes draws its charts anew', async (stage) => {
  const page = await stage.open();
  const look = () => page.evaluate(() => {
    const canvas = document.querySelector('canvas');
    return {width: canvas.clientWidth, drawn: canvas.toDataURL()};
  });
  const light = await look();
  await page.prefer(true);
  await page.settle();
  const dark = await look();
  assert.notEqual(dark.drawn, light.drawn);
  assert.deepEqual((await faintTexts(page)).faint, []);
  await page.resize(400);
  await page.settle();
  const narrow = await look();
  assert.ok(narrow.width < 400 && narrow.width < dark.width, `${dark.width}, then ${narrow.width}`);
});
