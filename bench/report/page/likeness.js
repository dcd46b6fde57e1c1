// Which contestants of a row are distflow, which are limits, and which of them go through shared memory.
//
// Nodes of one machine share memory unless they are told not to. Where a row has both 'distflow, inlined' and
// 'distflow, inlined, TCP', the former goes through memory. A figure of memory against the TCP of others is named as
// such, and stands behind what is compared like for like.
'use strict';

const likeness = (() => {
  const kOverTcp = ', TCP';
  const kNoise = 'itself';  // a ratio to it tells the noise of the run: the same contestant, twice

  function isOurs(name) {
    return /^(distflow|PMD|mailbox)/.test(name);
  }

  // What the machine does with nothing in between.
  function isLimit(name) {
    return /^(raw|ready-made|plain ring)/.test(name);
  }

  function isNoise(ratio) {
    return ratio.to === kNoise;
  }

  // The same contestant over TCP, or null.
  function siblingOverTcp(row, name) {
    return row.entries.find((entry) => entry.name === name + kOverTcp) ?? null;
  }

  function isThroughMemory(row, name) {
    return siblingOverTcp(row, name) !== null;
  }

  function shownName(row, name) {
    return isThroughMemory(row, name) ? `${name}, memory` : name;
  }

  function isMemoryAgainstTcp(row, ratio) {
    return !isNoise(ratio) && isThroughMemory(row, ratio.of) !== isThroughMemory(row, ratio.to);
  }

  // 'distflow, inlined, memory ÷ libzmq over TCP'
  function ratioName(row, ratio) {
    const of = shownName(row, ratio.of);
    if (isNoise(ratio)) return `${of} against itself`;
    const saysOver = isMemoryAgainstTcp(row, ratio) && !ratio.to.endsWith(kOverTcp);
    return `${of} ÷ ${shownName(row, ratio.to)}${saysOver ? ' over TCP' : ''}`;
  }

  // The ratios in their order, those of memory against TCP behind all others, the noise last.
  function likeForLikeFirst(row) {
    const place = (ratio) => isNoise(ratio) ? 2 : isMemoryAgainstTcp(row, ratio) ? 1 : 0;
    return [...row.ratios].sort((one, other) => place(one) - place(other));
  }

  // The entries in their order, each over TCP before its sibling through memory.
  function tcpFirst(row) {
    const siblings = new Set(row.entries.map((entry) => siblingOverTcp(row, entry.name)));
    return row.entries.filter((entry) => !siblings.has(entry)).flatMap((entry) => {
      const sibling = siblingOverTcp(row, entry.name);
      return sibling ? [sibling, entry] : [entry];
    });
  }

  // The ratio that compares like with like where this one has memory against TCP; null if nobody asked for it.
  function likeForLike(row, ratio) {
    if (!isMemoryAgainstTcp(row, ratio)) return null;
    return row.ratios.find((other) => other.of === ratio.of + kOverTcp && other.to === ratio.to) ?? null;
  }

  return {isOurs, isLimit, isNoise, isMemoryAgainstTcp, siblingOverTcp, shownName, ratioName, likeForLikeFirst,
          tcpFirst, likeForLike};
})();
