// The targets, at the end of the page: how many are met, and how far each ratio is from its target.
//
// Use: main.append(targets.of(results)); targets.score(results) is '19 of 22 targets met', the words of page and text.
'use strict';

const targets = (() => {
  const kMarginLeast = 1.5;  // the edges of the drawing are as many times better and worse than the target, at least
  const kMarginMost = 20;
  const kTiny = Number.MIN_VALUE;

  // The ratios that have a target and came through.
  function judged(row) {
    return likeness.likeForLikeFirst(row).filter((ratio) => ratio.target && ratio.figure);
  }

  // Above 1 it is better than its target, whatever the sense of the target.
  function marginOf({figure, target}) {
    const median = Math.max(figure.median, kTiny);
    const wanted = Math.max(target.value, kTiny);
    return target.isAtLeast ? median / wanted : wanted / median;
  }

  function edgeOf(results) {
    const margins = results.rows.flatMap(judged).map(marginOf).map((margin) => Math.max(margin, 1 / margin));
    return Math.min(kMarginMost, margins.reduce((most, margin) => Math.max(most, margin), kMarginLeast));
  }

  function drawing(ratio, edge) {
    const reach = Math.max(-1, Math.min(1, Math.log(marginOf(ratio)) / Math.log(edge)));
    const fill = dom.element('span', ratio.target.isMet ? 'fill met' : 'fill missed');
    fill.style.left = `${50 + 50 * Math.min(0, reach)}%`;
    fill.style.width = `${50 * Math.abs(reach)}%`;
    return dom.element('span', 'bar middle', fill);
  }

  function verdictOf({target}) {
    const wanted = `${target.isAtLeast ? '≥' : '≤'} ${format.tick(target.value, '')}×`;
    return target.isMet ? dom.element('span', 'verdict met', `✓ met, ${wanted}`)
                        : dom.element('span', 'verdict missed', `✗ not met, ${wanted}`);
  }

  function linesOf(row, {of, to, figure, target}) {
    return [likeness.ratioName(row, {of, to}), `median of the rounds’ ratios ${format.ratio(figure.median)}`,
            `95 % interval ${format.digits(figure.low)} to ${format.ratio(figure.high)}`,
            target ? `target ${target.isAtLeast ? 'at least' : 'at most'} ${format.tick(target.value, '')}×`
                   : 'no target'];
  }

  function line(row, ratio, edge) {
    const made = dom.element('li', 'bar-line', dom.element('span', 'name', likeness.ratioName(row, ratio)),
                             ratio.target ? drawing(ratio, edge) : dom.element('span', 'bar middle'),
                             dom.element('span', 'value', format.ratio(ratio.figure.median)),
                             ratio.target ? verdictOf(ratio) : dom.element('span', 'verdict how', 'like for like'));
    tip.attach(made, () => linesOf(row, ratio));
    return made;
  }

  // A target of memory against TCP stands behind the ratio that compares like with like, where the run has it.
  function linesBefore(row, ratio) {
    const like = likeness.likeForLike(row, ratio);
    return like?.figure && !like.target ? [like] : [];
  }

  function group(row, id, edge) {
    const ratios = judged(row);
    if (ratios.length === 0) return [];
    const link = dom.element('a', '', row.name);
    link.href = `#${id}`;
    const lines = ratios.flatMap((ratio) => [...linesBefore(row, ratio), ratio]);
    return [dom.element('h3', '', link),
            dom.element('ul', 'bars targets', ...lines.map((ratio) => line(row, ratio, edge)))];
  }

  function score(results) {
    const all = results.rows.flatMap(judged);
    return `${all.filter(({target}) => target.isMet).length} of ${all.length} targets met`;
  }

  // `idOf(index)` is the id of a row's section. Null if the run has no target.
  function of(results, idOf) {
    const edge = edgeOf(results);
    const groups = results.rows.flatMap((row, index) => group(row, idOf(index), edge));
    if (groups.length === 0) return null;
    const how = 'The line in the middle is the target. A bar to the right is better than it, a bar to the left ' +
                `misses it. The edges are ${format.tick(edge, '')} times better and worse.`;
    const made = dom.element('section', '', dom.element('h2', 'score', score(results)), dom.element('p', 'how', how),
                             ...groups);
    made.id = 'targets';
    return made;
  }

  return {of, score};
})();
