#include "bench/report/html_style.hpp"

namespace distflow::bench::report {

// Colours differ in lightness as well as in hue, so that nobody needs to tell red from green.
const std::string_view kStyle = R"css(
:root {
  color-scheme: light dark;
  --page: #f6f7f8; --card: #ffffff; --ink: #1b2127; --soft: #5c6771; --line: #e4e8eb;
  --ours: #0b62c4; --other: #b4bec7; --limit: #68747f; --met: #00775f; --missed: #b84a00;
  --peer0: #c9700a; --peer1: #008a6c; --peer2: #a6529b; --peer3: #8a7400; --peer4: #3f9bc4;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #121519; --card: #1a1f24; --ink: #e5e9ec; --soft: #98a4ae; --line: #2b3239;
    --ours: #5cabff; --other: #56626d; --limit: #93a0ab; --met: #35c7a3; --missed: #ff9350;
    --peer0: #f0a247; --peer1: #36bd99; --peer2: #d98bcf; --peer3: #cdb83c; --peer4: #86cdec;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink); overflow-wrap: anywhere;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums; -webkit-text-size-adjust: 100%;
}
main { max-width: 1040px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { font-size: 30px; line-height: 1.2; letter-spacing: -0.02em; margin: 0 0 4px; font-weight: 650; }
h2 { font-size: 19px; line-height: 1.3; letter-spacing: -0.01em; margin: 0 0 4px; font-weight: 650; }
h3 { font-size: 13px; margin: 24px 0 6px; color: var(--soft); font-weight: 600; }
a { color: inherit; text-decoration-color: var(--line); text-underline-offset: 3px; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 24px; margin-top: 20px; }
.how { margin: 0 0 16px; color: var(--soft); max-width: 74ch; font-size: 14px; }
.note { margin: 10px 0 0; color: var(--soft); font-size: 13px; }
.unit { color: var(--soft); font-weight: 400; }

.facts { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 16px 0 0; font-size: 14px; }
.facts dt { color: var(--soft); }
.facts dd { margin: 0; }
code { font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
.score { font-size: 19px; font-weight: 650; letter-spacing: -0.01em; margin: 0 0 4px; }

.bar-line { display: grid; align-items: center; column-gap: 16px; }
.figures .bar-line { grid-template-columns: 210px 1fr 84px 76px 96px; }
.figures.two .bar-line { grid-template-columns: 210px 1fr 84px 76px; }
.ratios .bar-line { grid-template-columns: 290px 1fr 62px 92px 148px; }
.margins .bar-line { grid-template-columns: 352px 1fr 62px 148px; }
.margins .group { margin: 14px 0 0; font-size: 14px; }
.margins .name { color: var(--soft); font-size: 14px; }
.margins .bar { margin: -1px 0; }
.value, .cpu, .versus { text-align: right; white-space: nowrap; }
.cpu, .versus, .range { color: var(--soft); font-size: 14px; }
.range { font-size: 12.5px; white-space: nowrap; }
.bar-line.head { color: var(--soft); align-items: end; padding-bottom: 4px; }
.head span { font-size: 12.5px; line-height: 1.25; white-space: normal; }
.word { display: none; }
.us .value { font-weight: 650; }
.figures .us .name { font-weight: 650; color: var(--ours); }
.noise .name, .noise .value { color: var(--soft); }
.verdict { white-space: nowrap; font-size: 14px; }
.soft { color: var(--soft); }
.met { color: var(--met); }
.doubt { color: var(--missed); font-weight: 600; }
.missed { color: var(--missed); font-weight: 600; }

svg { display: block; }
.open { overflow: visible; }
.fill { fill: var(--other); }
.us .fill { fill: var(--ours); }
.margins .met.fill { fill: var(--met); }
.margins .missed.fill { fill: var(--missed); }
.noise .fill { fill: none; }
.grid { stroke: var(--line); }
.whisker { stroke: var(--ink); stroke-width: 1.25; }
.one { stroke: var(--soft); stroke-dasharray: 2 3; }
.target { stroke: var(--ink); stroke-width: 2; }
.bar-axis, .x-tick, .y-tick, .x-name { fill: var(--soft); font-size: 12px; }

.plot { padding: 0 190px 46px 58px; }
.plot + .plot { margin-top: 20px; }
.y-name { margin: 0 0 14px -58px; color: var(--soft); font-size: 12px; line-height: 1; }
.y-tick, .x-name { text-anchor: end; }
.x-tick { text-anchor: middle; }
.series { color: var(--other); }
.ours { color: var(--ours); } .limit { color: var(--limit); }
.peer0 { color: var(--peer0); } .peer1 { color: var(--peer1); } .peer2 { color: var(--peer2); }
.peer3 { color: var(--peer3); } .peer4 { color: var(--peer4); }
.curve { fill: none; stroke: currentColor; stroke-width: 1.75; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
.ours .curve { stroke-width: 2.75; }
.dash1 .curve { stroke-dasharray: 7 4; } .dash2 .curve { stroke-dasharray: 2 3; } .dash3 .curve { stroke-dasharray: 9 3 2 3; }
.plot circle { fill: currentColor; stroke: var(--card); stroke-width: 1.5; }
.leader { fill: none; stroke: currentColor; opacity: 0.45; }
.end { fill: currentColor; font-size: 13px; }
.ours .end { font-weight: 650; }
.keys { display: none; flex-wrap: wrap; gap: 2px 18px; list-style: none; margin: 0 0 12px; padding: 0; font-size: 13px; }
.swatch { display: inline-block; vertical-align: middle; margin-right: 8px; }

table { border-collapse: collapse; width: 100%; font-size: 14px; margin-top: 12px; }
th { color: var(--soft); font-weight: 400; font-size: 12.5px; text-align: right; padding: 4px 0 4px 12px; }
td { text-align: right; padding: 5px 0 5px 12px; border-top: 1px solid var(--line); white-space: nowrap; }
th.cpu { font-size: 12.5px; }
th:first-child, td:first-child { text-align: left; padding-left: 0; white-space: normal; }
tr.us td:not(.cpu) { font-weight: 650; } tr.us td:first-child { color: var(--ours); }
footer { margin-top: 24px; color: var(--soft); font-size: 13px; }

@media (max-width: 760px) {
  main { padding: 24px 12px 40px; }
  h1 { font-size: 25px; }
  header { padding: 0 4px; }
  section { padding: 18px 14px; margin-top: 14px; }
  .facts { grid-template-columns: 1fr; gap: 0; }
  .facts dd { margin-bottom: 6px; }
  .bar-line.head { display: block; padding: 0; }
  .head span { display: none; }
  .head .scale { display: block; }
  .word { display: inline; }
  .value .word { font-weight: 400; font-size: 13px; color: var(--soft); }
  .figures .bar-line, .figures.two .bar-line, .ratios .bar-line {
    grid-template-columns: 1fr auto auto; padding-top: 8px;
  }
  .bar-line.axis { padding-top: 2px; }
  .bar-line > svg { grid-row: 2; grid-column: 1 / -1; }
  .bar-line > .pad { display: none; }
  .figures .name { grid-column: 1 / 3; }
  .figures .value { grid-column: 3; }
  .figures .cpu { grid-row: 3; grid-column: 1; text-align: left; font-size: 13px; }
  .figures .versus { grid-row: 3; grid-column: 2 / -1; font-size: 13px; }
  .ratios .name { grid-column: 1 / 3; }
  .ratios .value { grid-column: 3; }
  .ratios .verdict { grid-row: 3; grid-column: 1; font-size: 13px; }
  .ratios .range { grid-row: 3; grid-column: 2 / -1; text-align: right; }
  .margins .bar-line { grid-template-columns: 1fr 68px 64px; padding-top: 4px; }
  .margins .name { grid-column: 1 / 3; }
  .margins .bar-line > svg { grid-column: 1; }
  .margins .value { grid-column: 3; }
  .margins .verdict { grid-row: 2; grid-column: 2 / -1; text-align: right; font-size: 13px; }
  .plot { padding: 0 14px 46px 46px; }
  .plot + .plot { margin-top: 20px; }
.y-name { margin-left: -46px; }
  .ends { display: none; }
  .keys { display: flex; }
  .x-tick, .y-tick { font-size: 11px; }
  th.cpu { display: none; }
  table, tbody { display: block; }
  tr { display: grid; grid-template-columns: repeat(6, 1fr); border-top: 1px solid var(--line); padding: 6px 0; }
  td, th { border: 0; padding: 0; font-size: 12.5px; text-align: right; }
  th:first-child { grid-column: 1 / -1; }
  td:first-child { grid-column: 1 / 5; padding-bottom: 2px; font-size: 13.5px; }
  td.cpu { grid-row: 1; grid-column: 5 / -1; }
}
)css";

}  // namespace distflow::bench::report
