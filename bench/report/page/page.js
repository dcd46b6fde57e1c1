// Puts the page together: from the results that tools/report has put into it, or from a file that is chosen or dropped.
//
// With '?picture' in its address the page has only what the README's picture shows, and says how high that is.
'use strict';

const page = (() => {
  const kSizeMax = 64 * 1024 * 1024;
  const main = document.querySelector('main');

  function rowId(index) {
    return `row-${index + 1}`;
  }

  // What a system call, a wake-up and a cache line cost there, and how much else it did; only what the file says.
  function hostOf({host, loadBefore, loadWhile, steal}) {
    const parts = [
      ['a system call', host?.systemCallNs, (ns) => format.value(ns, 'ns')],
      ['a wake-up', host?.wakeUpNs, (ns) => format.value(ns, 'ns')],
      ['a cache line there and back', host?.cacheLineNs, (ns) => format.value(ns, 'ns')],
      ['load before', loadBefore, format.digits],
      ['load at the end', loadWhile, format.digits],
      ['stolen', steal, (share) => `${format.digits(100 * share)} %`],
    ];
    return parts.filter(([, value]) => value !== null && value !== undefined)
      .map(([name, value, show]) => `${name} ${show(value)}`).join(', ');
  }

  function facts(results) {
    const list = dom.element('dl', 'facts');
    const add = (name, value) => list.append(dom.element('dt', '', name), dom.element('dd', '', value));
    add('commit', results.commit);
    add('machine', `${results.cpu}, ${results.cores} cores, ${results.kernel}`);
    const host = hostOf(results);
    if (host) add('host', host);
    add('settings', results.settings.map(([name, value]) => `${name} ${value}`).join(', '));
    add('command', dom.element('code', '', results.command));
    return list;
  }

  function header(results) {
    return dom.element('header', '', dom.element('h1', '', 'distflow, measured'),
                       dom.element('p', 'unit', format.date(results.date)), facts(results),
                       ...doubts.of(results).map((doubt) => dom.element('p', 'doubt', doubt)));
  }

  function contentOf(results) {
    const colours = palette.of(results);
    const foot = 'Contestants took turns, block by block, in one run. CPU time is that of all processes of a ' +
                 'contestant, for each message or round trip. Point at a figure for its interval and rounds.';
    return [header(results), numbers.of(results),
            ...results.rows.map((row, index) => rows.of(row, rowId(index), colours)),
            targets.of(results, rowId), dom.element('footer', '', foot)].filter(Boolean);
  }

  function sayProblem(problem) {
    const hint = 'This page shows files that distflow-bench writes with --json, ' +
                 `of the format “${resultsFile.kFormat}”.`;
    const section = dom.element('section', 'problem', dom.element('h1', '', 'These results cannot be shown'),
                                dom.element('p', 'doubt', problem), dom.element('p', 'how', hint));
    section.setAttribute('role', 'alert');
    main.replaceChildren(section, chooser());
  }

  function show(text) {
    try {
      const {results, problem} = resultsFile.read(text);
      if (problem) return void sayProblem(problem);
      main.replaceChildren(...contentOf(results));
      curves.draw();
    } catch (error) {
      sayProblem(`The page has a fault: ${error.message}`);
      console.error(error);
    }
    return undefined;
  }

  async function open(file) {
    if (!file) return;
    if (file.size > kSizeMax) return void sayProblem(`${file.name} is larger than ${kSizeMax / 1024 / 1024} MiB.`);
    let text = '';
    try {
      text = await file.text();
    } catch (error) {
      return void sayProblem(`${file.name} cannot be read: ${error.message}`);
    }
    show(text);
  }

  function chooser() {
    const input = dom.element('input', '');
    input.type = 'file';
    input.accept = '.json,application/json';
    input.addEventListener('change', () => open(input.files[0]));
    return dom.element('section', 'chooser', dom.element('label', '', 'Show a results file: ', input));
  }

  document.addEventListener('dragover', (event) => event.preventDefault());
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    open(event.dataTransfer.files[0]);
  });

  // What the page shows when it is opened.
  function begin() {
    const embedded = document.getElementById('results').textContent;
    if (embedded.trim() !== '') return void show(embedded);
    main.replaceChildren(dom.element('h1', '', 'distflow, measured'), chooser());
  }

  const isPicture = location.search === '?picture';
  document.documentElement.classList.toggle('picture', isPicture);
  begin();
  if (isPicture) document.documentElement.dataset.height = Math.ceil(main.getBoundingClientRect().bottom);
  return {show};
})();
