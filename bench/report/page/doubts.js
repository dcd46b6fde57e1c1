// What speaks against quoting a run: a busy machine, few rounds. What a file does not say is not doubted.
//
// Use: doubts.of(results) is a list of sentences, none for a run to quote.
'use strict';

const doubts = (() => {
  const kRoundsToQuote = 30;
  const kQuietLoad = 0.5;   // of a machine that does nothing else, before the run, at most
  const kStealMax = 0.01;   // of the processors' time; beyond it, blocks differ by more than their intervals say

  function of({loadBefore, steal, cores, settings}) {
    const found = [];
    if (loadBefore !== null && loadBefore > kQuietLoad) {
      const load = format.digits(loadBefore);
      found.push(`The machine was busy before the run began: its load was ${load} on ${cores} cores.`);
    }
    if (steal !== null && steal > kStealMax) {
      found.push(`Others had ${format.digits(100 * steal)} % of the processors’ time during the run: ` +
                 'it was stolen from this virtual machine.');
    }
    const pairs = settings.find(([name]) => name === 'pairs');
    if (pairs && Number(pairs[1]) < kRoundsToQuote) {
      found.push(`Few rounds: ${pairs[1]}, where a figure to quote needs ${kRoundsToQuote}.`);
    }
    return found;
  }

  return {of};
})();
