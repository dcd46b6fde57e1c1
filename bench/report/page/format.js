// Numbers as people read them. Three digits are enough: the noise is in the third.
//
// Use: format.value(3.2e6, 'messages/s') is '3.20 M', format.value(57300, 'ns') is '57.3 µs'.
'use strict';

const format = (() => {
  const kTimes = [[1e9, 's'], [1e6, 'ms'], [1e3, 'µs'], [1, 'ns']];
  const kSizes = [[1e9, 'GB'], [1e6, 'MB'], [1e3, 'kB'], [1, 'B']];
  const kCounts = [[1e9, 'G'], [1e6, 'M'], [1e3, 'k'], [1, '']];
  const kSmallest = 1e-4;  // below it, digits that count would be more than a line holds

  function stepsOf(unit) {
    return unit === 'ns' ? kTimes : unit === 'bytes' ? kSizes : kCounts;
  }

  // The step that leaves a digit before the point. 999.6 counts as 1000, because it is shown as that.
  function stepFor(value, unit) {
    const steps = stepsOf(unit);
    return steps.find(([size]) => Math.abs(value) >= size * 0.9995) ?? steps[steps.length - 1];
  }

  function named(number, name) {
    return name ? `${number} ${name}` : number;
  }

  // Commas between thousands.
  function fixed(value, decimals) {
    return value.toLocaleString('en-US', {minimumFractionDigits: decimals, maximumFractionDigits: decimals});
  }

  // '0.0312', '5.40', '41.2', '1,240'.
  function digits(value) {
    const size = Math.abs(value);
    if (size === 0) return '0';
    if (size < kSmallest) return fixed(value, 6);
    const exponent = Number(size.toExponential(2).split('e')[1]);  // of the rounded value: 9.999 is 10.0
    return fixed(value, Math.max(0, 2 - exponent));
  }

  // With the unit where it is a time or a size. Of other units only k, M or G: unitBeside() says the rest.
  function value(of, unit) {
    const [size, name] = stepFor(of, unit);
    const isWhole = size === 1 && unit !== 'ns' && Number.isInteger(of);
    return named(isWhole ? fixed(of, 0) : digits(of / size), name);
  }

  function unitBeside(unit) {
    return unit === 'ns' || unit === 'bytes' ? '' : unit;
  }

  // The value and all of its unit.
  function quantity(of, unit) {
    return named(value(of, unit), unitBeside(unit));
  }

  // A value on an axis, without zeros at its end: '10 k', '500 ns'.
  function tick(of, unit) {
    const [size, name] = stepFor(of, unit);
    return named(digits(of / size).replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, ''), name);
  }

  function ratio(of) {
    return `${digits(of)}×`;
  }

  // '2026-11-25T15:20:00Z' as '2026-11-25 15:20 UTC'; any other text as it is.
  function date(text) {
    return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text) ? `${text.slice(0, 10)} ${text.slice(11, 16)} UTC` : text;
  }

  return {fixed, digits, value, unitBeside, quantity, tick, ratio, date};
})();
