// Reads a results file (docs/results.md). Every member that the page uses is checked, and what is wrong is named by its
// path.
//
// After read() each figure is an interval {median, low, high} or null; it is null when every round was lost.
// Use: const {results, problem} = resultsFile.read(text); if (problem) say(problem);
'use strict';

const resultsFile = (() => {
  const kFormat = 'distflow-bench 1';
  const kPercentiles = ['p50', 'p90', 'p99', 'p99.9', 'p99.99'];
  // A run has some thirty rows of some sixteen entries. Longer lists are refused: a page of them would not end.
  const kRowsMax = 1000;
  const kEntriesMax = 200;
  const kValuesMax = 10000;

  class Problem extends Error {}

  function refuse(path, what) {
    throw new Problem(`${path || 'the file'} ${what}`);
  }

  function under(path, name) {
    return path ? `${path}.${name}` : name;
  }

  // A value of the file together with its path.
  class Place {
    constructor(value, path) {
      this.value = value;
      this.path = path;
    }

    member(name) {
      if (!this.has(name, true)) refuse(under(this.path, name), 'is missing');
      return new Place(this.value[name], under(this.path, name));
    }

    // Null counts as absent unless `evenNull`.
    has(name, evenNull = false) {
      if (this.value === null || typeof this.value !== 'object' || Array.isArray(this.value)) {
        refuse(this.path, 'is not an object');
      }
      return Object.hasOwn(this.value, name) && (evenNull || this.value[name] !== null);
    }

    // Numbers and truths are texts, too: settings have all of them.
    text(name) {
      const {value, path} = this.member(name);
      if (typeof value === 'boolean') return value ? 'yes' : 'no';
      if (typeof value === 'number') return String(this.number(name));
      return typeof value === 'string' ? value : refuse(path, 'is not a text');
    }

    number(name) {
      const {value, path} = this.member(name);
      return Number.isFinite(value) ? value : refuse(path, 'is not a number within range');
    }

    numberIfAny(name) {
      return this.has(name) ? this.number(name) : null;
    }

    shareIfAny(name) {
      const share = this.numberIfAny(name);
      if (share === null || (share >= 0 && share <= 1)) return share;
      return refuse(under(this.path, name), 'is not a share of 0 to 1');
    }

    oneOf(name, values) {
      const text = this.text(name);
      if (values.includes(text)) return text;
      return refuse(under(this.path, name), `is '${text}', and none of: ${values.join(', ')}`);
    }

    list(name, most) {
      const {value, path} = this.member(name);
      if (!Array.isArray(value)) refuse(path, 'is not a list');
      if (value.length > most) refuse(path, `has ${value.length} elements, and the page shows ${most} at most`);
      return value.map((element, i) => new Place(element, `${path}[${i}]`));
    }

    pair() {
      const {value, path} = this;
      const isPair = Array.isArray(value) && value.length === 2 && value.every(Number.isFinite);
      return isPair ? value : refuse(path, 'is not a pair of numbers');
    }
  }

  // Of an entry whose rounds were all lost the director writes no median.
  function interval(place) {
    if (!place.has('median')) return null;
    return {median: place.number('median'), low: place.number('low'), high: place.number('high')};
  }

  // A point without a value is left out: what was measured there is no number.
  function points(place, name) {
    const all = place.list(name, kValuesMax).filter(({value}) => !Array.isArray(value) || value[1] !== null)
      .map((element) => element.pair());
    return all.sort(([x], [other]) => x - other);
  }

  function latency(place) {
    const named = kPercentiles.map((name) => place.number(name));
    return {named, max: place.number('max'), mean: place.number('mean'), curve: points(place, 'curve')};
  }

  function entry(place, kind) {
    const read = {name: place.text('name'), cpuNs: place.numberIfAny('cpu_ns')};
    if (kind === 'growth') {
      return {...read, points: points(place, 'points'), memory: place.has('memory') ? points(place, 'memory') : []};
    }
    const values = place.list('values', kValuesMax).map(({value, path}) => {
      return value === null || Number.isFinite(value) ? value : refuse(path, 'is neither a number nor null');
    });
    const figure = interval(place);
    return {
      ...read,
      figure,
      values: values.filter((value) => value !== null),
      lostRounds: values.filter((value) => value === null).length,
      lostMessages: place.numberIfAny('lost') ?? 0,
      latency: kind === 'latency' && figure ? latency(place.member('latency')) : null,
    };
  }

  function ratio(place) {
    const read = {of: place.text('of'), to: place.text('to'), figure: interval(place), target: null};
    if (!place.has('target')) return read;
    const isAtLeast = place.oneOf('sense', ['at least', 'at most']) === 'at least';
    const {value: isMet, path} = place.member('met');
    if (typeof isMet !== 'boolean') refuse(path, 'is neither true nor false');
    return {...read, target: {value: place.number('target'), isAtLeast, isMet}};
  }

  function row(place) {
    const kind = place.oneOf('kind', ['throughput', 'latency', 'growth']);
    return {
      name: place.text('name'),
      kind,
      unit: place.text('unit'),
      isHigherBetter: place.oneOf('better', ['higher', 'lower']) === 'higher',
      xName: kind === 'growth' ? place.text('x_name') : '',
      entries: place.list('entries', kEntriesMax).map((element) => entry(element, kind)),
      ratios: place.has('ratios') ? place.list('ratios', kEntriesMax).map(ratio) : [],
    };
  }

  // What the host's basics cost, in nanoseconds; null in older files. A cache line of 0: it was not found out.
  function host(root) {
    if (!root.has('host')) return null;
    const place = root.member('host');
    return {
      systemCallNs: place.numberIfAny('system_call_ns'),
      wakeUpNs: place.numberIfAny('wake_up_ns'),
      cacheLineNs: place.numberIfAny('cache_line_ns') || null,
    };
  }

  function all(root) {
    const said = root.has('format') ? `says '${root.text('format')}'` : 'says none';
    if (said !== `says '${kFormat}'`) refuse('', `is not of the format '${kFormat}': it ${said}`);
    const settings = root.member('settings');
    settings.has('');  // refuses what is no object
    return {
      command: root.text('command'),
      date: root.text('date'),
      commit: root.text('commit'),
      kernel: root.text('kernel'),
      cpu: root.text('cpu'),
      cores: root.text('cores'),
      loadBefore: root.numberIfAny('load_before'),
      loadWhile: root.numberIfAny('load_while'),
      host: host(root),
      steal: root.shareIfAny('steal'),
      settings: Object.keys(settings.value).map((name) => [name, settings.text(name)]),
      rows: root.list('rows', kRowsMax).map(row),
    };
  }

  function read(text) {
    try {
      return {results: all(new Place(JSON.parse(text), ''))};
    } catch (error) {
      if (error instanceof Problem) return {problem: error.message};
      if (error instanceof SyntaxError) return {problem: `the file is not JSON: ${error.message}`};
      throw error;
    }
  }

  return {kFormat, kPercentiles, read};
})();
