// What is shown of values. Names, hosts and groups are text of strangers: it gets no mark-up, and what has no visible
// form is shown by its number, as the command line does.

const kUnseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu;

export const shown = (text) => String(text).replace(kUnseen, (one) => `\\u{${one.codePointAt(0).toString(16)}}`);

export const nameOf = (node) => node.alias || node.nodeId;

const kUnits = [['s', 1e9], ['ms', 1e6], ['us', 1e3]];

export function timeText(ns) {
  if (ns === undefined) return '–';
  for (const [unit, size] of kUnits) if (ns >= size) return `${(ns / size).toFixed(1)} ${unit}`;
  return `${ns} ns`;
}

export const rateText = (rate) => (rate < 10 ? String(rate) : Math.round(rate).toLocaleString('en'));

// "3 unreachable, 1 peer_left", the greatest first.
export function dropsText(...groups) {
  const all = new Map();
  for (const [reason, count] of groups.flatMap((group) => Object.entries(group))) {
    all.set(reason, (all.get(reason) ?? 0) + count);
  }
  return [...all].sort((a, b) => b[1] - a[1]).map(([reason, count]) => `${count} ${shown(reason)}`).join(', ');
}

export function made(tag, text, className = '') {
  const one = document.createElement(tag);
  one.textContent = text;
  if (className) one.className = className;
  return one;
}

// Who listens to the page would hear what is set again.
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
