// Which colour a contestant has, the same on the whole page, and which dash within a chart.
//
// Variants of distflow share its colour and limits share theirs; dashes tell them apart. Others have colours that
// differ in lightness as well as in hue, and dashes after the last colour.
// Use: const colours = palette.of(results); colours(row, 'libzmq') is {colour: '--other0', dash: [], width: 2}.
'use strict';

const palette = (() => {
  const kOtherColours = 5;  // page.css has as many
  const kDashes = [[], [7, 4], [2, 3], [9, 3, 2, 3]];

  function kindOf(name) {
    return likeness.isOurs(name) ? '--ours' : likeness.isLimit(name) ? '--limit' : '--other';
  }

  function of(results) {
    const others = new Map();
    for (const {entries} of results.rows) {
      for (const {name} of entries) {
        if (kindOf(name) === '--other' && !others.has(name)) others.set(name, others.size);
      }
    }
    return (row, name) => {
      const kind = kindOf(name);
      const ofKind = row.entries.filter((entry) => kindOf(entry.name) === kind);
      const place = others.get(name) ?? ofKind.findIndex((entry) => entry.name === name);
      const round = kind === '--other' ? Math.floor(place / kOtherColours) : place;
      return {
        colour: kind === '--other' ? `--other${place % kOtherColours}` : kind,
        dash: kDashes[round % kDashes.length],
        width: kind === '--ours' ? 2.5 : 1.75,
      };
    };
  }

  return {of};
})();
